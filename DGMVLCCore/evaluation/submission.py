"""The benchmark for others: cases go out as files, somebody else's counterfactuals and maps come
back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from DGMVLCCore.editing.result import NOTICE
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.results.manifest import sha256_of

SUFFIXES = (".nrrd", ".nii.gz", ".nii", ".mha")
CASES_SCHEMA = "1.0"
HOW = (
    "For every case write one volume NAME.nrrd (or .nii.gz) in HU on the grid of "
    "scans/NAME.nrrd: the scan as the target sentence says, changed inside "
    "masks/NAME.nrrd only. Optionally NAME.map.nrrd, higher where the finding is. Score the "
    "folder with dgmvlc evaluate --submission FOLDER and the same "
    "profile, part and data folder."
)


@dataclass(frozen=True, eq=False)
class Answer:
    """Somebody's answer to one case: HU (D,H,W) and, if given, a map (D,H,W)."""

    made: np.ndarray
    values: np.ndarray | None


class Submission:
    """A folder of answers, one volume a case by the case's name.

    Raises:
        UnreadableError: no such folder, or cases without a file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise UnreadableError(
                f"{self.folder} is no folder; give the folder that holds one volume a case."
            )

    def _file(self, name: str) -> Path | None:
        found = [
            self.folder / f"{name}{suffix}"
            for suffix in SUFFIXES
            if (self.folder / f"{name}{suffix}").exists()
        ]
        if len(found) > 1:
            raise UnsuitableInputError(
                f"The submission holds {found[0].name} and {found[1].name} for one case; keep "
                "one of them."
            )
        return found[0] if found else None

    def require(self, names: Iterable[str]) -> None:
        """Refuse a folder that lacks a case; a benchmark counts every case.

        Raises:
            UnreadableError: names the first missing cases.
        """
        wanted = list(names)
        missing = [name for name in wanted if self._file(name) is None]
        if missing:
            raise UnreadableError(
                f"The submission {self.folder} lacks {len(missing)} of {len(wanted)} cases "
                f"({', '.join(missing[:3])}"
                f"{', …' if len(missing) > 3 else ''}); every case needs a volume named "
                "NAME.nrrd or NAME.nii.gz."
            )

    def fingerprint(self, names: Iterable[str]) -> dict[str, str]:
        """File name -> SHA-256 of everything that will be scored."""
        files = [
            file for name in names for file in (self._file(name), self._file(f"{name}.map")) if file
        ]
        return {file.name: sha256_of(file) for file in files}

    def answer(self, case: Case) -> Answer:
        """Read one case's answer.

        Raises:
            UnreadableError: missing or broken. UnsuitableInputError: another grid, not HU, NaN or
                infinite.
        """
        file = self._file(case.name)
        if file is None:
            raise UnreadableError(
                f"The submission {self.folder} lacks {case.name}; every case needs a volume "
                "named NAME.nrrd or NAME.nii.gz."
            )
        made = _on_grid(load_volume(file, "CT"), case.scan, file.name)
        chart = self._file(f"{case.name}.map")
        return Answer(
            made, _on_grid(load_volume(chart, "MR"), case.scan, chart.name) if chart else None
        )


def _on_grid(volume: Volume, scan: Volume, name: str) -> np.ndarray:
    """The voxels in the scan's order of axes (D,H,W); the grids must be one."""
    turned, _ = volume.canonical()
    if not turned.same_grid(scan):
        raise UnsuitableInputError(
            f"{name} lies on another grid ({_words(turned)}) than its case ({_words(scan)}); "
            "write it on the grid of the scan that was given out."
        )
    return turned.array


def _words(volume: Volume) -> str:
    size, step, start = (
        "x".join(map(str, volume.shape[::-1])),
        "x".join(f"{s:.3f}" for s in volume.spacing[::-1]),
        volume.affine[:3, 3],
    )
    return f"{size} voxels of {step} mm from ({start[0]:.1f}, {start[1]:.1f}, {start[2]:.1f})"


class ExportedCase(TypedDict):
    """A case as cases.json names it."""

    name: str
    patient: str
    finding: str
    source: str
    target: str


def export_cases(cases: Iterable[Case], folder: Path, *, with_truth: bool) -> list[ExportedCase]:
    """Write the cases that others answer: scans/, masks/, lungs/, cases.json and, if asked, truth/.

    Args:
        folder: exists and is empty. with_truth: also write the scans without the lesion and the
            lesions' own masks.
    """
    entries: list[ExportedCase] = []
    for part in ("scans", "masks", "lungs", *(("truth", "lesions") if with_truth else ())):
        (folder / part).mkdir()
    for case in cases:
        _write_images(case, folder, with_truth)
        entries.append(
            {
                "name": case.name,
                "patient": case.patient,
                "finding": case.lesion.term,
                "source": case.source,
                "target": case.target,
            }
        )
    about = {
        "schema_version": CASES_SCHEMA,
        "notice": NOTICE,
        "how": HOW,
        "truth_included": with_truth,
        "cases": entries,
    }
    (folder / "cases.json").write_text(
        json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    return entries


def _write_images(case: Case, folder: Path, with_truth: bool) -> None:
    """A case's scan and masks, marked as synthetic."""
    mark = {"DGMVLC_Synthetic": "simulated lesion in a real scan", "DGMVLC_Notice": NOTICE}
    name, masks = f"{case.name}.nrrd", {"masks": case.mask, "lungs": case.anatomy.lungs}
    save_volume(case.scan, folder / "scans" / name, {**mark, "DGMVLC_Unit": "HU"})
    if with_truth:
        masks["lesions"] = case.lesion.mask
        save_volume(case.true, folder / "truth" / name, {"DGMVLC_Unit": "HU"})
    for part, mask in masks.items():
        labels = case.scan.with_array(mask.astype(np.float32), stored_dtype="uint8")
        save_volume(labels, folder / part / name)
