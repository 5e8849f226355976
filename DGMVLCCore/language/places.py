"""Side, zone, lobe and segment words of a sentence as places."""

from __future__ import annotations

import re
from dataclasses import dataclass

# “Left ventricle”, “right kidney”: a side that is not a lung's.
NOT_LUNG = (
    r"(?!\s+(?:main |lower |upper )?(?:ventric|atri|heart|cavit|chamber|coronary|kidney|adrenal|"
    r"breast|thyroid|arm\b|subclavian|vocal|jugular|carotid|recurrent|sinus|chest tube|chest drain|"
    r"drain|picc|port\b|internal|ij\b|pleural (?:tube|drain|catheter)|aortic|aorta|renal|"
    r"lobe of (?:the )?(?:thyroid|liver)|hepatic|liver|axill|scapul|clavic|sided chest pain|"
    r"chest pain))"
)
LETTER = (
    r"[lr](?=\s(?:[a-z-]+\s){0,2}(?:lungs?|base|apex|hil|effusion|pleural|lobe|upper|lower|middle|"
    r"side|hemithorax)|\s?>\s?[lr]\b|\s*[,;)]|\s*\.?\s*$)"
)
# Bronchopulmonary segments and the lobe they are part of; 4 and 5 are middle lobe or lingula.
SEGMENT = (
    r"(?P<segment>(?:(?:postero|antero|latero|medio|posterolatero|anteromedio)-?basal|"
    r"(?:posterior|anterior|lateral|medial|anteromedial)[- ]basal(?=[\w ]{0,24}segments?)|"
    r"apico-?posterior|apical segment|superior(?= segment)|superior basal(?= segment)|"
    r"(?:anterior|posterior|lateral|medial)(?= (?:sub)?segments?))(?: (?:sub)?segments?)?"
    r"|(?:s|seg(?:ment|\.)?\s?)(?P<number>10|[1-9])(?:\s?[+/]\s?(?:10|[1-9]))?"
    r"(?!\s?(?:mm|cm|[.,]\d)))"
)
LOBE_OF = {
    "a": "upper", "p": "upper", "m": "middle", "l": "middle", "s": "lower", "b": "lower",
}  # fmt: skip
SHORT = (
    r"(?P<short>(?:(?<=left )|(?<=right )|(?<=both )|(?<=\bl )|(?<=\br )|(?<=\blt )|"
    r"(?<=\brt ))[uml]ls?)"
)
BOTH = (
    r"(?P<both>bilat\w*|b/l|both(?=\s+(?:\w+\s+)?(?:lungs?|sides|bases|apices|lobes?|"
    r"zones|hemithora|pleural|effusions|pneumothoraces|[uml]ls\b))|throughout (?:the|both) lungs?|"
    r"(?:each|either) (?:lung|side|hemithorax|pleural space)(?! of)|"
    r"(?:two|2) lungs?|all (?:five |5 )?(?:lung )?lobes(?! of the (?:left|right)))"
)
ZONE = (
    r"(?P<zone>upper|middle|mid|lower)(?=(?:[\s,/-]+(?:and|or|&|left|right|upper|middle|mid|lower|"
    r"lung))*[\s-]+(?:(?P<named>lobes?|lobar)|zones?|lungs?|fields?|regions?|hemithora\w+)\b)"
)
ATOMS = re.compile(
    rf"\b(?:(?P<lobe>rul|rml|rll|lul|lll)s?|{BOTH}|(?P<two>bibasilar|bibasal|biapical)"
    rf"|(?P<side>left|right|ri[gh]{{1,2}}th?|lef|letf|(?:lt|rt)(?=\.?\s)|{LETTER})"
    rf"(?:-sided|-side)?\b{NOT_LUNG}"
    rf"|{SEGMENT}|(?P<minor>(?:minor|horizontal)(?= fissure))|{SHORT}"
    r"|(?P<lingula>lingular?)|(?P<same>ipsilateral|contralateral|same (?:lobe|lung|side))"
    rf"|{ZONE}|(?P<apex>apex|apices|apical|apically)"
    r"|(?P<base>bases?|basal(?:ly)?(?:(?= segment))?|basilar))(?!\w)",
    re.IGNORECASE,
)
LOBES = {
    "rul": ("right", "upper"),
    "rml": ("right", "middle"),
    "rll": ("right", "lower"),
    "lul": ("left", "upper"),
    "lll": ("left", "lower"),
}
NOUN = r"lungs?|lobes?|lobar|zones?|bases?|apex|apices|hemithorax|fields?|side"
FILLER = re.compile(
    rf"(?:[\s,/&+.-]|\b(?:{NOUN}|and|of|the|in|at|sided|anterior|posterior|lateral|medial|"
    r"superior|inferior|basal|apical|segments?|segmental|small|moderate|moderate-sized|large|trace|"
    r"tiny|minimal|an?|portions?|regions?|predominantly|aspect|part)\b)*",
    re.IGNORECASE,
)
GREATER = re.compile(
    r"\s*(?:>|<|(?:is |are )?(?:slightly |much )?(?:greater|more|larger|worse|less|smaller) "
    r"than(?: the)?)\s*(?:on the\s+)?",
    re.IGNORECASE,
)  # “left > right”
# “Predominantly left but also right”.
ALSO = re.compile(
    r"\s*,?\s*(?:but|and)\s+(?:also|less so|(?:also )?to a (?:lesser|minor) (?:extent|"
    r"degree))(?:\s+(?:on|in|at|of))?"
    r"(?:\s+the)?\s*"
)
SMALL = re.compile(r"\b(?:small|moderate|large|trace|tiny|minimal|an?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """One place phrase of a sentence: its range, side, zone, and lobe where one is named; side
    "same", "same lobe" or "other" refers back."""

    start: int
    end: int
    side: str | None
    zone: str | None
    lobe: str | None = None


def _atom(match: re.Match[str]) -> tuple[set[str], set[str], set[str]]:
    """Sides, zones and lobes that one place word says."""
    if match["lobe"]:
        side, zone = LOBES[match["lobe"].lower()]
        return {side}, {zone}, {zone}
    if match["two"]:
        return {"left", "right"}, {"upper" if "ap" in match["two"].lower() else "lower"}, set()
    if match["lingula"]:
        return {"left"}, {"middle"}, {"lingula"}
    if match["segment"]:
        return set(), set(), set()  # read with its side, in `_place`
    if match["minor"]:
        return {"right"}, set(), set()
    if match["both"]:
        return {"left", "right"}, set(), set()
    if match["same"]:
        return (
            {
                "other"
                if match["same"].lower().startswith("c")
                else "same lobe"
                if "lobe" in match["same"].lower()
                else "same"
            },
            set(),
            set(),
        )
    if match["short"]:
        zone = {"u": "upper", "m": "middle", "l": "lower"}[match["short"][0].lower()]
        return set(), {zone}, {zone}
    if match["side"]:
        return {"left" if match["side"].lower().startswith("l") else "right"}, set(), set()
    if match["zone"]:
        zone = "middle" if match["zone"].lower().startswith("mid") else match["zone"].lower()
        return set(), {zone}, {zone} if match["named"] else set()
    basal_segment = match["base"] and re.match(
        r" segment", match.string[match.end() : match.end() + 8], re.IGNORECASE
    )
    return set(), {"upper" if match["apex"] else "lower"}, {"lower"} if basal_segment else set()


def _place(group: list[re.Match[str]]) -> Place:
    """Several zones in one phrase leave the zone open, both sides make it bilateral; only the right
    lung has a middle lobe."""
    sides, zones, lobes = (set().union(*parts) for parts in zip(*map(_atom, group)))
    if not lobes and (of := {_lobe_of(atom, sides) for atom in group if atom["segment"]}):
        lobes = of
        zones = {"middle" if lobe == "lingula" else lobe for lobe in of}
        sides |= {"right"} if of == {"middle"} and not sides else set()
    side = "bilateral" if {"left", "right"} <= sides else next(iter(sides), None)
    lobe = next(iter(lobes)) if len(lobes) == 1 and len(zones) == 1 else None
    if "middle" in lobes and not any(atom["side"] for atom in group):
        side = "bilateral" if side == "left" else side or "right"
    zone = next(iter(zones)) if len(zones) == 1 and len(lobes) < 2 else None
    return Place(group[0].start(), group[-1].end(), side, zone, lobe)


def _lobe_of(atom: re.Match[str], sides: set[str]) -> str:
    """The lobe a segment is part of."""
    if atom["number"]:
        number = int(atom["number"])
        if number in (4, 5):
            return "lingula" if sides == {"left"} else "middle"
        return "upper" if number < 4 else "lower"
    name = atom["segment"].lower()
    return "lower" if "basal" in name else LOBE_OF[name[0]]


def places(sentence: str, mentions: list[tuple[int, int]]) -> list[Place]:
    """Place phrases of a sentence, none within a wording."""
    groups: list[list[re.Match[str]]] = []
    for match in ATOMS.finditer(sentence):
        if any(first <= match.start() < last for first, last in mentions):
            continue
        if groups and _continues(sentence, groups[-1][-1], match, mentions):
            groups[-1].append(match)
        else:
            groups.append([match])
    return [_place(group) for group in groups]


def apart(sentence: str, place: Place) -> list[Place]:
    """The places of one phrase, each with its side: “right upper and left lower lobe” are two."""
    out: list[Place] = []
    sides: list[str] = []
    fresh = True  # sides since the last lobe
    for atom in ATOMS.finditer(sentence, place.start):
        if atom.start() >= place.end:
            break
        side, zone, lobe = _atom(atom)
        if atom["both"] or atom["two"] or atom["same"] or atom["segment"]:
            return [place]
        if atom["side"]:
            sides = [*sides, *side] if fresh else [*side]
            fresh = True
            continue
        if not lobe:
            return [place]
        fresh = False
        name = next(iter(lobe))
        own = [*side] or sides or (["right"] if name == "middle" else [])
        out += [Place(*atom.span(), s, next(iter(zone)), name) for s in own]
        if not own:
            return [place]
    if not out:
        return [Place(place.start, place.end, s, place.zone) for s in sides]
    return out if not fresh or not sides else [place]


def _continues(
    sentence: str, last: re.Match[str], match: re.Match[str], mentions: list[tuple[int, int]]
) -> bool:
    """True when a place word goes on with the phrase before it (“upper and lower lobe”), not with
    the next finding."""
    gap = sentence[last.end() : match.start()]
    if GREATER.fullmatch(gap) or ALSO.fullmatch(gap):
        return True
    if last["segment"] and match["side"] and re.fullmatch(r"\s*(?:on|in|of) the\s*", gap):
        return True
    if not FILLER.fullmatch(gap) or (last["both"] and match["side"]):
        return False
    if (
        match["side"]
        and last["side"]
        and "," in gap
        and not any(first >= match.end() for first, _ in mentions)
    ):
        return True  # “effusions: right small, left moderate”
    if SMALL.search(gap) and (
        any(0 <= last.start() - end < 20 for _, end in mentions) or not re.search(r"\band\b", gap)
    ):
        return False
    if not re.search(r"\band\b|,|&|\bin\b", gap) or not (
        re.search(rf"\b(?:{NOUN})\b", gap)
        or last["lobe"]
        or last["base"]
        or last["apex"]
        or last["lingula"]
    ):
        return True
    following = min((first for first, _ in mentions if first >= match.end()), default=len(sentence))
    own_noun = (
        match["lobe"]
        or match["lingula"]
        or match["segment"]
        or match["base"]
        or re.match(rf"(?:\s|\w)*?\b(?:{NOUN})\b", sentence[match.end() : following])
    )
    return bool(own_noun)
