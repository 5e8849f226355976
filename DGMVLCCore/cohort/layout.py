"""Where a cohort keeps its scans and masks.

Three layouts are read as they are; a patient's id is the name without its ending:

    COHORT/img/ID.nii.gz  COHORT/gt/ID.nii.gz    as AIIB23 comes (also images, imagesTr, scans, ct;
    lungs, masks, labels, labelsTr, gt, …)
    COHORT/ID.nii.gz      COHORT/ID_mask.nii.gz  side by side (also ID.seg.nrrd, ID_lung, ID_label,
    ID_seg, ID_gt)
    COHORT/ID/            a DICOM series, or one image file, perhaps with a mask (mask.nii.gz,
    lung.nrrd, *.seg.nrrd) beside it

The table (CSV or Excel) has an id column and the clinical columns of the schema: age, sex, smoking,
diagnosis, one-year survival, CTD type, pack-years,
days since diagnosis and since smoking stopped, exposures, precipitins, familial PF; `dgmvlc
clinical -i TABLE` shows how its rows are read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from DGMVLCCore.archive.address import Address, is_address
from DGMVLCCore.archive.scans import asked_studies
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.imaging.io import SUFFIXES
from DGMVLCCore.language.tables import listed

SCANS = ("img", "imgs", "image", "images", "imagestr", "scans", "ct", "volumes")
MASKS = (
    "lungs",
    "lung",
    "anatomy",
    "masks",
    "mask",
    "segmentations",
    "seg",
    "labels",
    "labelstr",
    "label",
    "gt",
    "airway",
)
MASK_NAME = re.compile(
    r"(?:^|[_-])(?:mask|lungs?|lungmask|labels?|seg|segmentation|gt|airway)$", re.IGNORECASE
)
CHANNEL = re.compile(r"_0000$")  # nnU-Net's first channel


@dataclass(frozen=True, eq=False)
class Layout:
    """What a cohort's folder holds.

    Args:
        scans, masks: id -> path; a scan may have no mask. problems: what was left out, one sentence
            each. notes: what the reader should know.
    """

    scans: dict[str, Path]
    masks: dict[str, Path]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _stem(path: Path) -> str:
    ending = next(
        (
            s
            for s in (".seg.nrrd", *sorted(SUFFIXES, key=len, reverse=True))
            if path.name.lower().endswith(s)
        ),
        "",
    )
    return path.name[: len(path.name) - len(ending)].strip() if ending else path.name.strip()


def scan_id(path: Path) -> str:
    """The patient's id that a file or folder is named by: its name without the image ending and
    nnU-Net's channel."""
    return CHANNEL.sub("", _stem(path))


def _image(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def _is_mask(path: Path) -> bool:
    return path.name.lower().endswith(".seg.nrrd") or bool(MASK_NAME.search(_stem(path)))


def _scan_in(entry: Path) -> tuple[Path | None, Path | None]:
    """The scan and the mask that an entry of the scans' folder is: an image file, a folder with one
    image file, or a DICOM folder."""
    if entry.is_file():
        return (entry, None) if _image(entry) and not _is_mask(entry) else (None, None)
    if entry.name.startswith(".") or not any(p.is_file() for p in entry.iterdir()):
        return None, None
    images = [p for p in sorted(entry.iterdir()) if _image(p)]
    scans, masks = [p for p in images if not _is_mask(p)], [p for p in images if _is_mask(p)]
    return scans[0] if len(scans) == 1 else entry, masks[0] if len(masks) == 1 else None


def _masks_in(folder: Path) -> dict[str, Path]:
    """Masks of a folder of masks, id -> path; an id may carry the word for a mask."""
    return {
        MASK_NAME.sub("", scan_id(p)) or scan_id(p): p
        for p in sorted(folder.iterdir())
        if _image(p)
    }


def _subfolder(folder: Path, names: tuple[str, ...]) -> Path | None:
    there = {p.name.lower(): p for p in sorted(folder.iterdir()) if p.is_dir()}
    return next((there[name] for name in names if name in there), None)


def find_cohort(folder: Path, masks: Path | None = None) -> Layout:
    """Scans and masks of a cohort's folder, by id; or of a query to an archive, by patient id.

    Args:
        masks: folder of the masks, named as the scans; those beside the scans when None.

    Raises:
        UnreadableError: no such folder, or no scan in it. Others as `asked_studies`.
    """
    if is_address(folder):
        return _in_archive(str(folder), masks)
    if not folder.is_dir():
        raise UnreadableError(
            f"{folder} is no folder; give the folder that holds a scan (or a DICOM folder) for "
            "each patient."
        )
    root = None if any(_image(p) for p in folder.iterdir()) else _subfolder(folder, SCANS)
    masks = masks or (_subfolder(folder, MASKS) if root else None)
    root = root or folder
    entries = [
        (scan_id(entry), *_scan_in(entry)) for entry in sorted(root.iterdir()) if entry != masks
    ]
    found = [(name, scan) for name, scan, _ in entries if scan is not None]
    if not found:
        raise UnreadableError(
            f"{folder} holds no scans; it needs one NRRD, NIfTI or MetaImage file or one DICOM "
            "folder for each patient, named by the id."
        )
    times = Counter(name for name, _ in found)
    scans = {name: path for name, path in found if times[name] == 1}
    given = {
        **_masks_beside(root),
        **{name: mask for name, _, mask in entries if mask},
        **(_masks_in(masks) if masks else {}),
    }
    masks_of = {name: path for name, path in given.items() if name in scans}
    return Layout(scans, masks_of, *_remarks(times, list(scans), given))


def _in_archive(query: str, masks: Path | None) -> Layout:
    """The studies of a query; a scan is brought when it is read."""
    name, studies = asked_studies(query)
    times = Counter(study.patient_id for study in studies)
    scans = {
        study.patient_id: Path(str(Address(name, study.uid, None)))
        for study in studies
        if study.patient_id and times[study.patient_id] == 1
    }
    given = _masks_in(masks) if masks else {}
    masks_of = {name: mask for name, mask in given.items() if name in scans}
    return Layout(scans, masks_of, *_remarks(times, list(scans), given))


def _masks_beside(root: Path) -> dict[str, Path]:
    """Masks that lie among the scans, named as they are."""
    files = [p for p in sorted(root.iterdir()) if _image(p) and _is_mask(p)]
    return {MASK_NAME.sub("", _stem(path)): path for path in files}


def _remarks(
    times: Counter[str], scans: list[str], given: Collection[str]
) -> tuple[list[str], list[str]]:
    """Problems and notes; `times`: how many scans an id names, `given`: ids of the masks."""
    problems, notes = [], []
    if twice := sorted(name for name, n in times.items() if n > 1):
        problems.append(
            f"{len(twice)} id(s) name more than one scan and were left out: {listed(twice)}."
        )
    if lost := sorted(set(given) - set(times)):
        problems.append(f"{len(lost)} mask(s) have no scan: {listed(lost)}.")
    if given and (without := [name for name in scans if name not in given]):
        notes.append(
            f"{len(without)} scan(s) have no mask; their lungs are found in the scan: "
            f"{listed(without)}."
        )
    return problems, notes
