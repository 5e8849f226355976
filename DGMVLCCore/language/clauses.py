"""The part of a sentence between turning words: what sizes, places and changes keep to."""

from __future__ import annotations

import re
from functools import lru_cache

# “, 8 mm nodule”: a size that begins a finding of its own, and is not one more measure of the last.
NEW_SIZE = (
    r"\d[\d.,x to-]{0,12}(?:mm|cm)\s+(?!is\b|are\b|was\b|cranio|trans|antero|axial|ap\b|cc\b|"
    r"long\b|short\b|wide\b|high\b|deep\b|thick\b|present\b|seen\b|x\b|by\b|in\b|at\b|on\b|"
    r"from\b)[a-z]"
)
# “, stable nodule”, but not “, stable since May”.
NEW_STATE = (
    r"(?:stable|unchanged|persistent)\s+(?!from|since|compared|when|in\b|and\b|to\b|over\b)\w"
)
TURN = re.compile(
    r"\b(?:but|except(?:ing)?(?: for)?|with the exception of|however|although|though|apart "
    r"from|other than|aside from|besides|whereas|while|there (?:is|are|was|were)|"
    rf"(?:and|,)\s+(?=(?:an?|the|several|there)\b|{NEW_STATE}|{NEW_SIZE})|"
    r"which|yet|shows?|showing|demonstrat(?:es?|ing)|reveal(?:s|ing)|"
    r"with (?=(?:an?|residual|remaining|persistent|persisting|new|now)\b))|;"
)


@lru_cache(maxsize=64)
def _turns(sentence: str) -> list[tuple[int, int]]:
    return [m.span() for m in TURN.finditer(sentence)]


def clause(sentence: str, start: int, end: int) -> tuple[int, int]:
    """The part of a sentence (lower case) between turning words that holds [start, end)."""
    low, high = 0, len(sentence)
    for first, last in _turns(sentence):
        if last <= start:
            low = first
        elif first >= end:
            high = first
            break
    return low, high
