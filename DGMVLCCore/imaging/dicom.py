"""DICOM in: one complete, straight series, or the reason why not."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from DGMVLCCore.archive.address import local
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging import dicom_tags as tags
from DGMVLCCore.imaging.checks import (
    UNTILT,
    check_plausible,
    check_straight,
    check_voxels,
)
from DGMVLCCore.imaging.dicom_files import (
    Slice,
    Slices,
    folder_slices,
    is_dicom,
    is_directory,
    slices_of,
)
from DGMVLCCore.imaging.dicom_files import read as read_dicom
from DGMVLCCore.imaging.dicom_pixels import Pixels, check_grey, size_of
from DGMVLCCore.imaging.dicom_series import (
    Series,
    choose,
    series_of,
    tagged,
    without_localizers,
)
from DGMVLCCore.imaging.padding import outside_as_air
from DGMVLCCore.imaging.profiles import settle_modality
from DGMVLCCore.imaging.untilt import AS_IT_IS, Reading, untilted
from DGMVLCCore.imaging.volume import Volume

__all__ = ["Series", "is_dicom", "load_file", "load_series", "series_headers", "series_of"]
logger = logging.getLogger(__name__)

TILT_DEGREES, SAME_PLACE_MM, SAME_DIRECTION, SIDEWAYS_PIXELS = 0.5, 1e-2, 1e-3, 0.5
# A slice may lie a tenth of a step off the line, or as far as one written decimal rounds.
OFF_SHARE, ROUNDED_MM = 0.1, 0.051
PLACE_TAGS = {"ImageOrientationPatient": 6, "ImagePositionPatient": 3, "PixelSpacing": 2}


def load_file(path: Path, modality: str | None = None, how: Reading = AS_IT_IS) -> Volume:
    """A single DICOM file: an X-ray image or one slice as depth 1, an enhanced CT whole, or the
    study that a DICOMDIR lists.

    Raises:
        UnreadableError, UnsuitableInputError: with the reason.
    """
    if path.name.upper() == "DICOMDIR" or is_directory(path):
        return load_series(path.parent, modality, how)
    header = read_dicom(path, stop_before_pixels=True)
    if "Rows" not in header:
        raise UnreadableError(
            f"{path} is a DICOM file without an image, or cut; give an image or the folder of a "
            "series."
        )
    items = slices_of(path, header)
    if tagged(header) != "XR":
        return _stack(items, path.name, modality, how)
    return _picture(items[0], modality)


def _picture(item: Slice, modality: str | None) -> Volume:
    """An X-ray image as depth 1."""
    path, header = item.path, item.header
    check_grey(item)
    array = Pixels([item]).plane(item)[None]
    if tags.text(header, "PhotometricInterpretation") == "MONOCHROME1":
        array = array.max() + array.min() - array  # so that bone is bright whatever the detector
    spacing = tags.numbers(header, "PixelSpacing", 2, path)
    spacing = spacing or tags.numbers(header, "ImagerPixelSpacing", 2, path)
    if not spacing:
        logger.warning("%s gives no pixel spacing; 1 mm is assumed.", path.name)
    dy, dx = spacing or (1.0, 1.0)
    affine = np.diag([dx, dy, 1.0, 1.0])
    check_voxels(array, path.name)
    check_plausible(affine, array.shape, path.name)
    known = settle_modality(array, path.name, modality, "XR")
    facts = {"source": path.name, "spacing_known": bool(spacing)}
    return Volume(array, affine, known, _stored(array), facts)


def load_series(folder: Path, modality: str | None = None, how: Reading = AS_IT_IS) -> Volume:
    """The one series of a folder that may be a chest CT, or the numbered one (from 1, in the order
    of their UIDs' first files).

    Raises:
        UnreadableError: no DICOM images. UnsuitableInputError: several series, missing or doubled
            slices, gantry tilt.
        UsageError: no series of that number.
    """
    chosen = _chosen(folder, how.series)
    if len(chosen) == 1:
        if tagged(chosen[0].header) == "XR":
            return _picture(chosen[0], modality)
        return _stack(chosen, chosen[0].path.name, modality, how)
    return _stack(chosen, folder.name, modality, how)


def _chosen(folder: Path, number: int | None) -> Slices:
    """The images of a folder's series.

    Raises:
        UnreadableError: no DICOM images. Others as `choose`.
    """
    items = without_localizers(folder_slices(folder))
    if not items:
        inner = next((p.name for p in sorted(folder.iterdir()) if p.is_dir()), None)
        hint = (
            f"look in its sub-folders, such as {inner}"
            if inner
            else "choose the folder of one series"
        )
        raise UnreadableError(f"The folder {folder} holds no DICOM images; {hint}.")
    return choose(items, folder, number)


def series_headers(folder: Path, number: int | None = None) -> list[Dataset]:
    """Headers (without pixels) of the series that `load_series` reads, in the order of its slices
    (D).

    Raises:
        UnreadableError, UnsuitableInputError, UsageError: as `load_series`; and for an enhanced
            image, whose frames are no objects of their own.
    """
    folder = local(folder)
    if not folder.is_dir():
        raise UnreadableError(
            f"{folder} is no folder; give the folder of the DICOM series that the result was "
            "made from."
        )
    items = _chosen(folder, number)
    if any(item.frame is not None for item in items):
        raise UnsuitableInputError(
            f"{items[0].path.name} is an enhanced multi-frame CT; derived objects refer to single "
            "slices, so leave --source out, or convert it to single slices first."
        )
    _check_alike(items, folder.name)
    return [item.header for item in _in_order(items)[0]]


def _numbers(item: Slice, keyword: str) -> np.ndarray:
    values = tags.numbers(item.header, keyword, PLACE_TAGS[keyword], item.path)
    if values is None:
        raise UnreadableError(f"{item.path} lacks {keyword}; export the original series again.")
    if keyword == "PixelSpacing" and min(values) <= 0:
        raise UnreadableError(
            f"{item.path} gives PixelSpacing (0028,0030) as {values[0]:g} x {values[1]:g} mm; "
            "export the original series again."
        )
    return np.array(values)


def _in_order(items: Slices) -> tuple[Slices, np.ndarray, np.ndarray]:
    """Slices along their common normal, their places (D,3) in mm, and the normal."""
    turn = _numbers(items[0], "ImageOrientationPatient")
    normal = np.cross(turn[:3], turn[3:])
    place = np.array([_numbers(item, "ImagePositionPatient") for item in items])
    order = np.argsort(place @ normal, kind="stable")
    return [items[i] for i in order], place[order], normal


def _stack(items: Slices, name: str, modality: str | None, how: Reading) -> Volume:
    """Slices in order along their common normal."""
    for item in items:
        check_grey(item)
    _check_alike(items, name)
    items, place, normal = _in_order(items)
    first = items[0]
    turn = _numbers(first, "ImageOrientationPatient")
    dy, dx = _numbers(first, "PixelSpacing")
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 3] = turn[:3] * dx, turn[3:] * dy, place[0]
    if len(items) > 1:
        _check_missing(items, place @ normal, name)
        affine[:3, 3], affine[:3, 2] = _line(place, normal, min(dx, dy), name, how.untilt)
        affine[:3, 2] *= _told(first, abs(float(affine[:3, 2] @ normal)), len(items))
    else:
        affine[:3, 2] = normal * (tags.number(first.header, "SliceThickness", first.path, 0) or 1)
    check_plausible(affine, (len(items), *size_of(first)), name)
    if any(tags.text(item.header, "SyntheticData") == "YES" for item in items):
        logger.warning(
            "%s is marked as synthetic: some of its voxels were never measured in a patient.", name
        )
    pixels = Pixels(items)
    array = np.stack([pixels.plane(item) for item in items])
    check_voxels(array, name)
    known = settle_modality(array, name, modality, tagged(first.header))
    uid = tags.text(first.header, "SeriesInstanceUID")
    facts = {"source": name, "series_uid": uid, "notes": () if how.untilt else _tilt_named(first)}
    volume = outside_as_air(Volume(array, affine, known, _stored(array), facts))
    return untilted(volume) if how.untilt else volume


RESCALING = ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence")
# what all slices of a scan share, whatever their series says
OF_ONE = {
    "PatientID": "patients",
    "StudyInstanceUID": "studies",
    "FrameOfReferenceUID": "frames of reference, so their places cannot be compared",
}


def _check_alike(items: Slices, name: str) -> None:
    """Refuse slices whose place is unknown, or that do not share size, spacing and orientation."""
    lacking = [
        key
        for key, count in PLACE_TAGS.items()
        if any(tags.numbers(item.header, key, count, item.path) is None for item in items)
    ]
    if lacking:
        raise UnsuitableInputError(
            f"The DICOM images of {name} lack {', '.join(lacking)}, so their place is unknown; "
            "export the original series."
        )
    first = items[0]
    for item in items:
        if not _same_grid(item, first):
            raise UnsuitableInputError(
                f"{item.path.name} has another orientation, size or spacing than "
                f"{first.path.name}; "
                "a scout image or another reconstruction may be among the slices, remove it."
            )
    _check_one_series(items, name)
    _check_directions(first, name)


def _same_grid(item: Slice, other: Slice) -> bool:
    return size_of(item) == size_of(other) and all(
        np.abs(_numbers(item, key) - _numbers(other, key)).max() <= SAME_DIRECTION
        for key in ("ImageOrientationPatient", "PixelSpacing")
    )


def _check_one_series(items: Slices, name: str) -> None:
    """Refuse slices of several acquisitions, and slices of which some have no rescaling."""
    for keyword, words in OF_ONE.items():
        said = [(value, item) for item in items if (value := tags.text(item.header, keyword))]
        if other := next((item for value, item in said if value != said[0][0]), None):
            raise UnsuitableInputError(
                f"The series {name} mixes slices of several {words} ({said[0][1].path.name} and "
                f"{other.path.name}); export one of them alone."
            )
    for keyword in RESCALING:
        given = [keyword in item.header for item in items]
        if any(given) and not all(given):
            raise UnsuitableInputError(
                f"{items[given.index(False)].path.name} lacks {keyword}, which other slices of "
                f"{name} have, so its HU are unknown; export the original series again."
            )


def _check_directions(item: Slice, name: str) -> None:
    """Refuse directions of rows and columns that are no unit vectors, or not at right angles."""
    axes = np.eye(4)
    turn = _numbers(item, "ImageOrientationPatient").reshape(2, 3)
    lengths = np.linalg.norm(turn, axis=1)
    if np.abs(lengths - 1).max() > 0.01:
        raise UnsuitableInputError(
            f"{item.path.name} gives directions of length {lengths[0]:.3f} and {lengths[1]:.3f}, "
            "not 1; its header is damaged, export it again."
        )
    axes[:3, :3] = np.stack([*turn, np.cross(*turn)], axis=1)
    check_straight(axes, f"A slice of {name}")


def _check_missing(items: Slices, along: np.ndarray, name: str) -> None:
    """Refuse two slices at one place, and missing slices.

    Args:
        along: (D,) positions along the slices' normal in mm, ascending.
    """
    gaps = np.diff(along)
    if (same := np.nonzero(gaps < SAME_PLACE_MM)[0]).size:
        i = int(same[0])
        raise UnsuitableInputError(
            f"The series {name} holds two slices at {along[i]:.1f} mm ({items[i].path.name} and "
            f"{items[i + 1].path.name}); "
            "remove the copies, or keep one phase only."
        )
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    bad = np.nonzero(gaps - usual > max(0.5 * usual, 2 * ROUNDED_MM))[0]
    uneven = np.nonzero(np.abs(gaps - usual) > max(OFF_SHARE * usual, 2 * ROUNDED_MM))[0]
    if bad.size and bad.size == uneven.size:
        missing = int(np.rint(gaps[bad] / usual - 1).sum())
        raise UnsuitableInputError(
            f"The series {name} misses slices, about {missing}: they lie {usual:.2f} mm apart, "
            f"but none is between {_between(along, bad)}; "
            "export the whole series."
        )


def _tilt_named(first: Slice) -> tuple[str, ...]:
    """A note where slices that lie straight are said to be of a tilted gantry."""
    try:
        tilt = tags.number(first.header, "GantryDetectorTilt", first.path, 0.0)
    except UnreadableError:  # it is not needed to read the scan
        return ()
    if abs(tilt) <= TILT_DEGREES or _numbers(first, "ImageOrientationPatient")[5]:
        return ()
    return (
        f"Its header names a gantry tilted by {abs(tilt):.1f}°, but its slices lie straight: they "
        "were resampled, or their positions are wrong.",
    )


def _between(along: np.ndarray, gaps: np.ndarray) -> str:
    """The first four gaps in words."""
    return ", ".join(f"{along[i]:.1f} and {along[i + 1]:.1f} mm" for i in gaps[:4]) + (
        " and elsewhere" if gaps.size > 4 else ""
    )


def _line(
    place: np.ndarray, normal: np.ndarray, pixel_mm: float, name: str, tilted: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Place of the first slice and vector in mm from a slice to the next: the straight line nearest
    to all, so that places rounded to a decimal do not bend the scan.

    Args:
        place: (D,3) positions in order. normal: of the slices. pixel_mm: the smaller in-plane
            spacing. tilted: a tilt will be taken out.

    Raises:
        UnsuitableInputError: uneven steps, a tilted gantry, or a table that moved sideways.
    """
    count = np.arange(len(place)) - (len(place) - 1) / 2
    step = np.round(count @ place / (count @ count), 9)
    start = np.round(place.mean(axis=0) + count[0] * step, 9)
    off = place - start - np.outer(np.arange(len(place)), step)
    farthest = np.abs(off @ normal).max()
    if farthest > max(OFF_SHARE * abs(float(step @ normal)), ROUNDED_MM):
        raise _uneven(place @ normal, float(farthest), name)
    if _aside(off, normal).max() > max(SIDEWAYS_PIXELS * pixel_mm, ROUNDED_MM):
        aside = _aside(_off_most(place), normal)
        raise UnsuitableInputError(
            f"The series {name} has a slice shifted sideways by {aside.max():.1f} mm at "
            f"{place[aside.argmax()] @ normal:.1f} mm; "
            "resample it to a straight grid first."
        )
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if tilt > TILT_DEGREES and not tilted:
        raise UnsuitableInputError(
            f"The series {name} was taken with the gantry tilted by {tilt:.1f}°; {UNTILT}.",
            "untilt",
        )
    return start, step


def _uneven(along_mm: np.ndarray, farthest_mm: float, name: str) -> UnsuitableInputError:
    """The refusal of uneven steps, which says where they are; `along_mm` are the places (D,) along
    the normal."""
    gaps = np.diff(along_mm)
    common = float(np.median(gaps))
    bad = np.nonzero(np.abs(gaps - common) > OFF_SHARE * common)[0]
    where = (
        f", but not between {_between(along_mm, bad)}"
        if bad.size
        else f", yet a slice lies {farthest_mm:.2f} mm off the line through all"
    )
    return UnsuitableInputError(
        f"The series {name} has uneven steps: mostly {common:.2f} mm{where}; "
        "resample it to even steps first."
    )


def _told(item: Slice, step_mm: float, count: int) -> float:
    """Factor to the step that the header tells, where places of one decimal cannot tell it from the
    one that was measured; else 1."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        told = abs(tags.number(item.header, keyword, item.path, 0.0))
        if told and 1e-6 < abs(told - step_mm) * (count - 1) / 2 <= ROUNDED_MM / 2:
            return told / step_mm
    return 1.0


def _aside(off: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Distances (D,) across the normal of vectors (D,3)."""
    return np.linalg.norm(off - np.outer(off @ normal, normal), axis=1)


def _off_most(place: np.ndarray) -> np.ndarray:
    """Places (D,3) relative to the line that most of them lie on (medians)."""
    half = max(len(place) // 2, 1)
    step = np.median((place[half:] - place[:-half]) / half, axis=0)
    start = np.median(place - np.outer(np.arange(len(place)), step), axis=0)
    return place - start - np.outer(np.arange(len(place)), step)


def _stored(array: np.ndarray) -> str:
    """Smallest usual type that holds the rescaled values exactly."""
    if not all(np.array_equal(plane, np.rint(plane)) for plane in array):
        return "float32"
    return "int16" if array.min() >= -32768 and array.max() <= 32767 else "int32"
