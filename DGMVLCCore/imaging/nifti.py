"""NIfTI-1 and NIfTI-2 in one file: header, both forms of orientation, and the label names that
TotalSegmentator writes into it."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, quoted
from DGMVLCCore.imaging.checks import SHEAR_DEGREES, nearest_straight, shear_degrees
from DGMVLCCore.imaging.stored import (
    LARGEST_RATIO,
    StoredImage,
    check_size,
    damaged,
    fill,
    open_stream,
    refused,
)

LABEL = re.compile(r"<Label\s.*?</Label>", re.DOTALL)
LARGEST_EXTENSION = 1 << 26
TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 32: "c8", 64: "f8", 128: "u1", 256: "i1", 512: "u2",
    768: "u4", 1024: "i8", 1280: "u8", 1792: "c16", 2304: "u1",
}  # fmt: skip
COLOURS = {128: 3, 2304: 4}
UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
# Position, type and number of the fields that are used (nifti1.h, nifti2.h).
FIELDS1 = {
    "magic": (344, "S4", 1), "dim": (40, "i2", 8), "datatype": (70, "i2", 1),
    "bitpix": (72, "i2", 1), "pixdim": (76, "f4", 8), "offset": (108, "f4", 1),
    "slope": (112, "f4", 1), "inter": (116, "f4", 1), "units": (123, "u1", 1),
    "qcode": (252, "i2", 1), "scode": (254, "i2", 1), "quatern": (256, "f4", 6),
    "srow": (280, "f4", 12),
}  # fmt: skip
FIELDS2 = {
    "magic": (4, "S8", 1), "datatype": (12, "i2", 1), "bitpix": (14, "i2", 1),
    "dim": (16, "i8", 8), "pixdim": (104, "f8", 8), "offset": (168, "i8", 1),
    "slope": (176, "f8", 1), "inter": (184, "f8", 1), "qcode": (344, "i4", 1),
    "scode": (348, "i4", 1), "quatern": (352, "f8", 6), "srow": (400, "f8", 12),
    "units": (500, "i4", 1),
}  # fmt: skip
ROUNDING_MM, ROUNDED_DEGREES = 0.01, 0.01
AGREE_VOXELS, TOLD_VOXELS = 0.5, 0.1  # forms farther apart are refused, or told
LONGEST_TURN = 1.001  # b, c, d of a rotation are never longer than 1, but for their rounding


@dataclass(frozen=True)
class Header:
    """The fields of a header that are used, in its own words."""

    bytes: int
    dim: list[int]
    datatype: int
    bitpix: int
    pixdim: np.ndarray
    offset: float
    slope: float
    inter: float
    units: int
    qcode: int
    scode: int
    quatern: np.ndarray
    srow: np.ndarray
    order: str


def is_nifti(path: Path) -> bool:
    """True for a name ending in .nii or .nii.gz."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _parse(raw: bytes, path: Path) -> Header:
    """Header from its first 540 bytes (fewer in a short file).

    Raises:
        UnreadableError: no NIfTI header, or one that is cut.
    """
    sizes = {348: (FIELDS1, b"n+1"), 540: (FIELDS2, b"n+2")}
    for order in "<>":
        length = int(np.frombuffer(raw[:4].ljust(4, b"\0"), f"{order}i4")[0])
        if length in sizes:
            break
    else:
        raise damaged(path, "is cut, or is not an image: it does not start as NIfTI does")
    if len(raw) < length:
        raise damaged(path, "is cut within its header")
    places, magic = sizes[length]

    def value(name: str) -> np.ndarray:
        at, kind, count = places[name]
        return np.frombuffer(raw, np.dtype(order + kind if kind[0] != "S" else kind), count, at)

    if not bytes(value("magic")[0]).startswith(magic):
        raise damaged(path, "is no NIfTI file with its voxels in it, or is damaged")
    numbers: dict[str, Any] = {
        name: value(name)[0].item()
        for name in ("datatype", "bitpix", "offset", "slope", "inter", "units", "qcode", "scode")
    }
    numbers |= {name: value(name).astype(float) for name in ("pixdim", "quatern", "srow")}
    return Header(bytes=length, order=order, dim=value("dim").tolist(), **numbers)


def _open(path: Path) -> tuple[BinaryIO, BinaryIO]:
    """The file, and its unpacked bytes."""
    file = path.open("rb")
    return file, open_stream(file, "gzip" if _packed(path) else "raw")


def read_header(path: Path) -> Header:
    """The header of a NIfTI file.

    Raises:
        UnreadableError: none, cut or damaged.
    """
    try:
        file, stream = _open(path)
        with file:
            return _parse(stream.read(540), path)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path) from error


