"""Prompts: what the weights were taught, and refusals that list it."""

from __future__ import annotations

import pytest

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import (
    describe_prompt,
    difference_words,
    source_prompt,
    target_prompt,
)
from DGMVLCCore.language.vocabulary import load_vocabulary
from DGMVLCCore.simulation.phrases import TERMS


def test_vocabulary_and_training_know_the_same_findings() -> None:
    assert load_vocabulary().known == TERMS


@pytest.mark.parametrize("term", load_vocabulary().known)
def test_prompts_are_read_back_as_what_they_say(term: str) -> None:
    source, (target, target_term, removes) = (
        source_prompt(parse_report(f"{term} in the left lung")[0]),
        target_prompt(term, None),
    )
    assert (source, target) == (f"{term[:1].upper()}{term[1:]}.", f"No {term}.")
    assert describe_prompt(source).present and not describe_prompt(target).present and removes
    assert describe_prompt(source).term == describe_prompt(target).term == target_term == term


@pytest.mark.parametrize(
    "text",
    [
        "no nodule",
        "remove the nodule",
        "the nodule is gone",
        "without the mass",
        "What if there was no nodule?",
    ],
)
def test_ways_to_ask_for_absence(text: str) -> None:
    assert target_prompt("nodule", text) == ("No nodule.", "nodule", True)


def test_a_clear_lung_denies_every_finding() -> None:
    assert target_prompt("nodule", "clear lung") == ("No nodule. Clear lung.", "nodule", True)


@pytest.mark.parametrize(
    ("text", "sentence", "term"),
    [
        ("consolidation", "Consolidation.", "consolidation"),
        ("replace the nodule with GGO", "Ground-glass opacity.", "ground-glass opacity"),
        ("What if it was emphysema?", "Emphysema.", "emphysema"),
        ("a spiculated mass", "Spiculated nodule.", "nodule"),
    ],
)
def test_ways_to_ask_for_another_finding(text: str, sentence: str, term: str) -> None:
    assert target_prompt("nodule", text) == (sentence, term, False)


@pytest.mark.parametrize("text", ["pneumothorax", "a banana", "no fracture"])
def test_the_untaught_is_refused_with_what_is_known(text: str) -> None:
    with pytest.raises(UnsuitableInputError, match="they know: nodule, .*pleural effusion"):
        describe_prompt(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("nodule and emphysema", "one at a time"),
        ("a smaller nodule", "size or side"),
        ("No effusion", "chosen finding is “nodule”"),
    ],
)
def test_unclear_targets_are_refused(text: str, words: str) -> None:
    with pytest.raises(UnsuitableInputError, match=words):
        target_prompt("nodule", text)


def test_difference_is_named() -> None:
    assert difference_words("Solid nodule.", "Solid nodule.") == []
    assert difference_words("Spiculated nodule.", "Smooth nodule.") == [("Spiculated", "Smooth")]
