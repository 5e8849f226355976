"""A list of scans -> one request each: a table with a row a scan, a folder of studies, or a query
to an archive."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from DGMVLCCore.archive.address import from_row, is_address
from DGMVLCCore.archive.scans import asked_scans
from DGMVLCCore.errors import DGMVLCError, UnreadableError, UsageError, quoted
from DGMVLCCore.jobs.many import Item, Use, placed
from DGMVLCCore.jobs.requests import read_request
from DGMVLCCore.language.report_files import read_report
from DGMVLCCore.language.tables import read_table

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
PATHS = ("image", "mask", "anatomy", "weights")
NOT_A_COLUMN = ("out", "overwrite", "report_text", "report_source", "scene")


Given = dict[str, object]  # fields of a request as a row or the command gives them, unchecked


@dataclass(frozen=True)
class Wanted:
    """What is asked of every scan of a list.

    Args:
        kind: class of the request. out: gets a folder for each. given: fields of every request; a
            cell goes before them.
    """

    use: Use
    kind: type
    out: Path
    given: Given


def _named(text: str, used: set[str]) -> str:
    """A name for a result's folder, from a file's name or an address's last UID, that is not used
    yet."""
    ending = "" if is_address(text) else r"(\.nii)?\.[^.]+$"
    base = re.sub(ending, "", Path(text).name)
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", base).strip("-._")[:64] or "scan"
    names = (base, *(f"{base}-{n}" for n in range(2, len(used) + 3)))
    return next(name for name in names if name not in used)


def _request(cells: Given, wanted: Wanted, identifier: str) -> Any:
    """A row's request, with its report read.

    Raises:
        DGMVLCError: a cell that does not fit, or a report that cannot be read.
    """
    report = cells.pop("report", None)
    given = {**wanted.given, "out": str(wanted.out / identifier), "report_text": "", **cells}
    asked: Any = read_request(given, wanted.kind, lax=True)
    if report:
        said = read_report(Path(str(report)))
        asked = replace(asked, report_text=said.text, report_source=said.source)
    return asked


def _item(identifier: str, cells: Given, wanted: Wanted) -> Item:
    try:
        asked = _request(cells, wanted, identifier)
        return Item(identifier, wanted.use, placed(asked, wanted.out, identifier))
    except DGMVLCError as error:  # this row's; the others go on
        return Item(identifier, wanted.use, None, str(error))


def _cells(row: dict[str, str], folder: Path) -> Given:
    """A row's cells that are not empty: paths from the table's folder, slices as two numbers."""
    said = {name: text for name, text in row.items() if text and name != "id"}
    cells: Given = {**said}
    for name in (*PATHS, "report"):
        if name in said:
            cells[name] = str(from_row(folder, said[name]))
    if re.fullmatch(r"\d+:\d+", said.get("slices", "")):
        cells["slices"] = [int(part) for part in said["slices"].split(":")]
    if "hypotheses" in said:
        cells["hypotheses"] = [part.strip() for part in said["hypotheses"].split(";")]
    return cells


def _from_table(place: Path, wanted: Wanted) -> list[Item]:
    table = read_table(place)
    known = [field.name for field in fields(wanted.kind) if field.name not in NOT_A_COLUMN]
    known = ["id", "report", *known]
    if unknown := [name for name in table.columns if name not in known]:
        raise UsageError(
            f"{place.name} has the column {quoted(unknown[0])}, which is no option of this command;"
            f" known are: {', '.join(known)}."
        )
    if "image" not in table.columns:
        raise UsageError(f"{place.name} has no column image, the scan of each row; add it.")
    items: list[Item] = []
    used: set[str] = set()
    for number, row in enumerate(table.rows, 1):
        identifier = row.get("id") or _named(row["image"], used)
        if not NAME.fullmatch(identifier) or identifier in used or identifier == "rows":
            raise UsageError(
                f"Row {number} of {place.name} has the id {quoted(identifier)}; an id is unique and"
                " of letters, digits, dots, - and _, because its result's folder is named by it."
            )
        used.add(identifier)
        items.append(_item(identifier, _cells(row, place.parent), wanted))
    return items


def _from_folder(place: Path, wanted: Wanted) -> list[Item]:
    from DGMVLCCore.review.worklist import find_studies

    items = []
    for study in find_studies(place):
        cells: Given = {"image": str(place / study.path)}
        if study.report:
            cells["report"] = str(place / study.report)
        if study.chosen is not None:
            cells["series"] = study.series[study.chosen].number
        made = _item(study.id, cells, wanted)
        problem = study.problem or ("" if study.report else "No report lies beside the scan.")
        items.append(replace(made, problem=made.problem or problem))
    return items


def _from_archive(text: str, wanted: Wanted) -> list[Item]:
    return [_item(one.study, {"image": str(one)}, wanted) for one in asked_scans(text)]


def read_list(text: str, use: Use, kind: type, out: Path, given: Given) -> list[Item]:
    """The items of a list.

    Args:
        text: path of a CSV or Excel table whose columns are fields of the request (image, report,
            mask, target, …; paths from the table's own folder), or of a folder of studies with
            their reports beside them; or archive:NAME?QUERY or the
            address of one scan. use, kind, out, given: as `Wanted`.

    Raises:
        UnreadableError: no such list, or nothing in it. UsageError: an unknown column, or an id
            twice. A row that cannot be asked is an item with its problem.
    """
    place, wanted = Path(text), Wanted(use, kind, out, given)
    if is_address(text):
        items = _from_archive(text, wanted)
    elif place.is_dir():
        items = _from_folder(place, wanted)
    elif place.exists():
        items = _from_table(place, wanted)
    else:
        raise UnreadableError(f"The list {place} does not exist; give a table or a folder.")
    if not items:
        raise UnreadableError(f"{text} lists no scan; add a row for each, or ask for others.")
    return items
