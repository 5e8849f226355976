"""Findings said again (findings, then impression) as one, and statements that contradict each
other."""

from __future__ import annotations

import re
from dataclasses import replace

from DGMVLCCore.language.findings import Finding

SAME_MM = 0.5
OTHER = re.compile(
    r"\b(?:new|other|additional|further|more|larger|enlarging|suspicious|remaining|elsewhere|"
    r"second|significant|acute)\s+(?:[\w-]+\s+)?$",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(r"^[^.;]{0,40}\belsewhere\b", re.IGNORECASE)


def _agree(a: Finding, b: Finding) -> bool:
    """True when two findings may be in one place."""
    side = a.side in (None, b.side) or b.side is None
    return side and (a.zone in (None, b.zone) or b.zone is None)


def same(a: Finding, b: Finding) -> bool:
    """True when the second mention may be the first one again."""
    sizes_agree = a.size_mm is None or b.size_mm is None or abs(a.size_mm - b.size_mm) <= SAME_MM
    alike = (a.term, a.presence, a.organ) == (b.term, b.presence, b.organ)
    return alike and _agree(a, b) and sizes_agree


def merge(a: Finding, b: Finding) -> Finding:
    """The first mention, completed by what only the second says."""
    return replace(
        a,
        side=a.side or b.side,
        zone=a.zone or b.zone,
        lobe=a.lobe or b.lobe,
        size_mm=a.size_mm or b.size_mm,
        count=a.count or b.count,
        change=a.change or b.change,
        earlier_size_mm=a.earlier_size_mm or b.earlier_size_mm,
        component_mm=a.component_mm or b.component_mm,
        descriptors=tuple(dict.fromkeys((*a.descriptors, *b.descriptors))),
        again=(*a.again, b.span, *b.again),
    )


def joined(findings: list[Finding], new: list[Finding]) -> int | None:
    """Add new findings to a report's, in place; gives the number of the last one said, None when
    none was."""
    last = None
    for finding in new:
        earlier = next((i for i, known in enumerate(findings) if same(known, finding)), None)
        if earlier is None:
            findings.append(finding)
            last = len(findings) - 1
        else:
            findings[earlier] = merge(findings[earlier], finding)
            last = earlier
    return last


def contradicted(findings: list[Finding]) -> list[Finding]:
    """Flag both of two statements that say yes and no of the same term and place; “no other
    nodules” contradicts nothing."""
    flagged: set[int] = set()
    for i, a in enumerate(findings):
        at = max(0, a.sentence.find(a.text))
        before, after = a.sentence[:at], a.sentence[at + len(a.text) :]
        if a.presence != "absent" or a.change == "resolved" or OTHER.search(before):
            continue
        if ELSEWHERE.match(after):
            continue
        for k, b in enumerate(findings):
            if (
                b.term == a.term
                and b.organ == a.organ
                and b.presence == "present"
                and b.sentence != a.sentence
                and a.side in (None, b.side, "bilateral")
                and a.zone in (None, b.zone)
            ):
                flagged |= {i, k}
    return [replace(f, contradicted=True) if i in flagged else f for i, f in enumerate(findings)]
