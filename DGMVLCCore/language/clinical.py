"""A row of a clinical table -> clauses of text; what is missing is left out, never invented (after arXiv 2410.13823)."""

from __future__ import annotations

import csv
from pathlib import Path

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError

MISSING = {"", "na", "n/a", "nan", "none", "null", "unknown", "not reported", "-", "?"}
CODES = {0.0, 99999.0}  # numbers that say "not recorded"
CLAUSES = {
    "age": "{}-year-old", "sex": "{}", "gender": "{}", "smoking": "{} smoker", "pack_years": "{} pack-years",
    "diagnosis": "diagnosis {}", "days_since_diagnosis": "{} days since diagnosis",
}
OUTCOMES = {"survival": "survival {}", "survival_days": "survival {} days", "death": "death {}", "status": "status {}", "outcome": "outcome {}"}
SAID = {("sex", "m"): "male", ("sex", "f"): "female", ("gender", "m"): "male", ("gender", "f"): "female",
        ("smoking", "yes"): "smoker", ("smoking", "no"): "non-smoker", ("smoking", "smoker"): "smoker",
        ("smoking", "non-smoker"): "non-smoker", ("smoking", "nonsmoker"): "non-smoker"}


def read_row(table: Path, row_id: str) -> dict[str, str]:
    """One row of a CSV table by the value of its first column.

    Raises:
        UnreadableError: no such file, not CSV, or two rows with this id. UnsuitableInputError: no such row.
    """
    try:
        text = Path(table).read_text(encoding="utf-8-sig")
        header = text.partition("\n")[0]
        delimiter = max(",;\t", key=header.count)
        rows = list(csv.DictReader(text.splitlines(), delimiter=delimiter, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableError(f"{table} could not be read as a CSV table in UTF-8.") from error
    if not rows:
        raise UnreadableError(f"{table} holds no rows under a header line.")
    key = next(iter(rows[0]))
    found = [row for row in rows if (row[key] or "").strip() == row_id]
    if not found:
        raise UnsuitableInputError(f"{table} has no row with {key} = {row_id}.")
    if len(found) > 1:
        raise UnsuitableInputError(f"{table} has {len(found)} rows with {key} = {row_id}; one row an id is needed.")
    return {name: value.strip() for name, value in found[0].items() if isinstance(name, str) and isinstance(value, str)}


def _known(value: str) -> bool:
    """False for an empty cell, a word for “unknown”, or a code for it."""
    if value.strip().lower() in MISSING:
        return False
    try:
        return float(value) not in CODES
    except ValueError:
        return True


def row_to_text(row: dict[str, str], outcomes: tuple[str, ...] = ()) -> str:
    """Clauses of the attributes that are known; missing values and the codes 0 and 99999 leave their clause out.

    Negative days count absolute (days before the scan). Columns without a clause are not used.

    Args:
        outcomes: names of outcome columns to say all the same; by default none is, they would leak what is to be found.

    Raises:
        UnsuitableInputError: an outcome asked for is not one of the table's.
    """
    names = {name.strip().lower().replace(" ", "_"): value.strip() for name, value in row.items()}
    if strange := [name for name in outcomes if name not in OUTCOMES or name not in names]:
        raise UnsuitableInputError(f"The row has no outcome column {', '.join(strange)}.")
    clauses = []
    for name, value in names.items():
        clause = CLAUSES.get(name) or (OUTCOMES[name] if name in outcomes else None)
        if clause is None or not _known(value):
            continue
        said = SAID.get((name, value.lower()))
        if said is None:
            value = value.lstrip("-") if "days" in name else value.lower() if name == "smoking" else value
            said = clause.format(value.removesuffix(" smoker") if name == "smoking" else value)
        clauses.append(said)
    return ", ".join(clauses)
