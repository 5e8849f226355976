"""Lengths said in a sentence -> mm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

NUMBER = r"(?:\d+(?:[.,]\d+)?|\.\d+)"
UNIT = r"mms?|cms?|millimet(?:er|re)s?|centimet(?:er|re)s?"
SIZE = re.compile(
    rf"(?<![\w.,])(?P<first>{NUMBER})(?:\s*(?P<u>{UNIT})?\s*(?P<join>-|–|to|x|×|\*|∗|by)\s*"
    rf"(?P<second>{NUMBER}))?(?:\s*(?:{UNIT})?\s*(?:x|×|\*|∗|by)\s*(?P<third>{NUMBER}))?"
    rf"\s*-?\s*(?P<unit>{UNIT})\b(?!\s*(?:hg\b|h2o\b|/\s*s|per\b))",
    re.IGNORECASE,
)
EARLIER = re.compile(
    r"(?:\b(?:previously(?! (?:seen|noted|described|identified|reported|known|demonstrated|"
    r"visuali[sz]ed|"
    r"mentioned|detected))|previous(?!ly)|prev\b\.?|formerly|prior|compared (?:to|with)|earlier|"
    r"originally|"
    r"initially|before|last time|yesterday|last (?:week|month|year|scan|ct)|in (?:19|20)\d\d|"
    r"baseline|old)[\s\w]{0,12}|"
    r"\b(?:versus|vs\.?)\s*|(?<!apart )(?<!aside )\bfrom\s*|(?:\(|,)\s*(?:it )?was\s*)"
    r"[\s(]*$",
    re.IGNORECASE,
)
EARLIER_AFTER = re.compile(
    r"\s*,?\s*\(?(?:(?:previously|formerly|earlier|before|prior)\b(?!\s*[:(]?\s*\d)|(?:in|on|at) "
    r"(?:the )?(?:prior|previous|earlier|last|baseline|(?:19|20)\d\d\b|\d{1,2}[/.]\d))",
    re.IGNORECASE,
)
NOW = re.compile(
    r"\b(?:now|today|currently)\b(?:(?!versus|vs\b|from|previous|before|was)[\s\w]){0,14}$",
    re.IGNORECASE,
)
FALLING = re.compile(r"\bfrom\s*$", re.IGNORECASE)
NOT_BEFORE = re.compile(
    r"\b(?:(?:slice|section|reconstruction|collimation|interval|increment|wall|cut)s?"
    r"(?:[\s-]thickness(?:es)?)?|thickness|length|collimation"
    r"|(?:reconstructed|acquired|obtained|performed|imaged|scanned) (?:at|with|every|in|using)|"
    r"(?:tubes?|drains?|catheters?|tips?|ett|lines?) (?:[\w-]+ ){0,2}at|"
    r"every|fov|field of view|pitch|within|less than|more than|at least|located|lies|lying|"
    r"distance|threshold|cut-?off|limit)"
    r"(?:\s+(?:of|is|was|at|approximately|about|a))*\s*[:=]?\s*$",
    re.IGNORECASE,
)
NOT_A_SIZE = re.compile(
    r"^\s*-?\s*(?:(?:axial|thin|thick|contiguous|reconstructed|helical|coronal)\s+)*(?:slices?"
    r"|sections?|collimation|intervals?|reconstruct|increments?|images?\b|thick (?:slices?|"
    r"sections?)|cuts?|from\b|above\b|below\b|beneath\b|deep (?:to|in)\b|distal\b"
    r"|proximal\b|away\b|caudal\b|cranial\b|apart\b|inferior\b|superior\b|"
    r"posterior to\b|anterior to\b|lateral to\b|medial to\b|of the (?:pleura|carina|fissure|hilum)|"
    r"margins?\b|(?:chest |pigtail )?(?:tube|catheter|needle|stent)|slice|growth\b|increase\b|"
    r"(?:larger|smaller|bigger) than (?:before|previously|on)|wall thickness|thick wall|walls?\b|"
    r"(?:of )?contrast|french|cuff)",
    re.IGNORECASE,
)
GROWTH = re.compile(
    r"\b(?:grown|grew|increased|decreased|enlarged|shrunk|reduced|growth|increase|decrease)"
    r"(?: in size| in diameter)? (?:by|of)\s*(?:about |approximately |only )?$",
    re.IGNORECASE,
)
DISTANCE = re.compile(
    r"\b(?:within|located|lies|lying|less than|more than|at least)\b", re.IGNORECASE
)
OF_WHAT = re.compile(r"^\s*(?:of|from|to)\b", re.IGNORECASE)
RANGE = re.compile(
    r"\b(?:rang\w+|var\w+|sizes?|measur\w+)(?: in (?:size|diameter))? from\s*$", re.IGNORECASE
)
THEN = re.compile(r",|\b(?:versus|vs|from|than|compared|before|previous)", re.IGNORECASE)
GREW_TO = re.compile(
    r"\b(?:increas\w+|decreas\w+|grown|grew|enlarg\w+|shrunk|shrank|reduced|progressed|regressed)"
    r"(?: in (?:size|diameter))?,? (?:to|now)\s*(?:about |approximately )?$",
    re.IGNORECASE,
)
LISTED = re.compile(
    rf"(?<![\w.,/])(?P<number>{NUMBER})"
    rf"(?=\s*(?:,\s*{NUMBER}\s*)*(?:and|&)\s*{NUMBER}\s*(?P<unit>{UNIT})\b)",
    re.IGNORECASE,
)
NO_SIZE = re.compile(
    r"\b(?:between|series|ser?\.?|images?|im\.?|slices?|levels?|station|segments?|nodules?|ribs?|"
    r"grade|zone|from|and|to|\d\s*of)\s*$",
    re.IGNORECASE,
)
# The solid part of a part-solid nodule.
SPOKEN = {
    word: str(n)
    for n, word in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        1,
    )
}
SPOKEN_SIZE = re.compile(
    rf"\b({'|'.join(SPOKEN)})(?: point (zero|{'|'.join(SPOKEN)}))?(?=[\s-](?:mm|cm|millimet|"
    rf"centimet))",
    re.IGNORECASE,
)
PART = r"(?:solid|inner|central|soft[- ]tissue)\s+(?:part|portion|component|core|element|nucleus)s?"
COMPONENT_BEFORE = re.compile(
    rf"\b{PART}(?:\s+(?:of|is|was|now|measures?|measuring|about|approximately|up to|with|"
    r"a|diameter|size))*\s*[:=,(]?\s*$",
    re.IGNORECASE,
)
SOLID = re.compile(r"(?<![-\w])solid\s*(?:of|is|:)?\s*$", re.IGNORECASE)
MIXED = re.compile(r"part|sub-?solid|semi|mixed|ground|ggn", re.IGNORECASE)
NOUN_AFTER = re.compile(r"\s*(?:\w+ )?(?:nodule|mass|lesion|opacit)", re.IGNORECASE)
COMPONENT_AFTER = re.compile(rf"^\s*-?\s*(?:of (?:it|which) (?:is )?)?{PART}", re.IGNORECASE)
LARGEST_MM = 400.0


@dataclass(frozen=True)
class Measurement:
    """A length in a sentence.

    Args:
        start, end: its range. mm: the size today, 0 when only an earlier one is said. earlier: the
            size before, mm. component: True for the solid part of a whole.
    """

    start: int
    end: int
    mm: float
    earlier: float | None = None
    component: bool = False


@dataclass(frozen=True)
class Size:
    """What is said of a finding's size in mm: today, before, and of its solid part."""

    mm: float | None = None
    earlier: float | None = None
    component: float | None = None


