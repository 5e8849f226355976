"""One sentence -> its findings, in the light of the sentences before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from DGMVLCCore.language.changes import assign_changes
from DGMVLCCore.language.clauses import clause
from DGMVLCCore.language.completing import Context, without_mention
from DGMVLCCore.language.counts import count
from DGMVLCCore.language.descriptors import descriptors
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.forms import BOX
from DGMVLCCore.language.items import FINDING, PLACE, SIZE, masked
from DGMVLCCore.language.marks import chosen, values
from DGMVLCCore.language.mentions import MASSLIKE, Mention, mentions
from DGMVLCCore.language.places import Place, places
from DGMVLCCore.language.placing import assign_places
from DGMVLCCore.language.presence import presences
from DGMVLCCore.language.sentences import Sentence
from DGMVLCCore.language.several import (
    PLURAL,
    group_counts,
    largest_place,
    lobes_apart,
    pieces,
    sided,
)
from DGMVLCCore.language.sizes import (
    Measurement,
    Size,
    assign_sizes,
    measurements,
    nearest,
    written,
)
from DGMVLCCore.language.sources import foreign_ranges, is_foreign, whole_is_foreign
from DGMVLCCore.language.vocabulary import load_vocabulary

VERSUS = re.compile(r"\s*(?:vs\.?|versus|or|/)\s*(?:an?\s+)?")
# A single one of these may reach over two lobes; there are not two of it.
LUMPS = frozenset((*MASSLIKE, "cyst", "cavity", "abscess", "bulla", "metastasis", "empyema"))
HEADING_LINE = re.compile(r"\W*[a-z][\w /&-]{0,40}:")
THE_MASS = re.compile(r"\b(?:the|this|these|those)\s+$")
YES = re.compile(r":\s*(?:yes|y|present|positive)\b\s*[,;(]?(?=.)")
ARROWS = re.compile(r"\([^()]*\b(?:arrow\w*|asterisks?|circles?)\b[^()]*\)", re.IGNORECASE)
MIXED = {"part-solid", "subsolid", "semi-solid"}
MIDLINE = (
    "lymphadenopathy",
    "pericardial effusion",
    "cardiomegaly",
    "pneumomediastinum",
    "hernia",
    "aneurysm",
    "pulmonary edema",
)


@dataclass(frozen=True)
class _Reading:
    """One sentence taken apart: in lower case, its mentions with their ranges, presence, clauses
    and places, all places, and its lengths."""

    text: str
    original: Sentence
    named: list[Mention]
    spans: list[tuple[int, int]]
    presence: list[str]
    clauses: list[tuple[int, int]]
    where: list[Place | None]
    places: list[Place]
    measured: Sequence[Measurement]


def _blanked(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _barrier(match: re.Match[str]) -> str:
    """A box of a form ends what stands before it."""
    return ";".ljust(len(match.group()))


def _lower(text: str) -> str:
    """Lower case, character for character."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower()[:1] for c in text)


def _taken_apart(sentence: Sentence) -> _Reading | None:
    """A sentence with its findings and all that is said of them; None when it names none."""
    text = written(chosen(values(ARROWS.sub(_blanked, _lower(sentence.text)))))
    named = mentions(text, sentence.heading)
    if not named or whole_is_foreign(text):
        return None
    measured, spans = measurements(text), [(m.start, m.end) for m in named]
    where, ranges = places(text, spans), foreign_ranges(text)
    sizes, sites = [(m.start, m.end) for m in measured], [(p.start, p.end) for p in where]
    blank = masked(text, [(FINDING, spans), (SIZE, sizes), (PLACE, sites)])
    wordings = [text[start:end] for start, end in spans]
    verdicts = presences(blank, spans, [m.term for m in named], wordings, sentence.answer)
    text = YES.sub(_blanked, text)
    boxes = BOX.search(text)
    if boxes and boxes.start() < named[0].start:
        text = BOX.sub(_barrier, text)
    kept = [
        i
        for i, m in enumerate(named)
        if verdicts[i] is not None
        and not is_foreign(text, blank, m.start, m.end, _has_place(blank, named, i), ranges)
    ]
    if not kept:
        return None
    named = [named[i] for i in kept]
    spans = [(m.start, m.end) for m in named]
    presence = [verdicts[i] or "present" for i in kept]
    clauses = [clause(text, *span) for span in spans]
    denied, midline = [p == "absent" for p in presence], [m.term in MIDLINE for m in named]
    own = assign_places(text, where, spans, clauses, denied, midline)
    for i, place in enumerate(own):  # “no effusion on either side” says no side of it
        if place and presence[i] == "absent" and text.startswith("either", place.start):
            own[i] = None
    return _Reading(text, sentence, named, spans, presence, clauses, own, where, measured)


