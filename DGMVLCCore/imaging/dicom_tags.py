"""The one checked reader of DICOM elements: every value is what its tag promises, or the refusal
names tag and file. Decimal commas, as some exports write them, are read as points."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from DGMVLCCore.errors import UnreadableError, quoted

# What pydicom raises on files that are cut or overwritten, beside its own error.
DAMAGE = (
    BytesLengthException,
    InvalidDicomError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
BINARY = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "FL": "f4", "FD": "f8", "US or SS": "u2"}
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
LONGEST_TEXT = 1024


def _words(header: Dataset, keyword: str) -> list[str]:
    """The values of an element as text, from its bytes where they are still there, so that one bad
    value of a file is no error before it is needed."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in header:
        return []
    element: Any = header.get_item(tag)
    value = element.value
    if not isinstance(value, bytes):
        if value is None or value == "":
            return []
        many = isinstance(value, list | tuple) or type(value).__name__ == "MultiValue"
        return [str(part) for part in (value if many else [value])]
    vr = element.VR if element.VR in BINARY or element.VR not in (None, "UN") else None
    vr = vr or dictionary_VR(tag)
    if vr in BINARY:
        order = "<" if getattr(element, "is_little_endian", True) else ">"
        return [str(number) for number in np.frombuffer(value, order + BINARY[vr]).tolist()]
    text = value[: LONGEST_TEXT * 8].decode("latin-1").strip(" \0\t\r\n")
    return [part.strip(" \0") for part in text.split("\\")] if text else []


def _refuse(path: Path, keyword: str, words: list[str], wanted: str) -> UnreadableError:
    tag = tag_for_keyword(keyword) or 0
    return UnreadableError(
        f"{path} gives {keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X}) as "
        f"{quoted(chr(92).join(words))}, not {wanted}; export the original series again."
    )


def numbers(header: Dataset, keyword: str, count: int, path: Path) -> tuple[float, ...] | None:
    """`count` finite numbers of an element, None when it is absent or empty.

    Raises:
        UnreadableError: others than that.
    """
    try:
        words = _words(header, keyword)
    except DAMAGE as error:
        raise _refuse(path, keyword, ["?"], f"{count} numbers") from error
    if not any(words):
        return None
    if len(words) != count or not all(NUMBER.fullmatch(word) for word in words):
        raise _refuse(path, keyword, words, f"{count} number{'s' if count > 1 else ''}")
    values = tuple(float(word.replace(",", ".")) for word in words)
    if not np.isfinite(values).all():
        raise _refuse(path, keyword, words, "finite numbers")
    return values


def number(header: Dataset, keyword: str, path: Path, default: float) -> float:
    """One finite number. Errors as `numbers`."""
    values = numbers(header, keyword, 1, path)
    return default if values is None else values[0]


def whole(
    header: Dataset, keyword: str, path: Path, default: int | None = None, low: int = 0,
    high: int = 65535,
) -> int:  # fmt: skip
    """One whole number within limits.

    Raises:
        UnreadableError: absent without a default, no whole number, or beyond the limits.
    """
    values = numbers(header, keyword, 1, path)
    if values is None:
        if default is None:
            raise UnreadableError(f"{path} lacks {keyword}; export the original series again.")
        return default
    if values[0] != int(values[0]) or not low <= values[0] <= high:
        raise _refuse(path, keyword, [f"{values[0]:g}"], f"a whole number of {low} to {high}")
    return int(values[0])


def text(header: Dataset, keyword: str) -> str:
    """An element as decoded text of one line, "" when it is absent or cannot be decoded."""
    try:
        value = header.get(keyword)
        return " ".join(str("" if value is None else value)[:LONGEST_TEXT].split())
    except DAMAGE:
        return ""


def words(header: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a text element in capitals, e.g. ("ORIGINAL", "PRIMARY", "AXIAL")."""
    try:
        return tuple(word.upper() for word in _words(header, keyword))
    except DAMAGE:
        return ()


def items(header: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none when it is absent or broken."""
    try:
        return [item for item in header.get(keyword) or () if isinstance(item, Dataset)]
    except DAMAGE:
        return []
