"""A sentence as a row of items: findings, places, sizes, and the cue words between them, each with
a letter that says what it does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from DGMVLCCore.language.vocabulary import cues

FINDING, PLACE, SIZE = "\ue000", "\ue001", "\ue002"  # stand for these in the masked sentence
# Letter of a cue -> its kind in `cues.json`; where two fit, the first of this order holds.
KINDS = {
    "V": "void",
    "U": "maybe",
    "X": "absent",
    "n": "denied",
    "d": "doubt",
    "K": "present",
    "E": "exception",
    "B": "turn",
    "e": "evidence",
    "H": "about",
    "r": "cause",
    "g": "degree",
}
PLAIN = {
    "a": r"an?|one|two|three|four|five|another|second|third",
    "t": r"the|this|these|those|that|its|their|prior|previous(?:ly)?",
    "v": r"is|are|was|were|has|have|had|remains?|appears?|measur\w+|extends?|persists?",
    "p": r"of|in|on|at|to|for|within|from|around|near|along|by|throughout|into|inside|behind|over|"
    r"under|between|through|about|regarding|involving|abutting|surrounding|affecting|"
    r"accompanying|underlying",
    "s": r"versus|vs\.?|favou?red over|more likely than|less likely than|rather than less likely|"
    r"(?:can ?not|could not|can't|couldn't|not) (?:be )?(?:\w+ly )?(?:distinguished|differentiated|"
    r"separated|told) from",
    "o": r"or|nor|and/or",
    "c": r"and|&|plus|as well as|together with|along with",
    "W": r"with",
}
SIGNS = (
    r"[,;:()\[\]/=?|\n\t]|\.{3,}|(?<=\s)[-\u2013\u2014](?=\s)|"
    r"(?<=[\ue000-\ue002])[-\u2013](?=[\ue000-\ue002])"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its letter (M finding, P place, Z size, a letter of `KINDS` or `PLAIN`, w another
    word, or a sign), its range, and for a finding its number."""

    code: str
    start: int
    end: int
    index: int = -1


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Matches one item of a masked sentence."""
    parts = [f"(?P<M>{FINDING}+)", f"(?P<P>{PLACE}+)", f"(?P<Z>{SIZE}+)"]
    words = {**{code: "|".join(cues(kind)) for code, kind in KINDS.items()}}
    order = [c for c in KINDS if c != "d"]
    for code in ("V", "U", "X", "n", "s", "d", *order[4:], *(c for c in PLAIN if c != "s")):
        parts.append(rf"(?P<{code}>(?<!\w)(?:{words.get(code) or PLAIN[code]})(?!\w))")
    parts += [rf"(?P<sign>{SIGNS})", r"(?P<w>[^\W\d_]+(?:'[a-z]+)?|\d+(?:[.,]\d+)?)"]
    return re.compile("|".join(parts))


def masked(sentence: str, kinds: list[tuple[str, list[tuple[int, int]]]]) -> str:
    """The sentence with the ranges of every kind filled by its sign, the first kinds first."""
    out = list(sentence)
    taken = [False] * len(sentence)
    for sign, spans in kinds:
        for first, last in spans:
            if not any(taken[first:last]):
                out[first:last] = sign * (last - first)
                taken[first:last] = [True] * (last - first)
    return "".join(out)


def items(text: str, starts: dict[int, int]) -> list[Item]:
    """The items of a masked sentence.

    Args:
        text: masked. starts: where a finding begins -> its number.
    """
    row = []
    for match in _pattern().finditer(text):
        code = match.lastgroup or "w"
        if code == "sign":
            said = match.group()
            code = "-" if said in "-\u2013\u2014" else ":" if said[0] in "=.|\t" else said
        row.append(Item(code, match.start(), match.end(), starts.get(match.start(), -1)))
    return row
