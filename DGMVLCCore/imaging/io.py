"""Scans in and out: NRRD, NIfTI, MetaImage and DICOM; HU and geometry survive exactly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.profiles import check_modality, guess_modality
from DGMVLCCore.imaging.volume import Volume

SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")


def read_image(path: Path) -> sitk.Image:
    """Read an image file without the toolkit's own chatter.

    Raises:
        UnreadableError: missing, empty, truncated or not an image.
    """
    if not path.exists():
        raise UnreadableError(f"{path} does not exist; check the path.")
    if path.is_dir():
        raise UnreadableError(f"{path} is a folder, not an image file; give one of its files.")
    if path.stat().st_size == 0:
        raise UnreadableError(f"{path} is empty; export it again.")
    warnings_on = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise UnreadableError(f"{path} could not be read as an image (expected {', '.join(SUFFIXES)} or a DICOM folder); "
                              "it is damaged or of another kind.") from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warnings_on)


def affine_of(image: sitk.Image) -> np.ndarray:
    """Voxel index (x,y,z) -> LPS mm, (4,4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def volume_from_image(image: sitk.Image, name: str, modality: str | None = None) -> Volume:
    """A scalar 3D image as a checked `Volume`.

    Raises:
        UnsuitableInputError: colour, 4D, NaN, constant, or not of the modality it is said to be.
    """
    if image.GetDimension() == 2:
        image = sitk.JoinSeries(image)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise UnsuitableInputError(f"{name} is a colour or vector image ({image.GetNumberOfComponentsPerPixel()} values a voxel); "
                                   "a scan with one value a voxel is needed.")
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise UnsuitableInputError(f"{name} has {image.GetDimension()} dimensions; give a single 3D scan.")
    pixels = sitk.GetArrayFromImage(image)
    array = pixels.astype(np.float32)
    if not np.isfinite(array).all():
        raise UnsuitableInputError(f"{name} holds NaN or infinite voxels; export it again.")
    if array.min() == array.max():
        raise UnsuitableInputError(f"{name} is constant ({array.flat[0]:g} everywhere), so it shows nothing.")
    stored = pixels.dtype.name
    if np.issubdtype(pixels.dtype, np.integer) and np.abs(pixels.astype(np.float64)).max() > 2**24:
        raise UnsuitableInputError(f"{name} holds integers beyond 2^24, which are no HU; export it again.")
    known = check_modality(array, modality, name) if modality else guess_modality(array, name)
    return Volume(array, affine_of(image), known, stored, {"source": name})


def load_volume(path: str | Path, modality: str | None = None) -> Volume:
    """Read a scan.

    Args:
        path: NRRD, NIfTI or MetaImage file, a DICOM file, or a folder with one DICOM series.
        modality: "CT", "MR" or "XR"; found in the file when None.

    Returns:
        float32 (D,H,W), HU for CT, with its LPS geometry.

    Raises:
        UnreadableError, UnsuitableInputError: with the reason.
    """
    from DGMVLCCore.imaging import dicom

    path = Path(path)
    if path.is_dir():
        return dicom.load_series(path, modality)
    if path.exists() and path.stat().st_size and not str(path).lower().endswith(SUFFIXES) and dicom.is_dicom(path):
        return dicom.load_file(path, modality)
    return volume_from_image(read_image(path), path.name, modality)


def to_image(volume: Volume) -> sitk.Image:
    """A `Volume` as SimpleITK image of its stored type; integers are rounded, never wrapped."""
    array = volume.array
    if volume.integer:
        limits = np.iinfo(volume.stored_dtype)
        array = np.clip(np.rint(array), limits.min, limits.max)
    stored = "float32" if volume.stored_dtype == "float64" else volume.stored_dtype
    image = sitk.GetImageFromArray(array.astype(stored))
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    return image


def write_image(image: sitk.Image, path: Path) -> None:
    """Write under a temporary name, then rename.

    Raises:
        OutputError: no such folder, no permission, no space; nothing is left behind.
    """
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise OutputError(f"{path.name} has no image ending; use one of {', '.join(SUFFIXES)}.")
    temporary = path.with_name(f".{os.getpid()}-partial{suffix}")
    try:
        if not path.parent.is_dir():
            raise OutputError(f"The folder {path.parent} does not exist; create it first.")
        sitk.WriteImage(image, str(temporary), useCompression=True)
        temporary.replace(path)
    except (RuntimeError, OSError) as error:
        raise OutputError(f"{path} could not be written; check permission and free space of {path.parent}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def save_volume(volume: Volume, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a scan; `metadata` becomes header fields where the format has them (NRRD, MetaImage).

    Raises:
        OutputError: it cannot be written.
    """
    image = to_image(volume)
    for key, value in (metadata or {}).items():
        image.SetMetaData(key, value)
    write_image(image, Path(path))
