"""Chest CT prose (English) -> findings, by rules: sections, scope of negation, places, sizes, descriptors."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.places import assign_places
from DGMVLCCore.language.presence import clause, is_past, presence
from DGMVLCCore.language.sentences import sentences
from DGMVLCCore.language.sizes import assign_sizes, sizes
from DGMVLCCore.language.vocabulary import canonical, load_vocabulary

JOINT = r"\s*(?:and/or|and|or|/|,)\s*(?:(?:left|right|bilateral|small|large)\s+)*"
# "pleural or pericardial effusion" says the noun once for both.
ELLIPSIS = re.compile(rf"\b(pleural|pericardial)(?={JOINT}(pleural|pericardial)\s+(?:effusions?|fluid)\b)", re.IGNORECASE)
IT = re.compile(r"\b(?:it|this|these|largest|biggest|larger|dominant|lesion|measur\w+|diameter|size)\b", re.IGNORECASE)
LUNG = re.compile(r"\b(?:lungs?|lobes?|lobar|pulmonary|[rl][uml]l|lingula\w*|parenchym\w*|hilum|hilar)\b", re.IGNORECASE)
ARROWS = re.compile(r"\([^()]*\b(?:arrow\w*|asterisks?|circles?)\b[^()]*\)", re.IGNORECASE)
MASSLIKE = ("nodule", "part-solid nodule")


@dataclass(frozen=True)
class _Mention:
    """A wording of the vocabulary in a sentence."""

    start: int
    end: int
    term: str


def _mentions(sentence: str) -> list[_Mention]:
    """The wordings of a sentence in order; “thoracic cavity” and “mass effect” are none, a mass elsewhere is named so."""
    words = load_vocabulary()
    found = [_Mention(m.start(), m.end(), f"{m.group().lower()} effusion") for m in ELLIPSIS.finditer(sentence)]
    for match in words.pattern.finditer(sentence):
        start, end = match.span()
        before = re.findall(r"[\w-]+", sentence[max(0, start - 40):start].lower())
        single = re.sub(r"(?:ies|(?<!s)s)$", lambda m: "y" if m.group() == "ies" else "", match.group().lower())
        if (before and before[-1] in words.not_findings.get(single, ())) or is_past(sentence, start):
            continue
        if single == "mass" and re.match(r"\s+effect", sentence[end:], re.IGNORECASE):
            continue
        found.append(_Mention(start, end, canonical(match.group())))
    found.sort(key=lambda m: m.start)
    return [replace(m, term="extrapulmonary mass") if m.term in MASSLIKE and _elsewhere(sentence, m, found) else m for m in found]


def _elsewhere(sentence: str, mention: _Mention, found: list[_Mention]) -> bool:
    """True when the words around a mass put it outside the lung and none put it inside."""
    low = max([m.end for m in found if m.end <= mention.start], default=0)
    high = min([m.start for m in found if m.start >= mention.end], default=len(sentence))
    premodifiers = " ".join(re.split(r"[,;:()]|\b(?:and|or|with|of|in)\b", sentence[low:mention.start])[-1].split()[-4:])
    elsewhere = load_vocabulary().elsewhere
    if LUNG.search(premodifiers) or LUNG.search(sentence[mention.start:mention.end]):
        return False
    if elsewhere.search(premodifiers):
        return True
    after = sentence[mention.end:high]
    where = re.search(rf"\b(?:in|of|within|at|from|involving|(?:an|pos)terior to)\s+(?:[\w-]+\s+){{0,4}}?{elsewhere.pattern}", after, re.IGNORECASE)
    return where is not None and LUNG.search(after[:where.end()]) is None


def _own_words(after: str, is_last: bool) -> int:
    """How much of what follows a wording still qualifies it: its first phrase, then short ones and “which …”."""
    end = 0
    for i, part in enumerate(re.split(r"(?=[,;:.](?:\s|$))", after)):
        stop = re.search(r"\b(?:and|or|with|without|versus|but)\b", part)
        if (not is_last and i) or (i and len(part.split()) > 4 and not re.match(r",\s*(?:which|that)\b", part)):
            break
        end += stop.start() if stop else len(part)
        if stop or part.startswith((";", ":")):
            break
    return end if is_last or re.search(r"[,;]|\b(?:and|or|with|without)\b", after) else 0


def _descriptors(sentence: str, mentions: list[_Mention], index: int, bounds: tuple[int, int]) -> tuple[str, ...]:
    """Qualifying words of one wording: before it back to the last one or comma, after it up to the next one's own words."""
    here = mentions[index]
    low = max(bounds[0], mentions[index - 1].end if index else 0)
    cut = re.search(r".*(?:\b(?:and|or|with|in)\b|[;:])", sentence[low:here.start], re.DOTALL)
    first = low + cut.end() if cut else low
    until = mentions[index + 1].start if index + 1 < len(mentions) else len(sentence)
    last = here.end + _own_words(sentence[here.end:until], index + 1 == len(mentions))
    pattern = load_vocabulary().descriptor_pattern
    spans = [*pattern.finditer(sentence, first, here.end), *pattern.finditer(sentence, here.end, max(last, here.end))]
    denied = re.compile(r"\b(?:not|non|no|without)[\s-]+$", re.IGNORECASE)
    said = [re.sub(r"\s+", " ", m.group().lower()) for m in spans if not denied.search(sentence[:m.start()])]
    return tuple(dict.fromkeys(said))


