"""Which place of a sentence belongs to which finding."""

from __future__ import annotations

import re
from dataclasses import replace

from DGMVLCCore.language.places import NOUN, Place

LINK = (
    r"(?:,|\(|and|or|and/or|with|,\s*and|/|&|associated with|,\s*with|versus|vs\.?|rather "
    r"than|suspicious for|suggestive of|consistent with|"
    r"compatible with|representing|(?:which |that )?(?:may|might|could) (?:represent|reflect|be))"
)
AMOUNT = r"(?:(?:the|an?|some|\d+(?:[.,]\d+)?|mm|cm)\s+)"
NO_ADJECTIVE = (
    r"(?:in|at|of|with|is|are|was|no|and|or|to|from|left|right|bilateral|both|lobe|lung)\b"
)
JOINED = re.compile(
    rf"\s*{LINK}?\s*{AMOUNT}*(?:(?!{NO_ADJECTIVE})[\w-]+\s+){{0,3}}",
    re.IGNORECASE,
)
BREAK = re.compile(
    r"[;:]|\b(?:with|and|or|of|in|at|which|is|are|was|were|there|showing|shows|demonstrates?|"
    r"within|by|from|to|on|making|causing|forming|could|may|might|represents?|likely|measur\w+|"
    r"suggest\w*|but|no|without|has|have|now|previously|compatible|consistent|suspicious|possibly|"
    r"probably|mimic\w*|simulat\w+|resembl\w+)\b|,",
    re.IGNORECASE,
)
PART_OF = re.compile(
    r"\b(?:areas?|foci|focus|patch(?:es)?|bands?|amounts?|degrees?|components?) of\b", re.IGNORECASE
)
COUNTED = re.compile(
    r"\b(?:multiple|several|numerous|innumerable|scattered|diffuse|few|an?|some|the|\d+)\b",
    re.IGNORECASE,
)  # “bilateral effusions and multiple nodules”
VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|absent|none|not|no|causing|show\w*|extend\w*|displac\w*|"
    r"compress\w*|shift\w*)\b",
    re.IGNORECASE,
)
WITH = re.compile(r"with\b", re.IGNORECASE)
WITHOUT = re.compile(r"\s*without\s+(?:[\w-]+\s+){0,2}")
ADJACENT = re.compile(
    rf"(?:\s*(?:{NOUN}|bronch\w+|arter\w+|segments?|branch\w*))?\s*,?\s*(?:and|with)\s+"
    r"(?:distal|secondary|resultant|central|associated|adjacent|surrounding|overlying|"
    r"underlying|accompanying)\s+(?:[\w-]+\s+){0,2}",
    re.IGNORECASE,
)
NEXT = re.compile(
    rf"\s*(?:{NOUN})?\s*(?:\([^()]{{0,20}}\))?\s*(?:,|&|/|\+|,?\s*(?:and|plus|as well as)\b)"
    r"\s*(?:also\s+)?(?:(?:in|at|of|on)\s+)?(?:the\s+)?",
    re.IGNORECASE,
)  # “RUL (5 mm), RLL (8 mm)”
# “In the lower lobes, both sides”, “in the lower lobe on the left”.
OF_SIDE = re.compile(rf"\s*(?:{NOUN})?\s*,?\s*(?:(?:on|in|of|at)\s+)?(?:the\s+)?")
# A size between two wordings, with its comma.
MEASURED = re.compile(
    r",?\s*\(?(?:measur\w+\s+)?"
    r"\d+(?:[.,]\d+)?(?:\s*(?:mm|cm)?\s*[x-]\s*\d+(?:[.,]\d+)?)*\s?(?:mm|cm)\b\)?"
)
INHERITS = re.compile(
    r"^\s*and an?\b|\b(?:consistent|compatible|in keeping) with(?:\s+[\w-]+){0,2}\s*$|\b(?:may|"
    r"might|could) (?:\w+ )?(?:represent|reflect|be)(?:\s+[\w-]+){0,2}\s*$|,\s*(?:which (?:is |"
    r"are )?)?(?:most )?(?:likely|probably|possibly|consistent "
    r"with|compatible with|in keeping with"
    r"|representing|suggest\w+(?: of)?|suspicious for|"
    r"concerning for|(?:may|might|could) (?:represent|reflect|be))(?:\s+[\w-]+){0,2}\s*$",
    re.IGNORECASE,
)
SUBJECT = re.compile(
    rf"\s*(?:{NOUN})?\s*(?:shows?|demonstrates?|contains?|has|reveals?|is affected|(?:is|are) "
    r"(?:otherwise )?(?:clear|normal|unremarkable)"
    rf" (?:apart|except|other than|with the exception|aside))\b",
    re.IGNORECASE,
)
HEADED = re.compile(
    rf"\s*(?:{NOUN})?\s*(?::|(?:(?:is|are|remains?)\s+)?(?:free of|clear of|without)\b"
    r"|(?:shows?|has|have|contains?)\s+no\b|(?:(?:is|are|remains?)\s+)?(?:\w+\s+)?(?:clear|normal|"
    r"unremarkable|well[- ]aerated)\s*(?:,|and|with|,\s*with)?\s*(?:there (?:is|are) )?(?:no|"
    r"without|"
    r"free of)\b)",
    re.IGNORECASE,
)  # “Left lower lobe: no nodule”
# “Compressing the right bronchus” tells what a mass touches, not where it is.
FISSURE = re.compile(
    r"\s*(?:(?:major|minor|oblique|horizontal|costal|visceral|parietal)\s+)?(?:fissure|pleura|"
    r"hemidiaphragm|chest "
    r"wall|hilum)",
    re.IGNORECASE,
)
TOUCHES = re.compile(
    r"\b(?:compress|invad|abut|displac|encas|extend\w* (?:in)?to|adjacent to|next to|close "
    r"to|after\b|following)\w*",
    re.IGNORECASE,
)