def _has_place(blank: str, named: list[Mention], i: int) -> bool:
    """True when a size or place stands beside mention i, no other mention between."""
    low = named[i - 1].end if i else 0
    high = named[i + 1].start if i + 1 < len(named) else len(blank)
    return PLACE in blank[low:high] or SIZE in blank[low:high]


def _bounds(reading: _Reading, i: int) -> tuple[int, int]:
    """From the end of the mention before, in the same clause, to the beginning of the next one."""
    low = max(reading.spans[i - 1][1], reading.clauses[i][0]) if i else 0
    high = reading.spans[i + 1][0] if i + 1 < len(reading.spans) else len(reading.text)
    return low, high


def read_sentence(sentence: Sentence, context: Context) -> list[Finding]:
    """The findings of a sentence; one that names none completes the last finding of the context.

    Args:
        context: changed in place: headings, and the last finding.
    """
    low = _lower(sentence.text)
    _headed(low, context)
    reading = _taken_apart(sentence)
    if reading is None:
        return without_mention(low, sentence, context)
    sized = [
        i
        for i, m in enumerate(reading.named)
        if m.term in load_vocabulary().sized and reading.presence[i] != "absent"
    ]
    spans = [reading.spans[i] for i in sized]
    clauses = [reading.clauses[i] for i in sized]
    lengths = dict(zip(sized, assign_sizes(reading.text, reading.measured, spans, clauses)))
    _either_sized(reading, lengths)
    owner = [nearest(reading.text, (m.start, m.end), spans, clauses) for m in reading.measured]
    changes = assign_changes(
        reading.text, reading.spans, reading.clauses, reading.presence,
        [m.term for m in reading.named],
    )  # fmt: skip
    out: list[Finding] = []
    answers = sided(reading.text, reading.spans)
    for i in range(len(reading.named)):
        finding = _finding(reading, i, lengths.get(i, Size()), changes[i], context)
        measured = [m for m, k in zip(reading.measured, owner) if k is not None and sized[k] == i]
        if answers:
            out += [_answered(finding, side, there, words) for side, there, words in answers]
            continue
        out += _split(reading, i, finding, measured)
    return _about_the_mass(context.findings, out)


def _either_sized(reading: _Reading, lengths: dict[int, Size]) -> None:
    """“Cavity versus cyst, 15 mm”: the size is that of both readings; changes `lengths`."""
    for i in lengths:
        if i + 1 not in lengths or {reading.presence[i], reading.presence[i + 1]} != {"uncertain"}:
            continue
        gap = reading.text[reading.spans[i][1] : reading.spans[i + 1][0]]
        if not VERSUS.fullmatch(gap):
            continue
        if lengths[i].mm is None:
            lengths[i] = lengths[i + 1]
        elif lengths[i + 1].mm is None:
            lengths[i + 1] = lengths[i]


