"""Clinical rows: nothing invented, nothing leaked."""

from __future__ import annotations

from pathlib import Path

import pytest

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.language.clinical import read_row, row_to_text


@pytest.mark.parametrize(("row", "text"), [
    ({"age": "63", "sex": "F", "smoking": "active", "pack_years": "30"}, "63-year-old, female, active smoker, 30 pack-years"),
    ({"age": "0", "sex": "M", "smoking": "", "pack_years": "99999"}, "male"),
    ({"smoking": "unknown"}, ""),
    ({"smoking": "no"}, "non-smoker"), ({"smoking": "former smoker"}, "former smoker"),
    ({"Days since diagnosis": "-120"}, "120 days since diagnosis"),
    ({"age": "50", "status": "dead", "survival": "12"}, "50-year-old"),
])
def test_missing_and_outcome_clauses_are_left_out(row: dict[str, str], text: str) -> None:
    assert row_to_text(row) == text


def test_an_outcome_is_said_only_when_asked_for() -> None:
    row = {"age": "50", "status": "dead"}
    assert row_to_text(row, outcomes=("status",)) == "50-year-old, status dead"
    with pytest.raises(UnsuitableInputError, match="no outcome column"):
        row_to_text(row, outcomes=("age",))


def test_rows_by_id(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id;age\nP1;63\nP2;70\nP2;71\n", encoding="utf-8-sig")
    assert read_row(table, "P1") == {"id": "P1", "age": "63"}
    with pytest.raises(UnsuitableInputError, match="2 rows"):
        read_row(table, "P2")
    with pytest.raises(UnsuitableInputError, match="no row"):
        read_row(table, "P9")


@pytest.mark.parametrize("content", [None, b"", b"id,age\n", b"PK\x03\x04\xff\xfe\x00"])
def test_unreadable_tables(tmp_path: Path, content: bytes | None) -> None:
    table = tmp_path / "t.csv"
    if content is not None:
        table.write_bytes(content)
    with pytest.raises(UnreadableError, match="t.csv"):
        read_row(table, "P1")
