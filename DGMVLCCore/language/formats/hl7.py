"""HL7 version 2 messages -> text."""

from __future__ import annotations

import re
from typing import NamedTuple

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.language.formats.embedded import Embedded, unpacked

TEXT_TYPES = ("TX", "FT", "ST", "")
WITHDRAWN = ("D", "W", "X")  # OBX-11, HL7 table 0085: deleted, posted wrongly, not obtained
# OBX-3, suffix after “&” (HL7 2.x, 7.4.2.3) -> heading
SECTIONS = {"GDT": "FINDINGS", "IMP": "IMPRESSION", "ADT": "ADDENDUM", "REC": "RECOMMENDATION"}
HEADER = re.compile(r"^MSH(.)(.)(.)(.)(.)", re.MULTILINE)
BREAKS = re.compile(r"\.(?:br|sp\d*|ce)$", re.IGNORECASE)


class Marks(NamedTuple):
    """The signs a message's header sets (MSH-1 and MSH-2)."""

    separator: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


def _unescaped(field: str, marks: Marks) -> str:
    """Text of a field: HL7's escapes and repetitions as signs and line ends (HL7 2.x, 2.7)."""
    signs = {
        "F": marks.separator,
        "S": marks.component,
        "T": marks.subcomponent,
        "R": marks.repetition,
        "E": marks.escape,
    }

    def sign(match: re.Match[str]) -> str:
        code = match.group(1)
        if code in signs:
            return signs[code]
        if BREAKS.match(code):
            return "\n"
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
            return bytes.fromhex(code[1:]).decode("utf-8", errors="replace").replace("\r", "\n")
        return ""  # highlighting, character sets, fonts

    escape = re.escape(marks.escape)
    text = field.replace(marks.repetition, "\n")
    return re.sub(rf"{escape}([^\n\\]{{1,40}}?){escape}", sign, text)


def _observation(
    fields: list[str], marks: Marks, name: str, embedded: Embedded
) -> tuple[str, str] | None:
    """Heading and text of one OBX segment; None when it says nothing or was taken back."""
    component = marks.component
    fields = fields + [""] * (12 - len(fields))
    if fields[11].strip().upper() in WITHDRAWN or not fields[5].strip():
        return None
    code, _, rest = fields[3].partition(component)
    suffix = code.rpartition(marks.subcomponent)[2].upper() if marks.subcomponent in code else ""
    heading = _unescaped(rest.partition(component)[0], marks).strip()
    kind = fields[2].strip().upper()
    if kind == "ED":  # source^type^subtype^encoding^data
        parts = fields[5].split(component)
        if len(parts) < 5 or parts[3].strip().lower() != "base64":
            return None
        return "", embedded(unpacked(parts[4], name), name)
    if kind in ("CE", "CWE"):
        parts = fields[5].split(component)
        text = _unescaped(parts[1] if len(parts) > 1 and parts[1] else parts[0], marks)
    elif kind in ("NM", "SN"):
        text = f"{fields[5].replace(component, ' ').strip()} {fields[6].partition(component)[0]}"
    elif kind in TEXT_TYPES:
        text = _unescaped(fields[5], marks)
    else:
        return None
    return heading or SECTIONS.get(suffix, ""), text


def hl7_text(message: str, name: str, embedded: Embedded) -> str:
    """Text of the observations (OBX) of one HL7 version 2 message, by their headings.

    Raises:
        UnreadableError: no header, or a damaged document within. UnsuitableInputError: several
            messages, or no text.
    """
    body = re.sub(r"\r\n?", "\n", message.strip("\x0b\x1c \t\r\n"))
    headers = HEADER.findall(body)
    if len(headers) > 1:
        raise UnsuitableInputError(
            f"{name} holds {len(headers)} HL7 messages; give one report a file."
        )
    if not headers:
        raise UnreadableError(f"{name} has no complete HL7 header (MSH); export the message again.")
    marks = Marks(*headers[0])
    # A line that begins no segment was broken within its field.
    segments = re.split(rf"\n+(?=[A-Z][A-Z0-9]{{2}}{re.escape(marks.separator)})", body)
    said: list[str] = []
    before = ""
    for segment in segments:
        if not segment.startswith(f"OBX{marks.separator}"):
            continue
        observed = _observation(segment.split(marks.separator), marks, name, embedded)
        if observed is None:
            continue
        heading, text = observed
        if heading and heading != before:
            said.append(f"{heading.rstrip(':')}:")
        before = heading
        said.append(text.strip())
    if not any(said):
        raise UnsuitableInputError(f"{name} is an HL7 message without report text (OBX).")
    return "\n".join(said) + "\n"
