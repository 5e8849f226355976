"""Tables as programs and people save them: every cell read, titles left out, and no file however
made that stops the reader."""

from __future__ import annotations

import datetime
import io
import random
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UnsuitableInputError
from DGMVLCCore.language.clinical import read_row, row_text, table_texts
from DGMVLCCore.language.schema import load_schema
from DGMVLCCore.language.tables import read_table

openpyxl = pytest.importorskip("openpyxl", reason="reading Excel files needs openpyxl")
ROWS = [["patient_id", "age", "sex"], ["P001", 61, "F"], ["P002", 74, "M"]]
READ = [
    {"patient_id": "P001", "age": "61", "sex": "F"},
    {"patient_id": "P002", "age": "74", "sex": "M"},
]


def workbook(rows: list[list[Any]], formats: dict[str, str] | None = None) -> bytes:
    """An Excel file of these rows; `formats`: cell -> number format."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    for cell, shown in (formats or {}).items():
        book.active[cell].number_format = shown
    book.save(out)
    return out.getvalue()


def repacked(
    data: bytes, change: dict[str, bytes], *, pattern: bytes = b"", by: bytes = b""
) -> bytes:
    """An Excel file with parts exchanged, and `pattern` replaced in its sheet."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            part = change.get(name, old.read(name))
            new.writestr(name, re.sub(pattern, by, part) if pattern and "sheet1" in name else part)
    return out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "patient_id,age,sex\nP001,61,F\nP002,74,M\n",
        "sep=;\npatient_id;age;sex\nP001;61;F\nP002;74;M\n",
        '"sep=|"\r\npatient_id|age|sex\r\nP001|61|F\r\nP002|74|M\r\n',
        "patient_id\tage\tsex\rP001\t61\tF\rP002\t74\tM\r",
        "Cohort of 2024, first visit\n\npatient_id,age,sex\nP001,61,F\nP002,74,M\n",
        "Cohort;;\nExported;2024-05-01;\npatient_id;age;sex\nP001;61;F\nP002;74;M\n".replace(
            "Exported;2024-05-01;", "Exported 2024-05-01;;"
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_csv_of_every_program(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert table.rows == READ
    assert any("above the header" in note for note in table.notes) == text.startswith("Cohort")


def test_decimal_commas_do_not_part_the_cells(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "id;pack_years;age\nA;12,5;61\nB;30,25;70\nC;1,5;50\n", encoding="utf-8"
    )
    rows = table_texts(tmp_path / "t.csv")["rows"]
    assert [row["attributes"]["pack_years"] for row in rows] == [12.5, 30.25, 1.5]


def test_a_workbook_that_declares_its_size_as_one_cell_is_read_whole(tmp_path: Path) -> None:
    size = rb'<dimension ref="[^"]*"\s*/>'
    data = repacked(workbook(ROWS), {}, pattern=size, by=b'<dimension ref="A1"/>')
    assert b'ref="A1"' in zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    (tmp_path / "t.xlsx").write_bytes(data)
    assert read_table(tmp_path / "t.xlsx").rows == READ


def test_dates_and_percentages_are_said_as_they_are_shown(tmp_path: Path) -> None:
    rows = [
        ["Register 2024", None, None, None, None],
        ["id", "age", "seen", "fvc", "ratio"],
        ["A", datetime.datetime(1900, 3, 1), datetime.datetime(2024, 5, 1), 0.853, 0.7],
        ["B", 61.0, datetime.datetime(2024, 5, 1, 13, 30), 1, 12],
    ]
    formats = {"D3": "0%", "D4": "0.0%", "A1": "General"}
    (tmp_path / "t.xlsx").write_bytes(workbook(rows, formats))
    table = read_table(tmp_path / "t.xlsx")
    assert table.rows == [
        {"id": "A", "age": "1900-03-01", "seen": "2024-05-01", "fvc": "85.3%", "ratio": "0.7"},
        {"id": "B", "age": "61", "seen": "2024-05-01T13:30:00", "fvc": "100%", "ratio": "12"},
    ]
    assert table.notes == ["“Register 2024” stands above the header and was left out."]
    said = table_texts(tmp_path / "t.xlsx")["rows"]
    assert [row["text"] for row in said] == ["", "61-year-old"]
    assert said[0]["left_out"] == [
        {"column": "age", "value": "1900-03-01", "reason": "not a number"}
    ]


def test_a_percentage_is_a_number_where_percent_is_said(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(
        '{"id": ["id"], "attributes": [{"name": "fvc", "columns": ["FVC"], "kind": "number", '
        '"min": 10, "max": 150, "clause": "FVC {} percent"}]}',
        encoding="utf-8",
    )
    schema = load_schema(path)
    assert row_text({"FVC": "85.3%"}, schema).text == "FVC 85.3 percent"
    assert row_text({"FVC": "0.85"}, schema).left_out[0]["reason"] == "not within 10 to 150"
    assert row_text({"age": "61%"}).left_out[0]["reason"] == "not a number"


@pytest.mark.parametrize(
    "value",
    ["ipf?", "?IPF", "IPF ?", "possible IPF", "probable ipf", "IPF vs NSIP", "suspected IPF",
     "r/o IPF", "IPF (likely)"],
)  # fmt: skip
def test_a_doubtful_value_is_never_taken_as_known(value: str) -> None:
    for column in ("diagnosis", "ctd_type", "occupational_exposure", "smoking", "age"):
        read = row_text({column: value})
        assert read.text == "" and read.attributes == {}
        assert "doubt" in read.left_out[0]["reason"]
    assert row_text({"diagnosis": "ipf"}).attributes == {"diagnosis": "IPF"}


def test_without_a_column_of_ids_the_question_is_asked(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,sex,code\n61,F,A\n74,M,B\n", encoding="utf-8")
    for call in (
        lambda: read_row(tmp_path / "t.csv", "61"),
        lambda: table_texts(tmp_path / "t.csv"),
    ):
        with pytest.raises(UnsuitableInputError) as caught:
            call()
        sentence = str(caught.value)
        assert sentence.startswith("Which column of t.csv names the patients?")
        assert "patient_id" in sentence and "age, sex, code" in sentence
    assert read_row(tmp_path / "t.csv", "B", id_column="Code")["age"] == "74"
    said = table_texts(tmp_path / "t.csv", id_column="code")
    assert [row["id"] for row in said["rows"]] == ["A", "B"] and said["unknown_columns"] == []
    with pytest.raises(UnsuitableInputError, match="no column name; its columns are: age"):
        read_row(tmp_path / "t.csv", "B", id_column="name")


def _wide() -> bytes:
    names = ",".join(f"c{n}" for n in range(40_000))
    return f"{names}\n{'1,' * 39_999}1\n".encode()


def _one_cell() -> bytes:
    sheet = zipfile.ZipFile(io.BytesIO(workbook(ROWS))).read("xl/worksheets/sheet1.xml")
    blown = sheet.replace(b"<sheetData>", b"<sheetData>" + b" " * (257 << 20))
    return repacked(workbook(ROWS), {"xl/worksheets/sheet1.xml": blown})


HOSTILE = {
    "wide.csv": (_wide, UnsuitableInputError, "more than 1000 columns"),
    "wide.xlsx": (
        lambda: workbook([[f"c{n}" for n in range(1001)], list(range(1001))]),
        UnsuitableInputError,
        "more than 1000 columns",
    ),
    "cell.xlsx": (_one_cell, UnsuitableInputError, "unpacks to far more"),
    "styles.xlsx": (
        lambda: repacked(workbook(ROWS), {"xl/styles.xml": b" " * (17 << 20)}),
        UnsuitableInputError,
        "unpacks to far more",
    ),
    "sheet.xlsx": (
        lambda: repacked(workbook(ROWS), {"xl/worksheets/sheet1.xml": b"<worksheet"}),
        UnreadableError,
        "damaged Excel workbook",
    ),
    "book.xlsx": (
        lambda: repacked(workbook(ROWS), {"xl/workbook.xml": b"<x/>"}),
        UnreadableError,
        "Excel workbook",
    ),
    "binary.csv": (lambda: bytes(range(256)) * 9, UnreadableError, "binary data"),
    "long.csv": (
        lambda: ("x" * 50_000 + ",a\n1,2\n").encode(),
        UnsuitableInputError,
        "names the patients",
    ),
    "twice.csv": (
        lambda: (",".join(["y" * 9_000] * 2) + "\n1,2\n").encode(),
        UnreadableError,
        "more than once",
    ),
    "titles.csv": (lambda: b"only\nwords\n,,,\n", DGMVLCError, "names the patients"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables_are_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    make, error, words = HOSTILE[name]
    (tmp_path / name).write_bytes(make())
    with pytest.raises(error, match=words) as caught:
        table_texts(tmp_path / name)
    sentence = str(caught.value)
    assert name in sentence and "\n" not in sentence and len(sentence) < 500


def test_damage_anywhere_in_a_workbook_is_read_or_told_never_a_traceback(tmp_path: Path) -> None:
    whole, chance, told = workbook(ROWS), random.Random(5), 0
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        (tmp_path / "t.xlsx").write_bytes(data)
        try:
            assert read_table(tmp_path / "t.xlsx").columns
        except DGMVLCError:
            told += 1
    assert told > 60


def test_a_workbook_that_is_no_file_is_refused(tmp_path):
    (tmp_path / "t.xlsx").mkdir()
    with pytest.raises(UnreadableError, match="read from a file alone"):
        read_table(tmp_path / "t.xlsx")
