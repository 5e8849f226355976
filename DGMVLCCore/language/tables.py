"""Clinical tables from CSV or Excel files: cells as text, nothing evaluated."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError

LARGEST_BYTES = 64 << 20
MOST_ROWS = 100_000
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """A table as text.

    Args:
        name: file name. columns: header cells, stripped. rows: one dictionary a row, column ->
            stripped cell. notes: what the reader should know.
    """

    name: str
    columns: list[str]
    rows: list[dict[str, str]]
    notes: list[str] = field(default_factory=list)


def _decoded(path: Path, data: bytes) -> tuple[str, list[str]]:
    """Text of a CSV file: UTF-8, UTF-16 with its mark, else line by line, Windows-1252 where a line
    is not UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16"), []
    if b"\0" in data:
        raise UnreadableError(f"{path} could not be read as a CSV table: it holds binary data.")
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        lines, other = [], []
        for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
            try:
                lines.append(line.decode("utf-8"))
            except UnicodeDecodeError:
                lines.append(line.decode("cp1252", errors="replace"))
                other.append(number)
        shown = ", ".join(map(str, other[:5])) + (" …" if len(other) > 5 else "")
        return "\n".join(lines), [f"Not UTF-8 in line {shown}: read as Windows-1252."]


def _csv_cells(path: Path) -> tuple[list[list[str]], list[str]]:
    try:
        text, notes = _decoded(path, path.read_bytes())
        header = text.partition("\n")[0]
        delimiter = max(DELIMITERS, key=header.count)
        return list(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        ), notes
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableError(
            f"{path} could not be read as a CSV table: {getattr(error, 'strerror', None) or error}."
        ) from error


def _cell(value: Any) -> str:
    """An Excel cell as text; formulas stay the text they are, dates become ISO."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _excel_cells(path: Path, sheet: str | None) -> tuple[list[list[str]], list[str]]:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise UnsuitableInputError(
            f'Reading {path.name} needs openpyxl; run: pip install "dgmvlc[tables]", or save the '
            "table as CSV."
        ) from error
    try:
        book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
    except (OSError, BadZipFile, KeyError, ValueError, InvalidFileException) as error:
        raise UnreadableError(
            f"{path} could not be read as an Excel workbook (.xlsx); save it again or as CSV."
        ) from error
    try:
        if sheet and sheet not in book.sheetnames:
            raise UnsuitableInputError(
                f"{path.name} has no sheet “{sheet}”; it has: {', '.join(book.sheetnames)}."
            )
        page = book[sheet] if sheet else book.worksheets[0]
        notes = (
            []
            if sheet or len(book.sheetnames) == 1
            else [f"The first of {len(book.sheetnames)} sheets, “{page.title}”, was read."]
        )
        return [
            [_cell(value) for value in row]
            for row in page.iter_rows(values_only=True, max_row=MOST_ROWS + 2)
        ], notes
    finally:
        book.close()


def _filled(row: Iterable[str]) -> bool:
    return any(cell.strip() for cell in row)


def read_table(path: Path | str, sheet: str | None = None) -> Table:
    """A table with a header line; CSV (comma, semicolon, tab or bar) or Excel (.xlsx).

    Args:
        sheet: name of the Excel sheet; the first when None.

    Raises:
        UnreadableError: no such file, neither CSV nor Excel, no rows, a row longer than the header,
            or a column twice.
        UnsuitableInputError: too large, an old .xls file, no such sheet, or openpyxl is missing.
    """
    path = Path(path)
    if path.suffix.lower() == ".xls":
        raise UnsuitableInputError(
            f"{path.name} is in the old Excel format; save it as .xlsx or CSV."
        )
    if path.is_file() and path.stat().st_size > LARGEST_BYTES:
        raise UnsuitableInputError(
            f"{path} is larger than {LARGEST_BYTES >> 20} MiB; split the table."
        )
    cells, notes = (
        _excel_cells(path, sheet) if path.suffix.lower() in (".xlsx", ".xlsm") else _csv_cells(path)
    )
    lines = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(cells, 1)
        if _filled(row)
    ]
    if len(lines) < 2:
        raise UnreadableError(f"{path} holds no rows under a header line.")
    if len(lines) - 1 > MOST_ROWS:
        raise UnsuitableInputError(f"{path} has more than {MOST_ROWS} rows; split the table.")
    header = lines[0][1]
    while header and not header[-1]:
        header.pop()
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise UnreadableError(
            f"{path} names the column {', '.join(twice)} more than once; rename or remove one."
        )
    for number, row in lines[1:]:
        if _filled(row[len(header) :]):
            raise UnreadableError(
                f"Line {number} of {path} has more cells than the header ({len(header)}); put "
                "text with separators in quotation marks."
            )
    rows = [
        {name: row[i] if i < len(row) else "" for i, name in enumerate(header) if name}
        for _, row in lines[1:]
    ]
    return Table(path.name, [name for name in header if name], rows, notes)


def column_key(name: str) -> str:
    """A column's name without case, blanks and signs: “Pack-Years ” and “pack_years” are one
    column."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")
