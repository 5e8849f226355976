"""A report -> the sentences that state findings, with their offsets in the original text."""

from __future__ import annotations

import re

SKIPPED = "indication|reason for exam(?:ination)?|clinical (?:history|information|indication|details)|history|technique|comparison|protocol"
READ = ("findings?|impression|conclusions?|opinion|summary|report|interpretation|lungs?(?: and airways)?|airways?|pleura|mediastinum|"
        "heart|chest|chest wall|bones?|(?:left|right) lung|upper abdomen|thorax")
HEADING = re.compile(rf"(?:^|(?<=[\s.;]))(?:(?P<skipped>{SKIPPED})|(?P<read>{READ}))\s*:", re.IGNORECASE)
# A full stop inside a number or after an abbreviation ends no sentence; a new list item or paragraph begins one.
END = re.compile(r"(?<=[.!?;])(?<!\bvs\.)(?<!\bapprox\.)(?<!\bdr\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+|\n\s*(?=[-*•]|\d+[.)]|[A-Z])|\n\s*\n",
                 re.IGNORECASE)

LONGEST = 1500


def _sections(report: str) -> list[tuple[int, int]]:
    """Ranges to read: all but indication, history, technique and comparison."""
    ranges, start, reading = [], 0, True
    for heading in HEADING.finditer(report):
        if reading:
            ranges.append((start, heading.start()))
        start, reading = heading.start(), heading["read"] is not None
    if reading:
        ranges.append((start, len(report)))
    return ranges


def _bounded(report: str, start: int, end: int) -> list[tuple[int, int]]:
    """Run-on text in parts of at most LONGEST characters, cut at white space: the time stays linear in the length."""
    out = []
    while end - start > LONGEST:
        space = max(report.rfind(mark, start + 1, start + LONGEST) for mark in " \n\t")
        cut = space if space > start else start + LONGEST
        out.append((start, cut))
        start = cut
    return [*out, (start, end)]


def sentences(report: str) -> list[tuple[int, str]]:
    """(offset, sentence) pairs of the sections that state findings; sentence == report[offset:offset+len(sentence)]."""
    out: list[tuple[int, str]] = []
    for low, high in _sections(report):
        start = low
        for end, following in [*((m.start(), m.end()) for m in END.finditer(report, low, high)), (high, high)]:
            for first, last in _bounded(report, start, end):
                piece = report[first:last]
                if piece.strip():
                    out.append((first + len(piece) - len(piece.lstrip()), piece.strip()))
            start = following
    return out
