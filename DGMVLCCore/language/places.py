"""Side and zone words, and which wording each belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOT_LUNG = (r"(?!\s+(?:main |lower |upper )?(?:ventric|atri|heart|cavit|chamber|coronary|kidney|adrenal|breast|thyroid|arm\b|subclavian|vocal|jugular|carotid|"
            r"recurrent|sinus|aortic|aorta|renal|lobe of (?:the )?(?:thyroid|liver)|hepatic|liver|axill|scapul|clavic|sided chest pain|chest pain))")
ATOMS = re.compile(
    rf"\b(?:(?P<lobe>rul|rml|rll|lul|lll)|(?P<both>bilateral(?:ly)?|b/l|both(?=\s+(?:\w+\s+)?(?:lungs?|sides|bases|apices|lobes|zones|hemithora|pleural))"
    rf"|throughout (?:the|both) lungs?|each lung)|(?P<two>bibasilar|bibasal|biapical)|(?P<side>left|right)(?:-sided|-side)?\b{NOT_LUNG}|(?P<lingula>lingular?)"
    r"|(?P<zone>upper|middle|mid|lower)(?=(?:[\s,/-]+(?:and|or|&|left|right|upper|middle|mid|lower|lung))*[\s-]+(?:lobes?|lobar|zones?|lungs?|fields?)\b)"
    r"|(?P<apex>apex|apices|apical)|(?P<base>bases?|basal|basilar))(?!\w)", re.IGNORECASE)
LOBES = {"rul": ("right", "upper"), "rml": ("right", "middle"), "rll": ("right", "lower"), "lul": ("left", "upper"), "lll": ("left", "lower")}
NOUN = r"lungs?|lobes?|lobar|zones?|bases?|apex|apices|hemithorax|fields?|side"
FILLER = re.compile(rf"(?:[\s,/&-]|\b(?:{NOUN}|and|of|the|in|at|sided|anterior|posterior|lateral|medial|superior|inferior|basal|apical|segments?|"
                    r"portions?|regions?|predominantly|aspect|part)\b)*", re.IGNORECASE)
LINK = (r"(?:,|and|or|and/or|with|,\s*and|/|&|associated with|,\s*with|versus|vs\.?|rather than|suspicious for|suggestive of|consistent with|"
        r"compatible with|representing|(?:which |that )?(?:may|might|could) (?:represent|reflect|be))")
JOINED = re.compile(rf"\s*{LINK}?\s*(?:(?:the|an?|some|adjacent|associated|overlying|underlying|mild|small|minimal|patchy|focal|diffuse|new|severe|"
                    r"extensive|moderate|large|multiple|subpleural|traction|compressive|passive|\d+(?:[.,]\d+)?|mm|cm)\s+)*", re.IGNORECASE)
BREAK = re.compile(r"[;:]|\b(?:with|and|or|of|in|at|which|is|are|was|were|there|showing|shows|demonstrates?|"
                   r"within|by|from|to|on|making|causing|forming)\b|,", re.IGNORECASE)


HEADED = re.compile(rf"\s*(?:{NOUN})?\s*:", re.IGNORECASE)  # “Left lower lobe: no nodule”
# “Compressing the right bronchus” tells what a mass touches, not where it is.
TOUCHES = re.compile(r"\b(?:compress|invad|abut|displac|encas|extending to|adjacent to|next to|close to)\w*", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """One place phrase of a sentence: its range, side and zone."""

    start: int
    end: int
    side: str | None
    zone: str | None


def _atom(match: re.Match[str]) -> tuple[set[str], set[str]]:
    """Sides and zones that one place word says."""
    if match["lobe"]:
        side, zone = LOBES[match["lobe"].lower()]
        return {side}, {zone}
    if match["two"]:
        return {"left", "right"}, {"upper" if "ap" in match["two"].lower() else "lower"}
    if match["lingula"]:
        return {"left"}, {"middle"}
    if match["both"]:
        return {"left", "right"}, set()
    if match["side"]:
        return {match["side"].lower()}, set()
    if match["zone"]:
        return set(), {"middle" if match["zone"].lower().startswith("mid") else match["zone"].lower()}
    return set(), {"upper" if match["apex"] else "lower"}


def places(sentence: str, mentions: list[tuple[int, int]]) -> list[Place]:
    """Place phrases of a sentence; several zones in one phrase leave the zone open, both sides make it bilateral."""
    groups: list[list[re.Match[str]]] = []
    for match in ATOMS.finditer(sentence):
        if any(first <= match.start() < last for first, last in mentions):
            continue
        if groups and _continues(sentence, groups[-1][-1], match, mentions):
            groups[-1].append(match)
        else:
            groups.append([match])
    out = []
    for group in groups:
        sides: set[str] = set()
        zones: set[str] = set()
        for atom in group:
            sides |= _atom(atom)[0]
            zones |= _atom(atom)[1]
        side = "bilateral" if len(sides) == 2 else next(iter(sides), None)
        out.append(Place(group[0].start(), group[-1].end(), side, next(iter(zones)) if len(zones) == 1 else None))
    return out


def _continues(sentence: str, last: re.Match[str], match: re.Match[str], mentions: list[tuple[int, int]]) -> bool:
    """True when a place word goes on with the phrase before it (“upper and lower lobe”), not with the next finding."""
    gap = sentence[last.end():match.start()]
    if not FILLER.fullmatch(gap):
        return False
    if not re.search(r"\band\b|,|&|\bin\b", gap) or not (re.search(rf"\b(?:{NOUN})\b", gap) or last["lobe"] or last["base"] or last["apex"] or last["lingula"]):
        return True
    following = min((first for first, _ in mentions if first >= match.end()), default=len(sentence))
    own_noun = match["lobe"] or match["lingula"] or match["base"] or re.match(rf"(?:\s|\w)*?\b(?:{NOUN})\b", sentence[match.end():following])
    return bool(own_noun)


def assign_places(sentence: str, mentions: list[tuple[int, int]], clauses: list[tuple[int, int]], absent: list[bool]) -> list[tuple[str | None, str | None]]:
    """Side and zone of every wording: what stands directly before it, else after it, else before its clause's start.

    Findings joined by “and” or “with” share a place; what is absent takes none from far away.
    """
    found = places(sentence, mentions)
    own: list[Place | None] = []
    used: set[int] = set()
    after: list[Place | None] = []
    for i, (first, last) in enumerate(mentions):
        begin = mentions[i - 1][1] if i else 0
        until = mentions[i + 1][0] if i + 1 < len(mentions) else len(sentence)
        close = [p for p in found if begin <= p.start and p.end <= first and not BREAK.search(re.sub(rf"^\s*(?:{NOUN})\b", "", sentence[p.end:first]))]
        taken_next = [p for p in found if last <= p.start and i + 1 < len(mentions) and p.end <= until
                      and not BREAK.search(re.sub(rf"^\s*(?:{NOUN})\b", "", sentence[p.end:until]))]
        late = [p for p in found if last <= p.start and p.end <= until and p not in taken_next and p.start < clauses[i][1] and ";" not in sentence[last:p.start]
                and not TOUCHES.search(sentence[last:p.start])]
        before = close[-1] if close else None
        own.append(_join(before, late[0] if late else None))
        after.append(late[0] if late else None)
        used |= {found.index(p) for p in (*close, *late[:1])}
    for i in range(len(mentions) - 2, -1, -1):  # "X and Y in the left lung"
        if own[i] is None and after[i + 1] and absent[i] == absent[i + 1] and JOINED.fullmatch(sentence[mentions[i][1]:mentions[i + 1][0]]):
            own[i] = after[i] = after[i + 1]
    out = []
    for i, (first, _) in enumerate(mentions):
        place = own[i]
        if place is None and i and own[i - 1] and absent[i] == absent[i - 1] and JOINED.fullmatch(sentence[mentions[i - 1][1]:first]):
            place = own[i] = own[i - 1]  # "bilateral X and Y"
        if place is None:
            fronted = [p for k, p in enumerate(found) if p.end <= first and k not in used and ";" not in sentence[p.end:first]
                       and (not absent[i] or HEADED.match(sentence[p.end:first]))]
            place = fronted[-1] if fronted else None
            if place is None and not absent[i] and i and own[i - 1] and re.search(r"^\s*(?:with|and an?)\b", sentence[mentions[i - 1][1]:first]):
                place = own[i - 1]
            if fronted and place is not None:
                own[i] = place
        out.append((place.side, place.zone) if place else (None, None))
    return out


def _join(a: Place | None, b: Place | None) -> Place | None:
    """“Left … in the lower lobe”: the words before complete those after; where they differ, those before hold."""
    if a is None or b is None:
        return a or b
    return Place(a.start, a.end, a.side or b.side, a.zone or (b.zone if a.side in (None, b.side) or b.side is None else None))
