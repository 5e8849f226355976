"""Lines of text put together from nested paragraphs, tables, rows and cells."""

from __future__ import annotations

import re

BLANKS = re.compile(r"[^\S\xa0]+")
HOLDERS = ("text", "cell")


class Blocks:
    """A line for every paragraph, item and row, whatever tables they are nested in.

    A row of two one-line cells is a label and its value (“Effusion: none”); a wider row keeps its
    columns, by tabs; a row whose cells hold several lines is a layout, and its lines are read one
    below the other.
    """

    def __init__(self) -> None:
        # (kind, lines); of a row: the cells' lines, joined by line ends
        self._open: list[tuple[str, list[str]]] = [("text", [])]
        self._line: list[str] = []

    def add(self, piece: str) -> None:
        """More text of the line."""
        self._line.append(piece)

    def end_line(self, paragraph: bool = False) -> None:
        """The line ends here; a paragraph leaves an empty line, but not behind a heading."""
        line = BLANKS.sub(" ", "".join(self._line)).strip()
        self._line = []
        kind, lines = self._open[-1]
        if line:
            lines.append(line)
        if paragraph and kind in HOLDERS and lines and lines[-1] and not lines[-1].endswith(":"):
            lines.append("")

    def start(self, kind: str) -> None:
        """A "table", "row" or "cell" begins; what it ends without saying so, is ended."""
        self.end_line()
        outer = {"row": ("table",), "cell": ("row", "table")}.get(kind, ())
        while outer and len(self._open) > 1 and self._open[-1][0] not in outer:
            self._close()
        if kind == "cell" and self._open[-1][0] != "row":
            self._open.append(("row", []))
        self._open.append((kind, []))

    def end(self, kind: str) -> None:
        """The innermost open `kind` ends; nothing happens when none is open in this table."""
        self.end_line()
        for name, _ in reversed(self._open):
            if name == kind:
                break
            if name in ("table", "text"):
                return
        while self._open[-1][0] != kind:
            self._close()
        self._close()

    def _close(self) -> None:
        kind, lines = self._open.pop()
        if kind == "row":
            lines = _row(lines)
        elif kind == "cell":
            lines = ["\n".join(lines).strip("\n")]
        self._open[-1][1].extend(lines)

    def text(self) -> str:
        """All lines; empty when there is no word."""
        self.end_line()
        while len(self._open) > 1:
            self._close()
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(self._open[0][1])).strip("\n")
        return f"{text}\n" if text else ""


def _row(cells: list[str]) -> list[str]:
    if any("\n" in cell for cell in cells):
        return [cell for cell in cells if cell]
    if len(cells) == 2 and all(cells):
        return [" ".join(cells) if cells[0].endswith((":", ".", "?")) else ": ".join(cells)]
    return ["\t".join(cells).rstrip("\t")] if any(cells) else []
