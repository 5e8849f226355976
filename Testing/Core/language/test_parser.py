"""The report parser against sentences written down before its rules, and against anything at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.vocabulary import load_vocabulary


def _table() -> list[Any]:
    """Rows of the table; those it marks as known errors are expected to fail."""
    lines = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.partition("=>") for line in lines if line and not line.startswith("#")]
    return [pytest.param(text.strip(" ~").replace("\\n", "\n"), sorted(w.strip() for w in want.split(";") if w.strip()),
                         marks=pytest.mark.xfail(reason="known error") if text.startswith("~") else ()) for text, _, want in rows]


def _short(f: Finding) -> str:
    return f"{f.presence}|{f.term}|{f.side or '-'}|{f.zone or '-'}|{'-' if f.size_mm is None else format(f.size_mm, 'g')}"


@pytest.mark.parametrize(("text", "want"), _table(), ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_sentences(text: str, want: list[str]) -> None:
    findings = parse_report(text)
    assert sorted(map(_short, findings)) == want
    assert all(text[f.span[0]:f.span[1]] == f.text for f in findings)


@pytest.mark.parametrize(("text", "want"), [
    ("33 mm solid, spiculated nodule in the left lung.", ("solid", "spiculated")),
    ("Nodule, 12 mm, spiculated.", ("spiculated",)),
    ("Calcified nodule and diffuse consolidation.", ("calcified",)),
    ("The nodule is not calcified.", ()),
    ("Consolidation (solid arrows).", ()),
])
def test_descriptors_belong_to_their_finding(text: str, want: tuple[str, ...]) -> None:
    assert set(want) <= set(parse_report(text)[0].descriptors) and len(parse_report(text)[0].descriptors) == len(want)


def test_demo_report_reads_as_its_author_meant() -> None:
    report = ("FINDINGS: There is a 33 mm solid, spiculated nodule in the left lung, highly suspicious for malignancy. No pleural effusion.\n\n"
              "IMPRESSION: Spiculated nodule in the left lung, 33 mm.")
    findings = parse_report(report)
    assert [_short(f) for f in findings] == ["present|nodule|left|-|33", "absent|pleural effusion|-|-|-"]
    assert report.index("nodule") in range(*findings[0].span)  # the first mention, not the impression's
    assert findings[0].to_dict()["span"] == list(findings[0].span)


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_empty_report_is_refused(text: str) -> None:
    with pytest.raises(UnsuitableInputError, match="empty"):
        parse_report(text)


def test_long_report_is_read_to_its_end() -> None:
    report = "The heart is normal. " * 2000 + "word " * 1000 + "There is a 7 mm nodule in the RUL."
    assert [_short(f) for f in parse_report(report)] == ["present|nodule|right|upper|7"]


WORDS = st.sampled_from([*load_vocabulary().by_name, "no", "without", "but", "and", "cannot exclude", ",", ".", ";", ":", "\n", "RUL", "left",
                         "both lower lobes", "5 mm", "1.2 x 3 cm", "from", "previously", "FINDINGS:", "HISTORY:", "(", ")", "in the", "?"])


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=200)))
def test_any_text_gives_exact_spans_and_lawful_fields(text: str) -> None:
    try:
        findings = parse_report(text)
    except UnsuitableInputError:  # empty, or not English
        return
    for f in findings:
        assert text[f.span[0]:f.span[1]] == f.text
        assert f.sentence in text and f.text in f.sentence
        assert f.term in load_vocabulary().terms
        assert f.presence in ("present", "absent", "uncertain") and f.side in (None, "left", "right", "bilateral")
        assert f.lobe in (None, "upper", "middle", "lower", "lingula") and f.change in (None, "new", "increased", "decreased", "unchanged", "resolved")
        assert f.zone in (None, "upper", "middle", "lower") and (f.size_mm is None or 0 < f.size_mm <= 400)