def _same(a: Finding, b: Finding) -> bool:
    """True when the second mention may be the first one again (findings, then impression)."""
    agree = (a.side in (None, b.side) or b.side is None) and (a.zone in (None, b.zone) or b.zone is None)
    sizes_agree = a.size_mm is None or b.size_mm is None or abs(a.size_mm - b.size_mm) <= max(1.0, 0.1 * a.size_mm)
    return a.term == b.term and a.presence == b.presence and agree and sizes_agree


def _merge(a: Finding, b: Finding) -> Finding:
    """The first mention, completed by what only the second says."""
    return replace(a, side=a.side or b.side, zone=a.zone or b.zone, size_mm=a.size_mm or b.size_mm,
                   descriptors=tuple(dict.fromkeys((*a.descriptors, *b.descriptors))))


def _read(offset: int, original: str) -> list[Finding]:
    """The findings of one sentence."""
    sentence = ARROWS.sub(lambda m: " " * len(m.group()), original)  # spans stay those of the original
    mentions = _mentions(sentence)
    spans = [(m.start, m.end) for m in mentions]
    clauses = [clause(sentence, *span) for span in spans]
    said = [presence(sentence, *span, [o for o in spans if o != span]) for span in spans]
    places = assign_places(sentence, spans, clauses, [p == "absent" for p in said])
    sized = [i for i, m in enumerate(mentions) if m.term in load_vocabulary().sized and said[i] != "absent"]
    lengths = dict(zip(sized, assign_sizes(sentence, [spans[i] for i in sized], [clauses[i] for i in sized])))
    return [Finding(m.term, said[i], *places[i], lengths.get(i), _descriptors(sentence, mentions, i, clauses[i]),
                    (offset + m.start, offset + m.end), original[m.start:m.end], original) for i, m in enumerate(mentions)]


def _later_size(found: list[Finding], sentence: str) -> None:
    """“… It measures 8 mm.”: a size alone belongs to the last finding that can have one and has none."""
    measured = sizes(sentence)
    if found and measured and IT.search(sentence) and found[-1].size_mm is None and found[-1].presence != "absent" \
            and found[-1].term in load_vocabulary().sized:
        found[-1] = replace(found[-1], size_mm=measured[0][2])


def parse_report(report: str) -> list[Finding]:
    """Find what a report says is there, is not there, or may be. Only English is read.

    Args:
        report: free text; the sections indication, history, comparison and technique state no findings.

    Returns:
        findings in the order of their first mention; `report[span[0]:span[1]] == text`.

    Raises:
        UnsuitableInputError: the report is empty.
    """
    if not report.strip():
        raise UnsuitableInputError("The report is empty; paste its text.")
    found: list[Finding] = []
    for offset, sentence in sentences(report):
        new = _read(offset, sentence)
        if not new:
            _later_size(found, sentence)
        for finding in new:
            earlier = next((i for i, other in enumerate(found) if _same(other, finding)), None)
            if earlier is None:
                found.append(finding)
            else:
                found[earlier] = _merge(found[earlier], finding)
    return found