def _shape(header: Header, path: Path) -> tuple[tuple[int, ...], int]:
    """Axes, slowest first, and values a voxel."""
    count = header.dim[0]
    if not 1 <= count <= 7 or any(n < 1 for n in header.dim[1 : count + 1]):
        raise refused(path, f"gives the sizes {quoted(header.dim)}")
    sizes, values = header.dim[1 : count + 1], COLOURS.get(header.datatype, 1)
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes = sizes[:-1]
    if len(sizes) == 5 and sizes[3] == 1:  # no time, but a vector a voxel
        sizes, values = sizes[:3], sizes[4] * values
    if header.datatype not in TYPES:
        raise refused(path, f"gives the type {header.datatype}, which is none of NIfTI's")
    bits = np.dtype(TYPES[header.datatype]).itemsize * 8 * COLOURS.get(header.datatype, 1)
    if header.bitpix != bits:
        raise refused(path, f"gives {header.bitpix} bits a voxel for a type of {bits}")
    return tuple(sizes[::-1]), values


def _quaternion(header: Header) -> np.ndarray:
    """The rotation of the qform (nifti1.h, method 2), with the sign of its third axis."""
    b, c, d = header.quatern[:3]
    a = np.sqrt(max(1.0 - (b * b + c * c + d * d), 0.0))
    if a < 1e-7:
        b, c, d = np.array([b, c, d]) / max(np.linalg.norm([b, c, d]), 1e-12)
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    turn[:, 2] *= -1 if header.pixdim[0] < 0 else 1
    return turn


