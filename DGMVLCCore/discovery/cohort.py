"""A cohort: scans of a folder and rows of a clinical table, matched by id; what does not fit is listed, never dropped in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UnsuitableInputError
from DGMVLCCore.language.clinical import Value, table_texts
from DGMVLCCore.language.schema import ClinicalSchema

SHOWN = 8


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients with a scan and a row.

    Args:
        attributes: id -> attribute -> value, in the scans' order. problems: what was left out and why, one sentence each.
        notes: what the reader should know of the table.
    """

    attributes: dict[str, dict[str, Value]]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _scan_in(entry: Path) -> Path | None:
    """The scan that an entry of the cohort's folder is: an image file, a folder with one image file, or a DICOM folder."""
    from DGMVLCCore.imaging.io import SUFFIXES

    def image(path: Path) -> bool:
        name = path.name.lower()
        return path.is_file() and name.endswith(SUFFIXES) and not name.endswith(".seg.nrrd") and not name.startswith(".")

    if entry.is_file():
        return entry if image(entry) else None
    if entry.name.startswith(".") or not any(p.is_file() for p in entry.iterdir()):
        return None
    images = [p for p in sorted(entry.iterdir()) if image(p)]
    return images[0] if len(images) == 1 else entry


def scan_id(path: Path) -> str:
    """The patient's id that a file or folder is named by: its name without the image ending."""
    from DGMVLCCore.imaging.io import SUFFIXES

    ending = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)), "")
    return path.name[:len(path.name) - len(ending)].strip() if ending else path.name.strip()


def find_scans(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Scans of a cohort's folder, id -> path, and what was left out.

    Raises:
        UnreadableError: no such folder, or no scan in it.
    """
    if not folder.is_dir():
        raise UnreadableError(f"{folder} is no folder; give the folder that holds a scan (or a DICOM folder) for each patient.")
    found = [(scan_id(entry), scan) for entry in sorted(folder.iterdir()) if (scan := _scan_in(entry)) is not None]
    if not found:
        raise UnreadableError(f"{folder} holds no scans; it needs one NRRD, NIfTI or MetaImage file or one DICOM folder for each patient, named by the id.")
    times = Counter(name for name, _ in found)
    twice = sorted(name for name, n in times.items() if n > 1)
    problems = [f"{len(twice)} id(s) name more than one scan and were left out: {_listed(twice)}."] if twice else []
    return {name: path for name, path in found if times[name] == 1}, problems


def _cells(rows: list[dict[str, Any]]) -> list[str]:
    """One sentence for each reason why cells are not used, with its count and its first patients."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for cell in row["left_out"]:
            if cell["reason"] != "missing" and "outcome" not in cell["reason"]:
                groups.setdefault((cell["column"], cell["reason"]), []).append(f"{row['id']} (“{cell['value'][:20]}”)")
    return [f"Column {column}: {len(names)} cell(s) not used, {reason}: {_listed(names)}." for (column, reason), names in groups.items()]


def match(scans: dict[str, Path], table: Path, schema: ClinicalSchema, sheet: str | None = None, outcomes: tuple[str, ...] = ()) -> Cohort:
    """Rows of a table for the scans of a folder, by id.

    Args:
        outcomes: outcome attributes to read all the same.

    Raises:
        UnreadableError, UnsuitableInputError: the table cannot be read, or fewer than two patients have both a scan and a row.
    """
    said = table_texts(table, None, schema, outcomes, sheet)
    rows = {row["id"]: row for row in said["rows"]}
    refused = [f"{entry['id'] or 'no id'} ({entry['reason']})" for entry in said["refused"]]
    known = set(rows) | {entry["id"] for entry in said["refused"]}
    notes, problems = list(said["notes"]), []
    if said["unknown_columns"]:
        notes.append(f"Columns the schema does not know are ignored: {_listed(said['unknown_columns'])}.")
    for names, words in ((refused, "row id(s) are not unique and were left out"), (sorted(set(scans) - known), "scan(s) have no row in the table"),
                         ([name for name in rows if name not in scans], "row(s) have no scan")):
        if names:
            problems.append(f"{len(names)} {words}: {_listed(names)}.")
    both = [name for name in scans if name in rows]
    if len(both) < 2:
        raise UnsuitableInputError(f"A cohort needs several patients with both a scan and a row; {len(both)} of {len(scans)} scan(s) and "
                                   f"{len(rows)} row(s) match by id. Name each scan by its row's id.")
    problems += _cells([rows[name] for name in both])
    return Cohort({name: rows[name]["attributes"] for name in both}, problems, notes)


def refuse_problems(problems: list[str]) -> None:
    """For a strict run.

    Raises:
        UnsuitableInputError: there is a problem; the sentence is the first one.
    """
    if problems:
        raise UnsuitableInputError(f"{len(problems)} problem(s) with the cohort, the first: {problems[0]} Mend the cohort, or leave --strict out.")


def load_each(scans: dict[str, Path], read: Callable[[str, Path], Any]) -> tuple[dict[str, Any], list[str]]:
    """What `read` makes of each scan, and one sentence for each that could not be used."""
    good: dict[str, Any] = {}
    problems = []
    for name, path in scans.items():
        try:
            good[name] = read(name, path)
        except DGMVLCError as error:
            problems.append(f"The scan of {name} was left out: {error}")
    return good, problems
