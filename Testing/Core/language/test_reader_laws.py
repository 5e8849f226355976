"""What must hold of the report reader whatever a report says: two reports joined say what both say,
marks and letter case change nothing, and what is denied is never present."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.unread import unread

NOUNS = (
    "nodule",
    "pleural effusion",
    "consolidation",
    "emphysema",
    "pneumothorax",
    "ground-glass opacity",
    "honeycombing",
    "reticulation",
    "bronchiectasis",
    "lymphadenopathy",
    "pericardial effusion",
    "cyst",
    "mass",
    "tree-in-bud",
    "mosaic attenuation",
    "interlobular septal thickening",
)
PLACES = (
    "",
    " in the right upper lobe",
    " in the left lower lobe",
    " in the lingula",
    " at the right base",
    " in both lungs",
)
PRESENT = (
    "There is {noun}{place}.",
    "Mild {noun}{place}.",
    "{noun}{place} is seen.",
    "Unchanged {noun}{place}.",
    "The {noun}{place} is stable.",
    "No change in the {noun}{place}.",
    "{noun}: present{place}.",
    "{noun} (+){place}.",
)
ABSENT = (
    "No {noun}{place}.",
    "There is no {noun}{place}.",
    "No evidence of {noun}{place}.",
    "{noun}{place} is not seen.",
    "{noun}{place} was not detected.",
    "{noun}: none.",
    "{noun} (-).",
    "Absence of {noun}{place}.",
    "{noun} has resolved.",
    "Without {noun}{place}.",
    "Negative for {noun}.",
    "Free of {noun}.",
    "[ ] {noun}.",
    "{noun}: N.",
    "{noun} is absent{place}.",
)
UNCERTAIN = (
    "Possible {noun}{place}.",
    "{noun}{place} cannot be excluded.",
    "Suspected {noun}{place}.",
    "{noun}{place} is questionable.",
)
Statement = tuple[str, str, str]  # sentence, term, presence


@st.composite
def statements(draw: st.DrawFn, least: int = 1, most: int = 4) -> list[Statement]:
    """Sentences of different findings, each with its presence."""
    nouns = draw(st.lists(st.sampled_from(NOUNS), min_size=least, max_size=most, unique=True))
    out = []
    for noun in nouns:
        presence = draw(st.sampled_from(("present", "absent", "uncertain")))
        forms = {"present": PRESENT, "absent": ABSENT, "uncertain": UNCERTAIN}[presence]
        form, place = draw(st.sampled_from(forms)), draw(st.sampled_from(PLACES))
        said = form.format(noun=noun, place=place)
        out.append((said[:1].upper() + said[1:], noun, presence))
    return out


def _facts(findings: list[Finding]) -> set[tuple[object, ...]]:
    return {(f.term, f.presence, f.side, f.zone, f.lobe, f.size_mm, f.count) for f in findings}


@settings(max_examples=150, deadline=None)
@given(statements(), statements())
def test_two_reports_joined_say_what_both_say(a: list[Statement], b: list[Statement]) -> None:
    named = {noun for _, noun, _ in a}
    first = " ".join(said for said, _, _ in a)
    second = " ".join(said for said, noun, _ in b if noun not in named)
    apart = _facts(parse_report(first)) | (_facts(parse_report(second)) if second else set())
    assert _facts(parse_report(f"{first}\n\n{second}")) == apart


@settings(max_examples=150, deadline=None)
@given(statements())
def test_presence_is_the_one_that_was_said(said: list[Statement]) -> None:
    findings = parse_report(" ".join(sentence for sentence, _, _ in said))
    assert {(f.term, f.presence) for f in findings} == {(noun, p) for _, noun, p in said}


BREAKS = (
    "\n",
    "\n- ",
    "\n• ",
    "<br>",
    "<br/>\n",
    "</p><p>",
    "</li><li>",
    "\\.br\\",
    "\\par ",
    "\r\n",
    "~",
)


@settings(max_examples=250, deadline=None)
@given(statements(2), st.sampled_from(BREAKS))
def test_a_mark_in_place_of_a_full_stop_changes_nothing(said: list[Statement], mark: str) -> None:
    plain = " ".join(sentence for sentence, _, _ in said)
    marked = mark.join(sentence.rstrip(".") for sentence, _, _ in said)
    findings = parse_report(marked)
    assert _facts(findings) == _facts(parse_report(plain))
    assert all(marked[f.span[0] : f.span[1]] == f.text for f in findings)


@settings(max_examples=150, deadline=None)
@given(statements())
def test_letter_case_changes_nothing(said: list[Statement]) -> None:
    text = " ".join(sentence for sentence, _, _ in said)
    facts = _facts(parse_report(text))
    assert _facts(parse_report(text.upper())) == facts
    assert _facts(parse_report(text.lower())) == facts


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(NOUNS), min_size=1, max_size=5, unique=True), st.data())
def test_a_denied_list_is_never_present(nouns: list[str], data: st.DataObject) -> None:
    form = data.draw(
        st.sampled_from(
            (
                "No {list}.",
                "There is no evidence of {list}.",
                "{list} were not detected.",
                "{list}: none of these is seen.",
                "The lungs are free of {list}.",
                "Without {list}.",
                "The following were not seen: {list}.",
                "Neither {nor}.",
            )
        )
    )
    last = data.draw(st.sampled_from((" or ", " and ", ", ")))
    listed = ", ".join(nouns[:-1]) + (last if len(nouns) > 1 else "") + nouns[-1]
    text = form.format(list=listed, nor=" nor ".join(nouns))
    findings = parse_report(text)
    assert {f.term for f in findings} == set(nouns)
    assert {f.presence for f in findings} == {"absent"}


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("form", ABSENT)
def test_a_denied_copy_of_a_present_sentence_is_never_present(noun: str, form: str) -> None:
    there = parse_report(f"There is {noun} in the left lower lobe.")
    assert [f.presence for f in there] == ["present"]
    gone = parse_report(form.format(noun=noun, place=" in the left lower lobe"))
    assert [(f.term, f.presence) for f in gone] == [(noun, "absent")]


def test_a_page_of_blanks_takes_no_quadratic_time() -> None:
    """A minute each, where a pattern starts anew at every blank."""
    words = "No pleural effusion. Some other words."
    for blanks in (" " * 100_000, " \t" * 50_000, "\n" * 100_000):
        assert [end - start for start, end in unread(blanks + words, [])] == [20, 17]
