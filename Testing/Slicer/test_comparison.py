"""The ranking of a comparison in words, of this version's record and of an earlier one's."""

import json

import pytest
from SlicerDGMVLCLib.records import readRecord
from SlicerDGMVLCPresenters.comparison import Hypothesis, ranking_rows, read_comparison

ROW = {
    "rank": 2,
    "name": "nodule",
    "folder": "2-nodule",
    "low": 3.0,
    "high": 7.0,
    "agreement": 0.7,
    "apart": True,
    "mean_change_hu": -12.0,
}


def test_a_row_says_how_much_more_is_asked_for():
    assert readRecord(Hypothesis, {**ROW, "more_hu": 5.0}).asked == "+5 HU [+3 HU, +7 HU]"
    assert readRecord(Hypothesis, {**ROW, "rank": 1, "more_hu": 0.0}).asked == "0 (reference)"


def test_an_earlier_comparison_is_still_read(tmp_path):
    old = {**ROW, "excess": 0.05, "low": 0.03, "high": 0.07}
    path = tmp_path / "comparison.json"
    record = {
        "kind": "comparison",
        "schema_version": "1.0",
        "hypotheses": [old],
        "ranking": {"sentence": "They fit alike.", "note": ""},
    }
    path.write_text(json.dumps(record), encoding="utf-8")
    read, results = read_comparison(path)
    (row,) = ranking_rows(read)
    assert (row.name, row.agreement, row.change) == ("2. nodule", "0.70", "−12 HU")
    assert row.asked == "+5.0 % [+3.0 %, +7.0 %]"
    assert results == [tmp_path / "2-nodule" / "result.json"]
    path.write_text(json.dumps({**record, "schema_version": "2.0"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"schema 2\.0, this module reads 1\.0 and 1\.1"):
        read_comparison(path)
