"""What was read from a report, for people: a table of the findings and the report with their words
marked, as lines of a terminal or as a page."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.report_files import ReportText
from DGMVLCCore.language.unread import unread

HEADER = ("", "finding", "says", "side", "place", "size", "words")
SIGNS = {"present": "+", "absent": "-", "uncertain": "?"}
COLOURS = {"present": "\x1b[1;31m", "absent": "\x1b[32m", "uncertain": "\x1b[1;33m"}
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
NOTICE = "Research use only; not a medical device."
NOTHING = "No finding was read from"
STYLE = """
body{font:15px/1.55 system-ui,sans-serif;color:#1b2329;max-width:60rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:1.8rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #dde5ea;vertical-align:top}
.report{white-space:pre-wrap;border-left:3px solid #c9d3da;padding:.3rem .9rem;
overflow-wrap:anywhere}
mark{border-radius:3px;padding:0 .2rem;color:inherit}
.present{background:#f6cfc4}.absent{background:#d3ebd9}.uncertain{background:#fbe7b2}
.faint,.unread{color:#5d6c76}.unread{border-bottom:1px dotted #93a1aa}
.notice{border:1px solid #b98a1c;background:#fdf6e3;padding:.4rem .8rem;border-radius:4px}
"""


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
    """Text that a terminal may get: no control characters but line ends and tabs."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else " " for c in text
    )


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


def _page_piece(piece: Piece) -> str:
    text = html.escape(piece.text)
    if piece.numbers:
        numbers = ", ".join(f'<a href="#finding-{n}">{n}</a>' for n in piece.numbers)
        return f'<mark class="{piece.presence}">{text}<sup>{numbers}</sup></mark>'
    return f'<span class="unread" title="{NOTHING} this.">{text}</span>' if piece.unread else text


def report_page(report: ReportText, findings: Sequence[Finding], notes: Sequence[str]) -> str:
    """A page of its own: no script, nothing loaded, all of the report's text escaped."""
    escape: Callable[[str], str] = html.escape
    body = "".join(
        f'<tr id="finding-{row[0]}">'
        + "".join(
            f'<td><mark class="{cell}">{cell}</mark></td>' if i == 2 else f"<td>{escape(cell)}</td>"
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in finding_rows(findings)
    )
    head = "".join(f"<th>{name}</th>" for name in HEADER)
    table = (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        if findings
        else "<p>No finding was read.</p>"
    )
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    source = report.source
    read = ", ".join(filter(None, (source.kind, source.encoding)))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(source.name)}: findings</title><style>{STYLE}</style></head><body>"
        f'<h1>Findings read from {escape(source.name)}</h1><p class="notice">{NOTICE}</p>{table}'
        f'<h2>The report</h2><p class="faint">Dotted: {NOTHING.lower()} these words.</p>'
        f'<div class="report">{"".join(map(_page_piece, pieces(report.text, findings)))}</div>'
        + (f"<h2>Notes</h2><ul>{listed}</ul>" if listed else "")
        + f'<p class="faint">{escape(source.name)}: {escape(read)}, SHA-256 {source.sha256}</p>'
        "</body></html>\n"
    )
