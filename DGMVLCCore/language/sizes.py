"""Lengths said in a sentence -> mm."""

from __future__ import annotations

import re

NUMBER = r"\d+(?:[.,]\d+)?"
UNIT = r"mms?|cms?|millimet(?:er|re)s?|centimet(?:er|re)s?"
SIZE = re.compile(
    rf"(?<![\w.,])(?P<first>{NUMBER})(?:\s*(?P<u>{UNIT})?\s*(?P<join>-|–|to|x|×|\*|∗|by)\s*"
    rf"(?P<second>{NUMBER}))?"
    rf"(?:\s*(?:{UNIT})?\s*(?:x|×|\*|∗|by)\s*(?P<third>{NUMBER}))?\s*-?\s*(?P<unit>{UNIT})\b",
    re.IGNORECASE,
)
EARLIER = re.compile(
    r"(?:\b(?:previously|previous|prev\.?|formerly|prior|compared "
    r"(?:to|with)|earlier|originally|initially)[\s\w]{0,12}|"
    r"\b(?:versus|vs\.?)\s*|(?<!apart )(?<!aside )\bfrom\s*|(?:\(|,)\s*(?:it )?was\s*)[\s(]*$",
    re.IGNORECASE,
)
EARLIER_AFTER = re.compile(
    r"\s*,?\s*(?:(?:previously|formerly|earlier|before)\b(?!\s*[:(]?\s*\d)|(?:in|on|at) (?:the "
    r")?(?:prior|previous|earlier|last"
    r"|baseline|(?:19|20)\d\d\b|\d{1,2}[/.]\d))",
    re.IGNORECASE,
)
FALLING = re.compile(r"\bfrom\s*$", re.IGNORECASE)
NOT_BEFORE = re.compile(
    r"\b(?:(?:slice|section|reconstruction|collimation|interval|increment)s?(?:[\s-]thickness"
    r"(?:es)?)?|thickness|length|collimation"
    r"|(?:reconstructed|acquired|obtained|"
    r"performed|imaged|scanned) (?:at|with|every|in|using)|every|fov|field of "
    r"view|pitch|within|less than|more than|at least|located"
    r"|lies|lying)"
    r"(?:\s+(?:of|is|was|at|approximately|about|a))*\s*[:=]?\s*$",
    re.IGNORECASE,
)
NOT_A_SIZE = re.compile(
    r"^\s*-?\s*(?:(?:axial|thin|thick|contiguous|reconstructed|helical|coronal)\s+)*(?:slices?"
    r"|sections?|collimation|intervals?"
    r"|reconstruct|"
    r"solid component|increments?|images?\b|thick "
    r"(?:slices?|sections?)|cuts?|from\b|above\b|below\b|beneath\b|deep\b|distal\b"
    r"|proximal\b|away\b|caudal\b|cranial\b|apart\b|"
    r"inferior\b|superior\b|posterior to\b|anterior to\b|lateral to\b|medial to\b|of the "
    r"(?:pleura|carina|fissure|hilum)|margins?\b|"
    r"(?:chest |pigtail )?(?:tube|catheter|needle|stent)|slice)",
    re.IGNORECASE,
)
DISTANCE = re.compile(
    r"\b(?:within|located|lies|lying|less than|more than|at least)\b", re.IGNORECASE
)
OF_WHAT = re.compile(r"^\s*(?:of|from|to)\b", re.IGNORECASE)
RANGE = re.compile(
    r"\b(?:rang\w+|var\w+|sizes?|measur\w+)(?: in (?:size|diameter))? from\s*$", re.IGNORECASE
)
LARGEST_MM = 400.0


def _mm(text: str, unit: str) -> float:
    return float(text.replace(",", ".")) * (10 if unit.lower().startswith("c") else 1)


def _is_length_of_something_else(before: str, after: str) -> bool:
    """True for slice thicknesses and distances; “less than 6 mm” is a size unless “… of the pleura”
    follows."""
    told = NOT_BEFORE.search(before)
    if told and DISTANCE.match(told.group()) and not OF_WHAT.match(after):
        told = None
    return bool(told or NOT_A_SIZE.match(after))


def measurements(sentence: str) -> list[tuple[int, int, float, float | None]]:
    """(start, end, mm, earlier mm) of every length of a finding: the largest of AxB and of a range,
    the later of “from A to B”.

    Earlier sizes (“previously 8 mm”) stand with their own range, mm = 0; distances and slice
    thicknesses are left out.
    """
    out: list[tuple[int, int, float, float | None]] = []
    for match in SIZE.finditer(sentence):
        before, after = (
            sentence[max(0, match.start() - 60) : match.start()],
            sentence[match.end() : match.end() + 60],
        )
        unit = match["unit"]
        values = [
            _mm(match["first"], match["u"] or unit),
            *(_mm(match[k], unit) for k in ("second", "third") if match[k]),
        ]
        value, earlier = max(values), None
        if match["join"] == "to" and FALLING.search(before) and not RANGE.search(before):
            value, earlier = values[1], values[0]
        elif (EARLIER.search(before) and not RANGE.search(before)) or EARLIER_AFTER.match(after):
            value, earlier = 0.0, value
        if (
            not _is_length_of_something_else(before, after)
            and max(value, earlier or 0) <= LARGEST_MM
            and (value or earlier)
        ):
            out.append((match.start(), match.end(), round(value, 1), earlier))
    return out


def sizes(sentence: str) -> list[tuple[int, int, float]]:
    """(start, end, mm) of every present size, as `measurements` without the earlier ones."""
    return [(start, end, value) for start, end, value, _ in measurements(sentence) if value]


def assign_sizes(
    sentence: str, mentions: list[tuple[int, int]], clauses: list[tuple[int, int]]
) -> list[float | None]:
    """Give every size to one wording: “5 mm nodule” to the one that follows, “nodule of 5 mm” to
    the one before.

    Args:
        mentions: ranges of the wordings that can have a size. clauses: their clauses.
    """
    given: list[float | None] = [None] * len(mentions)
    for start, end, value in sizes(sentence):
        best: tuple[float, int] | None = None
        for i, ((first, last), (low, high)) in enumerate(zip(mentions, clauses)):
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
        if best and (given[best[1]] is None or value > (given[best[1]] or 0)):
            given[best[1]] = value
    return given
