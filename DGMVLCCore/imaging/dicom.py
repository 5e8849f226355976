"""DICOM in: one complete, straight series, or the reason why not."""

from __future__ import annotations

import logging
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_modality_lut
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.checks import check_voxels
from DGMVLCCore.imaging.profiles import ALIASES, settle_modality
from DGMVLCCore.imaging.quiet import quiet
from DGMVLCCore.imaging.volume import Volume

logger = logging.getLogger(__name__)

TILT_DEGREES, GAP_SHARE, SAME_PLACE_MM, SAME_DIRECTION, SIDEWAYS_PIXELS = 0.5, 0.1, 1e-2, 1e-3, 0.5
PLACE_TAGS = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing")
# What pydicom raises on files that are cut or overwritten, beside its own error.
DAMAGE = (
    InvalidDicomError,
    OSError,
    EOFError,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
    RuntimeError,
    NotImplementedError,
    struct.error,
)
Slices = list[tuple[Path, Dataset]]


def is_dicom(path: Path) -> bool:
    """True for a file with DICOM's preamble, or an old one that starts with its first group."""
    with path.open("rb") as file:
        start = file.read(132)
    return start[128:] == b"DICM" or start[:2] in (b"\x02\x00", b"\x08\x00")


def _read(path: Path, **how: Any) -> Dataset:
    """One file's dataset, without pydicom's warnings.

    Raises:
        UnreadableError: cut or damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(path, force=True, **how)
    except DAMAGE as error:
        raise UnreadableError(
            f"{path} is a cut or damaged DICOM file; copy or export it again."
        ) from error


def _headers(folder: Path) -> Slices:
    """All image headers of a folder, other files passed over.

    Raises:
        UnreadableError: a DICOM image without its header, or an empty .dcm file: leaving it out
            would shorten the scan.
    """
    found: Slices = []
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        if not path.stat().st_size and path.suffix.lower() in (".dcm", ".ima"):
            raise UnreadableError(f"{path} is empty; copy the series again.")
        if not is_dicom(path):
            continue
        header = _read(path, stop_before_pixels=True)
        kind = header.get("SOPClassUID") or getattr(header, "file_meta", {}).get(
            "MediaStorageSOPClassUID"
        )
        if "Rows" in header:
            found.append((path, header))
        elif kind is None or kind.name.endswith(
            "Image Storage"
        ):  # reports, DICOMDIR and the like have no rows by right
            raise UnreadableError(
                f"{path} is a cut or damaged DICOM file; copy or export it again."
            )
    return found


def _check_grey(path: Path, header: Dataset) -> None:
    """Refuse colour and several frames.

    Raises:
        UnsuitableInputError: with the reason.
    """
    if int(header.get("SamplesPerPixel") or 1) > 1:
        raise UnsuitableInputError(
            f"{path.name} is a colour DICOM image; a scan with one value a voxel is needed."
        )
    if (frames := int(header.get("NumberOfFrames") or 1)) > 1:
        raise UnsuitableInputError(
            f"{path.name} is a multi-frame DICOM image ({frames} frames); export it as single "
            "slices, or as NRRD."
        )


def _pixels(path: Path) -> np.ndarray:
    """Rescaled pixels of one file, float32 (H,W).

    Raises:
        UnreadableError: truncated, or packed in a way that is not supported. UnsuitableInputError:
            colour or several frames.
    """
    dataset = _read(path)
    _check_grey(path, dataset)
    meta = dataset.file_meta = getattr(dataset, "file_meta", FileMetaDataset())
    if "TransferSyntaxUID" not in meta:  # files without preamble do not say
        implicit, little = dataset.original_encoding
        meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian
            if implicit
            else ExplicitVRLittleEndian
            if little
            else ExplicitVRBigEndian
        )
    try:
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            if (
                meta.TransferSyntaxUID.is_encapsulated
            ):  # SimpleITK's GDCM unpacks what needs plug-ins in pydicom; it rescales by itself
                values = sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))
                return values.reshape(int(dataset.Rows), int(dataset.Columns)).astype(np.float32)
            return np.asarray(apply_modality_lut(dataset.pixel_array, dataset)).astype(np.float32)
    except DAMAGE as error:
        raise UnreadableError(
            f"{path} holds no readable pixels; it is cut, or packed in a way that is not "
            "supported: export it uncompressed."
        ) from error


def load_file(path: Path, modality: str | None = None) -> Volume:
    """A single DICOM file (an X-ray image, or one slice) as depth 1.

    Raises:
        UnreadableError, UnsuitableInputError: with the reason.
    """
    header = _read(path, stop_before_pixels=True)
    if "Rows" not in header:
        raise UnreadableError(
            f"{path} is a DICOM file without an image, or cut; give an image or the folder of a "
            "series."
        )
    if _tagged(header) != "XR":
        return _stack([(path, header)], path.name, modality)
    array = _pixels(path)[None]
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        array = array.max() + array.min() - array  # so that bone is bright whatever the detector
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
    if not spacing:
        logger.warning("%s gives no pixel spacing; 1 mm is assumed.", path.name)
    dy, dx = (float(mm) for mm in spacing or (1.0, 1.0))
    check_voxels(array, path.name)
    known = settle_modality(array, path.name, modality, "XR")
    return Volume(
        array,
        np.diag([dx, dy, 1.0, 1.0]),
        known,
        _stored(array),
        {"source": path.name, "spacing_known": bool(spacing)},
    )


def _tagged(header: Dataset) -> str:
    """Modality of a header in our words: "XR" for CR and DX."""
    word = str(header.get("Modality") or "").upper()
    return ALIASES.get(word, word)


def load_series(folder: Path, modality: str | None = None, number: int | None = None) -> Volume:
    """The one series of a folder, or the numbered one (from 1, in the order of their UIDs' first
    files).

    Raises:
        UnreadableError: no DICOM images. UnsuitableInputError: several series, missing or doubled
            slices, gantry tilt.
        UsageError: no series of that number.
    """
    headers = _without_localizers(_headers(folder))
    if not headers:
        inner = next((p.name for p in sorted(folder.iterdir()) if p.is_dir()), None)
        hint = (
            f"look in its sub-folders, such as {inner}"
            if inner
            else "choose the folder of one series"
        )
        raise UnreadableError(f"The folder {folder} holds no DICOM images; {hint}.")
    chosen = _choose(headers, folder, number)
    if len(chosen) == 1:
        return load_file(chosen[0][0], modality)
    return _stack(chosen, folder.name, modality)


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


def _places(headers: Slices) -> tuple[float, float, bool]:
    """Reach and usual step along the slices' normal in mm, and whether that normal is the body's
    axis."""
    try:
        turn = np.array(headers[0][1].ImageOrientationPatient, float)
        normal = np.cross(turn[:3], turn[3:])
        along = np.unique(
            np.round(
                [
                    float(np.array(header.ImagePositionPatient, float) @ normal)
                    for _, header in headers
                ],
                2,
            )
        )
    except (AttributeError, TypeError, ValueError):
        return 0.0, 0.0, False
    step = float(np.median(np.diff(along))) if len(along) > 1 else 0.0
    return float(along[-1] - along[0]), step, bool(abs(normal[2]) > 0.86)


def series_of(folder: Path) -> list[Series]:
    """The series of a folder, numbered as `load_series` takes them; localizers are left out when
    other images remain.

    Raises:
        UnreadableError: a cut or damaged image.
    """
    grouped = _grouped(_without_localizers(_headers(folder)))
    found = []
    for number, (uid, items) in enumerate(grouped.items(), 1):
        first = items[0][1]
        found.append(
            Series(
                number,
                str(first.get("StudyInstanceUID", "")),
                uid,
                _tagged(first),
                str(first.get("SeriesDescription") or ""),
                tuple(path for path, _ in items),
                *_places(items),
            )
        )
    return found


def _grouped(headers: Slices) -> dict[str, Slices]:
    """Images by series, in the order of each one's first file."""
    series: dict[str, Slices] = {}
    for path, header in headers:
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((path, header))
    return series


