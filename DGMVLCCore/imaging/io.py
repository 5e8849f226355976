"""Scans in and out: NRRD, NIfTI, MetaImage and DICOM; HU and geometry survive exactly.

Geometry is exact to double precision in NRRD and MetaImage; NIfTI stores it in single precision
(about 1e-5 mm).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DGMVLCCore.errors import (
    DGMVLCError,
    OutputError,
    UnreadableError,
    UnsuitableInputError,
    UsageError,
)
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.imaging import metaimage, nifti, nrrd
from DGMVLCCore.imaging.checks import (
    check_file,
    check_plausible,
    check_sides,
    check_straight,
    check_voxels,
)
from DGMVLCCore.imaging.padding import outside_as_air
from DGMVLCCore.imaging.profiles import settle_modality
from DGMVLCCore.imaging.quiet import quiet
from DGMVLCCore.imaging.stored import StoredImage
from DGMVLCCore.imaging.untilt import AS_IT_IS, Reading, oriented, untilted
from DGMVLCCore.imaging.volume import Volume

logger = logging.getLogger(__name__)

SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
WRITABLE = (
    ".nrrd",
    ".nii",
    ".nii.gz",
    ".mha",
)  # one file each, so that one rename puts all of it in place
LARGEST_EXACT = 2**24  # float32 holds every whole number up to here


def read_image(path: Path) -> StoredImage:
    """Read a NRRD, NIfTI or MetaImage file.

    Raises:
        UnreadableError: missing, empty, damaged or not such an image. UnsuitableInputError: too
            large, or with two orientations that disagree.
    """
    check_file(path)
    return _format(path).read(path)


def stored_type(path: Path) -> np.dtype:
    """Type of an image's voxels on disk; only its header is read. Errors as `read_image`."""
    check_file(path)
    return _format(path).kind(path)


def free_fields(path: Path) -> dict[str, str]:
    """The free fields of an image's header. Errors as `read_image`."""
    check_file(path)
    return _format(path).fields(path)


@dataclass(frozen=True)
class _Format:
    """A file format: whole image, type of its voxels, free fields."""

    read: Callable[[Path], StoredImage]
    kind: Callable[[Path], np.dtype]
    fields: Callable[[Path], dict[str, str]]


FORMATS = {
    (".nrrd", ".nhdr"): _Format(
        nrrd.read_nrrd, nrrd.stored_type, lambda path: nrrd.read_header(path).pairs
    ),
    (".nii", ".nii.gz"): _Format(nifti.read_nifti, nifti.stored_type, lambda path: {}),
    (".mha", ".mhd"): _Format(
        metaimage.read_metaimage, metaimage.stored_type, lambda path: metaimage.read_header(path)[0]
    ),
}


def _format(path: Path) -> _Format:
    """The format of a file, by its name.

    Raises:
        UnreadableError: none that is read here.
    """
    for endings, kind in FORMATS.items():
        if path.name.lower().endswith(endings):
            return kind
    raise UnreadableError(
        f"{path} is not an image this program reads; give {', '.join(SUFFIXES)}, a DICOM file, a "
        "DICOM folder or a .zip of one."
    )


def one_value_3d(image: StoredImage, name: str) -> np.ndarray:
    """The image's voxels with 3 axes (D,H,W) and one real number each.

    Raises:
        UnsuitableInputError: colour, vector, complex, or more than 3 dimensions.
    """
    if image.complex_values:
        raise UnsuitableInputError(f"{name} holds complex numbers; give the magnitude image.")
    if image.components != 1:
        raise UnsuitableInputError(
            f"{name} is a colour or vector image ({image.components} values a voxel); a scan with "
            "one value a voxel is needed."
        )
    return three_axes(image.array, name)


def three_axes(array: np.ndarray, name: str) -> np.ndarray:
    """Voxels with exactly 3 axes (D,H,W).

    Raises:
        UnsuitableInputError: they have more that count.
    """
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim > 3:
        size = "x".join(str(n) for n in array.shape[::-1])
        raise UnsuitableInputError(
            f"{name} has {array.ndim} dimensions ({size}); give a single 3D scan."
        )
    return array.reshape((1,) * (3 - array.ndim) + array.shape)


