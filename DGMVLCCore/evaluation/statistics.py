"""A mean with its n and its 95 % interval over patients, the way every figure of the report is
written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from DGMVLCCore.evaluation.tables import Figure, Row
from DGMVLCCore.stats import over_patients

FEWEST_PATIENTS = 8  # below, an interval over patients is called exploratory
DIGITS = 4


def rounded(value: float) -> float:
    """To four significant digits, so that a report does not change with the last bits of a sum."""
    return float(f"{float(value):.{DIGITS}g}")


def missing(note: str) -> Figure:
    """A figure that was not measured, and why."""
    return {"value": None, "n": 0, "ci95": None, "note": note}


def figure(
    pairs: Iterable[tuple[str, float | bool | None]], note: str = "no case of the kind"
) -> Figure:
    """Mean over cases, interval over patients.

    Args:
        pairs: (patient, value); None is left out. note: said when nothing is left.
    """
    mean = over_patients(pairs)
    if mean is None:
        return missing(note)
    return {
        "value": rounded(mean.value),
        "n": mean.n,
        "ci95": [rounded(v) for v in mean.interval] if mean.interval else None,
        "patients": mean.patients,
        "exploratory": mean.patients < FEWEST_PATIENTS,
    }


def largest(
    values: Sequence[float | None], patients: Iterable[str], note: str = "no case of the kind"
) -> Figure:
    """The largest value; a maximum has no interval."""
    known = [value for value in values if value is not None]
    if not known:
        return missing(note)
    count = len(set(patients))
    return {
        "value": rounded(max(known)),
        "n": len(known),
        "ci95": None,
        "patients": count,
        "exploratory": count < FEWEST_PATIENTS,
    }


def over(
    rows: Iterable[Row],
    pick: Callable[[Row], float | bool | None],
    note: str = "no case of the kind",
) -> Figure:
    """`figure` of what `pick` takes from each row; rows name their "patient"."""
    return figure(((row["patient"], pick(row)) for row in rows), note)


def at(rows: Iterable[Row], *path: str, note: str = "no case of the kind") -> Figure:
    """`figure` of what lies at row[path[0]][path[1]]…; rows without it are left out."""

    def dig(tree: Any) -> Any:
        for name in path:
            tree = tree.get(name) if isinstance(tree, dict) else None
        return tree

    return over(rows, dig, note)
