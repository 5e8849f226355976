"""Chest CT prose (English) -> findings, by rules: sections, scope of negation, places, sizes,
counts, changes, descriptors."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.changes import alone, assign_changes
from DGMVLCCore.language.counts import count
from DGMVLCCore.language.descriptors import descriptors
from DGMVLCCore.language.english import check_english, cleaned
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.mentions import MASSLIKE, Mention, mentions
from DGMVLCCore.language.places import assign_places, places
from DGMVLCCore.language.presence import DENIED, clause, presence
from DGMVLCCore.language.sentences import sentences
from DGMVLCCore.language.sizes import assign_sizes, sizes
from DGMVLCCore.language.vocabulary import load_vocabulary

IT = re.compile(
    r"^\W*(?:it|this|these|they|size|(?:maximum |maximal )?diameter|measur\w+|the "
    r"(?:larger|lesion|former|latter))\b|\b(?:largest|biggest"
    r"|dominant|which measures?)\b",
    re.IGNORECASE,
)
HEADING_LINE = re.compile(r"\W*[A-Za-z][\w /&-]{0,40}:")
OR = re.compile(r"\s+or\s+(?:[\w-]+\s+){0,2}", re.IGNORECASE)
THE_MASS = re.compile(r"\b(?:the|this|these|those)\s+$", re.IGNORECASE)
MIDLINE = (
    "lymphadenopathy",
    "pericardial effusion",
    "cardiomegaly",
    "pneumomediastinum",
    "hernia",
    "aneurysm",
    "pulmonary edema",
)
NO_UNIT = re.compile(
    r"\b(?:measur\w+|diameter(?: of)?|size(?: of)?)\s+(?:up to\s+|about\s+"
    r"|approximately\s+)?\d+(?:[.,]\d+)?(?:\s*[x\u00d7]\s*\d+(?:[.,]\d+)?)*(?![\d.,]*\s*-?\s*(?:mm"
    r"|cm|millim|centim|x|%|to\b|-|–|\d|ml|hu"
    r"|suv))",
    re.IGNORECASE,
)
ARROWS = re.compile(r"\([^()]*\b(?:arrow\w*|asterisks?|circles?)\b[^()]*\)", re.IGNORECASE)
OTHER = re.compile(
    r"\b(?:new|other|additional|further|more|larger|enlarging|suspicious|remaining)\s+"
    r"(?:[\w-]+\s+)?$",
    re.IGNORECASE,
)


def _same(a: Finding, b: Finding) -> bool:
    """True when the second mention may be the first one again (findings, then impression)."""
    agree = (a.side in (None, b.side) or b.side is None) and (
        a.zone in (None, b.zone) or b.zone is None
    )
    sizes_agree = (
        a.size_mm is None
        or b.size_mm is None
        or abs(a.size_mm - b.size_mm) <= max(1.0, 0.1 * a.size_mm)
    )
    return a.term == b.term and a.presence == b.presence and agree and sizes_agree


def _merge(a: Finding, b: Finding) -> Finding:
    """The first mention, completed by what only the second says."""
    return replace(
        a,
        side=a.side or b.side,
        zone=a.zone or b.zone,
        lobe=a.lobe or b.lobe,
        size_mm=a.size_mm or b.size_mm,
        count=a.count or b.count,
        change=a.change or b.change,
        descriptors=tuple(dict.fromkeys((*a.descriptors, *b.descriptors))),
    )


def _listed(sentence: str, named: list[Mention], said: list[str]) -> list[str]:
    """“No effusion on the left, small effusion on the right”: the same noun behind a comma begins a
    new statement; “A or B” is either."""
    nouns = [re.split(r"[\s-]", sentence[m.start : m.end].lower())[-1].rstrip("s") for m in named]
    out = list(said)
    for i in range(1, len(named)):
        gap = sentence[named[i - 1].end : named[i].start]
        if (
            said[i] == said[i - 1] == "absent"
            and nouns[i] == nouns[i - 1]
            and "," in gap
            and not DENIED.search(gap)
            and not re.search(r"\b(?:or|nor)\b", gap)
        ):
            out[i] = "present"
    for i in range(1, len(named)):
        if (
            OR.fullmatch(sentence, named[i - 1].end, named[i].start)
            and out[i - 1] in ("present", "uncertain")
            and out[i] == "present"
        ):
            out[i - 1] = out[i] = "uncertain"  # “atelectasis or early consolidation”
    return out


def _read(offset: int, original: str) -> list[Finding]:
    """The findings of one sentence."""
    sentence = ARROWS.sub(
        lambda m: " " * len(m.group()), cleaned(original)
    )  # spans stay those of the original
    named = mentions(sentence)
    spans = [(m.start, m.end) for m in named]
    clauses = [clause(sentence, *span) for span in spans]
    said = _listed(
        sentence,
        named,
        [presence(sentence, *span, [o for o in spans if o != span]) for span in spans],
    )
    where = assign_places(
        sentence, spans, clauses, [p == "absent" for p in said], [m.term in MIDLINE for m in named]
    )
    sized = [
        i for i, m in enumerate(named) if m.term in load_vocabulary().sized and said[i] != "absent"
    ]
    lengths = dict(
        zip(sized, assign_sizes(sentence, [spans[i] for i in sized], [clauses[i] for i in sized]))
    )
    changes = assign_changes(sentence, spans, clauses, said, [m.term for m in named])
    found = []
    for i, m in enumerate(named):
        place = where[i]
        number = (
            count(sentence, spans[i - 1][1] if i else 0, m.start, m.end)
            if said[i] != "absent"
            else None
        )
        found.append(
            Finding(
                m.term,
                said[i],
                m.side or (place.side if place else None),
                place.zone if place else None,
                lengths.get(i),
                descriptors(sentence, spans, i, clauses[i]),
                (offset + m.start, offset + m.end),
                original[m.start : m.end],
                original,
                lobe=place.lobe if place else None,
                count=number,
                change=changes[i],
            )
        )
    return found


def _later(found: list[Finding], sentence: str) -> None:
    """“… It measures 8 mm.”, “It is unchanged.”: what names nothing belongs to the last finding
    that lacks it."""
    if not found or found[-1].presence == "absent" or not IT.search(sentence):
        return
    measured = sizes(sentence)
    if measured and found[-1].size_mm is None and found[-1].term in load_vocabulary().sized:
        found[-1] = replace(found[-1], size_mm=measured[0][2])
    if found[-1].change is None and (change := alone(sentence)):
        found[-1] = replace(found[-1], change=change)


def _about_the_mass(found: list[Finding], new: list[Finding]) -> list[Finding]:
    """“The mass …” behind a mass outside the lung is that one again."""
    before = [f for f in (*found, *new) if f.term == "extrapulmonary mass"]
    if not before or any(f.term in MASSLIKE for f in found):
        return new
    return [
        replace(
            f,
            term="extrapulmonary mass",
            side=before[0].side,
            zone=before[0].zone,
            lobe=before[0].lobe,
        )
        if f.term in MASSLIKE and THE_MASS.search(f.sentence[: max(0, f.sentence.find(f.text))])
        else f
        for f in new
    ]


def _heading(sentence: str, before: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
    """Side and zone of a heading on a line of its own (“RIGHT LUNG:”); any other heading ends
    it."""
    if not HEADING_LINE.match(sentence):
        return before
    place = next(iter(places(sentence, [])), None) if sentence.rstrip().endswith(":") else None
    return (place.side, place.zone) if place else (None, None)


def _under(headed: tuple[str | None, str | None], finding: Finding) -> Finding:
    """The finding, in the heading's place when it names none of its own."""
    side, zone = headed
    if finding.side or not side or finding.term in MIDLINE:
        return finding
    return replace(finding, side=side, zone=finding.zone or zone)