def _mm(text: str, unit: str) -> float:
    return float(text.replace(",", ".")) * (10 if unit.lower().startswith("c") else 1)


def _is_length_of_something_else(before: str, after: str) -> bool:
    """True for slice thicknesses and distances; “less than 6 mm” is a size unless “… of the pleura”
    follows."""
    if GROWTH.search(before):
        return True
    told = NOT_BEFORE.search(before)
    if told and DISTANCE.match(told.group()) and not OF_WHAT.match(after):
        told = None
    return bool(told or NOT_A_SIZE.match(after))


def written(sentence: str) -> str:
    """“One point two centimeter” with the number in digits, no longer and no shorter."""
    return SPOKEN_SIZE.sub(_digits, sentence)


def _digits(match: re.Match[str]) -> str:
    after = f".{SPOKEN.get((match[2] or '').lower(), '0')}" if match[2] else ""
    return f"{SPOKEN[match[1].lower()]}{after}".ljust(len(match.group()))


@lru_cache(maxsize=256)
def measurements(sentence: str) -> tuple[Measurement, ...]:
    """Every length of a finding: the largest of AxB and of a range, the later of “from A to B”;
    distances and slice thicknesses are left out."""
    out: list[Measurement] = []
    for match in SIZE.finditer(sentence):
        before = sentence[max(0, match.start() - 60) : match.start()]
        after = sentence[match.end() : match.end() + 60]
        unit = match["unit"]
        values = [
            _mm(match["first"], match["u"] or unit),
            *(_mm(match[k], unit) for k in ("second", "third") if match[k]),
        ]
        value, earlier = max(values), None
        if match["join"] == "to" and FALLING.search(before) and not RANGE.search(before):
            value, earlier = values[1], values[0]
        elif (
            EARLIER.search(before) and not RANGE.search(before) and not NOW.search(before)
        ) or EARLIER_AFTER.match(after):
            value, earlier = 0.0, value
        bare = SOLID.search(before) and MIXED.search(sentence) and not NOUN_AFTER.match(after)
        part = bare or COMPONENT_AFTER.match(after) or COMPONENT_BEFORE.search(before)
        if (
            not _is_length_of_something_else(before, after)
            and max(value, earlier or 0) <= LARGEST_MM
            and (value or earlier)
        ):
            out.append(
                Measurement(
                    *match.span(), round(value, 1), earlier and round(earlier, 1), bool(part)
                )
            )
    listed = sorted([*out, *_listed(sentence)], key=lambda m: m.start)
    return tuple(_now_and_before(sentence, listed))


