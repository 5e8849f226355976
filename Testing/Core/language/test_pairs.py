"""Prompt pairs: they differ only where intended, and what was never taught is refused as data."""

from __future__ import annotations

import pytest

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.clinical import row_text
from DGMVLCCore.language.pairs import (
    attribute_pair,
    attribute_pairs,
    finding_pairs,
    report_pairs,
    words_pair,
)
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import describe_prompt, known_findings
from DGMVLCCore.language.vocabulary import load_vocabulary

ROW = row_text(
    {
        "age": "63",
        "sex": "F",
        "smoking": "active",
        "pack_years": "30",
        "occupational exposure": "no",
    }
).attributes


def _pairs(sentence: str) -> dict:
    return {pair.name: pair for pair in finding_pairs(parse_report(sentence)[0])}


def test_a_known_finding_can_go_or_be_exchanged_but_not_grow_shrink_or_move() -> None:
    pairs = _pairs("12 mm nodule in the left upper lobe.")
    assert pairs["without"].known and (pairs["without"].source, pairs["without"].target) == (
        "Nodule.",
        "No nodule. Clear lung.",
    )
    assert pairs["spiculated"].differs == [("Nodule.", "Spiculated nodule.")]
    assert (pairs["smaller"].source, pairs["smaller"].target, pairs["larger"].target) == (
        "12 mm nodule.",
        "6 mm nodule.",
        "24 mm nodule.",
    )
    assert pairs["other side"].differs == [("left", "right")] and pairs["smaller"].differs == [
        ("12", "6")
    ]
    for name in ("smaller", "larger", "other side"):
        assert not pairs[name].known and known_findings() in pairs[name].reason
        assert "never taught" in pairs[name].reason
    assert {f"as {term}" for term in load_vocabulary().known} - {"as nodule"} < {*pairs}


@pytest.mark.parametrize(
    "sentence",
    [
        "Spiculated nodule.",
        "GGO in both lungs.",
        "No pleural effusion.",
        "Possible emphysema.",
        "Pneumothorax.",
        "No fracture.",
    ],
)
def test_known_pairs_are_sentences_the_weights_understand_and_others_say_why_not(
    sentence: str,
) -> None:
    for pair in finding_pairs(parse_report(sentence)[0]):
        assert pair.known == (not pair.reason)
        if pair.known:
            assert pair.source != pair.target
            describe_prompt(pair.source), describe_prompt(pair.target)


def test_what_the_report_does_not_say_is_not_made_up() -> None:
    pairs = _pairs("Bilateral nodules.")
    assert pairs["smaller"].source == pairs["other side"].source == ""
    assert "no size" in pairs["smaller"].reason and "no single side" in pairs["other side"].reason


def test_free_words() -> None:
    nodule = parse_report("Nodule.")[0]
    assert words_pair(nodule, "consolidation").target == "Consolidation."
    refused = words_pair(nodule, "a smaller nodule")
    assert not refused.known and "size or side" in refused.reason and refused.differs == []


def test_attributes_change_alone() -> None:
    pair = attribute_pair(ROW, "smoking", "ex-smoker")
    assert (
        pair.differs == [("active smoker,", "ex-smoker,")]
        and not pair.known
        and "attributes: none" in pair.reason
    )
    assert attribute_pair(ROW, "smoking", "ex-smoker", known=("smoking",)).known
    never = attribute_pair(ROW, "smoking", "never smoker")
    assert (
        "pack-years" in never.source and "pack-years" not in never.target
    )  # a never smoker has none, and the difference shows it
    with pytest.raises(UnsuitableInputError, match="says nothing of “diagnosis”"):
        attribute_pair(ROW, "diagnosis", "IPF")


def test_every_other_value_is_listed() -> None:
    names = [pair.name for pair in attribute_pairs(ROW)]
    assert names == [
        "sex: male",
        "smoking: never smoker",
        "smoking: ex-smoker",
        "occupational_exposure: True",
    ]


def test_a_reports_list_keeps_the_findings_numbers() -> None:
    findings = parse_report("Nodule. No effusion. Emphysema.")
    assert [entry.number for entry in report_pairs(findings)] == [1, 2, 3]
    (one,) = report_pairs(findings, 3, "clear lung")
    assert one.term == "emphysema"
    assert one.pairs[-1].name == "clear lung" and one.pairs[-1].known
