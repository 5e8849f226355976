"""What of a report no finding was read from, so that it can be shown instead of dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from DGMVLCCore.language.findings import Finding

BREAK = re.compile(r"(?<=[.!?;])\s+|(?<!\s)\s*\n\s*")  # not from within a run of blanks: linear
HEADING = re.compile(r"\W*[A-Za-z][\w /&,-]{0,60}:\s*")


def _understood(report: str, finding: Finding) -> tuple[int, int]:
    """Range of a finding's sentence; of its wording where the sentence is not there as said."""
    start, end = finding.span
    at = report.find(
        finding.sentence, max(0, end - len(finding.sentence)), start + len(finding.sentence)
    )
    return (at, at + len(finding.sentence)) if at >= 0 else (start, end)


def unread(report: str, findings: Sequence[Finding]) -> list[tuple[int, int]]:
    """Ranges of the sentences and lines no finding was read from, headings left out."""
    again = {span for finding in findings for span in finding.again}
    known = sorted(again | {_understood(report, finding) for finding in findings})
    ranges = []
    start = first = 0
    for end, following in [*((m.start(), m.end()) for m in BREAK.finditer(report)), (-1, -1)]:
        end = len(report) if end < 0 else end
        piece = report[start:end]
        while first < len(known) and known[first][1] <= start:
            first += 1
        if (
            any(c.isalnum() for c in piece)
            and not HEADING.fullmatch(piece)
            and not (first < len(known) and known[first][0] < end)
        ):
            lead = len(piece) - len(piece.lstrip())
            ranges.append((start + lead, start + len(piece.rstrip())))
        start = following
    return ranges
