"""Clinical tables from CSV or Excel files: cells as text, nothing evaluated."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UnsuitableInputError
from DGMVLCCore.ground.plain_json import read_limited
from DGMVLCCore.language.formats.decoding import decode

LARGEST_BYTES = 64 << 20
MOST_ROWS = 100_000
MOST_COLUMNS = 1_000
MOST_UNPACKED = 256 << 20  # bytes of an Excel file's sheets and texts; they are read in a stream
MOST_BESIDE = 16 << 20  # bytes of each of its other parts (styles, themes), which are read whole
STREAMED = re.compile(r"xl/(?:worksheets/|sharedStrings)")
DELIMITERS = ",;\t|"
SEPARATOR = re.compile(r'"?sep=(.)"?\s*(?:\r\n|\r|\n)', re.IGNORECASE)  # Excel's own first line
SHOWN, LONGEST_NAME = 8, 40  # of columns, sheets and ids in a sentence
SAMPLE = 50  # rows looked at to find the delimiter and the header


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


class _Cells(NamedTuple):
    rows: list[list[str]]
    notes: list[str]


def _limited(path: Path, rows: Iterable[list[str]]) -> list[list[str]]:
    """The rows, read only as far as a table may reach."""
    kept: list[list[str]] = []
    for row in islice(rows, MOST_ROWS + SAMPLE):
        while row and not row[-1].strip():
            row.pop()
        if len(row) > MOST_COLUMNS:
            raise UnsuitableInputError(
                f"{path} has more than {MOST_COLUMNS} columns; keep the clinical ones."
            )
        kept.append(row)
    return kept


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _delimiter(text: str) -> str:
    """The delimiter that cuts the most of the first rows into equally many cells."""

    def evenness(delimiter: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in islice(_reader(text, delimiter), SAMPLE) if row)
        except csv.Error:
            return (0, 0)
        wide = [(times, width) for width, times in widths.items() if width > 1]
        return max(wide, default=(0, 0))

    return max(DELIMITERS, key=evenness)


def _csv_cells(path: Path) -> _Cells:
    try:
        text, _, notes = decode(read_limited(path), str(path))
        if marked := SEPARATOR.match(text):
            text = text[marked.end() :]
        delimiter = marked.group(1) if marked else _delimiter(text)
        return _Cells(_limited(path, _reader(text, delimiter)), notes)
    except (OSError, csv.Error) as error:
        raise UnreadableError(
            f"{path} could not be read as a CSV table: {getattr(error, 'strerror', None) or error}."
        ) from error


def _cell(cell: Any) -> str:
    """An Excel cell as text; formulas stay the text they are, dates become ISO, a percentage is
    said as it is shown."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) and "%" in str(cell.number_format):
        return f"{round(value * 100, 6):.12g}%"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    return str(value)


def _check_unpacked(path: Path) -> None:
    """Refuse an Excel file that unpacks to more than a table needs.

    Raises:
        UnsuitableInputError: it does. BadZipFile, OSError: it is damaged.
    """
    with ZipFile(path) as packed:
        parts = packed.infolist()
    streamed = sum(part.file_size for part in parts if STREAMED.match(part.filename))
    beside = [part.file_size for part in parts if not STREAMED.match(part.filename)]
    if streamed > MOST_UNPACKED or max(beside, default=0) > MOST_BESIDE:
        raise UnsuitableInputError(
            f"{path} unpacks to far more than a table of its rows needs; save its values as CSV."
        )


