"""HTML and RTF -> text, a line for every paragraph, item and row."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.language.formats.blocks import Blocks

PARAGRAPHS = re.compile(
    r"p|div|section|article|header|footer|main|address|blockquote|pre|h[1-6]|ul|ol|dl|hr|body"
)
LINES = frozenset(("br", "li", "dt", "dd", "caption"))
TABLES = {"table": "table", "tr": "row", "td": "cell", "th": "cell"}
# Not said, or taken back: a struck-out sentence is no statement of the report.
UNSAID = frozenset(("script", "style", "head", "template", "noscript", "svg", "del", "s", "strike"))
BRACE = re.compile(r"\\[\\{}]|[{}]")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks = Blocks()
        self._unsaid: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSAID:
            self._unsaid.append(tag)
        elif tag in TABLES:
            self.blocks.start(TABLES[tag])
        self._break(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unsaid:
            while self._unsaid.pop() != tag:
                pass
        elif tag in TABLES:
            self.blocks.end(TABLES[tag])
        self._break(tag)

    def _break(self, tag: str) -> None:
        paragraph = PARAGRAPHS.fullmatch(tag) is not None
        if paragraph or tag in LINES:
            self.blocks.end_line(paragraph)

    def handle_data(self, data: str) -> None:
        if not self._unsaid:
            self.blocks.add(data)


def html_text(page: str) -> str:
    """Text of an HTML page or piece: entities decoded, scripts, styles and struck-out text left
    out."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.blocks.text()


def rtf_text(data: str, name: str) -> str:
    """Text of an RTF document.

    Raises:
        UnreadableError: it is cut. UnsuitableInputError: striprtf is missing.
    """
    try:
        from striprtf.striprtf import rtf_to_text
    except ImportError as error:
        raise UnsuitableInputError(
            f'Reading {name} needs striprtf; run: pip install "dgmvlc[reports]", or save the '
            "report as text."
        ) from error
    depth = 0
    for match in BRACE.finditer(data):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
    if depth > 0:
        raise UnreadableError(f"{name} ends in the middle of its RTF text; export it again.")
    try:
        text: str = rtf_to_text(data, errors="replace")
    except (ValueError, IndexError, LookupError, OverflowError) as error:
        raise UnreadableError(
            f"{name} could not be read as RTF ({type(error).__name__}); save the report as text."
        ) from error
    return text
