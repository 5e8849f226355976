"""The ranking of a comparison in words, of this version's record and of an earlier one's."""

import json

import pytest
from SlicerDGMVLCPresenters.comparison import rankingRow, readComparison

ROW = {"rank": 2, "name": "nodule", "low": 3.0, "high": 7.0, "agreement": 0.7}


def test_a_row_says_how_much_more_is_asked_for():
    assert rankingRow({**ROW, "more_hu": 5.0})[1] == "+5 HU [+3 HU, +7 HU]"
    assert rankingRow({**ROW, "rank": 1, "more_hu": 0.0})[1] == "0 (reference)"


def test_an_earlier_comparison_is_still_read(tmp_path):
    old = {**ROW, "excess": 0.05, "low": 0.03, "high": 0.07}
    path = tmp_path / "comparison.json"
    record = {"kind": "comparison", "schema_version": "1.0", "hypotheses": [old]}
    path.write_text(json.dumps(record), encoding="utf-8")
    (row,) = readComparison(path)["hypotheses"]
    assert rankingRow(row)[1] == "+5.0 % [+3.0 %, +7.0 %]"
    path.write_text(json.dumps({**record, "schema_version": "2.0"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"schema 2\.0, this module reads 1\.0 and 1\.1"):
        readComparison(path)