def _corners(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    far = [n - 1 for n in (*shape[::-1], 1, 1)[:3]]
    ends = [[x, y, z, 1] for x in (0, far[0]) for y in (0, far[1]) for z in (0, far[2])]
    return (affine @ np.array(ends, float).T)[:3]


def _sform(header: Header, spacing: np.ndarray, path: Path) -> tuple[np.ndarray, float, str]:
    """The sform in mm with square axes, how far off square it was, and a note."""
    affine = np.eye(4)
    affine[:3] = header.srow.reshape(3, 4)
    lengths, note = np.linalg.norm(affine[:3, :3], axis=0), ""
    if not np.isfinite(affine).all() or lengths.min() < 1e-6:
        raise refused(path, f"gives the sform {quoted(header.srow.tolist())}")
    tilt = shear_degrees(affine)
    if tilt > SHEAR_DEGREES:
        return affine, tilt, note
    if np.abs(lengths - spacing).max() > ROUNDING_MM * 2:
        if np.abs(lengths - 1).max() > ROUNDING_MM:
            ours, theirs = ("x".join(f"{v:.3f}" for v in values) for values in (lengths, spacing))
            raise UnsuitableInputError(
                f"{path.name} gives two voxel sizes, {ours} mm by its sform and {theirs} mm by "
                "pixdim; export it again."
            )
        note = "Its sform holds directions without the voxel size, which was taken from pixdim."
    straight = affine.copy()
    straight[:3, :3] = nearest_straight(affine[:3, :3] / lengths) * spacing
    return straight, tilt, note


def _geometry(
    header: Header, shape: tuple[int, ...], path: Path
) -> tuple[np.ndarray, bool, tuple[str, ...]]:
    """Voxel index -> LPS mm, whether the sides are known, and notes.

    Raises:
        UnsuitableInputError: two forms that disagree. UnreadableError: no form can be meant.
    """
    factor = UNITS_MM.get(header.units & 7)
    if factor is None:
        raise refused(path, f"gives the unit {header.units & 7} for lengths")
    count = min(header.dim[0], 3)
    spacing = np.ones(3)
    spacing[:count] = np.abs(header.pixdim[1 : count + 1])
    if not np.isfinite(header.pixdim[1 : count + 1]).all() or spacing.min() <= 0:
        raise refused(path, f"gives the voxel size {quoted(header.pixdim[1:4].tolist())}")
    forms, tilt, notes = {}, 0.0, []
    if header.scode > 0:
        forms["sform"], tilt, note = _sform(header, spacing, path)
        notes += [note] if note else []
    if header.qcode > 0:
        start = header.quatern[3:]
        turn = _quaternion(header)
        if not (
            np.isfinite(header.quatern).all() and np.linalg.norm(header.quatern[:3]) <= LONGEST_TURN
        ):
            raise refused(path, f"gives the qform {quoted(header.quatern.tolist())}")
        forms["qform"] = np.eye(4)
        forms["qform"][:3, :3], forms["qform"][:3, 3] = turn * spacing, start
    # A qform is always square, so it is the truer one beside a rounded sform.
    best = "qform" if tilt > ROUNDED_DEGREES and "qform" in forms else "sform"
    if len(forms) == 2:
        apart = _check_agree(forms["sform"], forms["qform"], tilt, spacing, shape, path)
        if apart > TOLD_VOXELS * spacing.max():
            notes.append(f"Its sform lies up to {apart:.2f} mm from its qform; read by the {best}.")
    affine = forms.get(best, forms.get("qform", np.diag([*spacing, 1.0])))
    if ROUNDED_DEGREES < tilt <= SHEAR_DEGREES:
        notes.append(f"Its axes were {tilt:.2f}° off square, as rounding leaves them.")
    return np.diag([-factor, -factor, factor, 1.0]) @ affine, bool(forms), tuple(notes)


def _check_agree(
    sform: np.ndarray,
    qform: np.ndarray,
    tilt: float,
    spacing: np.ndarray,
    shape: tuple[int, ...],
    path: Path,
) -> float:
    """How far apart two forms put a voxel, mm; refused when they mean different places."""
    apart = float(np.linalg.norm(_corners(sform, shape) - _corners(qform, shape), axis=0).max())
    reach = float(np.linalg.norm(spacing * shape[::-1])) if len(shape) == 3 else 0.0
    rounding = max(AGREE_VOXELS * float(spacing.max()), np.radians(tilt) * reach)
    if tilt <= SHEAR_DEGREES and apart <= rounding:  # a tilt is one in few slices, too
        return apart
    shear = (
        f" and is tilted by {tilt:.1f}°, which a qform cannot hold" if tilt > SHEAR_DEGREES else ""
    )
    raise UnsuitableInputError(
        f"{path.name} gives two orientations: its sform lies up to {apart:.1f} mm from its "
        f"qform{shear}; set the wrong one's code to 0, or export the scan again from DICOM."
    )


def read_nifti(path: Path) -> StoredImage:
    """A NIfTI file, checked before it is used.

    Raises:
        UnreadableError: cut, damaged, or not of the format. UnsuitableInputError: two orientations
            that disagree, or too large.
    """
    try:
        file, stream = _open(path)
        with file:
            header = _parse(raw := stream.read(540), path)
            array, components = _voxels(header, raw, stream, path)
    except (OSError, EOFError, OverflowError, zlib.error) as error:
        raise damaged(path) from error
    affine, known, notes = _geometry(header, array.shape[: array.ndim - (components > 1)], path)
    complex_values = np.iscomplexobj(array)
    return StoredImage(array, affine, components, complex_values, known, {}, notes)


def _voxels(header: Header, raw: bytes, stream: BinaryIO, path: Path) -> tuple[np.ndarray, int]:
    """The voxels in the header's own scaling, and values a voxel."""
    shape, values = _shape(header, path)
    dtype = np.dtype(header.order + TYPES[header.datatype])
    low, offset = header.bytes + 4, header.offset
    if not low <= offset <= LARGEST_EXTENSION or offset != int(offset):
        raise refused(path, f"puts the voxels at byte {quoted(offset)}")
    needed = check_size(path, (*shape, values) if values > 1 else shape, dtype)
    if needed > path.stat().st_size * (LARGEST_RATIO if _packed(path) else 1):
        raise damaged(path, f"is cut: it cannot hold {needed} bytes of voxels")
    head = raw
    if int(offset) > len(raw):
        head = raw + fill(stream, int(offset) - len(raw), path, more=True).tobytes()
    early = np.frombuffer(head[int(offset) :], np.uint8)[:needed]
    rest = fill(stream, needed - len(early), path)
    data = (np.concatenate([early, rest]) if len(early) else rest).view(dtype)
    if values > 1 and header.datatype not in COLOURS:
        array = np.moveaxis(data.reshape(values, *shape), 0, -1)
    else:
        array = data.reshape(*shape, values) if values > 1 else data.reshape(shape)
    array = array.astype(dtype.newbyteorder("="), copy=False)
    slope, inter = header.slope, header.inter
    if slope in (0.0, 1.0) and inter in (0.0,) or slope == 0.0 or header.datatype in COLOURS:
        return array, values
    if not (np.isfinite(slope) and np.isfinite(inter)):
        if np.isnan(slope):
            return array, values  # no scaling, as nibabel writes it
        raise refused(path, f"scales the voxels by {quoted((slope, inter))}")
    scaled = array * np.float64(slope) + np.float64(inter)
    whole = bool(np.array_equal(scaled, np.rint(scaled)) and np.abs(scaled).max() < 2**15)
    return scaled.astype(np.int16 if whole else np.float32), values


def label_names(path: Path) -> dict[int, str]:
    """Label value -> name from the header's label table (TotalSegmentator, Connectome Workbench);
    empty when there is none."""
    header = read_header(path)
    length = header.offset - header.bytes - 4
    if not 0 < length <= LARGEST_EXTENSION:
        return {}
    try:
        file, stream = _open(path)
        with file:
            start = stream.read(header.bytes + 4)
            rest = stream.read(int(length))
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path) from error
    if start[-4:-3] != b"\x01":
        return {}
    names: dict[int, str] = {}
    # TotalSegmentator writes the table as an extension of code 0, Workbench of code 30: look for
    # labels whatever the code.
    for label in LABEL.findall(rest.decode("utf-8", "replace")):
        try:
            element = ElementTree.fromstring(label)
            names[int(element.get("Key", ""))] = (element.text or "").strip()
        except (ElementTree.ParseError, ValueError):
            continue
    return {value: name for value, name in names.items() if name}


def stored_type(path: Path) -> np.dtype:
    """Type of the voxels; only the header is read.

    Raises:
        UnreadableError: as `read_header`, or a type that NIfTI does not know.
    """
    header = read_header(path)
    _shape(header, path)
    return np.dtype(TYPES[header.datatype])
