"""Counterfactual prompts as pairs (source, target) that differ only where intended, each with
whether the weights were taught it."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.clinical import JOIN, Value, clause
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import (
    absent_prompt,
    difference_words,
    known_findings,
    present_prompt,
    source_prompt,
    target_prompt,
)
from DGMVLCCore.language.schema import ClinicalSchema, load_schema
from DGMVLCCore.language.vocabulary import load_vocabulary

OTHER_SIDE = {"left": "right", "right": "left"}
FACTORS = {"smaller": 0.5, "larger": 2.0}


@dataclass(frozen=True)
class PromptPair:
    """One counterfactual question.

    Args:
        name: what is asked ("without", "larger", "as consolidation", "smoking: never smoker").
            source, target: the two texts; empty where
            the report does not say enough to write them. known: whether the weights were taught to
            answer it. reason: why not, empty when known.
    """

    name: str
    source: str
    target: str
    known: bool
    reason: str = ""
    differs: list[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "differs", difference_words(self.source, self.target))


class FindingPairs(Struct, frozen=True):
    """What can be asked of one finding of a report; number: which it is, from 1."""

    number: int
    term: str
    presence: str
    side: str | None
    size_mm: float | None
    pairs: list[PromptPair]


def _untaught(what: str) -> str:
    return (
        f"The weights were never taught {what}; they know the presence, absence and exchange of: "
        f"{known_findings()}."
    )


def _plain(finding: Finding, size: float | None = None, side: str | None = None) -> str:
    """A sentence with the size or the side that the pair turns on, and nothing else."""
    words = f"{size:g} mm {finding.term}" if size else finding.term
    place = f" in the {side} lung" if side else ""
    return f"{words[:1].upper()}{words[1:]}{place}."


def _sizes(finding: Finding) -> list[PromptPair]:
    if finding.term not in load_vocabulary().sized:
        return []
    if finding.size_mm is None:
        return [
            PromptPair(
                name,
                "",
                "",
                False,
                f"The report says no size of the {finding.term}; {_untaught('to change one')}",
            )
            for name in FACTORS
        ]
    return [
        PromptPair(
            name,
            _plain(finding, finding.size_mm),
            _plain(finding, round(finding.size_mm * factor, 1)),
            False,
            _untaught("to change the size of a finding that is there"),
        )
        for name, factor in FACTORS.items()
    ]


def _other_side(finding: Finding) -> PromptPair:
    side = OTHER_SIDE.get(finding.side or "")
    if side is None:
        return PromptPair(
            "other side",
            "",
            "",
            False,
            f"The report names no single side of the {finding.term}, so there is no other one.",
        )
    return PromptPair(
        "other side",
        _plain(finding, side=finding.side),
        _plain(finding, side=side),
        False,
        _untaught("to move a finding to the other lung"),
    )


def finding_pairs(finding: Finding) -> list[PromptPair]:
    """What can be asked of a finding: without it, smaller, larger, on the other side, spiculated or
    not, or another finding in its place."""
    known = finding.taught in load_vocabulary().known
    absent = finding.presence == "absent"
    if not known:
        there, gone, reason = (
            _plain(finding),
            f"No {finding.term}. Clear lung.",
            _untaught(f"“{finding.term}”"),
        )
        if absent:
            return [PromptPair("with it", gone, there, False, reason)]
        return [
            PromptPair("without", there, gone, False, reason),
            *_sizes(finding),
            _other_side(finding),
        ]
    if absent:
        return [
            PromptPair("with it", absent_prompt(finding.term), present_prompt(finding.term), True)
        ]
    source = source_prompt(finding)
    pairs = [
        PromptPair("without", source, absent_prompt(finding.term), True),
        *_sizes(finding),
        _other_side(finding),
    ]
    if finding.taught == "nodule":
        plain = present_prompt("nodule")
        pairs.append(
            PromptPair("spiculated", source, "Spiculated nodule.", True)
            if source == plain
            else PromptPair("not spiculated", source, plain, True)
        )
    return pairs + [
        PromptPair(f"as {term}", source, present_prompt(term), True)
        for term in load_vocabulary().known
        if term != finding.taught
    ]


def words_pair(finding: Finding, words: str) -> PromptPair:
    """The pair that free words ask for; a refusal is data here, not an error."""
    try:
        source = (
            absent_prompt(finding.term) if finding.presence == "absent" else source_prompt(finding)
        )
        return PromptPair(words, source, target_prompt(finding.term, words)[0], True)
    except UnsuitableInputError as error:
        return PromptPair(words, "", "", False, str(error))


def report_pairs(
    findings: list[Finding], number: int | None = None, words: str | None = None
) -> list[FindingPairs]:
    """What can be asked of a report's findings, for the command line.

    Args:
        number: only the finding with this number, from 1. words: free words to ask of each as well.
    """
    return [
        FindingPairs(
            i,
            f.term,
            f.presence,
            f.side,
            f.size_mm,
            finding_pairs(f) + ([words_pair(f, words)] if words else []),
        )
        for i, f in enumerate(findings, 1)
        if number in (None, i)
    ]


def attribute_pair(
    attributes: dict[str, Value],
    name: str,
    value: Value,
    schema: ClinicalSchema | None = None,
    known: tuple[str, ...] = (),
) -> PromptPair:
    """The same row with another value of one attribute; what cannot be true beside it goes too and
    shows in the difference.

    Args:
        attributes: as `row_text` gives them. known: attributes the weights were taught (their
            config's list).

    Raises:
        UnsuitableInputError: the row or the schema lacks the attribute.
    """
    schema = schema or load_schema()
    attribute = next((a for a in schema.attributes if a.name == name), None)
    if attribute is None or name not in attributes:
        raise UnsuitableInputError(
            f"The row says nothing of “{name}”; it says: {', '.join(attributes) or 'nothing'}."
        )
    gone = attribute.excludes.get(str(value), ())
    others = {a: v for a, v in attributes.items() if a not in gone} | {name: value}
    source, target = (
        JOIN.join(clause(a, row[a.name]) for a in schema.attributes if a.name in row)
        for row in (attributes, others)
    )
    taught, untaught = name in known, _untaught(f"the attribute “{name}”")[:-1]
    reason = "" if taught else f"{untaught}; attributes: {', '.join(known) or 'none'}."
    return PromptPair(f"{name}: {value}", source, target, taught, reason)


def attribute_pairs(
    attributes: dict[str, Value], schema: ClinicalSchema | None = None, known: tuple[str, ...] = ()
) -> list[PromptPair]:
    """Every other value of the row's categories and flags, one pair each (“never smoker” instead of
    “active smoker”)."""
    schema = schema or load_schema()
    out = []
    for attribute in schema.attributes:
        have = attributes.get(attribute.name)
        others: list[Value] = [not have] if isinstance(have, bool) else []
        if attribute.kind == "category":
            others = [v for v in attribute.values if v != have and v not in attribute.vague]
        out += (
            [attribute_pair(attributes, attribute.name, value, schema, known) for value in others]
            if have is not None
            else []
        )
    return out
