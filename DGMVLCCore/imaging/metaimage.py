"""MetaImage headers (.mha, and .mhd with its data file beside it)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from DGMVLCCore.errors import quoted
from DGMVLCCore.imaging.checks import MM
from DGMVLCCore.imaging.stored import (
    Layout,
    StoredImage,
    all_inside,
    damaged,
    inside,
    read_voxels,
    refused,
)

LONGEST_LINE, MOST_FIELDS = 1 << 16, 500
LONGEST_OFF = 0.01  # of a direction's length from 1
TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # MetaIO stores 32 bits whatever the machine
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
# Names that mean the same, the usual one first.
SAME = {
    "Position": "Offset",
    "Origin": "Offset",
    "Orientation": "TransformMatrix",
    "Rotation": "TransformMatrix",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}
# Free text beside these is kept; a misspelt name of the geometry must not pass as such.
KNOWN = set(
    [
        "ObjectType",
        "ObjectSubType",
        "NDims",
        "BinaryData",
        "BinaryDataByteOrderMSB",
        "CompressedData",
        "CompressedDataSize",
        "TransformMatrix",
        "Offset",
        "CenterOfRotation",
        "AnatomicalOrientation",
        "ElementSpacing",
        "ElementSize",
        "DimSize",
        "ElementType",
        "ElementNumberOfChannels",
        "HeaderSize",
        "ElementDataFile",
        "Comment",
        "TransformType",
        "Name",
        "ID",
        "ParentID",
        "Color",
        "Modality",
        "ElementMin",
        "ElementMax",
        "ElementToIntensityFunctionSlope",
        "ElementToIntensityFunctionOffset",
        "SequenceID",
        "DistanceUnits",
        "AcquisitionDate",
        "CompressionLevel",
        "ElementDirection",
    ]
)
NEEDED = ("NDims", "DimSize", "ElementType", "ElementDataFile")


def read_header(path: Path) -> tuple[dict[str, str], int]:
    """Fields of a MetaImage header, and where it ends.

    Raises:
        UnreadableError: none, cut, or a field twice.
    """
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while "ElementDataFile" not in fields:
            raw = file.readline(LONGEST_LINE)
            found = re.fullmatch(rb"\s*([\w .:-]{1,200}?)\s*=\s*([^\n]*?)\s*", raw)
            if not found or not raw.endswith(b"\n") or len(fields) > MOST_FIELDS:
                raise damaged(path, "is cut or damaged, or is not an image of the MetaImage format")
            name = SAME.get(
                found[1].decode("ascii", "replace"), found[1].decode("utf-8", "replace")
            )
            if name in fields:
                raise refused(path, f"gives {quoted(name)} twice")
            fields[name] = found[2].decode("utf-8", "replace")
        end = file.tell()
    if lacking := [name for name in NEEDED if name not in fields]:
        raise refused(path, f"lacks {', '.join(lacking)}")
    near = [n for n in fields if n not in KNOWN and any(_alike(n, k) for k in KNOWN)]
    if near:
        raise refused(path, f"holds the misspelt field {quoted(near[0])}")
    return fields, end


def _alike(name: str, known: str) -> bool:
    """True for two names of one length that differ in a letter or two."""
    return len(name) == len(known) and 0 < sum(a != b for a, b in zip(name, known)) <= 2


def _numbers(fields: dict[str, str], name: str, count: int, path: Path) -> np.ndarray:
    try:
        values = np.array(fields[name].split(), float)
    except ValueError as error:
        raise refused(path, f"gives {name} as {quoted(fields[name])}") from error
    if len(values) != count or not np.isfinite(values).all():
        raise refused(path, f"gives {name} as {quoted(fields[name])}, not {count} numbers")
    return values


def _whole(fields: dict[str, str], name: str, default: int, path: Path) -> int:
    text = fields.get(name, str(default))
    if not re.fullmatch(r"-?\d{1,15}", text):
        raise refused(path, f"gives {name} as {quoted(text)}")
    return int(text)


def _flag(fields: dict[str, str], name: str, path: Path, default: str = "False") -> bool:
    text = fields.get(name, default)
    if text.lower() not in ("true", "false", "1", "0"):
        raise refused(path, f"gives {name} as {quoted(text)}, not True or False")
    return text.lower() in ("true", "1")


def _files(fields: dict[str, str], dims: int, path: Path, end: int) -> tuple[tuple[Path, ...], int]:
    """The files that hold the voxels, and where they begin in this one."""
    words = fields["ElementDataFile"].split()
    if words and words[0].upper() == "LOCAL":
        return (path,), end
    if words and words[0].upper() == "LIST":
        with path.open("rb") as file:
            file.seek(end)
            names = file.read(LONGEST_LINE * 16).decode("utf-8", "replace").split("\n")
        return all_inside(path, [name.strip() for name in names if name.strip()]), 0
    if len(words) >= 4 and re.fullmatch(r"[^%]*%0?\d{0,2}[di][^%]*", words[0]):
        try:
            first, last, step = (int(word) for word in words[1:4])
            numbers = range(first, last + 1, step)
        except ValueError as error:
            raise refused(path, f"names the files {quoted(' '.join(words))}") from error
        return all_inside(path, [words[0] % n for n in numbers[:5000]]), 0
    return (inside(path, fields["ElementDataFile"]),), 0


def _dtype(fields: dict[str, str], path: Path) -> np.dtype:
    kind = fields["ElementType"].removesuffix("_ARRAY")
    if kind not in TYPES:
        raise refused(path, f"gives the type {quoted(kind)}")
    return np.dtype((">" if _flag(fields, "BinaryDataByteOrderMSB", path) else "<") + TYPES[kind])


def _affine(fields: dict[str, str], dims: int, path: Path) -> np.ndarray:
    """Voxel index -> LPS mm of the first three axes."""
    if dims > 2 and not {"ElementSize", "ElementSpacing"} & fields.keys():
        raise refused(path, "does not give the size of its voxels")
    spacing = np.ones(dims)
    for name in ("ElementSize", "ElementSpacing"):  # the spacing counts where both are given
        if name in fields:
            spacing = _numbers(fields, name, dims, path)
            if spacing.min() <= 0:
                raise refused(path, f"gives {name} as {quoted(fields[name])}")
    turn = np.eye(dims)
    if "TransformMatrix" in fields:
        turn = _numbers(fields, "TransformMatrix", dims * dims, path).reshape(dims, dims).T
        if np.abs(np.linalg.norm(turn, axis=0) - 1).max() > LONGEST_OFF:
            raise refused(path, f"gives TransformMatrix as {quoted(fields['TransformMatrix'])}")
    start = _numbers(fields, "Offset", dims, path) if "Offset" in fields else np.zeros(dims)
    affine, n = np.eye(4), min(dims, 3)
    affine[:n, :n], affine[:n, 3] = (turn * spacing)[:n, :n], start[:n]
    unit = fields.get("DistanceUnits", "mm").strip()
    if unit not in MM and unit not in ("?", ""):
        raise refused(path, f"gives DistanceUnits as {quoted(unit)}")
    affine[:3] *= MM.get(unit, 1.0)
    return affine


def _notes(fields: dict[str, str], affine: np.ndarray) -> tuple[str, ...]:
    """What is said where the header names other axes (from the side they come from) than its
    matrix has; MetaImage counts the matrix."""
    named = fields.get("AnatomicalOrientation", "").upper()
    if not re.fullmatch(r"[RLAPIS]{3}", named) or "TransformMatrix" not in fields:
        return ()
    steps = affine[:3, :3].T
    ways = [("LR", "PA", "SI")[axis][int(v[axis] > 0)] for v in steps for axis in [abs(v).argmax()]]
    if (meant := "".join(ways)) == named:
        return ()
    return (f"Its header names the orientation {named}, but its axes are {meant}, which counts.",)


def read_metaimage(path: Path) -> StoredImage:
    """A MetaImage file, checked before it is used.

    Raises:
        UnreadableError: cut, damaged, or not of the format. UnsuitableInputError: too large.
    """
    fields, end = read_header(path)
    dims = _whole(fields, "NDims", 3, path)
    if not 2 <= dims <= 4:
        raise refused(path, f"gives {quoted(dims)} dimensions")
    sizes = _numbers(fields, "DimSize", dims, path)
    channels = _whole(fields, "ElementNumberOfChannels", 1, path)
    if (sizes != np.rint(sizes)).any() or sizes.min() < 1 or sizes.max() > 2**31 or channels < 1:
        raise refused(path, f"gives the size {quoted(fields['DimSize'])} and {channels} channels")
    files, start = _files(fields, dims, path, end)
    packing = "zlib" if _flag(fields, "CompressedData", path) else "raw"
    if not _flag(fields, "BinaryData", path, "True"):
        packing = "text"
    skip = _whole(fields, "HeaderSize", 0, path)
    if skip < -1 or (skip and files == (path,)):
        raise refused(path, f"skips {quoted(skip)} bytes")
    shape = (*(int(n) for n in sizes[::-1]), *((channels,) if channels > 1 else ()))
    layout = Layout(files, _dtype(fields, path), shape, packing, skip, 0, start)
    array = read_voxels(layout, path)
    slope = float(
        _numbers({"f": fields.get("ElementToIntensityFunctionSlope", "1")}, "f", 1, path)[0]
    )
    shift = float(
        _numbers({"f": fields.get("ElementToIntensityFunctionOffset", "0")}, "f", 1, path)[0]
    )
    if (slope, shift) != (1.0, 0.0):
        array = (array * slope + shift).astype(np.float32)
    known = "TransformMatrix" in fields and dims >= 3
    free = {name: value for name, value in fields.items() if name not in KNOWN}
    affine = _affine(fields, dims, path)
    notes = _notes(fields, affine)
    return StoredImage(array, affine, channels, False, known, free, notes)


def stored_type(path: Path) -> np.dtype:
    """Type of the voxels; only the header is read. Errors as `read_header`."""
    return _dtype(read_header(path)[0], path)