def _close(sentence: str, place: Place, start: int) -> bool:
    """True when the place stands directly before a wording (“left lower lobe nodule”)."""
    bracketed = sentence[place.end : start].lstrip().startswith(")")  # “effusion (right), scar”
    return (
        place.end <= start
        and not bracketed
        and not BREAK.search(
            PART_OF.sub(" ", re.sub(rf"^\s*(?:{NOUN})\b", "", sentence[place.end : start]))
        )
    )


def _touched(sentence: str, end: int, place: Place) -> bool:
    """True when the place only tells what the finding reaches (“compressing the right bronchus”),
    not where it is."""
    return TOUCHES.search(sentence[end : place.start]) is not None and not FISSURE.match(
        sentence, place.end
    )


def _around(
    sentence: str,
    found: list[Place],
    mentions: list[tuple[int, int]],
    clauses: list[tuple[int, int]],
    i: int,
) -> tuple[list[Place], list[Place]]:
    """Places directly before a wording, and those behind it up to the next one that are not the
    next one's."""
    first, last = mentions[i]
    begin = mentions[i - 1][1] if i else 0
    is_last = i + 1 == len(mentions)
    until = len(sentence) if is_last else mentions[i + 1][0]
    close = [p for p in found if begin <= p.start and _close(sentence, p, first)]
    reach = len(sentence) if is_last and WITH.match(sentence, clauses[i][1]) else clauses[i][1]
    late = [
        p
        for p in found
        if last <= p.start < reach
        and p.end <= until
        and ";" not in sentence[last : p.start]
        and (is_last or not _close(sentence, p, until))
        and not _touched(sentence, last, p)
    ]
    if close and late and re.search(r"\band\b", sentence[last : late[0].start]):
        late = []
    return close, late


def _listed(sentence: str, late: list[Place]) -> Place | None:
    """The first place behind a wording, with those that “and” adds to it (“in the right main artery
    and in a left branch”)."""
    if not late:
        return None
    place = late[0]
    for other in late[1:]:
        gap = sentence[place.end : other.start]
        if not place.side and other.side and not other.zone and OF_SIDE.fullmatch(gap):
            place = replace(place, end=other.end, side=other.side)
            continue
        if not (
            NEXT.fullmatch(gap) or re.fullmatch(r"[^.;:]{0,40}(?:\band\b|&)[^.;:,]{0,30}", gap)
        ) or VERB.search(sentence[place.end : other.start]):
            break
        if re.search(r"than|[<>]", sentence[other.start : other.end]):
            continue
        if re.search(r"than|[<>]", gap):
            break
        side = (
            place.side
            if place.side == other.side
            else "bilateral"
            if place.side and other.side
            else place.side or other.side
        )
        place = Place(
            place.start,
            other.end,
            side,
            place.zone if place.zone == other.zone else None,
            place.lobe if place.lobe == other.lobe else None,
        )
    return place


