"""What a region may show: hypotheses from a finding, from a built-in list, or from free words the
weights know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import msgspec

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import (
    absent_prompt,
    describe_prompt,
    present_prompt,
    require_known,
    said_plainly,
)
from DGMVLCCore.language.vocabulary import load_vocabulary

FEWEST, MOST = 2, 6


@dataclass(frozen=True)
class Hypothesis:
    """What a region may show.

    Args:
        name: for people. sentence: as the weights learned it. term: canonical finding, None for
            clear lung.
    """

    name: str
    sentence: str
    term: str | None


class _Clear(msgspec.Struct, frozen=True):
    name: str
    sentence: str
    synonyms: list[str]


class _Variant(msgspec.Struct, frozen=True):
    term: str
    descriptors: list[str]
    synonyms: list[str]


class _Lists(msgspec.Struct, frozen=True):
    """`Resources/hypotheses.json`: names besides the vocabulary's, and a differential list for each
    finding."""

    clear: _Clear
    variants: dict[str, _Variant]
    differential: dict[str, list[str]]


@lru_cache(maxsize=1)
def _lists() -> _Lists:
    return msgspec.json.decode(resource("hypotheses.json").read_bytes(), type=_Lists)


def clear_lung() -> Hypothesis:
    """The hypothesis that nothing is there."""
    return Hypothesis(_lists().clear.name, _lists().clear.sentence, None)


def _plain(words: str) -> str:
    return " ".join(words.lower().rstrip(" .").split())


def hypothesis(words: str) -> Hypothesis:
    """A name of the built-in list, one of its synonyms, or a free sentence, as a hypothesis.

    Raises:
        UnsuitableInputError: it says nothing, several findings, or one the weights were never
            taught.
    """
    said, clear = _plain(words), clear_lung()
    if not said:
        raise UnsuitableInputError("A hypothesis is empty; name a finding or “no finding”.")
    if said in (clear.name, *_lists().clear.synonyms):
        return clear
    for name, variant in _lists().variants.items():
        if said in (name, *variant.synonyms):
            return Hypothesis(name, said_plainly(variant.term, variant.descriptors), variant.term)
    meaning = describe_prompt(words)
    if not meaning.present:
        return clear  # a denied finding says what clear lung says: nothing is there
    term = str(meaning.term)
    for name, variant in _lists().variants.items():
        if variant.term == term and any(word in said for word in variant.descriptors):
            return Hypothesis(name, said_plainly(term, variant.descriptors), term)
    return Hypothesis(term, present_prompt(term), term)


def beside(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The same, clear lung said as the absence of the first finding among them: the plain denial
    the weights were taught."""
    term = next((each.term for each in hypotheses if each.term), None)
    return [
        replace(each, sentence=absent_prompt(term)) if each.term is None and term else each
        for each in hypotheses
    ]


def resolve(words: Sequence[str]) -> list[Hypothesis]:
    """Two to six different hypotheses from what the user wrote, in that order.

    Raises:
        UsageError: too few, too many, or two that say the same. UnsuitableInputError: one the
            weights do not know.
    """
    if not FEWEST <= len(words) <= MOST:
        raise UsageError(
            f"A comparison takes {FEWEST} to {MOST} hypotheses, not {len(words)}; "
            + ("name another one." if len(words) < FEWEST else "leave out the least likely ones.")
        )
    found = [hypothesis(each) for each in words]
    for index, one in enumerate(found):
        for other, text in zip(found[:index], words):
            if one.sentence == other.sentence:
                raise UsageError(
                    f"The hypotheses “{text.strip()[:60]}” and “{words[index].strip()[:60]}” are "
                    "the same to the weights "
                    f"(“{one.sentence}”); name two different ones."
                )
    return beside(found)


def as_reported(hypotheses: Sequence[Hypothesis], findings: Sequence[Finding]) -> list[Hypothesis]:
    """The same; a finding named without a word more is the one that the report describes, where it
    describes one: “nodule” its “spiculated nodule”."""
    own = {
        finding.taught: hypothesis(said_plainly(finding.taught, finding.descriptors))
        for finding in reversed(findings)
        if finding.presence == "present" and finding.taught in load_vocabulary().known
    }
    return [
        own[each.term]
        if each.term in own and each.name == each.term and own[each.term] not in hypotheses
        else each
        for each in hypotheses
    ]


def differential(finding: Finding) -> list[Hypothesis]:
    """The built-in hypotheses for what a report says of a region, the finding itself first.

    Raises:
        UnsuitableInputError: the weights were never taught the finding.
    """
    listed = [hypothesis(name) for name in _lists().differential[require_known(finding.term)]]
    own = hypothesis(said_plainly(finding.taught, finding.descriptors))
    return beside([own, *(each for each in listed if each.term != own.term)])
