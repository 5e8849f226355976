"""Scans in and out: NRRD, NIfTI, MetaImage and DICOM; HU and geometry survive exactly.

Geometry is exact to double precision in NRRD and MetaImage; NIfTI stores it in single precision
(about 1e-5 mm).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging import nifti
from DGMVLCCore.imaging.checks import check_straight, check_voxels
from DGMVLCCore.imaging.profiles import settle_modality
from DGMVLCCore.imaging.quiet import quiet
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.whole import whole_file

SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
WRITABLE = (
    ".nrrd",
    ".nii",
    ".nii.gz",
    ".mha",
)  # one file each, so that one rename puts all of it in place
READERS = ("NrrdImageIO", "NiftiImageIO", "MetaImageIO")
LARGEST_EXACT = 2**24  # float32 holds every whole number up to here


def check_file(path: Path) -> None:
    """Refuse what is no readable, non-empty file.

    Raises:
        UnreadableError: with the reason.
    """
    if not path.exists():
        raise UnreadableError(f"{path} does not exist; check the path.")
    if not path.is_file():
        raise UnreadableError(f"{path} is a folder, not an image file; give one of its files.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise UnreadableError(
            f"{path} may not be read ({error.strerror}); check its permissions."
        ) from error
    if empty:
        raise UnreadableError(f"{path} is empty; copy or export it again.")


def read_image(path: Path) -> sitk.Image:
    """Read a NRRD, NIfTI or MetaImage file.

    Raises:
        UnreadableError: missing, empty, truncated or not such an image. UnsuitableInputError:
            sheared NIfTI.
    """
    check_file(path)
    if nifti.is_nifti(path):
        nifti.check_whole(path)
    with quiet():
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        try:
            kind = sitk.ImageFileReader.GetImageIOFromFileName(str(path))
            if kind in READERS:
                return reader.Execute()
        except RuntimeError as error:
            if "orthonormal" in str(error):
                raise UnsuitableInputError(
                    f"{path.name} lies on a sheared grid (gantry tilt); resample it to a "
                    "straight grid first."
                ) from error
            raise UnreadableError(f"{path} is cut or damaged; copy or export it again.") from error
    raise UnreadableError(
        f"{path} is not an image this program reads; give {', '.join(SUFFIXES)}, a DICOM file or "
        "a DICOM folder."
    )


def affine_of(image: sitk.Image) -> np.ndarray:
    """Voxel index (x,y,z) -> LPS mm, (4,4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def one_value_3d(image: sitk.Image, name: str) -> sitk.Image:
    """The image with 3 axes and one real number a voxel.

    Raises:
        UnsuitableInputError: colour, vector, complex, or more than 3 dimensions.
    """
    if (values := image.GetNumberOfComponentsPerPixel()) != 1:
        raise UnsuitableInputError(
            f"{name} is a colour or vector image ({values} values a voxel); a scan with one "
            "value a voxel is needed."
        )
    if "complex" in image.GetPixelIDTypeAsString():
        raise UnsuitableInputError(f"{name} holds complex numbers; give the magnitude image.")
    if image.GetDimension() == 2:
        return sitk.JoinSeries(image)
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        return image[:, :, :, 0]
    if image.GetDimension() != 3:
        size = "x".join(str(n) for n in image.GetSize())
        raise UnsuitableInputError(
            f"{name} has {image.GetDimension()} dimensions ({size}); give a single 3D scan."
        )
    return image


def volume_from_image(image: sitk.Image, name: str, modality: str | None = None) -> Volume:
    """A scalar image as a checked `Volume`.

    Raises:
        UnsuitableInputError: colour, 4D, sheared, NaN, constant, or not of the modality it is said
            to be.
    """
    image = one_value_3d(image, name)
    affine = affine_of(image)
    check_straight(affine, name)
    pixels = sitk.GetArrayViewFromImage(image)
    if (
        np.issubdtype(pixels.dtype, np.integer)
        and max(abs(int(pixels.min())), abs(int(pixels.max()))) > LARGEST_EXACT
    ):
        raise UnsuitableInputError(
            f"{name} holds whole numbers beyond 2^24, which are no HU; export it again."
        )
    array = pixels.astype(np.float32)
    check_voxels(array, name)
    return Volume(
        array, affine, settle_modality(array, name, modality), pixels.dtype.name, {"source": name}
    )


def load_volume(path: str | Path, modality: str | None = None, series: int | None = None) -> Volume:
    """Read a scan.

    Args:
        path: NRRD, NIfTI or MetaImage file, a DICOM file, or a folder with one DICOM series.
        modality: "CT", "MR" or "XR"; found in the file when None.
        series: which of a folder's DICOM series, counted from 1 as the refusal lists them.

    Returns:
        float32 (D,H,W), HU for CT, with its LPS geometry; X-ray images have depth 1.

    Raises:
        UnreadableError, UnsuitableInputError: with the reason. UsageError: no such series.
    """
    from DGMVLCCore.imaging import dicom

    path = Path(path)
    if path.is_dir():
        return dicom.load_series(path, modality, series)
    check_file(path)
    if not path.name.lower().endswith(SUFFIXES) and dicom.is_dicom(path):
        return dicom.load_file(path, modality)
    return volume_from_image(read_image(path), path.name, modality)


def _stored_type(array: np.ndarray, wanted: np.dtype) -> np.dtype:
    """The wanted integer type, or the smallest wider one that holds every value."""
    low, high = float(array.min()), float(array.max())
    for kind in (wanted, np.dtype("int16"), np.dtype("int32"), np.dtype("int64")):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return kind
    raise OutputError(
        f"Values from {low:g} to {high:g} do not fit any whole-number type; keep the volume as "
        "float32."
    )


def to_image(volume: Volume) -> sitk.Image:
    """A `Volume` as SimpleITK image of its stored type; integers are rounded, and widened rather
    than clipped or wrapped.

    Raises:
        OutputError: NaN or infinite voxels.
    """
    array = volume.array
    if not np.isfinite(array).all():
        raise OutputError("The volume holds NaN or infinite voxels, so it is not written.")
    if volume.integer:
        array = np.rint(array)
        array = array.astype(_stored_type(array, np.dtype(volume.stored_dtype)))
    else:
        array = array.astype(np.float32)
    image = sitk.GetImageFromArray(array)
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    return image


def write_image(image: sitk.Image, path: Path) -> None:
    """Write under a temporary name, then rename: the file is there whole, or not at all.

    Raises:
        OutputError: no such folder, no permission, no space; nothing is left behind and an older
            file stays.
    """
    suffix = next(
        (s for s in sorted(WRITABLE, key=len, reverse=True) if path.name.lower().endswith(s)), None
    )
    if suffix is None:
        raise OutputError(
            f"{path.name} has no image ending that can be written; use one of "
            f"{', '.join(WRITABLE)}."
        )
    if not path.parent.is_dir():
        raise OutputError(f"The folder {path.parent} does not exist; create it first.")
    try:
        with whole_file(path, suffix) as temporary:
            with quiet():
                sitk.WriteImage(image, str(temporary), useCompression=True)
            if nifti.is_nifti(temporary):
                nifti.check_whole(temporary)  # its writer says nothing when the disk is full
    except (RuntimeError, OSError, UnreadableError) as error:
        raise OutputError(
            f"{path} could not be written; check permission and free space of {path.parent}."
        ) from error


def save_volume(volume: Volume, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a scan; `metadata` becomes header fields where the format has them (NRRD, MetaImage).

    Raises:
        OutputError: it cannot be written.
    """
    image = to_image(volume)
    for key, value in (metadata or {}).items():
        image.SetMetaData(key, value)
    write_image(image, Path(path))
