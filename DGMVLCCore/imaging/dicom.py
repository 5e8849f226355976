"""DICOM in: one complete, straight series, or the reason why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_modality_lut

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.profiles import check_modality
from DGMVLCCore.imaging.volume import Volume

TILT_DEGREES, GAP_SHARE, SAME_PLACE_MM = 0.5, 0.1, 1e-2


def is_dicom(path: Path) -> bool:
    """True for a file with DICOM's preamble."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _headers(folder: Path) -> list[tuple[Path, Dataset]]:
    """All image headers of a folder, other files passed over."""
    found: list[tuple[Path, Dataset]] = []
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, OSError, EOFError, ValueError):
            continue
        if "Rows" in header and header.get("SOPClassUID") != "1.2.840.10008.1.3.10":
            found.append((path, header))
    return found


def _pixels(path: Path) -> np.ndarray:
    """Rescaled pixels of one file, (H,W).

    Raises:
        UnreadableError: truncated or compressed in a way that is not supported. UnsuitableInputError: colour or several frames.
    """
    try:
        dataset = pydicom.dcmread(path)
        raw = dataset.pixel_array
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError, RuntimeError, NotImplementedError) as error:
        raise UnreadableError(f"{path} holds no readable pixels ({str(error).splitlines()[0][:120]}); export the series again.") from error
    if raw.ndim != 2:
        raise UnsuitableInputError(f"{path.name} is a colour or multi-frame DICOM image; export single grey slices.")
    return np.asarray(apply_modality_lut(raw, dataset), np.float64)


def load_file(path: Path, modality: str | None = None) -> Volume:
    """A single DICOM file (an X-ray image, or one slice) as depth 1."""
    header = pydicom.dcmread(path, stop_before_pixels=True)
    if "ImagePositionPatient" in header:
        return _stack([(path, header)], path.name, modality)
    array = _pixels(path).astype(np.float32)
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing") or (1.0, 1.0)
    affine = np.diag([float(spacing[1]), float(spacing[0]), 1.0, 1.0])
    return Volume(array[None], affine, check_modality(array[None], modality or str(header.get("Modality", "")), path.name),
                  _stored(array), {"source": path.name})


def load_series(folder: Path, modality: str | None = None) -> Volume:
    """The one series of a folder.

    Raises:
        UnreadableError: no DICOM images. UnsuitableInputError: several series, missing or doubled slices, gantry tilt.
    """
    headers = _headers(folder)
    if not headers:
        raise UnreadableError(f"The folder {folder} holds no DICOM images; choose the folder of one series.")
    series: dict[str, list[tuple[Path, Dataset]]] = {}
    for path, header in headers:
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((path, header))
    if len(series) > 1:
        listed = "; ".join(f"{items[0][1].get('SeriesDescription', 'no description')}: {len(items)} images, first {items[0][0].name}"
                           for items in series.values())
        raise UnsuitableInputError(f"The folder {folder} holds {len(series)} series ({listed}); put the one you mean into a folder of its own.")
    return _stack(headers, folder.name, modality)


def _stack(headers: list[tuple[Path, Dataset]], name: str, modality: str | None) -> Volume:
    """Slices in order along their common normal."""
    first = headers[0][1]
    needed = [key for key in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing")
              if any(key not in header for _, header in headers)]
    if needed:
        raise UnsuitableInputError(f"The DICOM images of {name} lack {', '.join(needed)}, so their place is unknown; export the original series.")
    turn = np.array(first.ImageOrientationPatient, float)
    for path, header in headers:
        turned = np.abs(np.array(header.ImageOrientationPatient, float) - turn).max() > 1e-3
        if turned or (header.Rows, header.Columns) != (first.Rows, first.Columns):
            raise UnsuitableInputError(f"{path.name} has another orientation or size than {headers[0][0].name}; "
                                       "a scout image may be among the slices, remove it.")
    normal = np.cross(turn[:3], turn[3:])
    place = np.array([np.array(header.ImagePositionPatient, float) for _, header in headers])
    order = np.argsort(place @ normal)
    headers, place = [headers[i] for i in order], place[order]
    step = _step(place, normal, name)
    array = np.stack([_pixels(path) for path, _ in headers])
    spacing = [float(v) for v in first.PixelSpacing]
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = turn[:3] * spacing[1], turn[3:] * spacing[0]
    affine[:3, 2] = step if len(headers) > 1 else normal * float(first.get("SliceThickness") or 1.0)
    affine[:3, 3] = place[0]
    found = array.astype(np.float32)
    if found.min() == found.max():
        raise UnsuitableInputError(f"The series {name} is constant, so it shows nothing.")
    known = check_modality(found, modality or str(first.get("Modality", "")), name)
    return Volume(found, affine, known, _stored(array), {"source": name, "series_uid": str(first.get("SeriesInstanceUID", ""))})


def _step(place: np.ndarray, normal: np.ndarray, name: str) -> np.ndarray:
    """Vector from a slice to the next, after checking that slices are complete, single and not sheared."""
    if len(place) < 2:
        return normal
    along = place @ normal
    gaps = np.diff(along)
    if gaps.min() < SAME_PLACE_MM:
        raise UnsuitableInputError(f"The series {name} holds two slices at {along[:-1][gaps < SAME_PLACE_MM][0]:.1f} mm; remove the copies.")
    usual = float(np.median(gaps))
    if (bad := np.nonzero(np.abs(gaps - usual) > GAP_SHARE * usual)[0]).size:
        where = ", ".join(f"{along[i]:.1f} to {along[i + 1]:.1f} mm" for i in bad[:4])
        raise UnsuitableInputError(f"The series {name} misses slices: steps are {usual:.2f} mm, but not at {where}; export the whole series.")
    step = (place[-1] - place[0]) / (len(place) - 1)
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if tilt > TILT_DEGREES:
        raise UnsuitableInputError(f"The series {name} was taken with the gantry tilted by {tilt:.1f}°; correct the tilt first (resample to a straight grid).")
    return step


def _stored(array: np.ndarray) -> str:
    """Smallest usual type that holds the rescaled values exactly."""
    if not np.array_equal(array, np.rint(array)):
        return "float32"
    return "int16" if array.min() >= -32768 and array.max() <= 32767 else "int32"