def assign_places(
    sentence: str,
    found: list[Place],
    mentions: list[tuple[int, int]],
    clauses: list[tuple[int, int]],
    absent: list[bool],
    midline: list[bool],
) -> list[Place | None]:
    """Place (of those `found`) of every wording: what stands directly before it, else after it,
    else before its clause's start.

    Findings joined by “and” or “with” share a place, but not those of the midline; what is absent
    takes none from far away.
    """
    own, after, used = _beside(sentence, found, mentions, clauses)
    for i in range(len(mentions) - 2, -1, -1):  # "X and Y in the left lung"
        gap = sentence[mentions[i][1] : mentions[i + 1][0]]
        alike = absent[i] == absent[i + 1] or bool(WITHOUT.fullmatch(gap))
        if own[i] is None and after[i + 1] and alike and _shares(gap):
            own[i] = after[i] = after[i + 1]
    for i, (first, _) in enumerate(mentions):
        fronted = _fronted(sentence, found, used, first, absent[i])
        before = own[i - 1] if i else None
        gap = MEASURED.sub("", sentence[mentions[i - 1][1] : first]) if i else ""
        if own[i] is not None or fronted or not midline[i]:
            alike = bool(i) and absent[i] == absent[i - 1]
            own[i] = _borrowed(sentence, own[i], fronted, before, gap, alike, absent[i], first)
        own[i] = _referred(own[i], before)
    return own


def _beside(
    sentence: str,
    found: list[Place],
    mentions: list[tuple[int, int]],
    clauses: list[tuple[int, int]],
) -> tuple[list[Place | None], list[Place | None], set[int]]:
    """Of every wording: the place around it and the place behind it; and the places so used."""
    own: list[Place | None] = []
    after: list[Place | None] = []
    used: set[int] = set()
    for i in range(len(mentions)):
        close, late = _around(sentence, found, mentions, clauses, i)
        behind = _listed(sentence, late)
        own.append(_join(close[-1] if close else None, behind))
        after.append(behind)
        used |= {found.index(p) for p in (*close, *late[:1])}
    return own, after, used


def _shares(gap: str) -> bool:
    """Whether the text between two wordings joins them, so that they share a place."""
    return bool(JOINED.fullmatch(gap)) and not re.match(r"\s*with an?\b", gap)


def _fronted(
    sentence: str, found: list[Place], used: set[int], first: int, absent: bool
) -> Place | None:
    """The last place that stands before a wording at `first` and belongs to no other."""
    for k in range(len(found) - 1, -1, -1):
        between = sentence[found[k].end : first]
        if found[k].end > first or k in used or ";" in between:
            continue
        if not absent or HEADED.match(between):
            return found[k]
    return None


def _borrowed(
    sentence: str,
    own: Place | None,
    fronted: Place | None,
    before: Place | None,
    gap: str,
    alike: bool,
    absent: bool,
    first: int,
) -> Place | None:
    """A wording's own place, completed or replaced by the place in front of its clause, or by that
    of the wording before it.

    Args:
        gap: the text since that wording. alike: both are absent, or neither. first: where this
            wording begins.
    """
    if own is None:
        if before and alike and JOINED.fullmatch(gap) and not COUNTED.search(gap):
            return before  # "bilateral X and Y"
        if fronted:
            return fronted
        tail = (
            ADJACENT.fullmatch(sentence, max(before.end, first - len(gap)), first)
            if before
            else None
        )
        return before if before and not absent and (INHERITS.search(gap) or tail) else None
    if fronted and (SUBJECT.match(sentence[fronted.end :]) or HEADED.match(sentence, fronted.end)):
        return _join(own, fronted)  # "the left lung shows a nodule in the upper lobe"
    if before and own.side is None and before.zone is None and re.match(r"\s*(?:with|and)\b", gap):
        return replace(
            own, side=before.side
        )  # "right-sided volume loss with fibrosis in the upper lobe"
    return own


def _referred(place: Place | None, before: Place | None) -> Place | None:
    """“Ipsilateral” and “contralateral” as the side they mean."""
    if place is None or place.side not in ("same", "same lobe", "other"):
        return place
    if place.side == "same lobe":
        return before
    side = before.side if before else None
    if place.side == "other":
        side = {"left": "right", "right": "left"}.get(side or "")
    return replace(place, side=side)


def _join(a: Place | None, b: Place | None) -> Place | None:
    """“Left … in the lower lobe”: the words before complete those after; where they differ, those
    before hold."""
    if a is None or b is None:
        return a or b
    agree = a.side in (None, b.side) or b.side is None
    return Place(
        a.start,
        a.end,
        a.side or b.side,
        a.zone or (b.zone if agree else None),
        a.lobe or (b.lobe if agree and a.zone in (None, b.zone) else None),
    )