def _contradicted(found: list[Finding]) -> list[Finding]:
    """Flag both of two statements that say yes and no of the same term and place; “no other
    nodules” contradicts nothing."""
    flagged: set[int] = set()
    for i, a in enumerate(found):
        before = a.sentence[: max(0, a.sentence.find(a.text))]
        if a.presence != "absent" or a.change == "resolved" or OTHER.search(before):
            continue
        for k, b in enumerate(found):
            if (
                b.term == a.term
                and b.presence == "present"
                and b.sentence != a.sentence
                and a.side in (None, b.side, "bilateral")
                and a.zone in (None, b.zone)
            ):
                flagged |= {i, k}
    return [replace(f, contradicted=True) if i in flagged else f for i, f in enumerate(found)]


def report_notes(report: str, findings: list[Finding]) -> list[str]:
    """What the reader of the findings should know: contradictions, sizes without a unit, text that
    was not read."""
    notes = []
    for term in dict.fromkeys(f.term for f in findings if f.contradicted):
        notes.append(f"The report contradicts itself about “{term}”; both statements are listed.")
    plain = cleaned(report)
    for match in NO_UNIT.finditer(plain):
        notes.append(f"“{match.group().strip()}” has no unit, so it was not read as a size.")
    other = sum(
        c.isalpha() and not unicodedata.name(c, "").startswith("LATIN")
        for c in report
        if not c.isascii()
    )
    if other > 3:
        notes.append(f"{other} letters of another script were not read; only English is.")
    if not findings:
        notes.append(
            "No finding of the vocabulary was read; text under indication, history, comparison "
            "and technique is not read."
        )
    return notes


def parse_report(report: str) -> list[Finding]:
    """Find what a report says is there, is not there, or may be. Only English is read.

    Args:
        report: free text; the sections indication, history, comparison and technique state no
            findings.

    Returns:
        findings in the order of their first mention; `report[span[0]:span[1]] == text`. Statements
        that contradict each other are both
        there, flagged.

    Raises:
        UnsuitableInputError: the report is empty, or not in English.
    """
    if not cleaned(report).strip():
        raise UnsuitableInputError("The report is empty; paste its text.")
    check_english(report)
    found: list[Finding] = []
    headed: tuple[str | None, str | None] = (None, None)
    for offset, sentence in sentences(report):
        headed = _heading(sentence, headed)
        new = [_under(headed, f) for f in _read(offset, sentence)]
        if not new:
            _later(found, sentence)
        for finding in _about_the_mass(found, new):
            earlier = next((i for i, other in enumerate(found) if _same(other, finding)), None)
            if earlier is None:
                found.append(finding)
            else:
                found[earlier] = _merge(found[earlier], finding)
    return _contradicted(found)
