"""A report -> the sentences that state findings, with their offsets in the original text."""

from __future__ import annotations

import re

SKIPPED = (
    "(?:reason|indications?)(?: for (?:the )?(?:exam(?:ination)?|study|scan))?|clinical "
    "(?:history|information|indications?|details|data|question"
    "|background|"
    "notes?)|clinical|history|hx|background|techniques?|comparisons?|prior "
    "(?:stud(?:y|ies)|exams?)|protocol|procedure|exam(?:ination)?|contrast|"
    "request|recommendations?|follow-up|dose|ctdi|dlp|diagnosis at referral|past medical "
    "history|pmh"
)
READ = (
    "findings?|impressions?|conclusions?|opinion|summary|reports?|interpretation|results?|lungs?"
    "(?: and airways| parenchyma)?|airways?|pleurae?|"
    "pleural (?:spaces?|cavity)|mediastinum|hila|nodes|lymph "
    "nodes|heart|cardiac|vessels|vasculature|chest|chest wall|bones?|osseous|(?:left|right) lung|"
    "upper abdomen|thorax|other"
)
HEADING = re.compile(
    rf"(?:^|(?<=[\s.;]))(?:(?P<skipped>{SKIPPED})|(?P<read>{READ}))\s*:|^[ "
    rf"\t#*]*(?:(?P<skipped_line>{SKIPPED})|(?P<read_line>{READ}))["
    rf" \t*]*$",
    re.IGNORECASE | re.MULTILINE,
)
# A full stop inside a number or after an abbreviation ends no sentence; “? nodule” is a question
# about what follows.
END = re.compile(
    r"(?<=[.!?;])(?<!\bvs\.)(?<!\bapprox\.)(?<!\bdr\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bca\.)"
    r"(?<!\bprev\.)(?<!\bbilat\.)(?<!\blt\.)(?<!\brt\.)(?<!\bmod\.)(?<!\bmax\.)(?<!\bfig\.)(?<!"
    r"(?<!\w)\?)\s+|(?<!\s)\s*\n\s*",
    re.IGNORECASE,
)
ITEM = re.compile(r"[-*•–]\s|\(?\d{1,2}[.)]\s")
SHORT_LINE = 45  # characters; a shorter line was not broken for want of room
# A line that ends so goes on in the next one even when that begins with a capital (“… in the /
# RUL”).
GOES_ON = re.compile(
    r"(?:,|-|\b(?:the|an?|of|in|at|on|to|and|or|with|without|no|from|by|for|is|are|was|were|left"
    r"|right|measuring|upper|middle|lower))\s*$",
    re.IGNORECASE,
)
LINE_END = re.compile(r"(?<!\s)\s*\n\s*")
BEGINS = re.compile(r"(?:^|[.;:!?\n]\s*)$")
BLANK = re.compile(r"\n[^\S\n]*\n")

LONGEST = 800  # characters; a longer sentence is read in parts


def _sections(report: str) -> list[tuple[int, int]]:
    """Ranges to read: all but indication, history, technique and comparison.

    Where no later heading says that findings begin, a skipped section ends with its line or,
    wrapped, its paragraph.
    """
    ranges, start, reading = [], 0, True
    headings = [
        h
        for h in HEADING.finditer(report)
        if h.group().isupper() or BEGINS.search(report[max(0, h.start() - 9) : h.start()])
    ]
    last_read = max((h.start() for h in headings if h["read"] or h["read_line"]), default=-1)
    for i, heading in enumerate(headings):
        if reading:
            ranges.append((start, heading.start()))
        start, reading = heading.start(), bool(heading["read"] or heading["read_line"])
        following = headings[i + 1].start() if i + 1 < len(headings) else len(report)
        if not reading and heading.start() > last_read:
            breaks = (
                (m.start(), m.end()) for m in LINE_END.finditer(report, heading.end(), following)
            )
            if after := next(
                (
                    last
                    for first, last in breaks
                    if not _wrapped(report, first, last, heading.start())
                ),
                None,
            ):
                start, reading = after, True
    if reading:
        ranges.append((start, len(report)))
    return ranges


def _bounded(report: str, start: int, end: int) -> list[tuple[int, int]]:
    """Run-on text in parts of at most LONGEST characters, cut at white space: the time stays linear
    in the length."""
    out = []
    while end - start > LONGEST:
        space = max(report.rfind(mark, start + 1, start + LONGEST) for mark in " \n\t")
        cut = space if space > start else start + LONGEST
        out.append((start, cut))
        start = cut
    return [*out, (start, end)]


def _wrapped(report: str, end: int, following: int, low: int) -> bool:
    """True for a line break inside a sentence (hard-wrapped text), False where a new line, item or
    paragraph begins."""
    if (
        end > low
        and report[end - 1] in ".!?;"
        or BLANK.search(report[end:following])
        or ITEM.match(report, following)
    ):
        return False
    if GOES_ON.search(report[max(low, end - 14) : end]):
        return True
    return (
        not report[following : following + 1].isupper()
        and end - max(report.rfind("\n", low, end) + 1, low) >= SHORT_LINE
    )


def _ends(report: str, low: int, high: int) -> list[tuple[int, int]]:
    """Where sentences of [low, high) end and the next begin."""
    found = [(m.start(), m.end()) for m in END.finditer(report, low, high)]
    return [
        (end, following)
        for end, following in found
        if "\n" not in report[end:following]
        or following >= high
        or not _wrapped(report, end, following, low)
    ]


def sentences(report: str) -> list[tuple[int, str]]:
    """(offset, sentence) pairs of the sections that state findings; sentence ==
    report[offset:offset+len(sentence)]."""
    out: list[tuple[int, str]] = []
    for low, high in _sections(report):
        start = low
        for end, following in [*_ends(report, low, high), (high, high)]:
            for first, last in _bounded(report, start, end):
                piece = report[first:last]
                if piece.strip():
                    out.append((first + len(piece) - len(piece.lstrip()), piece.strip()))
            start = following
    return out
