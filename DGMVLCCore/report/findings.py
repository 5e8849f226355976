"""What was read from a report, for people: a table of the findings and the report with their words
marked, as lines of a terminal or as a page."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.report_files import ReportText
from DGMVLCCore.language.unread import unread
from DGMVLCCore.report.pages import render

HEADER = ("", "finding", "says", "side", "place", "size", "words")
SIGNS = {"present": "+", "absent": "-", "uncertain": "?"}
COLOURS = {"present": "\x1b[1;31m", "absent": "\x1b[32m", "uncertain": "\x1b[1;33m"}
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
NOTICE = "Research use only; not a medical device."
NOTHING = "No finding was read from"


@dataclass(frozen=True)
class Piece:
    """A part of the report: plain, of findings (their numbers, from 1), or of no finding at all."""

    text: str
    numbers: tuple[int, ...] = ()
    presence: str = ""
    unread: bool = False


def _size(finding: Finding) -> str:
    sizes = (
        (finding.size_mm, "{:g} mm"),
        (finding.component_mm, "solid {:g} mm"),
        (finding.earlier_size_mm, "before {:g} mm"),
    )
    return ", ".join(words.format(mm) for mm, words in sizes if mm is not None)


def _place(finding: Finding) -> str:
    lobe = finding.lobe if finding.lobe in (None, "lingula") else f"{finding.lobe} lobe"
    zone = f"{finding.zone} zone" if finding.zone and not lobe else None
    return ", ".join(filter(None, (lobe or zone, finding.organ)))


def _words(finding: Finding) -> str:
    said = [
        " ".join(finding.text.split())
        + (f" (read as {finding.corrected})" if finding.corrected else ""),
        f"{finding.count} of them" if finding.count else "",
        finding.change or "",
        "contradicted elsewhere" if finding.contradicted else "",
    ]
    return ", ".join(filter(None, said))


def finding_rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """A row of text for each finding, as `HEADER` names its cells."""
    return [
        (
            str(number),
            finding.term,
            finding.presence,
            finding.side or "",
            _place(finding),
            _size(finding),
            _words(finding),
        )
        for number, finding in enumerate(findings, 1)
    ]


def pieces(report: str, findings: Sequence[Finding]) -> list[Piece]:
    """The whole report in parts, in order; their texts joined are the report."""
    marks: list[tuple[int, int, Piece]] = []
    numbered = sorted(
        (span, n, f.presence) for n, f in enumerate(findings, 1) for span in (f.span, *f.again)
    )
    for (start, end), number, presence in numbered:
        if marks and start < marks[-1][1]:  # several findings of one wording
            first, last, piece = marks[-1]
            same = piece.presence if piece.presence == presence else "uncertain"
            numbers = tuple(dict.fromkeys((*piece.numbers, number)))
            marks[-1] = first, last, Piece(piece.text, numbers, same)
        else:
            marks.append((start, end, Piece(report[start:end], (number,), presence)))
    marks += [(a, b, Piece(report[a:b], unread=True)) for a, b in unread(report, findings)]
    out, at = [], 0
    for start, end, piece in sorted(marks, key=lambda mark: mark[:2]):
        out += [Piece(report[at:start]), piece]
        at = end
    return [piece for piece in [*out, Piece(report[at:])] if piece.text]


def _shown(text: str) -> str:
    """Text that a terminal may get: no control characters but line ends and tabs, and nothing for
    those without width (a soft hyphen within a word)."""
    kinds = {"Cc": " ", "Cs": " ", "Cf": ""}
    return "".join(c if c in "\n\t" else kinds.get(unicodedata.category(c), c) for c in text)


def _terminal(piece: Piece, colour: bool) -> str:
    text = _shown(piece.text)
    if piece.numbers:
        numbers = ",".join(map(str, piece.numbers))
        if colour:
            return f"{COLOURS[piece.presence]}{text}{PLAIN}{DIM}[{numbers}]{PLAIN}"
        return f"[{numbers}{SIGNS[piece.presence]} {text}]"
    return f"{DIM}{text}{PLAIN}" if piece.unread and colour else text


def _aligned(rows: Sequence[tuple[str, ...]], colour: bool) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        lines.append(f"{COLOURS[row[2]]}{line}{PLAIN}" if colour and row[2] in COLOURS else line)
    return lines


def report_lines(
    report: ReportText, findings: Sequence[Finding], notes: Sequence[str], colour: bool = False
) -> list[str]:
    """The table, the marked report, what no finding was read from, and the notes, a line each.

    Args:
        colour: of a terminal; without it the words stand in brackets with the finding's number and
            + (present), - (absent) or ? (uncertain).
    """
    rows = [tuple(map(_shown, row)) for row in finding_rows(findings)]
    parts = pieces(report.text, findings)
    lines = _aligned([HEADER, *rows], colour) if rows else ["No finding was read."]
    lines += ["", *"".join(_terminal(piece, colour) for piece in parts).strip("\n").split("\n")]
    if silent := [" ".join(_shown(piece.text).split()) for piece in parts if piece.unread]:
        lines += ["", f"{NOTHING}:", *(f"  {text}" for text in silent)]
    return [*lines, *([""] if notes else []), *(f"note: {_shown(note)}" for note in notes)]


def report_page(report: ReportText, findings: Sequence[Finding], notes: Sequence[str]) -> str:
    """A page of its own: no script, nothing loaded, all of the report's text escaped."""
    source = report.source
    return render(
        "findings",
        source=source,
        read=", ".join(filter(None, (source.kind, source.encoding))),
        header=HEADER,
        rows=finding_rows(findings),
        pieces=pieces(report.text, findings),
        notes=notes,
        notice=NOTICE,
        nothing=NOTHING,
    )
