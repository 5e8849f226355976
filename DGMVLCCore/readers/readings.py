"""Readings as a table (CSV), one row a reading, checked against the plan row by row."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.ground.plain_json import read_limited
from DGMVLCCore.results.csv_table import csv_text, unguarded
from DGMVLCCore.results.records import write_text

PLANNED = ("reader", "session", "position", "case", "mode", "asked")
COLUMNS = (
    *PLANNED,
    "confidence",
    "x_mm",
    "y_mm",
    "z_mm",
    "seconds",
    "read_at",
    "scripted",
    "comment",
)
Mode = Literal["scan", "scan + counterfactual"]
LONGEST_S = 24 * 3600.0
LARGEST_BYTES = 20_000_000


@dataclass(frozen=True)
class Item:
    """One reading to be made: in which session and place, which case, how, and what the reader is
    asked for."""

    reader: str
    session: Literal[1, 2]
    position: Annotated[int, Meta(ge=1)]
    case: str
    mode: Mode
    asked: str


@dataclass(frozen=True)
class Reading:
    """One reading.

    Args:
        item: what was to be read. confidence: 0 (surely not there) to 100 (surely there). mark: LPS
            mm, None without one. seconds: reading time.
        read_at: when, local time. scripted: by the simulated observer.
    """

    item: Item
    confidence: float
    mark: tuple[float, float, float] | None = None
    seconds: float | None = None
    read_at: datetime | None = None
    scripted: bool = False
    comment: str = ""


def check_reading(reading: Reading, where: str) -> Reading:
    """The reading, when its numbers can be.

    Raises:
        UnsuitableInputError: a confidence outside 0..100, a time that is negative or longer than a
            day, a mark that is no point.
    """
    if not (math.isfinite(reading.confidence) and 0 <= reading.confidence <= 100):
        raise UnsuitableInputError(
            f"{where}: the confidence must lie between 0 and 100, not {reading.confidence:g}."
        )
    if reading.seconds is not None and not 0 <= reading.seconds <= LONGEST_S:
        raise UnsuitableInputError(
            f"{where}: the reading time must lie between 0 and {LONGEST_S:.0f} s, not "
            f"{reading.seconds:g}."
        )
    if reading.mark is not None and not all(math.isfinite(c) for c in reading.mark):
        raise UnsuitableInputError(f"{where}: a mark needs three finite coordinates in mm.")
    return reading


def _number(text: str, column: str, where: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise UnsuitableInputError(
            f"{where}: {column} must be a number, not {text.strip()[:40]!r}."
        ) from None


def _reading(row: dict[str, str], item: Item, where: str) -> Reading | None:
    confidence = _number(row["confidence"], "confidence", where)
    if confidence is None:
        return None  # not read yet
    marks = [_number(row.get(f"{axis}_mm") or "", f"{axis}_mm", where) for axis in "xyz"]
    given = [c for c in marks if c is not None]
    if given and len(given) < 3:
        raise UnsuitableInputError(f"{where}: a mark needs x_mm, y_mm and z_mm, or none of them.")
    said = (row.get("read_at") or "").strip()
    try:
        read_at = datetime.fromisoformat(said).replace(tzinfo=None) if said else None
    except ValueError:
        raise UnsuitableInputError(
            f"{where}: read_at must be a date and time like 2026-01-31T14:05:00, not {said[:40]!r}."
        ) from None
    mark = (given[0], given[1], given[2]) if given else None
    scripted = (row.get("scripted") or "").strip().lower() in ("yes", "true", "1")
    seconds = _number(row.get("seconds") or "", "seconds", where)
    return check_reading(
        Reading(item, confidence, mark, seconds, read_at, scripted, row.get("comment") or ""), where
    )


def read_readings(path: Path, items: list[Item]) -> list[Reading]:
    """The filled rows of a table; rows without a confidence are not read yet.

    Raises:
        UnreadableError: no table with these columns. UnsuitableInputError: a row that the plan does
            not hold, one twice, or an impossible number; the
            sentence names the line.
    """
    planned: dict[tuple[str, int, str], Item] = {(i.reader, i.session, i.case): i for i in items}
    readings: dict[tuple[str, int, str], Reading] = {}
    for line, row in _rows(path):
        where = f"{path.name}, line {line}"
        session = (row["session"] or "").strip()
        key = (
            (row["reader"] or "").strip(),
            int(session) if session.isdecimal() else 0,
            (row["case"] or "").strip(),
        )
        item = planned.get(key)
        if item is None:
            raise UnsuitableInputError(
                f"{where}: the plan has no reading of case {key[2][:40]!r} by {key[0][:40]!r} in "
                f"session {session[:10]!r}."
            )
        if (row.get("mode") or item.mode).strip() != item.mode:
            raise UnsuitableInputError(
                f"{where}: this case was to be read as “{item.mode}”, not "
                f"“{str(row['mode']).strip()[:40]}”."
            )
        reading = _reading(row, item, where)
        if reading is None:
            continue
        if key in readings:
            raise UnsuitableInputError(
                f"{where}: {key[0]} has read {key[2]} in session {key[1]} twice; keep one of the "
                "rows."
            )
        readings[key] = reading
    return list(readings.values())


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UnreadableError(
                f"{path.name} is larger than {LARGEST_BYTES // 1_000_000} MB, so it is no table "
                "of readings."
            )
        text = read_limited(path, LARGEST_BYTES).decode("utf-8-sig")
        lines = text.splitlines()
        table = csv.DictReader(
            io.StringIO(text),
            delimiter=";" if lines and lines[0].count(";") > lines[0].count(",") else ",",
        )
        missing = [
            name
            for name in ("reader", "session", "case", "confidence")
            if name not in (table.fieldnames or [])
        ]
        if missing:
            raise UnreadableError(
                f"{path.name} lacks the column {missing[0]}; use the table that the plan wrote."
            )
        return [
            (
                table.line_num,
                {
                    k: unguarded(v or "")
                    for k, v in row.items()
                    if isinstance(k, str) and not isinstance(v, list)
                },
            )
            for row in table
        ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableError(f"{path} could not be read as a table (CSV, UTF-8).") from error


def table_text(readings: list[Reading]) -> str:
    """Readings as CSV."""
    return csv_text(COLUMNS, map(_row, readings))


def _row(reading: Reading) -> dict[str, object]:
    """A reading as its table holds it."""
    x, y, z = reading.mark or ("", "", "")
    return {
        **{name: getattr(reading.item, name) for name in PLANNED},
        "confidence": f"{reading.confidence:g}",
        "x_mm": x,
        "y_mm": y,
        "z_mm": z,
        "seconds": "" if reading.seconds is None else f"{reading.seconds:.1f}",
        "read_at": reading.read_at.isoformat(timespec="seconds") if reading.read_at else "",
        "scripted": "yes" if reading.scripted else "",
        "comment": reading.comment,
    }


def write_readings(readings: list[Reading], path: Path) -> None:
    """Save readings; OutputError when it fails, and the table before stays."""
    write_text(table_text(readings), path)
