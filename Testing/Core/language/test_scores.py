"""The parser on sentences and captions labelled by somebody who had not read its rules; and the
scorer itself."""

from __future__ import annotations

import pytest

import language
from parsing import comparable, keyword_findings, lenient, match, score

# A little under the measured F1 (Testing/Data/language/README.md).
FLOORS = {
    "sentences": {
        "term+presence": 0.97,
        "side": 0.95,
        "lobe": 0.95,
        "size_mm": 0.97,
        "change": 0.95,
    },
    "captions": {"term+presence": 0.90, "side": 0.80, "lobe": 0.72},
}


@pytest.mark.parametrize("name", FLOORS)
def test_labelled_sets(name: str) -> None:
    rows = language.labelled(name)
    found, baseline = (
        score(language.documents(rows, language.said_by_parser)),
        score(language.documents(rows, keyword_findings)),
    )
    assert {
        field: round(found[field].f1, 3)
        for field, floor in FLOORS[name].items()
        if found[field].f1 < floor
    } == {}
    assert found["term+presence"].f1 > baseline["term+presence"].f1 + 0.1


def test_labels_are_whole() -> None:
    for name in language.SETS:
        for row in language.labelled(name):
            for f in row["findings"]:
                assert row["text"][slice(*f["span"])].strip() and (
                    f.get("outside_vocabulary") or f["term"] in language.SHARED
                ), row["id"]


def _label(**facts: object) -> dict:
    return {
        "term": "nodule",
        "presence": "present",
        "side": None,
        "lobe": None,
        "size_mm": None,
        "change": None,
        "count": None,
        "descriptors": [],
        "span": [0, 6],
        **facts,
    }


def test_scores_by_hand() -> None:
    true = [_label(side="left"), _label(span=[20, 26], side="right", size_mm=8.0)]
    said = [
        _label(side="left"),
        _label(span=[20, 26], presence="absent", side="left", size_mm=8.2),
        _label(term="cyst", span=[40, 44], side="left"),
    ]
    got = score([(true, said)])
    assert [
        (s.right, s.said, s.true)
        for s in (got["term"], got["term+presence"], got["side"], got["size_mm"], got["whole"])
    ] == [(2, 3, 2), (1, 3, 2), (1, 3, 2), (1, 1, 1), (1, 3, 2)]
    assert (
        got["term"].precision == pytest.approx(2 / 3)
        and got["term"].recall == 1
        and got["term"].f1 == pytest.approx(0.8)
    )
    assert match(true, said)[0][0]["side"] in ("left", "right")


def test_what_counts() -> None:
    labels = [
        _label(side="left", lobe="upper"),
        _label(side="right", lobe="lower", size_mm=8.0),
        _label(term="x", outside_vocabulary=True, span=[10, 12]),
        _label(span=[30, 36], coref_spans=[[50, 56]]),
    ]
    said = [
        _label(),
        _label(span=[10, 12]),
        _label(span=[50, 56]),
        _label(term="unknown", span=[60, 66]),
        _label(span=[70, 76]),
    ]
    true, kept = comparable(labels, said, frozenset({"nodule"}))
    assert [(t["side"], t["lobe"], t["size_mm"]) for t in true] == [
        ("bilateral", None, 8.0),
        (None, None, None),
    ]
    assert [k["span"] for k in kept] == [[0, 6], [70, 76]]
    (read,) = lenient(
        [_label(alt_term="cyst", alt_side="left")], [_label(term="cyst", side="left")]
    )
    assert (read["term"], read["side"]) == ("cyst", "left")
