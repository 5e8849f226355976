"""NRRD headers (teem's format definition, version 5), attached or detached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DGMVLCCore.errors import quoted
from DGMVLCCore.imaging.checks import MM
from DGMVLCCore.imaging.stored import (
    Layout,
    StoredImage,
    all_inside,
    damaged,
    read_voxels,
    refused,
)

LONGEST_HEADER = 1 << 23
MOST_FILES = 5000
TYPES = {
    "i1": "signed char,int8,int8_t",
    "u1": "uchar,unsigned char,uint8,uint8_t",
    "i2": "short,short int,signed short,signed short int,int16,int16_t",
    "u2": "ushort,unsigned short,unsigned short int,uint16,uint16_t",
    "i4": "int,signed int,int32,int32_t",
    "u4": "uint,unsigned int,uint32,uint32_t",
    "i8": "longlong,long long,long long int,signed long long,signed long long int,int64,int64_t",
    "u8": "ulonglong,unsigned long long,unsigned long long int,uint64,uint64_t",
    "f4": "float",
    "f8": "double",
}
DTYPES = {name: code for code, names in TYPES.items() for name in names.split(",")}
PACKINGS = {
    "raw": "raw",
    "gzip": "gzip",
    "gz": "gzip",
    "bzip2": "bzip2",
    "bz2": "bzip2",
    "text": "text",
    "txt": "text",
    "ascii": "text",
    "hex": "hex",
}
# Signs that turn a space's x and y into LPS; spaces of a scanner or of no patient say no side.
SPACES = {
    "left-posterior-superior": (1, 1),
    "lps": (1, 1),
    "right-anterior-superior": (-1, -1),
    "ras": (-1, -1),
    "left-anterior-superior": (1, -1),
    "las": (1, -1),
}
SIDELESS = ("scanner-xyz", "3d-right-handed", "3d-left-handed", "")
FIELDS = set(
    [
        "dimension",
        "type",
        "blocksize",
        "encoding",
        "endian",
        "content",
        "min",
        "max",
        "oldmin",
        "oldmax",
        "datafile",
        "lineskip",
        "byteskip",
        "number",
        "sampleunits",
        "sizes",
        "spacings",
        "thicknesses",
        "axismins",
        "axismaxs",
        "centers",
        "centerings",
        "labels",
        "units",
        "kinds",
        "space",
        "spacedimension",
        "spaceunits",
        "spaceorigin",
        "spacedirections",
        "measurementframe",
    ]
)


@dataclass(frozen=True)
class Header:
    """Fields by their name without blanks, free `key:=value` pairs, and where the header ends."""

    fields: dict[str, str]
    pairs: dict[str, str]
    end: int


def read_header(path: Path) -> Header:
    """The header of a NRRD file.

    Raises:
        UnreadableError: none, cut, or with a field that the format does not know.
    """
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    with path.open("rb") as file:
        if not re.fullmatch(rb"NRRD000[1-5]\r?\n", file.readline(16)):
            raise damaged(path, "is not an image: it does not start as NRRD does")
        while (raw := file.readline(LONGEST_HEADER)).strip(b"\r\n"):
            _keep(raw.decode("utf-8", "replace").rstrip("\r\n"), path, fields, pairs)
            if file.tell() > LONGEST_HEADER:
                raise refused(path, "does not end")
        if not raw and "datafile" not in fields:
            raise damaged(path)
        return Header(fields, pairs, file.tell())


def _keep(line: str, path: Path, fields: dict[str, str], pairs: dict[str, str]) -> None:
    """Sort one line of a header."""
    if line.startswith("#"):
        return
    if found := re.match(r"([^:]+):=(.*)", line):
        pairs[found[1].strip()] = found[2].replace("\\n", "\n").replace("\\\\", "\\")
        return
    name, colon, value = line.partition(":")
    key = name.replace(" ", "").lower()
    if "datafile" in fields and fields["datafile"].upper().startswith("LIST") and not colon:
        fields["files"] = f"{fields.get('files', '')}\n{line.strip()}"
        return
    if not colon or key not in FIELDS or key in fields:
        raise refused(path, f"holds the line {quoted(line)}, which is no field of NRRD")
    fields[key] = value.strip()


def _numbers(text: str, path: Path, what: str) -> np.ndarray:
    try:
        return np.array(text.split(), float)
    except ValueError as error:
        raise refused(path, f"gives the {what} {quoted(text)}") from error


def _whole(text: str, path: Path, what: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise refused(path, f"gives the {what} {quoted(text)}")
    return int(text)


def _vectors(text: str, path: Path, what: str) -> list[np.ndarray | None]:
    """Vectors "(a,b,c) none (d,e,f)"."""
    tokens = re.findall(r"none|\([^()]*\)", text)
    if re.sub(r"none|\([^()]*\)|\s", "", text):
        raise refused(path, f"gives the {what} {quoted(text)}")
    return [
        None if token == "none" else _numbers(token[1:-1].replace(",", " "), path, what)
        for token in tokens
    ]


def _files(header: Header, path: Path) -> tuple[Path, ...]:
    """The files that hold the voxels."""
    named = header.fields.get("datafile")
    if named is None:
        return (path,)
    words = named.split()
    if words and words[0].upper() == "LIST":
        names = header.fields.get("files", "").split("\n")[1:]
    elif len(words) >= 4 and "%" in words[0]:
        first, last, step = (_whole(word, path, "data file") for word in words[1:4])
        if step == 0 or abs(last - first) // abs(step) > MOST_FILES:
            raise refused(path, f"names the files {quoted(named)}")
        if not re.fullmatch(r"[^%]*%0?\d{0,2}[di][^%]*", words[0]):
            raise refused(path, f"names the files {quoted(named)}")
        names = [words[0] % n for n in range(first, last + (1 if step > 0 else -1), step)]
    else:
        names = [named]
    if len(names) > MOST_FILES:
        raise refused(path, f"names {len(names)} files")
    return all_inside(path, names)


def _dtype(header: Header, path: Path) -> np.dtype:
    """Type and byte order of the voxels."""
    word = " ".join(header.fields.get("type", "").lower().split())
    if word not in DTYPES:
        raise refused(path, f"gives the type {quoted(word)}")
    endian = header.fields.get("endian", "").lower()
    code = DTYPES[word]
    packing = PACKINGS.get(header.fields.get("encoding", "").lower(), "")
    if endian not in ("little", "big") and (endian or (code[1] != "1" and packing != "text")):
        raise refused(path, f"gives the byte order {quoted(endian)}")
    return np.dtype(("<" if endian != "big" else ">") + code)


def _axes(header: Header, path: Path) -> tuple[list[int], list[np.ndarray | None], int | None]:
    """Sizes, fastest first; directions of each axis, None where it is no axis of space; and the
    axis that counts values of one voxel."""
    dimension = _whole(header.fields.get("dimension", ""), path, "dimension")
    sizes = [_whole(n, path, "sizes") for n in header.fields.get("sizes", "").split()]
    if not 1 <= dimension <= 16 or len(sizes) != dimension:
        raise refused(
            path,
            f"gives {len(sizes)} sizes for the dimension {quoted(header.fields['dimension'])}",
        )
    kinds = header.fields.get("kinds", "").lower().split() or ["domain"] * dimension
    if len(kinds) != dimension:
        raise refused(path, f"gives {len(kinds)} kinds for {dimension} axes")
    if "spacedirections" in header.fields:
        steps = _vectors(header.fields["spacedirections"], path, "space directions")
        values = [i for i, step in enumerate(steps) if step is None]
    else:
        spacing = _numbers(header.fields.get("spacings", ""), path, "spacings")
        values = [
            i
            for i, kind in enumerate(kinds)
            if kind not in ("domain", "space", "time", "???", "none")
            or (len(spacing) == dimension and np.isnan(spacing[i]) and kind not in ("domain",))
        ]
        space = [i for i in range(dimension) if i not in values]
        if len(space) > 2 and len(spacing) != dimension:
            raise refused(path, "does not give the size of its voxels")
        steps = [None] * dimension
        for place, i in enumerate(space[:3]):
            mm = spacing[i] if len(spacing) == dimension else 1.0
            steps[i] = np.eye(3)[place] * mm
    if len(steps) != dimension or len(values) > 1:
        raise refused(path, f"does not give the direction of each of its {dimension} axes")
    return sizes, steps, values[0] if values else None


def _affine(header: Header, steps: list[np.ndarray | None], path: Path) -> tuple[np.ndarray, bool]:
    """Voxel index -> LPS mm, and whether the sides are known."""
    columns = [step for step in steps if step is not None]
    space = header.fields.get("space", "").lower()
    if space not in SPACES and space not in SIDELESS:
        raise refused(path, f"gives the space {quoted(space)}")
    if "spaceorigin" in header.fields:
        origin = _vectors(header.fields["spaceorigin"], path, "space origin")
        start = origin[0] if len(origin) == 1 else None
    elif "axismins" in header.fields and "spacedirections" not in header.fields:
        mins = _numbers(header.fields["axismins"], path, "axis mins")
        start = np.nan_to_num(mins[[i for i, s in enumerate(steps) if s is not None]])
    else:
        start = np.zeros(max((len(c) for c in columns), default=0))
    wide = len(columns[0]) if columns else 0
    if start is None or not 2 <= wide <= 4 or any(len(v) != wide for v in columns):
        raise refused(path, "does not give its axes and origin in two to four dimensions")
    affine = np.eye(4)
    for i, column in enumerate(columns[:3]):
        affine[:3, i] = 0
        affine[: min(wide, 3), i] = column[:3]
    affine[: len(start[:3]), 3] = start[:3]
    affine[:3] *= _unit_mm(header, path)
    affine[:2] *= np.array(SPACES.get(space, (1, 1)))[:, None]
    return affine, space in SPACES and "spacedirections" in header.fields


def _unit_mm(header: Header, path: Path) -> float:
    """Millimetres of the unit that the space is measured in; mm where none is named."""
    named = header.fields.get("spaceunits") or header.fields.get("units", "")
    units = {word.strip() for word in re.findall(r'"([^"]*)"', named)} - {
        "",
        "none",
        "???",
        "s",
        "ms",
    }
    if not units:
        return 1.0
    if len(units) > 1 or (unit := units.pop()) not in MM:
        raise refused(path, f"gives the units {quoted(named)}")
    return MM[unit]


def read_nrrd(path: Path) -> StoredImage:
    """A NRRD file, checked before it is used.

    Raises:
        UnreadableError: cut, damaged, or not of the format. UnsuitableInputError: too large.
    """
    header = read_header(path)
    packing = PACKINGS.get(header.fields.get("encoding", "").lower())
    if packing is None:
        raise refused(path, f"gives the encoding {quoted(header.fields.get('encoding', ''))}")
    sizes, steps, values = _axes(header, path)
    affine, known = _affine(header, steps, path)
    files, skip = _files(header, path), _whole(header.fields.get("byteskip", "0"), path, "skip")
    lines = _whole(header.fields.get("lineskip", "0"), path, "line skip")
    if skip < -1 or lines < 0 or lines > 10**6 or (skip == -1 and packing != "raw"):
        raise refused(path, f"skips {quoted(str(skip))} bytes and {quoted(str(lines))} lines")
    if files == (path,) and (skip or lines):
        raise refused(path, "skips bytes of its own file")
    attached = header.end if files == (path,) else 0
    shape = tuple(sizes[::-1])
    layout = Layout(files, _dtype(header, path), shape, packing, skip, lines, attached)
    array = read_voxels(layout, path)
    components = 1
    if values is not None:
        array = np.moveaxis(array, len(sizes) - 1 - values, -1)
        components = array.shape[-1]
        array = array[..., 0] if components == 1 else array
    kinds = header.fields.get("kinds", "").lower()
    return StoredImage(array, affine, components, "complex" in kinds, known, header.pairs)


def stored_type(path: Path) -> np.dtype:
    """Type of the voxels; only the header is read. Errors as `read_header`."""
    return _dtype(read_header(path), path)
