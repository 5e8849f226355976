"""A folder of cases: scans that may hold a finding, and, kept apart, the answer key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.anatomy import LEFT, RIGHT, Anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import LabelMap, load_labels
from DGMVLCCore.imaging.lung_labels import anatomy_from_labels
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.readers.design import Spec
from DGMVLCCore.readers.make import Made, generate_case, insert_case
from DGMVLCCore.readers.records import (
    KEYS,
    NOTICE,
    CaseFile,
    CaseKey,
    CasesRecord,
    KeyFile,
    KeysRecord,
    Millimetres,
    head,
)
from DGMVLCCore.readers.source import ClearScan
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import read_typed, write_typed
from DGMVLCCore.results.segmentation import Segment, save_segmentation
from DGMVLCCore.simulation.phrases import TERMS

MARKER = "cases.json"
LESION = "finding"
LESION_COLOUR = (0.95, 0.70, 0.20)
MAYBE = "a finding may have been put in; the answer key says where"
Progress = Callable[[str, float], None]


def make_cases(
    scans: list[ClearScan],
    specs: list[Spec],
    *,
    seed: int = 0,
    pipe: Any = None,
    progress: Progress | None = None,
) -> Iterator[Made]:
    """The cases of a plan, one after another; the same seed makes the same voxels.

    Args:
        pipe: a `CounterfactualPipeline`; its generator writes the findings. The simulation does
            when None.

    Raises:
        UnsuitableInputError: a case has no clear place in any scan that offers one.
    """
    for number, spec in enumerate(specs):
        yield _made(scans, spec, np.random.default_rng([seed, number]), pipe)
        if progress:
            progress("making", (number + 1) / len(specs))


def _made(scans: list[ClearScan], spec: Spec, rng: np.random.Generator, pipe: Any) -> Made:
    """One case, in the first scan of a random order that has a clear place for it."""
    fitting = [
        scan
        for scan in scans
        if any(side == spec.side and spec.zone in (None, zone) for side, zone in scan.places)
    ]
    refused: UnsuitableInputError | None = None
    for index in rng.permutation(len(fitting)):
        try:
            if pipe:
                return generate_case(pipe, fitting[index], spec, rng)
            return insert_case(fitting[index], spec, rng)
        except UnsuitableInputError as error:
            refused = error
    raise refused or UnsuitableInputError(
        f"No scan offers a place for a {spec.asked}; give another scan (--from)."
    )


def _measures(made: Made) -> tuple[float, float, Millimetres] | tuple[None, None, None]:
    """Mean change in the finding (HU), that over the spread of the lung around it, and its centre
    (LPS, mm)."""
    if not made.mask.any():
        return None, None, None
    change = made.after.array - made.before.array
    around = made.anatomy.lungs & ~made.mask
    mean, spread = float(change[made.mask].mean()), float(made.before.array[around].std())
    index = np.argwhere(made.mask).mean(0)
    x, y, z = ((made.before.affine @ np.append(index[::-1], 1.0))[:3]).round(1).tolist()
    return round(mean, 1), round(abs(mean) / max(spread, 1.0), 2), (x, y, z)


def key_sentence(spec: Spec) -> str:
    """The answer of a case in words."""
    if spec.term is None:
        return "No finding was put into this scan."
    name = ("spiculated " if spec.kind == "spiculated_nodule" else "") + spec.term
    fluid = spec.term == "pleural effusion"
    size = f"{spec.size_mm:g} mm {'deep' if fluid else 'across'}"
    place = (
        (f"on the {spec.side}" if fluid else f"in the {spec.side} lung")
        if spec.side != "bilateral"
        else f"{'on both sides' if fluid else 'in both lungs'}"
    )
    return f"{name[:1].upper()}{name[1:]}, {size}, {place}" + (
        f", {spec.zone} zone." if spec.zone else "."
    )


def _write_scans(made: Made, name: str, folder: Path) -> None:
    """The scan with its finding for the reader; the one before and their difference for the key."""
    facts = {"DGMVLC_Synthetic": MAYBE, "DGMVLC_Notice": NOTICE, "DGMVLC_Unit": "HU"}
    before, after = made.before.array, made.after.array
    sign = {**facts, "DGMVLC_Sign": "with - before"}
    # Every case is written alike, so that neither header nor type tells which holds a finding.
    for array, path, words in (
        (after, f"{name}.nrrd", facts),
        (before, f"keys/{name}-before.nrrd", {"DGMVLC_Unit": "HU"}),
        (after - before, f"keys/{name}-difference.nrrd", sign),
    ):
        save_volume(made.after.with_array(array, stored_dtype="int16"), folder / path, words)


def _segments(made: Made) -> list[Segment]:
    """The finding, where there is one, and the lungs."""
    tags = {"DGMVLC.Synthetic": "yes", "DGMVLC.Notice": NOTICE}
    finding = Segment(made.mask, LESION, LESION_COLOUR, 0, 1, tags)
    lungs = [
        Segment(made.labels == label, side, colour, 1, label)
        for label, side, colour in (
            (LEFT, "left lung", (0.3, 0.6, 0.9)),
            (RIGHT, "right lung", (0.9, 0.4, 0.4)),
        )
        if (made.labels == label).any()
    ]
    return [finding, *lungs] if made.mask.any() else lungs


def _write_case(made: Made, name: str, folder: Path) -> CaseKey:
    """The files of a case; returns its key."""
    _write_scans(made, name, folder)
    save_segmentation(_segments(made), made.before, folder / "keys" / f"{name}.seg.nrrd")
    change, contrast, centre = _measures(made)
    return CaseKey(
        **vars(made.spec),
        id=name,
        truth=made.truth,
        mean_change_hu=change,
        contrast_to_noise=contrast,
        centre_mm=centre,
        sentence=key_sentence(made.spec),
        facts=made.facts,
        made_from=made.source,
        before=f"{name}-before.nrrd",
        difference=f"{name}-difference.nrrd",
        segments=f"{name}.seg.nrrd",
    )


def write_cases(
    made: Iterator[Made],
    out: Path,
    *,
    seed: int,
    asked_for: dict[str, object],
    aid: Callable[[Made, Path, str], dict[str, str]] | None = None,
    overwrite: bool = False,
) -> CasesRecord:
    """Write a set: `cases.json` and the scans for the reader, the folder `keys` for the teacher.

    Args:
        asked_for: options of the set, recorded in the key. aid: writes a counterfactual beside a
            case and returns its file names.

    Returns:
        the record in `cases.json`.

    Raises:
        OutputError: it is there already, or cannot be written; nothing half-written stays.
    """
    with whole_folder(out, overwrite, MARKER) as folder:
        (folder / "keys").mkdir()
        keys, listed = [], []
        for number, case in enumerate(made, 1):
            name = f"case-{number:03d}"
            keys.append(_write_case(case, name, folder))
            beside, file = aid(case, folder, name) if aid else {}, f"{name}.nrrd"
            listed.append(CaseFile(name, file, sha256_of(folder / file), **beside))
        record = KeysRecord(**head("case keys", seed), options=asked_for, cases=keys)
        write_typed(record, folder / KEYS)
        key = KeyFile(KEYS, sha256_of(folder / KEYS))
        public = CasesRecord(**head("cases", None), choices=list(TERMS), cases=listed, keys=key)
        write_typed(public, folder / MARKER)
    return public


@dataclass(frozen=True, eq=False)
class CaseSet:
    """A folder of cases. `record` is `cases.json`; the key is read only when it is asked for."""

    folder: Path
    record: CasesRecord

    @classmethod
    def read(cls, folder: Path | str) -> CaseSet:
        """Open a folder that `write_cases` wrote.

        Raises:
            UnreadableError: it is none, or a case file is missing.
        """
        folder = Path(folder)
        record = read_typed(folder / MARKER, CasesRecord)
        if missing := [case.file for case in record.cases if not (folder / case.file).is_file()]:
            raise UnreadableError(
                f"The folder of cases {folder} lacks {missing[0]}; make the cases again."
            )
        return cls(folder, record)

    @property
    def ids(self) -> list[str]:
        """Names of the cases, in order."""
        return [case.id for case in self.record.cases]

    def case(self, name: str) -> CaseFile:
        """The public entry of a case; UsageError when there is no such case."""
        found = next((case for case in self.record.cases if case.id == name), None)
        if found is None:
            raise UsageError(f"There is no case {name[:40]!r} in {self.folder}.")
        return found

    def path(self, name: str) -> Path:
        """The scan of a case."""
        return self.folder / self.case(name).file

    def volume(self, name: str) -> Volume:
        """The scan of a case in HU."""
        return load_volume(self.path(name), "CT")

    def keys(self) -> dict[str, CaseKey]:
        """The answer key: case -> facts; read and checked once.

        Raises:
            UnreadableError: missing, or not the one the cases were made with.
        """
        return self._keys

    @cached_property
    def _keys(self) -> dict[str, CaseKey]:
        path = self.folder / self.record.keys.file
        if not path.is_file():
            raise UnreadableError(
                f"The answer key {path} is missing; put the folder keys beside cases.json."
            )
        if sha256_of(path) != self.record.keys.sha256:
            raise UnreadableError(
                f"The answer key {path} was changed after the cases were made; restore it or "
                "make the cases again."
            )
        return {key.id: key for key in read_typed(path, KeysRecord).cases}

    def key_path(self, name: str, what: Literal["before", "difference", "segments"]) -> Path:
        """A file of the key: `before`, `difference` or `segments`."""
        return self.folder / "keys" / str(getattr(self.keys()[name], what))

    def mask(self, name: str) -> np.ndarray:
        """Where the finding is, bool (D,H,W) on the case's grid; empty for a scan without one."""
        volume = self.volume(name)
        return load_labels(self.key_path(name, "segments"), volume).segments.get(
            LESION, np.zeros(volume.shape, bool)
        )

    def anatomy(self, name: str) -> Anatomy:
        """The lungs of a case as they were before the finding came in."""
        volume = self.volume(name)
        segments = load_labels(self.key_path(name, "segments"), volume).segments
        return anatomy_from_labels(
            LabelMap({side: mask for side, mask in segments.items() if side != LESION}), volume
        )