def _excel_cells(path: Path, sheet: str | None) -> _Cells:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UnsuitableInputError(
            f'Reading {path.name} needs openpyxl; run: pip install "dgmvlc[tables]", or save the '
            "table as CSV."
        ) from error
    try:
        _check_unpacked(path)
        book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
        try:
            if sheet and sheet not in book.sheetnames:
                raise UnsuitableInputError(
                    f"{path.name} has no sheet “{sheet}”; it has: {listed(book.sheetnames)}."
                )
            page = book[sheet] if sheet else book.worksheets[0]
            page.reset_dimensions()  # some programs declare a sheet's size as A1
            notes = (
                []
                if sheet or len(book.sheetnames) == 1
                else [f"The first of {len(book.sheetnames)} sheets, “{page.title}”, was read."]
            )
            cells = ([_cell(cell) for cell in row] for row in page.iter_rows())
            return _Cells(_limited(path, cells), notes)
        finally:
            book.close()
    except DGMVLCError:
        raise
    except (OSError, BadZipFile) as error:
        raise UnreadableError(
            f"{path} could not be read as an Excel workbook (.xlsx); save it again or as CSV."
        ) from error
    except Exception as error:  # openpyxl raises whatever a damaged part makes it stumble over
        raise UnreadableError(
            f"{path} is a damaged Excel workbook ({type(error).__name__}); save it again or as CSV."
        ) from error


def _filled(row: Iterable[str]) -> int:
    return sum(1 for cell in row if cell.strip())


def _header(lines: list[tuple[int, list[str]]]) -> int:
    """Index of the header: the first row as wide as most and at least half as full as the fullest;
    a title or a date above it is not."""
    rows = [row for _, row in lines[:SAMPLE]]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    fullest = max(map(_filled, rows))
    least = max(min(2, fullest), fullest / 2)
    return next((i for i, row in enumerate(rows) if len(row) >= width and _filled(row) >= least), 0)


def read_table(path: Path | str, sheet: str | None = None) -> Table:
    """A table with a header line; CSV (comma, semicolon, tab or bar) or Excel (.xlsx). Title rows
    above the header are left out, with a note.

    Args:
        sheet: name of the Excel sheet; the first when None.

    Raises:
        UnreadableError: no such file, damaged, neither CSV nor Excel, no rows, a row longer than
            the header, or a column twice.
        UnsuitableInputError: too large, an old .xls file, no such sheet, or openpyxl is missing.
    """
    path = Path(path)
    if path.suffix.lower() == ".xls":
        raise UnsuitableInputError(
            f"{path.name} is in the old Excel format; save it as .xlsx or CSV."
        )
    excel = path.suffix.lower() in (".xlsx", ".xlsm")
    if excel and path.exists() and not path.is_file():
        raise UnreadableError(f"{path} is no file; an Excel workbook is read from a file alone.")
    if path.is_file() and path.stat().st_size > LARGEST_BYTES:
        raise UnsuitableInputError(
            f"{path} is larger than {LARGEST_BYTES >> 20} MiB; split the table."
        )
    cells, notes = _excel_cells(path, sheet) if excel else _csv_cells(path)
    lines = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(cells, 1)
        if _filled(row)
    ]
    top = _header(lines) if lines else 0
    if len(lines) - top < 2:
        raise UnreadableError(f"{path} holds no rows under a header line.")
    if len(lines) - top - 1 > MOST_ROWS:
        raise UnsuitableInputError(f"{path} has more than {MOST_ROWS} rows; split the table.")
    titles = [" ".join(filter(None, row))[:60] for _, row in lines[:top]]
    notes = [*notes, *(f"“{title}” stands above the header and was left out." for title in titles)]
    return Table(path.name, *_under_header(path, lines[top:]), notes)


def _under_header(
    path: Path, lines: list[tuple[int, list[str]]]
) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of the lines from the header on."""
    header = lines[0][1]
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise UnreadableError(
            f"{path} names the column {listed(twice)} more than once; rename or remove one."
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
    return [name for name in header if name], rows


def listed(names: Sequence[str]) -> str:
    """The first few names, none too long for a sentence, and how many more there are."""
    shown = [name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in names]
    more = len(names) - SHOWN
    return ", ".join(shown[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def column_key(name: str) -> str:
    """A column's name without case, blanks and signs: “Pack-Years ” and “pack_years” are one
    column."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")
