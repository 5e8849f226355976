"""The series of a folder of DICOM files, and which of them is the scan."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.uid import SecondaryCaptureImageStorage

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError, quoted
from DGMVLCCore.imaging import dicom_tags as tags
from DGMVLCCore.imaging.dicom_files import Slices, folder_slices, kind_of
from DGMVLCCore.imaging.profiles import ALIASES

logger = logging.getLogger(__name__)

AXIAL_COSINE, SAME_PLACE_MM, MOST_LISTED = 0.86, 1e-2, 12
# Body parts that are no chest (DICOM PS3.16 annex L); anything else may hold one.
ELSEWHERE = {
    *("HEAD", "BRAIN", "SKULL", "NECK", "CSPINE", "PELVIS", "HIP", "KNEE", "LEG", "FOOT", "ANKLE"),
    *("HAND", "WRIST", "ELBOW", "ARM", "SINUS", "ORBIT", "EAR"),
}


@dataclass(frozen=True)
class Series:
    """One series of a folder.

    Args:
        number: for `load_series`. study, uid: instance UIDs. modality, description: as tagged,
            perhaps empty. files: its images.
        reach_mm: from its first slice to its last; 0 for one image or unknown places. step_mm:
            between neighbouring slices.
        axial: True when the slices' normal lies within 30 degrees of the body's axis.
    """

    number: int
    study: str
    uid: str
    modality: str
    description: str
    files: tuple[Path, ...]
    reach_mm: float
    step_mm: float
    axial: bool


def tagged(header: tags.Dataset) -> str:
    """Modality of a header in our words: "XR" for CR and DX."""
    word = tags.text(header, "Modality").upper()
    return ALIASES.get(word, word)


def _places(items: Slices) -> tuple[float, float, bool]:
    """Reach and usual step along the slices' normal in mm, and whether that normal is the body's
    axis."""
    try:
        turn = tags.numbers(items[0].header, "ImageOrientationPatient", 6, items[0].path)
        where = [tags.numbers(i.header, "ImagePositionPatient", 3, i.path) for i in items]
    except UnreadableError:
        return 0.0, 0.0, False
    if turn is None or any(place is None for place in where):
        return 0.0, 0.0, False
    normal = np.cross(turn[:3], turn[3:])
    along = np.unique(np.round(np.array(where, float) @ normal, 2))
    step = float(np.median(np.diff(along))) if len(along) > 1 else 0.0
    return float(along[-1] - along[0]), step, bool(abs(normal[2]) > AXIAL_COSINE)


def grouped(items: Slices) -> dict[str, Slices]:
    """Images by series, in the order of each one's first file."""
    series: dict[str, Slices] = {}
    for item in items:
        series.setdefault(tags.text(item.header, "SeriesInstanceUID"), []).append(item)
    return series


def without_localizers(items: Slices) -> Slices:
    """Leave out scout images, which the scanner marks as such, when other images remain."""
    kept = [item for item in items if "LOCALIZER" not in tags.words(item.header, "ImageType")]
    if kept and len(kept) < len(items):
        logger.warning("%d localizer image(s) left out.", len(items) - len(kept))
    return kept or items


def series_of(folder: Path) -> list[Series]:
    """The series of a folder, numbered as `load_series` takes them; localizers are left out when
    other images remain.

    Raises:
        UnreadableError: a cut or damaged image.
    """
    found = []
    for number, (uid, items) in enumerate(
        grouped(without_localizers(folder_slices(folder))).items(), 1
    ):
        first = items[0].header
        files = tuple(dict.fromkeys(item.path for item in items))
        found.append(
            Series(
                number,
                tags.text(first, "StudyInstanceUID"),
                uid,
                tagged(first),
                tags.text(first, "SeriesDescription"),
                files,
                *_places(items),
            )
        )
    return found


def _is_scan(items: Slices) -> bool:
    """True for a stack of grey CT slices: no colour, no photograph of a screen, more than one
    place."""
    first = items[0]
    try:
        colour = tags.whole(first.header, "SamplesPerPixel", first.path, 1) > 1
    except UnreadableError:
        return False
    captured = kind_of(first.header) == SecondaryCaptureImageStorage
    return (
        tagged(first.header) in ("CT", "")
        and not colour
        and not captured
        and _places(items)[0] > SAME_PLACE_MM
    )


def _chest(series: list[Slices]) -> list[Slices]:
    """The series that may be the chest CT: stacks, axial ones first, of no other part of the
    body."""
    scans = [items for items in series if _is_scan(items)]
    scans = [items for items in scans if _places(items)[2]] or scans
    here = [
        items
        for items in scans
        if tags.text(items[0].header, "BodyPartExamined").upper() not in ELSEWHERE
    ]
    return here or scans


def _listed(series: dict[str, Slices]) -> str:
    """The series in words, numbered."""
    rows = [
        f"{number}: {tags.text(items[0].header, 'SeriesDescription')[:60] or 'no description'}, "
        f"{tags.text(items[0].header, 'Modality')[:16] or 'no modality'}, "
        f"{len(items)} images, first {items[0].path.name[:60]}"
        for number, items in enumerate(series.values(), 1)
    ]
    more = [f"and {len(rows) - MOST_LISTED} more"] if len(rows) > MOST_LISTED else []
    return "; ".join(rows[:MOST_LISTED] + more)


def choose(items: Slices, folder: Path, number: int | None) -> Slices:
    """The images of one series: the numbered one, else the only one that may be a chest CT.

    Raises:
        UnsuitableInputError: several and none chosen. UsageError: no such number.
    """
    series = grouped(items)
    if number is not None:
        if not 1 <= number <= len(series):
            raise UsageError(
                f"There is no series {number} in {folder}; it holds {_listed(series)}."
            )
        return list(series.values())[number - 1]
    if len(series) == 1:
        return items
    candidates = _chest(list(series.values()))
    if len(candidates) == 1:
        first = candidates[0][0]
        logger.warning(
            "Series %s is read, the only chest CT of %d series (%s).",
            quoted(tags.text(first.header, "SeriesDescription") or "no description"),
            len(series),
            _listed(series),
        )
        return candidates[0]
    raise UnsuitableInputError(
        f"The folder {folder} holds {len(series)} series ({_listed(series)}); put the one you "
        "mean into a folder of its own, or choose it with --series NUMBER.",
        "series",
    )
