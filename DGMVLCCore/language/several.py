"""Several findings of one wording: “two nodules: 12 mm RUL and 4 mm LLL” is one for each size and
place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from DGMVLCCore.language.counts import WORDS, number
from DGMVLCCore.language.places import Place, apart
from DGMVLCCore.language.sizes import Measurement

# A size so introduced is that of one among many, not one of a list.
OF_MANY = re.compile(
    r"\b(?:largest|biggest|dominant|greatest|maximum|max\.?|up to|rang\w+|between|larger|"
    r"smaller than|"
    r"less than|measuring from|prior|previous\w*|was|total)\b[^,;]{0,40}$"
)
LARGEST = re.compile(r"\b(?:largest|biggest|dominant|index|most prominent|largest one)\b")
PLURAL = re.compile(r"(?:s|ae|ia|ses)$")
# “2 in the left lung, up to 14 mm, and 3 in the right lung, up to 21 mm”: groups of one term.
GROUP = re.compile(
    rf"\b(?P<number>\d{{1,2}}|{'|'.join(WORDS)}|several|multiple|few) (?=in |on |at )"
)
DIRECTIONS = re.compile(
    r"\b(?:axial\w*|coronal\w*|sagittal\w*|cranio-?caudal\w*|transvers\w*|antero-?posterior|"
    r"ap\b|cc\b|tr\b|depth|width|length|long axis|short axis|height|wall|thick\w*)"
)


# “Effusion: right none, left small”: an answer for each side.
ONE_SIDE = (
    r"(?P<side{0}>left|right|lt|rt|l|"
    r"r)\s*(?:[:=-]\s*)?(?P<what{0}>[^,;.:()]{{1,40}}?)\s*(?P<end{0}>[,;/.]|$)"
)
SIDED = re.compile(rf"\s*(?::|=|-)\s*{ONE_SIDE.format(1)}\s*(?:and )?{ONE_SIDE.format(2)}\s*$")
NONE = re.compile(r"(?:none|no|nil|absent|negative|neg|clear|normal|0|not (?:seen|present))\b")


def sided(sentence: str, spans: list[tuple[int, int]]) -> list[tuple[str, bool, str]]:
    """(side, whether it is there, words) for each side of a label; empty for anything else."""
    told = SIDED.match(sentence, spans[0][1]) if len(spans) == 1 else None
    if told is None or not any(NONE.match(told[f"what{k}"]) for k in (1, 2)):
        return []
    sides = {"l": "left", "r": "right"}
    return [
        (sides[told[f"side{k}"][0]], not NONE.match(told[f"what{k}"]), told[f"what{k}"])
        for k in (1, 2)
    ]


@dataclass(frozen=True)
class Piece:
    """One of several: its size and place."""

    size: Measurement
    place: Place | None
    count: int | None = None


def lobes_apart(sentence: str, place: Place | None) -> list[Place]:
    """The lobes of a finding that is in several, each with its side; empty for one lobe, or the
    same one of both lungs."""
    if place is None or place.lobe:
        return []
    parts = apart(sentence, place)
    lobes = {(p.side, p.lobe) for p in parts}
    return parts if len(lobes) == len(parts) and len({p.lobe for p in parts}) > 1 else []


def group_counts(sentence: str, start: int, parts: int) -> list[int | None]:
    """How many each of so many places has: “three in the RUL and two in the LLL”."""
    told = [number(m["number"]) for m in GROUP.finditer(sentence, start)]
    return told if len(told) == parts else [None] * parts


def largest_place(sentence: str, places: list[Place], last: int, until: int) -> Place | None:
    """The place of the largest one, where the words between `last` and `until` say it."""
    told = LARGEST.search(sentence, last, until)
    if told is None:
        return None
    behind = [p for p in places if told.end() <= p.start and p.end <= until]
    if not behind or ";" in sentence[told.end() : behind[0].start]:
        return None
    return behind[0]


def pieces(
    sentence: str,
    span: tuple[int, int],
    measured: list[Measurement],
    places: list[Place],
    bounds: tuple[int, int],
) -> list[Piece]:
    """The sizes of one wording with a place each; empty when they are sizes of one finding.

    Args:
        sentence: in lower case. span: the wording. measured: sizes that belong to it. places: of
            the sentence. bounds: from the wording before it to the next one.
    """  # fmt: skip
    whole = [m for m in measured if m.mm and not m.component]
    near = [p for p in places if bounds[0] <= p.start and p.end <= bounds[1]]
    groups = [m["number"] for m in GROUP.finditer(sentence, span[1], bounds[1])]
    if len(whole) == len(groups) > 1 and len(near) == len(whole):
        of_groups = [_place_of(m, whole, near, True) for m in whole]
        return [Piece(m, p, number(n)) for m, p, n in zip(whole, of_groups, groups)]
    if len(whole) < 2 or any(OF_MANY.search(sentence[bounds[0] : m.start]) for m in whole[1:]):
        return []
    if "respectively" in sentence and len(near) == 1:
        near = apart(sentence, near[0])
        if len(near) == len(whole):
            return [Piece(m, p) for m, p in zip(whole, near)]
    ways = [[_place_of(m, whole, near, before) for m in whole] for before in (True, False)]
    full = [way for way in ways if all(way) and len({id(p) for p in way}) == len(way)]
    if full:
        way = min(full, key=lambda way: _distance(whole, way))
        return [Piece(m, p) for m, p in zip(whole, way)]
    between = sentence[whole[0].end : whole[-1].start]
    plural = PLURAL.search(sentence[span[0] : span[1]])
    alike = plural and re.search(r"\band\b|,", between) and not DIRECTIONS.search(sentence)
    if alike and len(near) <= 1:
        return [Piece(m, near[0] if near else None) for m in whole]
    return []


def _distance(sizes: list[Measurement], places: list[Place | None]) -> int:
    """Characters between the sizes and their places."""
    return sum(max(m.start - p.end, p.start - m.end) for m, p in zip(sizes, places) if p)


def _place_of(
    size: Measurement, sizes: list[Measurement], places: list[Place], before: bool
) -> Place | None:
    """The place directly before (or behind) a size, no other size between."""
    if before:
        low = max([m.end for m in sizes if m.end <= size.start], default=0)
        own = [p for p in places if low <= p.start and p.end <= size.start]
        return own[-1] if own else None
    high = min([m.start for m in sizes if m.start >= size.end], default=10**9)
    own = [p for p in places if size.end <= p.start and p.end <= high]
    return own[0] if own else None
