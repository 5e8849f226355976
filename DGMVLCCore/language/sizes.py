"""Lengths said in a sentence -> mm."""

from __future__ import annotations

import re

NUMBER = r"\d+(?:[.,]\d+)?"
UNIT = r"mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?"
SIZE = re.compile(rf"(?<![\w.,])(?P<first>{NUMBER})(?:\s*(?P<u>{UNIT})?\s*(?P<join>-|–|to|x|×|by)\s*(?P<second>{NUMBER}))?"
                  rf"(?:\s*(?:{UNIT})?\s*(?:x|×|by)\s*(?P<third>{NUMBER}))?\s*-?\s*(?P<unit>{UNIT})\b", re.IGNORECASE)
EARLIER = re.compile(r"(?:\b(?:previously|previous|formerly|prior|compared (?:to|with)|earlier)[\s\w]{0,12}|"
                     r"\b(?:versus|vs\.?)\s*|(?<!apart )(?<!aside )\bfrom\s*"
                     r"|\((?:it )?was\s*)[\s(]*$", re.IGNORECASE)
FALLING = re.compile(r"\bfrom\s*$", re.IGNORECASE)
NOT_A_SIZE = re.compile(r"^\s*-?\s*(?:(?:axial|thin|thick|contiguous|reconstructed|helical)\s+)*(?:slices?|sections?|collimation|intervals?|reconstruct|"
                        r"increments?|"
                        r"cuts?|from\b|above\b|below\b|deep\b|distal\b|proximal\b|away\b|caudal\b|cranial\b|apart\b|slice)", re.IGNORECASE)
LARGEST_MM = 400.0


def _mm(text: str, unit: str) -> float:
    return float(text.replace(",", ".")) * (10 if unit.lower().startswith("c") else 1)


def sizes(sentence: str) -> list[tuple[int, int, float]]:
    """(start, end, mm) of every present size: the largest of AxB and of a range, the later of “from A to B”.

    Earlier sizes (“previously 8 mm”), distances and slice thicknesses are left out.
    """
    out = []
    for match in SIZE.finditer(sentence):
        before, after = sentence[:match.start()], sentence[match.end():]
        unit = match["unit"]
        values = [_mm(match["first"], match["u"] or unit), *(_mm(match[k], unit) for k in ("second", "third") if match[k])]
        value = max(values)
        if match["join"] == "to" and FALLING.search(before):
            value = values[1]
        elif EARLIER.search(before):
            continue
        if not NOT_A_SIZE.match(after) and 0 < value <= LARGEST_MM:
            out.append((match.start(), match.end(), round(value, 1)))
    return out


def assign_sizes(sentence: str, mentions: list[tuple[int, int]], clauses: list[tuple[int, int]]) -> list[float | None]:
    """Give every size to one wording: “5 mm nodule” to the one that follows, “nodule of 5 mm” to the one before.

    Args:
        mentions: ranges of the wordings that can have a size. clauses: their clauses.
    """
    given: list[float | None] = [None] * len(mentions)
    for start, end, value in sizes(sentence):
        best: tuple[float, int] | None = None
        for i, ((first, last), (low, high)) in enumerate(zip(mentions, clauses)):
            if first >= end:
                between = sentence[end:first]
                cost = len(between) + (200 if re.search(r"[,;:)]|\b(?:and|or|in|with|of)\b", between) else 0)
            else:
                between = sentence[last:start]
                cost = len(between) + (20 if re.search(r"[;]|,\s*(?:and|an?)\b|\band\b", between) else 0)
            if not low <= start < high:
                cost += 100
            if best is None or cost < best[0]:
                best = (cost, i)
        if best and (given[best[1]] is None or value > (given[best[1]] or 0)):
            given[best[1]] = value
    return given
