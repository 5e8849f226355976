"""Qualifying words of a finding: spiculated, calcified, part-solid …"""

from __future__ import annotations

import re

from DGMVLCCore.language.vocabulary import load_vocabulary

DENIED = re.compile(r"\b(?:not|non|no|without)[\s-]+$", re.IGNORECASE)


def _own_words(after: str, is_last: bool) -> int:
    """How much of what follows a wording still qualifies it: its first phrase, then short ones and
    “which …”."""
    end = 0
    for i, part in enumerate(re.split(r"(?=[,;:.](?:\s|$))", after)):
        stop = re.search(r"\b(?:and|or|with|without|versus|but)\b", part)
        if (not is_last and i) or (
            i and len(part.split()) > 4 and not re.match(r",\s*(?:which|that)\b", part)
        ):
            break
        end += stop.start() if stop else len(part)
        if stop or part.startswith((";", ":")):
            break
    return end if is_last or re.search(r"[,;]|\b(?:and|or|with|without)\b", after) else 0


def descriptors(
    sentence: str, spans: list[tuple[int, int]], index: int, bounds: tuple[int, int]
) -> tuple[str, ...]:
    """Qualifying words of one wording: before it back to the last one or comma, after it up to the
    next one's own words."""
    start, end = spans[index]
    low = max(bounds[0], spans[index - 1][1] if index else 0)
    cut = re.search(r".*(?:\b(?:and|or|with|in)\b|[;:])", sentence[low:start], re.DOTALL)
    first = low + cut.end() if cut else low
    until = spans[index + 1][0] if index + 1 < len(spans) else len(sentence)
    last = end + _own_words(sentence[end:until], index + 1 == len(spans))
    pattern = load_vocabulary().descriptor_pattern
    found = [
        *pattern.finditer(sentence, first, end),
        *pattern.finditer(sentence, end, max(last, end)),
    ]
    said = [
        re.sub(r"\s+", " ", m.group().lower())
        for m in found
        if not DENIED.search(sentence[max(0, m.start() - 12) : m.start()])
    ]
    return tuple(dict.fromkeys(said))
