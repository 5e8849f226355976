"""What a sentence that names no finding adds to the one said last: “It measures 8 mm.”, “Lobe:
upper”, “A second, 6 mm, in the right lower lobe”."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from DGMVLCCore.language.changes import alone
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.places import Place, places
from DGMVLCCore.language.sentences import Sentence
from DGMVLCCore.language.several import LARGEST
from DGMVLCCore.language.sizes import Measurement, measurements
from DGMVLCCore.language.sources import whole_is_foreign
from DGMVLCCore.language.text import PlainText
from DGMVLCCore.language.vocabulary import load_vocabulary

IT = re.compile(
    r"^\W*(?:overall|total|whole|it|this|these|they|size|location|(?:maximum |maximal )?diameter|"
    r"measur\w+|the "
    r"(?:larger|lesion|former|latter|nodule|mass))\b|\b(?:largest|biggest|dominant|"
    r"which measures?)\b"
)
# “A second, 6 mm, in the right lower lobe” is one more of what was named last.
ANOTHER = re.compile(
    r"^\W*(?:(?:there (?:is|are)|also|and)\s+)*(?:an? |the )?(?:(?:smaller|larger|similar|"
    r"further) )*"
    r"(?:second|third|fourth|fifth|another|other|further|additional|one(?= in\b))\b"
)
# “No effusion on the right; there is a small one on the left.”
A_ONE = re.compile(r"\b(?:an?|another) (?:[\w-]+ ){0,2}one\b")
FRAGMENT = re.compile(
    r"\W*(?:\(?[a-h\d]\d?[.)]\s*)?(?:(?:and|in|the|at|on|one)\s+|\d+(?:[.,]\d+)?\s?[mc]m\s+)*"
)
ATTRIBUTE = re.compile(
    r"^\W*(?P<what>number|count|how many|locations?|sites?|position|lobes?|segments?|sides?|"
    r"laterality|"
    r"distribution|size|"
    r"(?:max(?:imum|imal|\.)? |largest |long axis |mean )?diameter|dimensions?|measurements?|"
    r"largest)"
    r"\s*[:=]\s*(?P<value>.*)"
)
LOBE = re.compile(r"upper|middle|lower|lingula")
NUMBERED = re.compile(r"\W*[a-h\d]\d?[.)]\s*")
PRONOUN = re.compile(r"\W*(?:it|this|these|they)\b")
DENIED = re.compile(r"\b(?:no|not|without)\b")


@dataclass
class Context:
    """What the sentences before have said.

    Args:
        plain: the text that is read. findings: so far. last: number of the one said last. side,
            zone: of a heading on its own line.
    """

    plain: PlainText
    findings: list[Finding] = field(default_factory=list)
    last: int = -1
    side: str | None = None
    zone: str | None = None


def without_mention(low: str, sentence: Sentence, context: Context) -> list[Finding]:
    """“It measures 8 mm.”, “Location: RLL”, “A second, 6 mm, …”: what names nothing belongs to the
    finding said last."""
    if not context.findings or whole_is_foreign(low):
        return []
    last = context.findings[context.last]
    place = next(iter(places(low, [])), None)
    measured = [m for m in measurements(low) if m.mm and not m.component]
    if place and A_ONE.search(low) and not DENIED.search(low):
        return [_another(replace(last, presence="present"), place, measured, sentence, context)]
    if last.presence == "absent":
        return []
    fragment = place and measured and FRAGMENT.fullmatch(low, 0, place.start)
    if (ANOTHER.match(low) and (place or measured)) or (fragment and last.size_mm):
        return [_another(last, place, measured, sentence, context)]
    if place and fragment and last.sentence.rstrip().endswith(":"):
        more = replace(last, size_mm=measured[0].mm, side=place.side or last.side)
        more = replace(more, zone=place.zone, lobe=place.lobe)
    else:
        more = _completed(last, low, place, measured)
    if more is not last:
        span = context.plain.span(sentence.start, sentence.end)
        context.findings[context.last] = replace(more, again=(*more.again, span))
    return []


def _completed(
    last: Finding, low: str, place: Place | None, measured: list[Measurement]
) -> Finding:
    """The finding said last with what a sentence of “it”, or a line “Location: RLL”, adds."""
    attribute = ATTRIBUTE.match(low)
    other = "node" in low or load_vocabulary().elsewhere.search(low) is not None
    other = other and not PRONOUN.match(low)
    if not attribute and (other or not IT.search(low)):
        return last
    largest = LARGEST.search(low) is not None
    if (
        attribute
        and attribute["what"].startswith("lobe")
        and (lobe := LOBE.search(attribute["value"]))
    ):
        side = place.side if place and place.side else last.side
        return replace(last, lobe=lobe.group(), side=side)
    if measured and last.size_mm is None and last.term in load_vocabulary().sized:
        earlier = next((m.earlier for m in measurements(low) if m.earlier), None)
        last = replace(last, size_mm=measured[0].mm, earlier_size_mm=earlier)
    if place and (largest or attribute) and (largest or not last.side):
        last = replace(last, side=place.side or last.side, zone=place.zone, lobe=place.lobe)
    if attribute and attribute["what"] in ("number", "count", "how many"):
        number = re.match(r"\d{1,2}\b", attribute["value"])
        last = replace(last, count=int(number.group()) if number else last.count)
    if last.change is None and not attribute and (change := alone(low)):
        last = replace(last, change=change)
    return last


def _another(
    last: Finding,
    place: Place | None,
    measured: list[Measurement],
    sentence: Sentence,
    context: Context,
) -> Finding:
    """One more of the last finding, with the size and place of its own sentence."""  # fmt: skip
    span = context.plain.span(sentence.start, sentence.end)
    number = NUMBERED.match(sentence.text)
    begin = number.end() if number else 0
    words = re.compile(r"\W*(?:[\w-]+\s?){1,2}").match(sentence.text, begin)
    until = sentence.start + (len(words.group().rstrip()) + begin if words else len(sentence.text))
    own = context.plain.span(sentence.start + begin, until)
    return replace(
        last,
        side=place.side if place else None,
        zone=place.zone if place else None,
        lobe=place.lobe if place else None,
        size_mm=measured[0].mm if measured else None,
        earlier_size_mm=None,
        component_mm=None,
        count=None,
        change=None,
        descriptors=(),
        again=(),
        span=own,
        text=context.plain.original[slice(*own)],
        sentence=context.plain.original[slice(*span)],
    )
