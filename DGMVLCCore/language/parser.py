"""Chest CT prose -> findings, by rules: clauses, scope of negation, sides, zones, sizes."""

from __future__ import annotations

import re

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.vocabulary import canonical, load_vocabulary


def _any(*patterns: str) -> re.Pattern[str]:
    """One pattern that matches any of the given ones, case ignored."""
    return re.compile("|".join(patterns), re.IGNORECASE)


SENTENCE = re.compile(r"(?<=[.!?;])(?<!\d\.)\s+|\n\s*(?=[-*•\d]|[A-Z])|\n{2,}")
SECTION = _any(r"^\s*(?:indication|history|clinical history|clinical information|technique|comparison)\s*:")
HEADING = re.compile(r"^\s*([A-Z][A-Za-z /]{2,30})\s*:", re.MULTILINE)
TURN = _any(r"\b(?:but|except(?: for)?|with the exception of|however|although|apart from|other than|aside from)\b",
            r"\b(?:there is|there are|and a|and an)\b", ";")
EXCEPTION = re.compile(r"except|with the exception|apart|other|aside", re.IGNORECASE)
DENIED = _any(r"\b(?:no|without|negative for|free of|absence of|no longer|resolved|denies|nor|neither|not)\b", r"\b(?:rules? out|ruled out|excluded)\b")
DENIED_AFTER = _any(r"^[^,.;]{0,40}?\b(?:is|are|was|were|has|have)?\s*not (?:seen|present|identified|visualized|visualised|evident)\b",
                    r"^[^,.;]{0,40}?\b(?:is|are) absent\b", r"^[^,.;]{0,40}?\b(?:no longer (?:seen|present|visible)|excluded|ruled out)\b",
                    r"^[^,.;]{0,40}?\b(?:has|have) (?:completely )?resolved\b")
DOUBLE = _any(r"\bno (?:significant |interval |substantial )?(?:change|growth|increase|decrease)\b", r"\bnot (?:significantly )?changed\b")
DOUBT = _any(r"\b(?:possibl[ey]|probabl[ey]|may represent|might represent|could represent|may be|questionable|suspected|suspicion of|suspicious for)\b",
             r"\b(?:cannot exclude|can ?not be excluded|not (?:be )?excluded|concern(?:ing)? for|equivocal|versus|vs|rule out|r/o)\b")
DOUBT_AFTER = _any(r"^[^,.;]{0,25}?\b(?:is|are) (?:possible|suspected|questionable|not excluded)\b", r"^[^,.;]{0,15}?(?:can ?not|could not) be excluded")
SIZE = re.compile(r"(\d+(?:[.,]\d+)?)(?:\s*(?:-|–|to)\s*(\d+(?:[.,]\d+)?))?((?:\s*[x×]\s*\d+(?:[.,]\d+)?(?:\s*(?:mm|cm))?){0,2})"
                  r"\s*-?\s*(mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?)\b", re.IGNORECASE)
LOBES = {"rul": ("right", "upper"), "rml": ("right", "middle"), "rll": ("right", "lower"), "lul": ("left", "upper"), "lll": ("left", "lower")}
SIDES = ((r"\b(?:bilateral(?:ly)?|b/l|bibasilar|bibasal|biapical|right and left|left and right)\b", "bilateral"),
         (r"\bboth (?:upper |lower |mid(?:dle)? )?(?:lungs?|sides|bases|apices|lobes|zones)\b", "bilateral"),
         (r"\b(?:left|left-sided|lingula(?:r)?)\b", "left"), (r"\b(?:right|right-sided)\b", "right"))
ZONES = ((r"\b(?:upper (?:lobes?|zones?|lung)|apex|apical|apices|biapical)\b", "upper"),
         (r"\b(?:middle (?:lobe|zones?)|mid (?:zone|lung)|lingula(?:r)?|perihilar)\b", "middle"),
         (r"\b(?:lower (?:lobes?|zones?|lung)|bases?|basal|basilar|bibasilar|bibasal)\b", "lower"))


def _sentences(report: str) -> list[tuple[int, str]]:
    """(offset, sentence) pairs that cover the report."""
    out, start = [], 0
    for cut in [*SENTENCE.finditer(report), None]:
        end = cut.start() if cut else len(report)
        if report[start:end].strip():
            out.append((start, report[start:end]))
        start = cut.end() if cut else end
    return out


def _clause(sentence: str, at: int) -> tuple[int, int]:
    """The part of a sentence, between turning words, that holds position `at`."""
    cuts = [0, *(m.start() for m in TURN.finditer(sentence)), len(sentence)]
    for low, high in zip(cuts[:-1], cuts[1:]):
        if low <= at < high:
            return low, high
    return 0, len(sentence)


