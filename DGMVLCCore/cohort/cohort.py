"""A cohort: scans of a folder and rows of a clinical table, matched by id; what does not fit is
listed, never dropped in silence."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from DGMVLCCore.errors import DGMVLCError, UnsuitableInputError
from DGMVLCCore.language.clinical import RowSaid, Value, table_texts
from DGMVLCCore.language.schema import ClinicalSchema
from DGMVLCCore.language.tables import listed

S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients with a scan and a row.

    Args:
        attributes: id -> attribute -> value, in the scans' order. problems: what was left out and
            why, one sentence each.
        notes: what the reader should know of the table. unpaired: those problems that cost a
            patient: no scan, no row, or several rows.
    """

    attributes: dict[str, dict[str, Value]]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unpaired: list[str] = field(default_factory=list)


def _cells(rows: list[RowSaid]) -> list[str]:
    """One sentence for each reason why cells are not used, with its count and its first
    patients."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for cell in row["left_out"]:
            if cell["reason"] != "missing" and "outcome" not in cell["reason"]:
                groups.setdefault((cell["column"], cell["reason"]), []).append(
                    f"{row['id']} (“{cell['value'][:20]}”)"
                )
    return [
        f"Column {column}: {len(names)} cell(s) not used, {reason}: {listed(names)}."
        for (column, reason), names in groups.items()
    ]


def match(
    scans: dict[str, Path],
    table: Path,
    schema: ClinicalSchema,
    sheet: str | None = None,
    outcomes: tuple[str, ...] = (),
) -> Cohort:
    """Rows of a table for the scans of a folder, by id.

    Args:
        outcomes: outcome attributes to read all the same.

    Raises:
        UnreadableError, UnsuitableInputError: the table cannot be read, or fewer than two patients
            have both a scan and a row.
    """
    told = table_texts(table, None, schema, outcomes, sheet)
    rows = {row["id"]: row for row in told["rows"]}
    both = [name for name in scans if name in rows]
    if len(both) < 2:
        raise UnsuitableInputError(
            f"A cohort needs several patients with both a scan and a row; {len(both)} of "
            f"{len(scans)} scan(s) and "
            f"{len(rows)} row(s) match by id. Name each scan by its row's id."
        )
    notes, unknown = list(told["notes"]), told["unknown_columns"]
    if unknown:
        notes.append(f"Columns the schema does not know are ignored: {listed(unknown)}.")
    unpaired = _unpaired(scans, list(rows), told["refused"])
    cells = _cells([rows[name] for name in both])
    attributes = {name: rows[name]["attributes"] for name in both}
    return Cohort(attributes, unpaired + cells, notes, unpaired)


def _unpaired(scans: dict[str, Path], rows: list[str], refused: list[dict[str, str]]) -> list[str]:
    """Scans without a row, rows without a scan and rows that were refused, a sentence each."""
    known = {*rows, *(entry["id"] for entry in refused)}
    sorts = (
        (
            [f"{entry['id'] or 'no id'} ({entry['reason']})" for entry in refused],
            "row id(s) are not unique and were left out",
        ),
        (sorted(set(scans) - known), "scan(s) have no row in the table"),
        ([name for name in rows if name not in scans], "row(s) have no scan"),
    )
    return [f"{len(names)} {words}: {listed(names)}." for names, words in sorts if names]


def require_several(scans: Collection[str], unread: list[str]) -> None:
    """Refuse a cohort of which fewer than two scans could be read.

    Raises:
        UnsuitableInputError: with the first reason why not.
    """
    if len(scans) < 2:
        why = f"Only {len(scans)} scan(s) of the cohort could be used. {''.join(unread[:1])}"
        raise UnsuitableInputError(why.strip())


def refuse_unpaired(unpaired: list[str], choice: str) -> None:
    """For a run that is to stop at scans and rows that do not pair.

    Args:
        unpaired: one sentence each. choice: "stop" or "skip".

    Raises:
        UnsuitableInputError: there are some, and the choice is to stop.
    """
    if choice == "stop" and unpaired:
        raise UnsuitableInputError(
            f"{' '.join(unpaired)} Complete the cohort, or go on without them: --missing skip."
        )


def refuse_problems(problems: list[str]) -> None:
    """For a strict run.

    Raises:
        UnsuitableInputError: there is a problem; the sentence is the first one.
    """
    if problems:
        raise UnsuitableInputError(
            f"{len(problems)} problem(s) with the cohort, the first: {problems[0]} Mend the "
            "cohort, or leave --strict out."
        )


def load_each(
    scans: dict[str, Path], read: Callable[[str, Path], S]
) -> tuple[dict[str, S], list[str]]:
    """What `read` makes of each scan, and one sentence for each that could not be used."""
    good: dict[str, S] = {}
    problems = []
    for name, path in scans.items():
        try:
            good[name] = read(name, path)
        except DGMVLCError as error:
            problems.append(f"The scan of {name} was left out: {error}")
    return good, problems
