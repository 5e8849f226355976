"""PDF and Word (.docx) -> text, within limits on what they unpack to."""

from __future__ import annotations

import io
import logging
import zipfile
import zlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.language.formats.blocks import Blocks

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST_PAGES = 100
MOST_UNPACKED = 32 << 20  # bytes of the text part of a Word document
LONGEST_TEXT = 1_000_000  # characters; a report has some thousands
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
TABLES = {"tbl": "table", "tr": "row", "tc": "cell"}
SIGNS = {"tab": " ", "noBreakHyphen": "-"}
UNSAID = frozenset((f"{W}del", f"{W}moveFrom", FALLBACK))


def pdf_text(data: bytes, name: str) -> str:
    """Text of a PDF, page by page.

    Raises:
        UnreadableError: cut or damaged. UnsuitableInputError: encrypted, scanned without text, too
            many pages, or pypdf is missing.
    """
    try:
        from pypdf import PdfReader
    except ImportError as error:
        raise UnsuitableInputError(
            f'Reading {name} needs pypdf; run: pip install "dgmvlc[reports]", or save the report '
            "as text."
        ) from error
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it tells of every repair it makes
    if b"%%EOF" not in data[-2048:]:
        raise UnreadableError(f"{name} is cut: the end of the PDF is missing; export it again.")
    try:
        texts = _page_texts(PdfReader(io.BytesIO(data)), name)
    except UnsuitableInputError:
        raise
    except Exception as error:  # pypdf raises whatever a damaged file makes it stumble over
        raise UnreadableError(
            f"{name} is a damaged PDF ({type(error).__name__}); export it again or save the "
            "report as text."
        ) from error
    if not any(text.strip() for text in texts):
        raise UnsuitableInputError(
            f"{name} is a PDF without text (a scan or a picture); have its text recognised or type "
            "it."
        )
    return "\n\n".join(texts)


def _page_texts(reader: PdfReader, name: str) -> list[str]:
    """The pages' texts, as many as a report may be long."""
    if reader.is_encrypted and not _opens(reader):
        raise UnsuitableInputError(
            f"{name} is a PDF with a password; save it without one or copy its text."
        )
    if (pages := len(reader.pages)) > MOST_PAGES:
        raise UnsuitableInputError(
            f"{name} has {pages} pages, too many for a report (at most {MOST_PAGES})."
        )
    texts: list[str] = []
    for page in reader.pages:
        texts.append(page.extract_text())
        if sum(map(len, texts)) > LONGEST_TEXT:
            break
    return texts


def _opens(reader: PdfReader) -> bool:
    """True when an encrypted PDF opens without a password: then it only forbids printing or
    copying."""
    from pypdf.errors import DependencyError

    try:
        return bool(reader.decrypt(""))
    except (DependencyError, NotImplementedError):  # a cipher that needs another library
        return False


def _part(data: bytes, name: str) -> bytes:
    """The text part of a Word document, unpacked within the limit and checked against its sum."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed, packed.open("word/document.xml") as part:
            body = part.read(MOST_UNPACKED + 1)
            if len(body) <= MOST_UNPACKED:
                return body
    except KeyError as error:
        raise UnreadableError(
            f"{name} is a packed file but no Word document; give the report itself."
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError) as error:
        raise UnreadableError(
            f"{name} is a damaged Word document ({type(error).__name__}); save it again."
        ) from error
    raise UnsuitableInputError(
        f"{name} unpacks to more than {MOST_UNPACKED >> 20} MiB; save the report as text."
    )


def _take(blocks: Blocks, tag: str, start: bool, text: str) -> None:
    """One end of an element of the document's body."""
    if tag in TABLES:
        (blocks.start if start else blocks.end)(TABLES[tag])
    elif start:
        return
    elif tag == "t":
        blocks.add(text)
    elif tag in SIGNS:
        blocks.add(SIGNS[tag])
    elif tag in ("p", "br", "cr"):
        blocks.end_line()


def docx_text(data: bytes, name: str) -> str:
    """Text of a Word document: paragraphs, lists and tables as they stand, with insertions and
    without deletions that are tracked.

    Raises:
        UnreadableError: damaged, or no Word document. UnsuitableInputError: it unpacks to too much.
    """
    body = _part(data, name)
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise UnreadableError(f"{name} defines entities, which no Word document does.")
    blocks, unsaid = Blocks(), 0
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(body), ("start", "end")):
            if element.tag in UNSAID:
                unsaid += 1 if event == "start" else -1
            elif not unsaid and element.tag.startswith(W):
                _take(blocks, element.tag.removeprefix(W), event == "start", element.text or "")
    except ElementTree.ParseError as error:
        raise UnreadableError(
            f"{name} is a damaged Word document ({error}); save it again."
        ) from error
    return blocks.text()