def _presence(sentence: str, start: int, end: int) -> str:
    """present, absent or uncertain, from what stands before and after within the clause."""
    low, high = _clause(sentence, start)
    before, after = sentence[low:start], sentence[end:high]
    turn = TURN.match(before.lstrip())
    if turn and EXCEPTION.match(turn.group()):
        return "present"
    if DOUBT_AFTER.search(after) or [m for m in DOUBT.finditer(before) if not DENIED.search(before[m.end():])]:
        denied_first = re.search(r"\bno\b[^.;]*\b(?:suspicious|concern|suspicion)", before, re.IGNORECASE)
        return "absent" if denied_first else "uncertain"
    if DENIED_AFTER.search(after):
        return "absent"
    # "no change of the nodule" denies the change, not the nodule.
    plain = DOUBLE.sub(lambda m: " " * len(m.group()), before)
    return "absent" if DENIED.search(plain) else "present"


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _size(sentence: str, start: int, end: int) -> float | None:
    """Largest size (mm) said nearest to a wording, None without one in its clause."""
    low, high = _clause(sentence, start)
    best: tuple[int, float] | None = None
    for match in SIZE.finditer(sentence, low, high):
        numbers = [_number(n) for n in re.findall(r"\d+(?:[.,]\d+)?", match.group())]
        value = max(numbers) * (10 if match.group(4).lower().startswith("c") else 1)
        distance = start - match.end() if match.end() <= start else match.start() - end
        if "from the" in sentence[match.end():match.end() + 10] or not 0 < value < 400:
            continue
        if best is None or distance < best[0]:
            best = (distance, value)
    return round(best[1], 1) if best else None


def _place(sentence: str, start: int, present: bool) -> tuple[str | None, str | None]:
    """Side and zone said nearest to a wording: in its clause; what is there may also take them from the whole sentence."""
    for low, high in (_clause(sentence, start), (0, len(sentence)))[: 2 if present else 1]:
        part = sentence[low:high]
        found: list[tuple[int, str | None, str | None]] = []
        for match in re.finditer(r"\b(rul|rml|rll|lul|lll)\b", part, re.IGNORECASE):
            found.append((abs(match.start() + low - start), *LOBES[match.group().lower()]))
        for pattern, side in SIDES:
            found += [(abs(m.start() + low - start), side, None) for m in re.finditer(pattern, part, re.IGNORECASE)]
        for pattern, zone in ZONES:
            found += [(abs(m.start() + low - start), None, zone) for m in re.finditer(pattern, part, re.IGNORECASE)]
        found.sort(key=lambda item: item[0])
        sides = [side for _, side, _ in found if side]
        zones = [zone for _, _, zone in found if zone]
        if sides or zones:
            return (sides[0] if sides else None), (zones[0] if zones else None)
    return None, None


def _descriptors(sentence: str, start: int, end: int) -> tuple[str, ...]:
    low, high = _clause(sentence, start)
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", sentence[low:high].lower())
    known = load_vocabulary().descriptors
    return tuple(dict.fromkeys(word for word in words if word in known))


def _same(a: Finding, b: Finding) -> bool:
    """True when the second mention may be the first one again (findings, then impression)."""
    agree = (a.side in (None, b.side) or b.side is None) and (a.zone in (None, b.zone) or b.zone is None)
    sizes = a.size_mm is None or b.size_mm is None or abs(a.size_mm - b.size_mm) <= max(2.0, 0.15 * a.size_mm)
    return a.term == b.term and a.presence == b.presence and agree and sizes


def _merge(a: Finding, b: Finding) -> Finding:
    """The first mention, completed by what only the second says."""
    return Finding(a.term, a.presence, a.side or b.side, a.zone or b.zone, a.size_mm or b.size_mm,
                   tuple(dict.fromkeys((*a.descriptors, *b.descriptors))), a.span, a.text, a.sentence)


def parse_report(report: str) -> list[Finding]:
    """Find what a report says is there, is not there, or may be.

    Args:
        report: free text; sections before FINDINGS (indication, comparison, technique) are read for no findings.

    Returns:
        findings in the order of their first mention; spans index the original text.

    Raises:
        UnsuitableInputError: the report is empty.
    """
    if not report.strip():
        raise UnsuitableInputError("The report is empty; paste its text.")
    found: list[Finding] = []
    skipping = False
    for offset, sentence in _sentences(report):
        if HEADING.match(sentence):
            skipping = bool(SECTION.match(sentence))
        if skipping:
            continue
        for match in load_vocabulary().pattern.finditer(sentence):
            start, end = match.span()
            presence = _presence(sentence, start, end)
            side, zone = _place(sentence, start, presence != "absent")
            finding = Finding(canonical(match.group()), presence, side, zone, _size(sentence, start, end),
                              _descriptors(sentence, start, end), (offset + start, offset + end), match.group(), sentence.strip())
            earlier = next((i for i, other in enumerate(found) if _same(other, finding)), None)
            if earlier is None:
                found.append(finding)
            else:
                found[earlier] = _merge(found[earlier], finding)
    return found
