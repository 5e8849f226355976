"""Clinical data from the panel's fields or a row of a table; what is not given is left out, never
invented."""

from __future__ import annotations

from typing import Any

from . import clinical_schema as schema
from .parameters import Parameters, Sex, Smoking


def given(parameters: Parameters) -> dict[str, str]:
    """The panel's fields by the names of the presenters' form; "" for what is not given."""
    sex, smoking = parameters.sex, parameters.smoking
    return {
        "age": str(parameters.age or ""),
        "sex": "" if sex is Sex.UNKNOWN else sex.value,
        "smoking": "" if smoking is Smoking.UNKNOWN else smoking.value,
        "pack_years": str(parameters.packYears or ""),
        "other": parameters.otherClinical,
    }


def _whole(text: str, limit: int) -> int:
    """A whole number within 0..limit; 0 for anything else."""
    try:
        number = round(float(text.replace(",", ".")))
    except (ValueError, OverflowError):
        return 0
    return number if 0 <= number <= limit else 0


def readRow(table: Any, row: int) -> dict[str, str]:
    """Column name (lower case, underscores) -> text of a row.

    Args:
        table: vtkMRMLTableNode. row: 1-based.

    Raises:
        ValueError: no such row.
    """
    count = table.GetNumberOfRows()
    if not 1 <= row <= count:
        raise ValueError(
            f"The table “{table.GetName()}” has {count} rows, so there is no row {row}; choose 1 "
            f"to {count}."
            if count
            else f"The table “{table.GetName()}” has no rows; choose another table."
        )
    names = [table.GetColumnName(column) or "" for column in range(table.GetNumberOfColumns())]
    cells = [table.GetCellText(row - 1, column).strip() for column in range(len(names))]
    return {
        name.strip().lower().replace(" ", "_").replace("-", "_"): cell
        for name, cell in zip(names, cells)
        if not schema.isMissing(cell)
    }


def fillFromRow(parameters: Parameters, table: Any, row: int) -> list[str]:
    """Put a table row into the fields; fields without a column are emptied, so that no two patients
    mix.

    Returns:
        the names of the fields that the row filled.

    Raises:
        ValueError: no such row.
    """
    cells = readRow(table, row)
    sex, smoking = (schema.spoken(name, schema.cell(cells, name)) for name in ("sex", "smoking"))
    diagnosis = schema.cell(cells, "diagnosis")
    found: dict[str, object] = {
        "age": _whole(schema.cell(cells, "age"), 120),
        "sex": Sex(sex) if sex else Sex.UNKNOWN,
        "smoking": Smoking(smoking) if smoking else Smoking.UNKNOWN,
        "packYears": _whole(schema.cell(cells, "pack_years"), 300),
        "otherClinical": schema.clause("diagnosis", diagnosis) if diagnosis else "",
    }
    for name, value in found.items():
        setattr(parameters, name, value)
    return [
        name for name, value in found.items() if value not in (0, "", Sex.UNKNOWN, Smoking.UNKNOWN)
    ]
