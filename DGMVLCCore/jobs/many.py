"""One use case over many scans: in this process, or on Ray with the models loaded once a worker.

A scan that fails is a row that says why, and the others go on. A result whose request, inputs,
weights and version are the same as at an earlier run is kept, so that the same command goes on
where it was stopped.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from DGMVLCCore import __version__
from DGMVLCCore.errors import Cancelled, DGMVLCError, OutputError, UsageError, as_dgmvlc_error
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.whole import clean_folder
from DGMVLCCore.report.summary import write_summary
from DGMVLCCore.results.records import write_text

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session

log = logging.getLogger(__name__)
Progress = Callable[[str, float], None]
Cells = dict[str, str | int | float | None]  # of a row of the summary, by column
ROWS, LIST = "rows", "list.json"
# where a result lies and what computes it changes no result; the report's text is hashed itself
NO_IDENTITY = ("out", "device", "overwrite", "report_source", "scene")


@dataclass(frozen=True)
class Use:
    """A use case.

    Args:
        run: gets a warm session, the request and progress; returns facts of the result, a row's
            columns. record: the file in the result's folder that says it is there; None when the
            use case itself knows what is still to do.
    """

    run: Callable[[Session, Any, Progress], Cells]
    record: str | None = None


@dataclass(frozen=True)
class Item:
    """One scan and what is asked of it.

    Args:
        id: unique in the list. problem: why it cannot even be asked.
    """

    id: str
    use: Use
    request: Any
    problem: str = ""


class Row(msgspec.Struct, frozen=True):
    """What became of one scan. state: "done", "kept" from an earlier run, or "failed".

    Args:
        memory_mb: of the process that did it, at its end. where: host and process id.
    """

    id: str
    state: str
    problem: str = ""
    seconds: float = 0.0
    memory_mb: float = 0.0
    where: str = ""
    facts: Cells = {}

    def columns(self) -> Cells:
        """As the summary shows it."""
        made = {name: getattr(self, name) for name in self.__struct_fields__ if name != "facts"}
        return {**made, **self.facts}


@dataclass(frozen=True)
class Place:
    """Where a list runs.

    Args:
        ray: None in this process; "" on a Ray started here (or the one RAY_ADDRESS names); else an
            address. workers: how many at once; as many as the machines take when None.
    """

    ray: str | None = None
    workers: int | None = None


class Pace:
    """How far a list is, and the time that it still takes, from what its scans took."""

    def __init__(self, total: int) -> None:
        self.total, self.rows, self.failed = total, 0, 0
        self.at_once = 1
        self._spent: list[float] = []

    def add(self, row: Row) -> None:
        """A scan is finished; what was kept or refused at once says nothing about the others."""
        self.rows += 1
        self.failed += row.state == "failed"
        if row.state == "done":
            self._spent.append(row.seconds)

    def left(self) -> float | None:
        """Seconds; None while no scan was done."""
        remaining = self.total - self.rows
        if not self._spent or not remaining:
            return 0.0 if not remaining else None
        return remaining * sum(self._spent) / len(self._spent) / min(self.at_once, remaining)


class Listed(msgspec.Struct, frozen=True):
    """What became of a list: its rows, and the files of its summary."""

    rows: list[Row]
    csv: str
    html: str


OnRow = Callable[[Row, Pace], None]


@lru_cache(maxsize=4)
def _folder_hash(folder: Path) -> str:
    from DGMVLCCore.editing.memory import file_facts

    return file_facts(folder)["sha256"]


def identity(request: Any) -> str:
    """SHA-256 of all that a result depends on: version, request, weights, and what its files hold.

    Raises:
        UnreadableError: a file is gone, or an archive does not answer.
    """
    from DGMVLCCore.archive.address import is_address
    from DGMVLCCore.archive.scans import held_now
    from DGMVLCCore.editing.memory import file_facts
    from DGMVLCCore.ground.resources import resource
    from DGMVLCCore.models.networks import WEIGHTS

    asked = {
        field.name: getattr(request, field.name)
        for field in fields(request)
        if field.name not in NO_IDENTITY
    }
    weights = asked.pop("weights", None) or resource(WEIGHTS)
    for name, value in asked.items():
        if is_address(str(value)):
            asked[name] = [str(value), held_now(str(value))]
        elif isinstance(value, Path):
            asked[name] = file_facts(value)["sha256"]
    asked |= {"version": __version__, "weights": _folder_hash(weights)}
    asked["kind"] = type(request).__name__
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _memory_mb() -> float:
    import psutil

    return round(psutil.Process().memory_info().rss / 2**20, 1)


def _kept(row_file: Path, same: str, result: Path) -> Row | None:
    """The row of an earlier run with the same identity whose result is there; None otherwise."""
    if not (row_file.is_file() and result.is_file()):
        return None
    try:
        earlier = read_json(row_file, "delete it")
        row = msgspec.convert(earlier["row"], Row)
    except (DGMVLCError, KeyError, msgspec.ValidationError):
        return None  # damaged: done again
    return msgspec.structs.replace(row, state="kept") if earlier.get("identity") == same else None


def run_item(session: Session, item: Item, tell: Progress) -> Row:
    """Do one scan, unless an earlier run did the same; never raises but for Cancelled and an
    output that takes nothing any more."""
    started, where = time.monotonic(), f"{socket.gethostname()}:{os.getpid()}"
    base = Row(item.id, "failed", item.problem, where=where)
    if item.problem:
        return base
    try:
        same, row_file = "", Path()
        if item.use.record:
            same = identity(item.request)
            row_file = item.request.out.parent / ROWS / f"{item.id}.json"
            if kept := _kept(row_file, same, item.request.out / item.use.record):
                return kept
        facts = item.use.run(session, item.request, tell)
        row = Row(
            item.id, "done", "", round(time.monotonic() - started, 2), _memory_mb(), where, facts
        )
        if item.use.record:
            write_text(json.dumps({"identity": same, "row": msgspec.to_builtins(row)}), row_file)
        return row
    except Cancelled:
        raise
    except Exception as error:
        if as_dgmvlc_error(error) is None:
            log.exception("scan %s", item.id)
        return msgspec.structs.replace(
            base,
            problem=problem_of(error),
            seconds=round(time.monotonic() - started, 2),
        )


def problem_of(error: Exception) -> str:
    """Why a scan could not be done, as its row says it."""
    known = as_dgmvlc_error(error)
    said = str(known) if known else f"Unexpected error ({type(error).__name__}: {error})"
    return said[:1500]


def _here(items: Sequence[Item], pace: Pace, done: Callable[[Row], None], tell: Progress) -> None:
    from DGMVLCCore.jobs.session import Session

    session = Session()
    for item in items:
        done(run_item(session, item, tell))


def run_many(
    items: Sequence[Item], place: Place, on_row: OnRow | None = None, tell: Progress | None = None
) -> list[Row]:
    """All items, each once; rows in the order of the items.

    Args:
        on_row: gets each row as it comes, and the pace. tell: progress within a scan, of this
            process only.

    Raises:
        UsageError: two items of one id, Ray is not installed, or no worker could be started.
    """
    if len({item.id for item in items}) != len(items):
        raise UsageError("The list names a scan twice; give each row another id.")
    rows: dict[str, Row] = {}
    pace = Pace(len(items))

    def done(row: Row) -> None:
        rows[row.id] = row
        pace.add(row)
        if on_row:
            on_row(row, pace)

    if place.ray is None:
        _here(items, pace, done, tell or (lambda stage, share: None))
    elif items:
        from DGMVLCCore.jobs.on_ray import run_on_ray

        run_on_ray(items, place, pace, done)
    return [rows[item.id] for item in items]


def run_list(
    title: str,
    items: Sequence[Item],
    out: Path,
    place: Place,
    on_row: OnRow | None = None,
    tell: Progress | None = None,
) -> Listed:
    """`run_many` with its folder: a result a scan, the rows, and one summary, which is written
    even when the run is stopped.

    Raises:
        OutputError: `out` holds something else. Others as `run_many`.
    """
    _begin(title, out)
    rows: list[Row] = []

    def kept(row: Row, pace: Pace) -> None:
        rows.append(row)
        if on_row:
            on_row(row, pace)

    try:
        rows = run_many(items, place, kept, tell)
    finally:
        files = write_summary(title, [row.columns() for row in rows], out)
    return Listed(rows, **files)


def _begin(title: str, out: Path) -> None:
    """The folder of a list, new or that of an earlier run of the same use case."""
    clean_folder(out)  # what a run left that was killed before its list stood
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        earlier = out / LIST
        if not earlier.is_file() or read_json(earlier, "delete it").get("use") != title:
            raise OutputError(
                f"{out} holds something else than an earlier run of “{title}” over a list; choose "
                "another folder."
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(json.dumps({"software": {"name": "dgmvlc"}, "use": title}), out / LIST)
        (out / ROWS).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {out} could not be made ({error.strerror or error}); choose another."
        ) from error


def placed(request: Any, out: Path, identifier: str) -> Any:
    """The request with its own folder in `out`, where an earlier result of it is replaced."""
    return replace(request, out=out / identifier, overwrite=True)
