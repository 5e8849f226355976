"""The one writer of CSV tables: text that a spreadsheet would run as a formula stays text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What Excel, LibreOffice and Google Sheets take for the start of a formula (OWASP, CSV injection),
# after blanks too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(value: Any) -> Any:
    """A cell that no table program runs; numbers, also as text, stay as they are."""
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\r", "\n")  # a lone one ends a row
    if not isinstance(value, str) or not value.lstrip(" '\"").startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def unguarded(cell: str) -> str:
    """A cell as it was before `guarded`."""
    return cell[1:] if cell[:1] == "'" and guarded(cell[1:]) == cell else cell


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header, comma-separated; a column that a row lacks is empty.

    Raises:
        ValueError: a row with a column that is not named.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writerow({name: guarded(name) for name in columns})
    for row in rows:
        writer.writerow({name: guarded(value) for name, value in row.items()})
    return text.getvalue()
