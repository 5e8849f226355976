"""A row of a clinical table -> sentences; what is missing is left out, never invented."""

from __future__ import annotations

import csv
from pathlib import Path

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError

MISSING = {"", "na", "n/a", "nan", "none", "null", "unknown", "99999", "99999.0"}
ZERO_IS_MISSING = {"age", "pack_years", "days_since_diagnosis"}
CLAUSES = {
    "age": "{}-year-old", "sex": "{}", "gender": "{}", "smoking": "{} smoker", "pack_years": "{} pack-years",
    "diagnosis": "diagnosis {}", "days_since_diagnosis": "{} days since diagnosis",
}
OUTCOMES = ("survival", "death", "deceased", "dead", "status", "outcome", "mortality")


def read_row(table: Path, row_id: str) -> dict[str, str]:
    """One row of a CSV table by the value of its first column.

    Raises:
        UnreadableError: no such file or not CSV. UnsuitableInputError: no such row.
    """
    try:
        with Path(table).open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableError(f"{table} could not be read as a CSV table.") from error
    if not rows:
        raise UnreadableError(f"{table} holds no rows under a header line.")
    key = next(iter(rows[0]))
    for row in rows:
        if (row[key] or "").strip() == row_id:
            return {name: (value or "").strip() for name, value in row.items() if name}
    raise UnsuitableInputError(f"{table} has no row with {key} = {row_id}.")


def row_to_text(row: dict[str, str]) -> str:
    """Clauses of the attributes that are known; codes 99999, and 0 where it means missing, are left out, outcomes always.

    Negative days count absolute (the paper's rule, arXiv 2410.13823).
    """
    clauses = []
    for name, value in row.items():
        attribute = name.strip().lower().replace(" ", "_")
        if attribute not in CLAUSES or any(word in attribute for word in OUTCOMES) or value.lower() in MISSING:
            continue
        if attribute in ZERO_IS_MISSING and value.replace(".", "", 1).strip("0") == "":
            continue
        if attribute.startswith("days"):
            value = value.lstrip("-")
        clauses.append(CLAUSES[attribute].format(value))
    return ", ".join(clauses)