def _without_localizers(headers: Slices) -> Slices:
    """Leave out scout images, which the scanner marks as such, when other images remain."""
    kept = [
        (path, header)
        for path, header in headers
        if "LOCALIZER" not in (header.get("ImageType") or ())
    ]
    if kept and len(kept) < len(headers):
        logger.warning("%d localizer image(s) left out.", len(headers) - len(kept))
    return kept or headers


def _choose(headers: Slices, folder: Path, number: int | None) -> Slices:
    """The images of one series.

    Raises:
        UnsuitableInputError: several and none chosen. UsageError: no such number.
    """
    series = _grouped(headers)
    listed = "; ".join(
        f"{i}: {items[0][1].get('SeriesDescription') or 'no description'}, "
        f"{items[0][1].get('Modality') or 'no modality'}, "
        f"{len(items)} images, first {items[0][0].name}"
        for i, items in enumerate(series.values(), 1)
    )
    if number is not None:
        if not 1 <= number <= len(series):
            raise UsageError(f"There is no series {number} in {folder}; it holds {listed}.")
        return list(series.values())[number - 1]
    if len(series) > 1:
        raise UnsuitableInputError(
            f"The folder {folder} holds {len(series)} series ({listed}); put the one you mean "
            "into a folder of its own, "
            "or choose it with load_volume(folder, series=NUMBER)."
        )
    return headers