def _finding(
    reading: _Reading, i: int, size: Size, change: str | None, context: Context
) -> Finding:
    """The finding of mention i."""
    mention, place, presence = reading.named[i], reading.where[i], reading.presence[i]
    low, high = _bounds(reading, i)
    if presence != "absent":
        place = largest_place(reading.text, reading.places, mention.end, high) or place
    span = context.plain.span(
        reading.original.start + mention.start, reading.original.start + mention.end
    )
    whole = context.plain.span(reading.original.start, reading.original.end)
    finding = Finding(
        mention.term,
        presence,
        mention.side or (place.side if place else None),
        place.zone if place else None,
        size.mm,
        descriptors(reading.text, reading.spans, i, reading.clauses[i]),
        span,
        context.plain.original[slice(*span)],
        context.plain.original[slice(*whole)],
        lobe=place.lobe if place else None,
        count=count(_lower(reading.original.text), low if i else 0, mention.start, mention.end)
        if presence != "absent"
        else None,
        change=change,
        earlier_size_mm=size.earlier,
        component_mm=size.component,
        organ=mention.organ,
        corrected=mention.corrected,
    )
    if finding.term == "nodule" and presence != "absent" and MIXED & set(finding.descriptors):
        finding = replace(finding, term="part-solid nodule")
    same_side = "ipsilateral" in reading.text[low:high] and context.findings
    if not finding.side and same_side:
        return replace(finding, side=context.findings[context.last].side)
    if not finding.side and context.side and finding.term not in MIDLINE:
        return replace(finding, side=context.side, zone=finding.zone or context.zone)
    return finding


def _split(
    reading: _Reading, i: int, finding: Finding, measured: list[Measurement]
) -> list[Finding]:
    """One finding for each size and place of mention i."""
    parts = pieces(reading.text, reading.spans[i], measured, reading.places, _bounds(reading, i))
    if finding.presence == "absent":
        return [finding]
    if not parts:
        lump = finding.term in LUMPS and not PLURAL.search(finding.text.lower())
        lobes = [] if measured or lump else lobes_apart(reading.text, reading.where[i])
        counts = group_counts(reading.text, reading.spans[i][1], len(lobes))
        return [
            replace(finding, side=p.side, zone=p.zone, lobe=p.lobe, count=n)
            for p, n in zip(lobes, counts)
        ] or [finding]
    out = []
    for part in parts:
        place = part.place or reading.where[i]
        lone = replace(
            finding, size_mm=part.size.mm, earlier_size_mm=part.size.earlier, count=part.count,
            side=finding.side, zone=None, lobe=None,
        )  # fmt: skip
        if place:
            lone = replace(lone, side=place.side or finding.side, zone=place.zone, lobe=place.lobe)
        out.append(lone)
    return out


def _answered(finding: Finding, side: str, there: bool, words: str) -> Finding:
    """The finding as one side's answer has it."""
    size = next((m.mm for m in measurements(words) if m.mm), None) if there else None
    return replace(
        finding, presence="present" if there else "absent", side=side, zone=None, lobe=None,
        size_mm=size, count=None,
    )  # fmt: skip


def _headed(low: str, context: Context) -> None:
    """Take side and zone of a heading on a line of its own (“RIGHT LUNG:”); any other heading ends
    it."""
    if not HEADING_LINE.match(low):
        return
    place = next(iter(places(low, [])), None) if low.rstrip().endswith(":") else None
    context.side, context.zone = (place.side, place.zone) if place else (None, None)


def _about_the_mass(findings: list[Finding], new: list[Finding]) -> list[Finding]:
    """“The mass …” behind a mass outside the lung is that one again."""
    before = [f for f in (*findings, *new) if f.term == "extrapulmonary mass"]
    if not before or any(f.term in MASSLIKE for f in findings):
        return new
    out = []
    for f in new:
        words = f.sentence[: max(0, f.sentence.find(f.text))].lower()
        if f.term in MASSLIKE and f.presence != "absent" and THE_MASS.search(words):
            f = replace(
                f, term="extrapulmonary mass", side=before[0].side, zone=before[0].zone,
                lobe=before[0].lobe, organ=before[0].organ,
            )  # fmt: skip
        out.append(f)
    return out
