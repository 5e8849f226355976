"""What the NIfTI reader leaves out: whether the file is whole, and the label names TotalSegmentator
writes into it."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

from DGMVLCCore.errors import UnreadableError

HEADER_BYTES = 348
CHUNK = 1 << 22
LABEL = re.compile(r"<Label\s.*?</Label>", re.DOTALL)


def is_nifti(path: Path) -> bool:
    """True for a name ending in .nii or .nii.gz."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _open(path: Path) -> BinaryIO:
    """The file, unpacked when it is packed."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _order(header: bytes) -> str:
    """Byte order of a NIfTI-1 header, "" when it is none."""
    return next(
        (
            order
            for order in "<>"
            if len(header) == HEADER_BYTES
            and struct.unpack_from(f"{order}i", header)[0] == HEADER_BYTES
        ),
        "",
    )


def check_whole(path: Path) -> None:
    """Refuse a cut or damaged file; the toolkit's reader would fill the missing voxels with zeros
    and say nothing.

    Raises:
        UnreadableError: fewer bytes than the header promises, or a damaged packing.
    """
    try:
        with _open(path) as file:
            header = file.read(HEADER_BYTES)
            order = _order(header)
            found = len(header)
            while part := file.read(CHUNK):
                found += len(part)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"{path} is cut or damaged; copy or export it again.") from error
    if not order:
        return  # NIfTI-2, or no NIfTI at all: the reader says so
    dims = struct.unpack_from(f"{order}8h", header, 40)
    bits, offset = (
        struct.unpack_from(f"{order}h", header, 72)[0],
        struct.unpack_from(f"{order}f", header, 108)[0],
    )
    voxels = 1
    for n in dims[1 : 1 + max(min(dims[0], 7), 0)]:
        voxels *= max(n, 1)
    needed = int(offset) + voxels * bits // 8
    if found < needed:
        raise UnreadableError(
            f"{path} is cut: {found} of {needed} bytes are there; copy or export it again."
        )


def label_names(path: Path) -> dict[int, str]:
    """Label value -> name from the header's label table (TotalSegmentator, Connectome Workbench);
    empty when there is none."""
    with _open(path) as file:
        header = file.read(HEADER_BYTES)
        order = _order(header)
        if not order or file.read(4)[:1] != b"\x01":
            return {}
        end = int(struct.unpack_from(f"{order}f", header, 108)[0])
        rest = file.read(max(end - HEADER_BYTES - 4, 0))
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
