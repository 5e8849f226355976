"""The one reader of report files: whatever hospitals and offices export -> text, and where it came
from."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from DGMVLCCore.archive.address import report_at
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.ground.plain_json import read_limited
from DGMVLCCore.language.formats.decoding import decode

LARGEST_BYTES = 32 << 20
LONGEST_TEXT = 300_000  # characters; a long report has 20,000
# Of a report beside a scan; which of them a file really is, its content says.
SUFFIXES = (".txt", ".text", ".rtf", ".html", ".htm", ".pdf", ".docx", ".hl7", ".json")
BINARY = (
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"\x1f\x8b", "a packed file"),
    (b"7z\xbc\xaf", "a packed file"),
    (b"Rar!", "a packed file"),
    (b"\xd0\xcf\x11\xe0", "an old Word document or one with a password"),
)
CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
PAGE = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
JSON = re.compile(r'\s*\{\s*["}]')
XML = re.compile(r"\s*<\?xml\b")
MAIL = re.compile(
    rb"(?:[A-Za-z-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?(?:MIME-Version|Content-T[a-z-]+):", re.I
)
HL7 = re.compile(r"[\x0b\s]*(?:[FB]HS\|.*[\r\n]+)*MSH[^\w\s]")


@dataclass(frozen=True)
class ReportSource:
    """Where a report's text came from.

    Args:
        name: of the file, without its folder. sha256: of the file. kind: what the file is ("text",
            "RTF", "HTML", "PDF", "Word", "HL7", "FHIR", "DICOM"). encoding: None where the kind has
            its own.
    """

    name: str
    sha256: str
    kind: str
    encoding: str | None = None


@dataclass(frozen=True)
class ReportText:
    """A report's text (line feeds as line ends), where it came from, and what its reader should
    know."""

    text: str
    source: ReportSource
    notes: tuple[str, ...] = ()


class _Read(NamedTuple):
    """Text of a file, its kind, its encoding, and notes."""

    text: str
    kind: str
    encoding: str | None = None
    notes: tuple[str, ...] = ()


def _named_encoding(data: bytes, decoded: _Read) -> _Read:
    """An HTML page by the encoding it names, where its bytes are not UTF-8 and that fits."""
    if decoded.encoding != "Windows-1252" or not (named := CHARSET.search(data[:4096])):
        return decoded
    label = named.group(1).decode("ascii")
    try:
        return decoded._replace(text=data.decode(label), encoding=label, notes=())
    except (LookupError, UnicodeDecodeError):
        return decoded


def _posted(data: bytes, name: str) -> _Read:
    """The text of an e-mail.

    Raises:
        UnreadableError: it is damaged. UnsuitableInputError: it has no text.
    """
    from email import message_from_bytes
    from email.errors import MessageError
    from email.policy import default

    try:
        body = message_from_bytes(data, policy=default).get_body(("plain", "html"))
        content = None if body is None else body.get_payload(decode=True)
        charset = "utf-8" if body is None else body.get_content_charset("utf-8")
        text = content.decode(charset) if isinstance(content, bytes) else ""
    except (MessageError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise UnreadableError(
            f"{name} is a damaged e-mail ({type(error).__name__}); save its text as a file."
        ) from error
    if not text:
        raise UnsuitableInputError(f"{name} is an e-mail without text; give its attachment.")
    read = _written(text.encode(), name)
    return read._replace(notes=(*read.notes, "Only the text of the e-mail was read."))


def _written(data: bytes, name: str) -> _Read:
    """Text, or one of the formats that are written as text."""
    from DGMVLCCore.language.formats.fhir import fhir_text
    from DGMVLCCore.language.formats.hl7 import hl7_text
    from DGMVLCCore.language.formats.markup import html_text, rtf_text

    if data.lstrip().startswith(b"{\\rtf"):  # ASCII with escapes; it names its own code page
        return _Read(rtf_text(data.decode("latin-1"), name), "RTF")
    text, encoding, notes = decode(data, name)
    if text.count("%20") > text.count(" "):  # as a link carries it, where “12%20mm” is no 20 mm
        text = unquote(text)
    read = _Read(text, "text", encoding, tuple(notes))
    xml = XML.match(text) is not None
    named = name.lower().endswith((".html", ".htm"))
    if named or PAGE.match(text) or xml and "<html" in text[:2000].lower():
        read = _named_encoding(data, read)
        return read._replace(text=html_text(read.text), kind="HTML")
    if xml:
        raise UnsuitableInputError(
            f"{name} is XML of a kind that is not read; give the report as text, HTML or PDF."
        )
    if HL7.match(text):
        return read._replace(text=hl7_text(text, name, _inside), kind="HL7")
    if JSON.match(text):
        return read._replace(text=fhir_text(text, name, _inside), kind="FHIR")
    return read


def _document(data: bytes, name: str) -> _Read:
    """A document by its content; one that is no DICOM object."""
    from DGMVLCCore.language.formats.office import docx_text, pdf_text

    if b"%PDF-" in data[:1024]:
        return _Read(pdf_text(data, name), "PDF")
    if data.startswith(b"PK\x03\x04"):
        return _Read(docx_text(data, name), "Word")
    if kind := next((kind for mark, kind in BINARY if data.startswith(mark)), None):
        raise UnsuitableInputError(
            f"{name} is {kind}; give the report as text, RTF, HTML, PDF with text or Word (.docx)."
        )
    return _posted(data, name) if MAIL.match(data) else _written(data, name)


def _inside(data: bytes, name: str) -> str:
    """Text of a document within a message; a message within one is not read."""
    if data[128:132] == b"DICM" or HL7.match(data[:4096].decode("latin-1")):
        raise UnsuitableInputError(f"{name} holds a message within a message; give the inner one.")
    return _document(data, name).text


def report_text(data: bytes, name: str) -> ReportText:
    """The text of a report file, told by its content.

    Args:
        data: the whole file. name: of the file, for sentences and the record.

    Raises:
        UnreadableError: damaged or cut. UnsuitableInputError: of a kind that is not read, without
            text, or too large.
    """
    if len(data) > LARGEST_BYTES:
        raise UnsuitableInputError(
            f"{name} is larger than {LARGEST_BYTES >> 20} MiB, too large for a report."
        )
    if not data.strip():
        raise UnsuitableInputError(f"The report {name} is empty; paste its text.")
    if data[128:132] == b"DICM":
        from DGMVLCCore.language.formats.dicom_sr import dicom_text

        read = _Read(dicom_text(data, name, _inside), "DICOM")
    else:
        read = _document(data, name)
    text = read.text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > LONGEST_TEXT:
        raise UnsuitableInputError(
            f"{name} holds {len(text)} characters, too many for a report (at most {LONGEST_TEXT})."
        )
    if not text.strip():
        raise UnsuitableInputError(f"The report {name} holds no text.")
    source = ReportSource(name, hashlib.sha256(data).hexdigest(), read.kind, read.encoding)
    return ReportText(text, source, read.notes)


def read_report(path: Path | str) -> ReportText:
    """The text of a report file, or of the report at an address in an archive.

    Raises:
        UnreadableError: missing, damaged or cut. UnsuitableInputError: of a kind that is not read,
            without text, or too large.
    """
    path = report_at(path)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UnsuitableInputError(
                f"{path.name} is larger than {LARGEST_BYTES >> 20} MiB, too large for a report."
            )
        data = read_limited(path, LARGEST_BYTES)
    except OSError as error:
        raise UnreadableError(
            f"The report {path} could not be read ({error.strerror or error})."
        ) from error
    return report_text(data, path.name)
