"""Bytes -> text: the encodings that report and table exports come in."""

from __future__ import annotations

import codecs

from DGMVLCCore.errors import UnreadableError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NAMES = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
SAMPLE = 4096  # bytes looked at to tell UTF-16 without a mark
ZEROS = 0.4  # of every other byte: English in UTF-16 has nearly all of them zero
CONTROL = 0.02  # share of control characters above which a file is no text


def _without_mark(data: bytes) -> str | None:
    """Byte order of UTF-16 without a mark, from where the zeros stand."""
    sample = data[: SAMPLE if len(data) >= SAMPLE else len(data) & ~1]
    if len(sample) < 4:
        return None
    even, odd = (sample[n::2].count(0) / (len(sample) // 2) for n in (0, 1))
    if odd >= ZEROS and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even >= ZEROS and odd < 0.05 else None


def _by_line(data: bytes) -> tuple[str, list[int]]:
    """UTF-8 line by line, Windows-1252 (Latin-1 where that has no sign) for the others, and the
    numbers of those."""
    lines, other = [], []
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            other.append(number)
            try:
                lines.append(line.decode("cp1252"))
            except UnicodeDecodeError:
                lines.append(line.decode("latin-1"))
    return "\n".join(lines), other


def decode(data: bytes, name: str) -> tuple[str, str, list[str]]:
    """Text, the name of its encoding, and what to note of it.

    UTF-8, UTF-16 and UTF-32 with their marks, UTF-16 without one, UTF-8, else Windows-1252 in the
    lines that are not UTF-8. Line ends stay as they are.

    Raises:
        UnreadableError: cut in the middle of a character, or no text at all.
    """
    mark, marked = next(((mark, name) for mark, name in MARKS if data.startswith(mark)), (b"", ""))
    encoding = marked or _without_mark(data) or "utf-8"
    notes: list[str] = []
    if encoding == "utf-8":
        text, other = _by_line(data[len(mark) :])
        if other:
            encoding = "Windows-1252"
            shown = ", ".join(map(str, other[:5])) + (" …" if len(other) > 5 else "")
            notes = [f"Not UTF-8 in line {shown}: read as Windows-1252."]
    else:
        try:
            text = data[len(mark) :].decode(encoding)
        except UnicodeDecodeError as error:
            raise UnreadableError(
                f"{name} breaks in the middle of a character ({encoding.upper()}); export it again."
            ) from error
    strange = sum(c < " " and c not in "\t\n\r\f\v\x1c" for c in text)
    if strange > CONTROL * len(text) or "\0" in text:
        raise UnreadableError(f"{name} holds no text but binary data; give it as text.")
    return text, NAMES.get(encoding, encoding), notes
