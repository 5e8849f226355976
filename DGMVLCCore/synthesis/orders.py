"""What a data set shall hold: rows of an order file, or what a class table lacks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.ground.plain_json import parse_json, read_limited
from DGMVLCCore.imaging.zones import ZONES
from DGMVLCCore.language.prompts import require_known
from DGMVLCCore.language.tables import read_table
from DGMVLCCore.language.vocabulary import canonical, load_vocabulary

COLUMNS = ("scan", "finding", "size_mm", "side", "zone", "count")
SIDES = ("left", "right")
SIZE_MM, MOST = (3.0, 80.0), 10_000


Cells = Mapping[str, object]  # of a row of a table or a JSON line, unchecked


@dataclass(frozen=True)
class Order:
    """Lesions of one kind to put into one scan; None is drawn.

    Args:
        scan: file name or path, taken from the order file's folder. finding: a term the weights
            know. spiculated: said in the finding's words.
    """

    scan: str
    finding: str
    size_mm: float | None = None
    side: str | None = None
    zone: str | None = None
    count: int = 1
    spiculated: bool = False

    def facts(self) -> dict[str, str | float | bool | None]:
        """All but the count, as JSON holds it."""
        return {key: value for key, value in asdict(self).items() if key != "count"}


def _rows(path: Path) -> list[Cells]:
    """Rows of a CSV, Excel or JSON-lines file.

    Raises:
        UnreadableError: not readable, or no table.
    """
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        try:
            rows = [
                parse_json(line, f"A line of {path}")
                for line in read_limited(path).decode("utf-8").splitlines()
                if line.strip()
            ]
        except (OSError, ValueError, UnreadableError) as error:
            raise UnreadableError(f"The order {path} could not be read as JSON lines.") from error
    else:
        rows = [*read_table(path).rows]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UnreadableError(f"The order {path} holds no rows; give columns {', '.join(COLUMNS)}.")
    return rows


def _number(row: Cells, key: str, where: str, low: float, high: float) -> float | None:
    """A number within limits, None where the cell is empty."""
    cell = row.get(key)
    if cell is None or str(cell).strip() == "":
        return None
    try:
        value = float(str(cell))
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise UnsuitableInputError(
            f"{where}: {key} must be a number from {low:g} to {high:g}, not {cell!r:.40}."
        )
    return value


def _choice(row: Cells, key: str, where: str, options: tuple[str, ...]) -> str | None:
    cell = str(row.get(key) or "").strip().lower()
    if cell and cell not in options:
        raise UnsuitableInputError(
            f"{where}: {key} must be {', '.join(options)} or empty, not {cell!r:.40}."
        )
    return cell or None


def known_term(wording: str, where: str) -> str:
    """The term of a wording.

    Raises:
        UnsuitableInputError: no finding in it, or one the weights were never taught.
    """
    found = load_vocabulary().pattern.search(wording)
    if found is None:
        raise UnsuitableInputError(
            f"{where}: “{wording[:60]}” names no finding; the weights know: "
            f"{', '.join(load_vocabulary().known)}."
        )
    return require_known(canonical(found.group()))


def read_orders(path: Path) -> list[Order]:
    """Orders of a CSV (header: scan, finding, size_mm, side, zone, count) or JSON-lines file; all
    but scan and finding may be empty.

    Raises:
        UnreadableError: no such table. UnsuitableInputError: unknown columns, findings or places,
            sizes out of range; the sentence names the row.
    """
    orders = []
    for index, row in enumerate(_rows(path), 1):
        where = f"Row {index} of {path.name}"
        if unknown := sorted(set(row) - set(COLUMNS)):
            raise UnsuitableInputError(
                f"{where} has the unknown column {unknown[0]!r:.40}; known are "
                f"{', '.join(COLUMNS)}."
            )
        scan, wording = (str(row.get(key) or "").strip() for key in ("scan", "finding"))
        if not scan or not wording:
            raise UnsuitableInputError(f"{where} lacks its {'scan' if not scan else 'finding'}.")
        count = _number(row, "count", where, 1, MOST)
        if count is not None and count != int(count):
            raise UnsuitableInputError(
                f"{where}: count must be a whole number, not {row['count']!r:.40}."
            )
        orders.append(
            Order(
                scan,
                known_term(wording, where),
                _number(row, "size_mm", where, *SIZE_MM),
                _choice(row, "side", where, SIDES),
                _choice(row, "zone", where, ZONES),
                int(count or 1),
                "spicul" in wording.lower(),
            )
        )
    return orders


def balance(path: Path, target: int) -> list[Order]:
    """Orders that bring every finding of a class table (columns scan, finding; an empty finding is
    a scan without any) to `target` cases.

    Lesions go into the scans without a finding in turn; real cases are never taken away.

    Raises:
        UnsuitableInputError: no scan without a finding to put lesions into. UsageError: the target
            is not positive.
    """
    if target < 1:
        raise UsageError(f"The number to balance to must be 1 or more, not {target}.")
    counts: Counter[str] = Counter()
    clear: list[str] = []
    for index, row in enumerate(_rows(path), 1):
        scan, wording = (str(row.get(key) or "").strip() for key in ("scan", "finding"))
        if not scan:
            raise UnsuitableInputError(f"Row {index} of {path.name} lacks its scan.")
        if wording:
            counts[known_term(wording, f"Row {index} of {path.name}")] += 1
        else:
            clear.append(scan)
    if not clear:
        raise UnsuitableInputError(
            f"{path.name} lists no scan without a finding, so there is nothing to put lesions "
            "into; add rows with an empty finding."
        )
    orders: Counter[tuple[str, str]] = Counter()
    for term, have in sorted(counts.items()):
        for index in range(max(target - have, 0)):
            orders[(clear[index % len(clear)], term)] += 1
    return [Order(scan, term, count=count) for (scan, term), count in orders.items()]