def _listed(sentence: str) -> list[Measurement]:
    """“4 and 6 mm”: the first, which has no unit of its own."""
    out = []
    for match in LISTED.finditer(sentence):
        if not NO_SIZE.search(sentence[: match.start()]):
            mm = _mm(match["number"], match["unit"])
            out.append(Measurement(match.start(), match.end("number"), round(mm, 1)))
    return out


def _now_and_before(sentence: str, measured: list[Measurement]) -> list[Measurement]:
    """“The 6 mm nodule has increased to 9 mm”: the first is the size before."""
    out = list(measured)
    for i in range(1, len(out)):
        gap = sentence[out[i - 1].end : out[i].start]
        if not out[i - 1].mm or out[i - 1].component or ";" in gap:
            continue
        if GREW_TO.search(gap) or (out[i].mm and NOW.search(gap) and not THEN.search(gap)):
            out[i - 1] = replace(out[i - 1], mm=0.0, earlier=out[i - 1].mm)
    return out


def sizes(sentence: str) -> list[tuple[int, int, float]]:
    """(start, end, mm) of every present size of a whole finding."""
    return [(m.start, m.end, m.mm) for m in measurements(sentence) if m.mm and not m.component]


def nearest(
    sentence: str,
    size: tuple[int, int],
    spans: list[tuple[int, int]],
    clauses: list[tuple[int, int]],
) -> int | None:
    """Which wording a size belongs to: “5 mm nodule” to the one that follows, “nodule of 5 mm” to
    the one before.

    Args:
        size: range of the size. spans: wordings that can have a size. clauses: their clauses.
    """
    start, end = size
    best: tuple[float, int] | None = None
    for i, ((first, last), (low, high)) in enumerate(zip(spans, clauses)):
        if first >= end:
            between = sentence[end:first]
            cost = len(between) + (
                200 if re.search(r"[,;:)]|\b(?:and|or|in|with|of)\b", between) else 0
            )
        else:
            between = sentence[last:start]
            cost = len(between) + (
                20 if re.search(r"[;]|,\s*(?:and|an?)\b|\band\b", between) else 0
            )
        if not low <= start < high:
            cost += 100
        if best is None or cost < best[0]:
            best = (cost, i)
    return best[1] if best else None


def assign_sizes(
    sentence: str,
    measured: Sequence[Measurement],
    spans: list[tuple[int, int]],
    clauses: list[tuple[int, int]],
) -> list[Size]:
    """Give every size to one wording; the greatest of today counts.

    Args:
        spans: ranges of the wordings that can have a size. clauses: their clauses.
    """
    given = [Size() for _ in spans]
    for m in measured:
        i = nearest(sentence, (m.start, m.end), spans, clauses)
        if i is None:
            continue
        size = given[i]
        if m.component:
            size = Size(size.mm, size.earlier, max(m.mm, size.component or 0) or None)
        else:
            greatest = max(m.mm, size.mm or 0) or None
            size = Size(greatest, max(m.earlier or 0, size.earlier or 0) or None, size.component)
        given[i] = size
    return given