def _in_order(headers: Slices) -> tuple[Slices, np.ndarray, np.ndarray]:
    """Slices along their common normal, their places (D,3) in mm, and the normal."""
    turn = np.array(headers[0][1].ImageOrientationPatient, float)
    normal = np.cross(turn[:3], turn[3:])
    place = np.array([np.array(header.ImagePositionPatient, float) for _, header in headers])
    order = np.argsort(place @ normal, kind="stable")
    return [headers[i] for i in order], place[order], normal


def series_headers(folder: Path, number: int | None = None) -> list[Dataset]:
    """Headers (without pixels) of the series that `load_series` reads, in the order of its slices
    (D).

    Raises:
        UnreadableError, UnsuitableInputError, UsageError: as `load_series`.
    """
    headers = _choose(_without_localizers(_headers(folder)), folder, number)
    if not headers:
        raise UnreadableError(
            f"The folder {folder} holds no DICOM images; choose the folder of one series."
        )
    _check_alike(headers, folder.name)
    return [header for _, header in _in_order(headers)[0]]


def _stack(headers: Slices, name: str, modality: str | None) -> Volume:
    """Slices in order along their common normal."""
    for path, header in headers:
        _check_grey(path, header)
    _check_alike(headers, name)
    headers, place, normal = _in_order(headers)
    first = headers[0][1]
    turn = np.array(first.ImageOrientationPatient, float)
    dy, dx = (float(mm) for mm in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 3] = turn[:3] * dx, turn[3:] * dy, place[0]
    if len(headers) > 1:
        _check_gaps(headers, place @ normal, name)
        affine[:3, 2] = _step(place, normal, min(dx, dy), name)
    else:
        affine[:3, 2] = normal * float(first.get("SliceThickness") or 1.0)
    if any(header.get("SyntheticData") == "YES" for _, header in headers):
        logger.warning(
            "%s is marked as synthetic: some of its voxels were never measured in a patient.", name
        )
    array = np.stack([_pixels(path) for path, _ in headers])
    check_voxels(array, name)
    known = settle_modality(array, name, modality, _tagged(first))
    return Volume(
        array,
        affine,
        known,
        _stored(array),
        {"source": name, "series_uid": str(first.get("SeriesInstanceUID", ""))},
    )


