"""Clinical tables: nothing invented, nothing leaked, nothing evaluated, and the text reads back as
its attributes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.language.clinical import (
    read_row,
    row_text,
    table_texts,
    text_to_attributes,
)
from DGMVLCCore.language.schema import load_schema
from DGMVLCCore.language.tables import read_table


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            {"age": "63", "sex": "F", "smoking": "active", "pack_years": "30"},
            "63-year-old, female, active smoker, 30 pack-years",
        ),
        ({"age": "0", "sex": "M", "smoking": "", "pack_years": "99999"}, "male"),
        ({"smoking": "unknown"}, ""),
        ({"Age": "063Y"}, "63-year-old"),
        ({"age": "430"}, ""),
        ({"age": "-5"}, ""),
        ({"pack_years": "12,5"}, "12.5 pack-years"),
        ({"smoking": "no"}, "non-smoker"),
        ({"smoking": "former smoker"}, "ex-smoker"),
        ({"smoking": "a pipe"}, ""),
        ({"Days since CTD diagnosis": "-120"}, "120 days since CTD diagnosis"),
        ({"days since smoking stopped": "-40.0"}, "40 days since smoking stopped"),
        (
            {"occupational exposure": "no", "environmental exposure": "unknown"},
            "no occupational exposure",
        ),
        ({"environmental exposure": "birds, mould"}, "environmental exposure to birds; mould"),
        ({"age": "50", "status": "dead", "one_year_survival": "dead"}, "50-year-old"),
        ({"sex": "M", "gender": "F"}, ""),
        ({"ctd_type": '=HYPERLINK("x")', "pack_years": "+1+1", "smoking": "@SUM(A1)"}, ""),
        (
            {
                "Precipitins": "positive",
                "Familial PF": "yes",
                "diagnosis": "CTD ILD",
                "ctd type": "scleroderma",
                "age": "70",
            },
            "diagnosis CTD-ILD, 70-year-old, CTD type scleroderma, positive precipitins, "
            "familial PF or rare variant",
        ),
    ],
)
def test_clauses_stand_in_order_and_what_is_not_known_is_left_out(
    row: dict[str, str], text: str
) -> None:
    assert row_text(row).text == text


def test_every_cell_that_is_not_said_has_its_reason() -> None:
    row = {"age": "430", "smoking": "0", "status": "dead", "ctd_type": "=1+1", "pack_years": "x"}
    left_out = {cell["column"]: cell["reason"] for cell in row_text(row).left_out}
    assert (
        "not within 1 to 120" in left_out["age"]
        and "code 0" in left_out["smoking"]
        and "outcome" in left_out["status"]
    )
    assert "formula" in left_out["ctd_type"] and "not a number" in left_out["pack_years"]


def test_an_outcome_is_said_only_when_asked_for() -> None:
    row = {"age": "50", "status": "dead"}
    assert row_text(row, outcomes=("status",)).text == "50-year-old, status dead"
    with pytest.raises(UnsuitableInputError, match="no outcome column"):
        row_text(row, outcomes=("age",))


SCHEMA = load_schema()
CELLS = st.one_of(
    st.sampled_from(
        [
            "",
            "unknown",
            "0",
            "99999",
            "yes",
            "no",
            "male",
            "IPF",
            "active",
            "dead within one year",
            "63",
            "-120",
            "1.5",
            "12 days",
            "=1+1",
        ]
    ),
    st.integers(-(10**6), 10**6).map(str),
    st.text(max_size=70),
)
ROWS = st.dictionaries(
    st.sampled_from([column for a in SCHEMA.attributes for column in a.columns]), CELLS
)


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_text_reads_back_as_its_attributes(row: dict[str, str]) -> None:
    outcomes = tuple(a.name for a in SCHEMA.attributes if a.outcome and {*a.columns} & {*row})
    for said in (row_text(row), row_text(row, outcomes=outcomes)):
        assert text_to_attributes(said.text) == said.attributes
        assert said.text == said.text.strip() and "\n" not in said.text


def test_foreign_text_is_no_clause() -> None:
    with pytest.raises(UnsuitableInputError, match="no clause"):
        text_to_attributes("63-year-old, likes tea")
    with pytest.raises(UnsuitableInputError, match="twice"):
        text_to_attributes("male, female")


def test_rows_by_id(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id;age\nP1;63\nP2;70\nP2;71\n", encoding="utf-8-sig")
    assert read_row(table, "P1") == {"id": "P1", "age": "63"}
    with pytest.raises(UnsuitableInputError, match="2 rows"):
        read_row(table, "P2")
    with pytest.raises(UnsuitableInputError, match="no row"):
        read_row(table, "P9")


def test_many_rows_duplicates_and_unknown_columns(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(
        (
            "Patient ID,Age,shoe "
            "size,smoking\nA,50,42,never\nB,60,43,\nB,61,43,\n,70,1,\nC,40,41,caf\xe9\n"
        ).encode("cp1252")
    )
    said = table_texts(table)
    assert [(row["id"], row["text"]) for row in said["rows"]] == [
        ("A", "50-year-old, never smoker"),
        ("C", "40-year-old"),
    ]
    assert {refused["id"] for refused in said["refused"]} == {"B", ""} and said[
        "unknown_columns"
    ] == ["shoe size"]
    assert "line 6" in said["notes"][0] and "Windows-1252" in said["notes"][0]


def test_mixed_encodings_are_read_line_by_line(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes("id,ctd_type\nA,Sjögren\n".encode() + "B,Sjögren\n".encode("cp1252"))
    assert [row["attributes"]["ctd_type"] for row in table_texts(table)["rows"]] == [
        "Sjögren",
        "Sjögren",
    ]


def test_another_cohort_needs_only_a_schema(tmp_path: Path) -> None:
    schema = tmp_path / "s.json"
    schema.write_text(
        json.dumps(
            {
                "id": ["nr"],
                "missing": ["x"],
                "missing_codes": [-9],
                "attributes": [
                    {
                        "name": "fvc",
                        "columns": ["FVC %"],
                        "kind": "number",
                        "min": 10,
                        "max": 150,
                        "clause": "FVC {} percent",
                    }
                ],
            }
        ),
        encoding="utf-8",
    )
    table = tmp_path / "t.csv"
    table.write_text("FVC %,nr\n81,7\n-9,8\n0,9\n", encoding="utf-8")
    assert [row["text"] for row in table_texts(table, schema=load_schema(schema))["rows"]] == [
        "FVC 81 percent",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"attributes": [{"name": "a", "columns": ["a"], "kind": "magic", "clause": "{}"}]},
            "kind must be",
        ),
        (
            {"attributes": [{"name": "a", "columns": ["a"], "kind": "text", "clause": "no place"}]},
            "needs one",
        ),
        (
            {
                "attributes": [
                    {"name": n, "columns": ["a"], "kind": "text", "clause": n + " {}"} for n in "ab"
                ]
            },
            "twice",
        ),
        ({"attributes": [{"columns": ["a"]}]}, "missing"),
        ([], "no clinical schema"),
    ],
)
def test_broken_schemas_say_what_is_wrong(tmp_path: Path, change: object, words: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(change), encoding="utf-8")
    with pytest.raises(UnreadableError, match=words):
        load_schema(path)


def test_excel_formulas_stay_text(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="reading Excel files needs openpyxl")
    book = openpyxl.Workbook()
    page = book.active
    for row in (
        ["id", "age", "sex", "ctd_type", "occupational exposure"],
        ["A", 63, "F", "=1+1", True],
        ["B", 70.0, "m", "RA", None],
    ):
        page.append(row)
    book.create_sheet("other").append(["id"])
    path = tmp_path / "t.xlsx"
    book.save(path)
    said = table_texts(path)
    assert [row["text"] for row in said["rows"]] == [
        "63-year-old, female, occupational exposure",
        "70-year-old, male, CTD type RA",
    ]
    assert said["rows"][0]["left_out"][0] == {
        "column": "ctd_type",
        "value": "=1+1",
        "reason": "a formula is not evaluated",
    }
    assert "first of 2 sheets" in said["notes"][0]
    with pytest.raises(UnsuitableInputError, match="no sheet"):
        read_table(path, "none")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("t.csv", None, UnreadableError),
        ("t.csv", b"", UnreadableError),
        ("t.csv", b"id,age\n", UnreadableError),
        ("t.csv", b"PK\x03\x04\xff\xfe\x00", UnreadableError),
        ("t.csv", b"id,age,age\n1,2,3\n", UnreadableError),
        ("t.csv", b"id,age\n1,2,3\n", UnreadableError),
        ("t.csv", b'id,age\n1,"2\n', UnreadableError),
        ("t.xlsx", b"no workbook", UnreadableError),
        ("t.xls", b"old", UnsuitableInputError),
    ],
)
def test_unreadable_tables(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception]
) -> None:
    table = tmp_path / name
    if content is not None:
        table.write_bytes(content)
    with pytest.raises(error, match=name):
        read_row(table, "P1")


def test_the_shipped_schema_says_the_papers_attributes_in_its_order() -> None:
    names = [
        a["name"]
        for a in json.loads(resource("clinical_schema.json").read_text(encoding="utf-8"))[
            "attributes"
        ]
    ]
    paper = [
        "diagnosis",
        "one_year_survival",
        "age",
        "sex",
        "ctd_type",
        "ctd_other",
        "smoking",
        "days_since_ctd_diagnosis",
        "pack_years",
        "days_since_smoking_stopped",
        "occupational_exposure",
        "environmental_exposure",
        "precipitins",
        "familial_pf",
    ]
    assert [name for name in names if name in paper] == paper and set(SCHEMA.outcomes) >= {
        "one_year_survival"
    }