def volume_from_image(
    image: StoredImage, name: str, modality: str | None = None, how: Reading = AS_IT_IS
) -> Volume:
    """A scalar image as a checked `Volume`.

    Raises:
        UnsuitableInputError: colour, 4D, sheared, of unknown sides, NaN, constant, or not of the
            modality it is said to be.
    """
    pixels = one_value_3d(image, name)
    if how.orientation and image.sides_known:
        raise UsageError(f"{name} says itself how its axes run, so --orientation is left out.")
    affine = oriented(image.affine, how.orientation) if how.orientation else image.affine
    check_sides(image.sides_known or bool(how.orientation), len(pixels), name)
    check_plausible(affine, pixels.shape, name)
    if not how.untilt:
        check_straight(affine, name)
    if (
        np.issubdtype(pixels.dtype, np.integer)
        and max(abs(int(pixels.min())), abs(int(pixels.max()))) > LARGEST_EXACT
    ):
        raise UnsuitableInputError(
            f"{name} holds whole numbers beyond 2^24, which are no HU; export it again."
        )
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, which is refused
        array = pixels.astype(np.float32)
    check_voxels(array, name)
    facts = {"source": name, "notes": image.notes, "orientation": how.orientation}
    known = settle_modality(array, name, modality)
    volume = Volume(array, affine, known, pixels.dtype.name, facts)
    volume = outside_as_air(volume)
    return untilted(volume) if how.untilt else volume


def load_volume(
    path: str | Path,
    modality: str | None = None,
    series: int | None = None,
    *,
    untilt: bool = False,
    orientation: str | None = None,
) -> Volume:
    """Read a scan.

    Args:
        path: NRRD, NIfTI or MetaImage file, a DICOM file, a DICOMDIR, a folder of DICOM series, or
            a .zip of a folder or a file, or archive:NAME/STUDY/SERIES.
        modality: "CT", "MR" or "XR"; found in the file when None.
        series: which of a folder's DICOM series, counted from 1 as the refusal lists them.
        untilt: resample a scan taken with a tilted gantry to a straight grid.
        orientation: where the axes x, y and z of a file that does not say it run to, e.g. "LPS".

    Returns:
        float32 (D,H,W), HU for CT, with its LPS geometry; X-ray images have depth 1.

    Raises:
        UnreadableError, UnsuitableInputError: with the reason. UsageError: no such series.
    """
    return read_scan(path, modality, Reading(series, untilt, orientation))


def read_scan(path: str | Path, modality: str | None = None, how: Reading = AS_IT_IS) -> Volume:
    """`load_volume`, with how it is read in one record."""
    from DGMVLCCore.archive.address import local
    from DGMVLCCore.imaging import dicom
    from DGMVLCCore.imaging.archives import unpacked

    path = local(path)
    if path.suffix.lower() == ".zip":
        with unpacked(path) as inner:
            return read_scan(inner, modality, how)
    if path.is_dir():
        volume = dicom.load_series(path, modality, _as_dicom(how, path.name))
    else:
        check_file(path)
        if not path.name.lower().endswith(SUFFIXES) and dicom.is_dicom(path):
            volume = dicom.load_file(path, modality, _as_dicom(how, path.name))
        elif how.series is not None:
            raise UsageError(
                f"{path.name} is one scan, so it has no series {how.series} to choose."
            )
        else:
            volume = volume_from_image(read_image(path), path.name, modality, how)
    for note in volume.metadata.get("notes", ()):
        logger.warning("%s: %s", path.name, note)
    return volume


def _as_dicom(how: Reading, name: str) -> Reading:
    """How a DICOM scan is read.

    Raises:
        UsageError: an orientation, which DICOM gives itself.
    """
    if how.orientation:
        raise UsageError(f"{name} is DICOM and says itself how it lies; leave --orientation out.")
    return how


def _stored_type(low: float, high: float, wanted: np.dtype) -> np.dtype:
    """The wanted integer type, or the smallest wider one that holds every value."""
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
    low, high = np.rint(float(array.min())), np.rint(float(array.max()))  # NaN where one is
    if not np.isfinite((low, high)).all():
        raise OutputError("The volume holds NaN or infinite voxels, so it is not written.")
    if volume.integer:
        kind = _stored_type(low, high, np.dtype(volume.stored_dtype))
        voxels = np.rint(array, out=np.empty(array.shape, kind), casting="unsafe")
    else:
        voxels = array.astype(np.float32, copy=False)
    return on_grid(sitk.GetImageFromArray(voxels), volume)


def on_grid(image: sitk.Image, volume: Volume) -> sitk.Image:
    """The image, told where a volume's voxels lie in the patient."""
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
                nifti.read_nifti(temporary)  # its writer says nothing when the disk is full
    except (RuntimeError, OSError, DGMVLCError) as error:
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