def _check_alike(headers: Slices, name: str) -> None:
    """Refuse slices whose place is unknown, or that do not share size, spacing and orientation."""
    if lacking := [key for key in PLACE_TAGS if any(not header.get(key) for _, header in headers)]:
        raise UnsuitableInputError(
            f"The DICOM images of {name} lack {', '.join(lacking)}, so their place is unknown; "
            "export the original series."
        )
    path0, first = headers[0]
    for path, header in headers:
        same = (header.Rows, header.Columns) == (first.Rows, first.Columns) and all(
            np.abs(np.array(header[key].value, float) - np.array(first[key].value, float)).max()
            <= SAME_DIRECTION
            for key in ("ImageOrientationPatient", "PixelSpacing")
        )
        if not same:
            raise UnsuitableInputError(
                f"{path.name} has another orientation, size or spacing than {path0.name}; "
                "a scout image or another reconstruction may be among the slices, remove it."
            )


def _check_gaps(headers: Slices, along: np.ndarray, name: str) -> None:
    """Refuse two slices at one place, missing slices and uneven steps.

    Args:
        along: (D,) positions along the slices' normal in mm, ascending.
    """
    gaps = np.diff(along)
    if (same := np.nonzero(gaps < SAME_PLACE_MM)[0]).size:
        i = int(same[0])
        raise UnsuitableInputError(
            f"The series {name} holds two slices at {along[i]:.1f} mm ({headers[i][0].name} and "
            f"{headers[i + 1][0].name}); "
            "remove the copies, or keep one phase only."
        )
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    bad = np.nonzero(np.abs(gaps - usual) > GAP_SHARE * usual)[0]
    if not bad.size:
        return
    where = ", ".join(f"{along[i]:.1f} and {along[i + 1]:.1f} mm" for i in bad[:4]) + (
        " and elsewhere" if bad.size > 4 else ""
    )
    if (gaps[bad] > 1.5 * usual).all():
        missing = int(np.rint(gaps[bad] / usual - 1).sum())
        raise UnsuitableInputError(
            f"The series {name} misses slices, about {missing}: they lie {usual:.2f} mm apart, "
            f"but none is between {where}; "
            "export the whole series."
        )
    raise UnsuitableInputError(
        f"The series {name} has uneven steps: mostly {usual:.2f} mm, but not between {where}; "
        "resample it to even steps first."
    )


def _step(place: np.ndarray, normal: np.ndarray, pixel_mm: float, name: str) -> np.ndarray:
    """Vector in mm from a slice to the next.

    Args:
        place: (D,3) positions in order. normal: of the slices. pixel_mm: the smaller in-plane
            spacing.

    Raises:
        UnsuitableInputError: the gantry was tilted, or the table moved sideways.
    """
    step = (place[-1] - place[0]) / (len(place) - 1)
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if tilt > TILT_DEGREES:
        raise UnsuitableInputError(
            f"The series {name} was taken with the gantry tilted by {tilt:.1f}°; correct the "
            "tilt first (resample to a straight grid)."
        )
    across = place - place[0]
    across -= np.outer(across @ normal, normal)
    off = np.linalg.norm(
        across - np.outer(np.arange(len(place)), step - step @ normal * normal), axis=1
    )
    if off.max() > SIDEWAYS_PIXELS * pixel_mm:
        raise UnsuitableInputError(
            f"The series {name} has a slice shifted sideways by {off.max():.1f} mm at "
            f"{place[off.argmax()] @ normal:.1f} mm; "
            "resample it to a straight grid first."
        )
    return step


def _stored(array: np.ndarray) -> str:
    """Smallest usual type that holds the rescaled values exactly."""
    if not all(np.array_equal(plane, np.rint(plane)) for plane in array):
        return "float32"
    return "int16" if array.min() >= -32768 and array.max() <= 32767 else "int32"
