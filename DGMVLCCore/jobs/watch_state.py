"""What a watch knows of each study, in SQLite: a step is noted after it was done, and every step
finds out by itself that it was done, so that a watch killed anywhere loses and repeats nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from DGMVLCCore.errors import OutputError, UnreadableError, UsageError

ARRIVING, HERE, REVIEWED, REFUSED = "arriving", "here", "reviewed", "refused"
TABLE = """CREATE TABLE IF NOT EXISTS studies (
    uid TEXT PRIMARY KEY, day TEXT NOT NULL, state TEXT NOT NULL, instances INTEGER,
    changed REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '',
    sent INTEGER NOT NULL DEFAULT 0)"""


class Watched(Struct, frozen=True):
    """A study. day: of its arrival, YYYY-MM-DD; its worklist's name. instances: as the archive
    last counted them; changed: since when it counts so many, seconds. tries: of its
    next step, that failed. sent: its results are in the archive."""

    uid: str
    day: str
    state: str
    instances: int | None
    changed: float
    tries: int
    problem: str
    sent: bool


class WatchState:
    """The studies of a watch.

    Args:
        path: the database, made when it is not there.

    Raises:
        UnreadableError: it is no database of a watch. OutputError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(TABLE)
        except sqlite3.OperationalError as error:
            raise OutputError(f"{path} cannot be written ({error}); check permissions.") from error
        except sqlite3.DatabaseError as error:
            raise UnreadableError(f"{path} is no state of a watch; move it away.") from error

    def seen(self, uid: str, instances: int | None, day: str, now: float) -> None:
        """The archive lists a study; one that has grown is arriving still, and has another chance
        if it was refused. What was looked at stays so: our own results make it grow, too."""
        self._write(
            "INSERT INTO studies (uid, day, state, instances, changed) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (uid) DO UPDATE SET instances = excluded.instances,"
            " changed = excluded.changed, state = excluded.state, tries = 0"
            " WHERE instances IS NOT excluded.instances AND state IN (?, ?)",
            (uid, day, ARRIVING, instances, now, ARRIVING, REFUSED),
        )

    def note(self, uid: str, state: str, problem: str = "", *, failed: bool = False) -> None:
        """A step was done, or failed once more."""
        self._write(
            "UPDATE studies SET state = ?, problem = ?,"
            " tries = CASE WHEN ? THEN tries + 1 ELSE 0 END WHERE uid = ?",
            (state, problem, failed, uid),
        )

    def note_sent(self, uid: str) -> None:
        """The archive has confirmed all results of a study."""
        self._write("UPDATE studies SET sent = 1, problem = '' WHERE uid = ?", (uid,))

    def try_again(self) -> None:
        """Results that could not be sent have another chance."""
        self._write("UPDATE studies SET tries = 0 WHERE state = ? AND NOT sent", (REVIEWED,))

    def room_of(self, date: str, most: int) -> str:
        """The day that a new study of this date belongs to: the date itself, and when it holds
        `most` studies DATE-2, DATE-3, ..., because a worklist takes no more."""
        number, day = 1, date
        held = dict(self._db.execute("SELECT day, COUNT(*) FROM studies GROUP BY day"))
        while held.get(day, 0) >= most:
            number += 1
            day = f"{date}-{number}"
        return day

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        """Change the database.

        Raises:
            OutputError: it takes nothing any more.
        """
        try:
            self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"The state of the watch cannot be written ({error}); check permission and free "
                "space."
            ) from error

    def studies(self, *states: str) -> list[Watched]:
        """Studies in these states (in any when none is named), as they arrived."""
        marks = f" WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        rows: Iterable[tuple[str, str, str, int | None, float, int, str, int]] = self._db.execute(
            "SELECT uid, day, state, instances, changed, tries, problem, sent FROM studies"
            f"{marks} ORDER BY rowid",
            states,
        )
        return [Watched(*row[:7], bool(row[7])) for row in rows]

    def counts(self) -> dict[str, int]:
        """Studies by state."""
        return dict(self._db.execute("SELECT state, COUNT(*) FROM studies GROUP BY state"))

    def close(self) -> None:
        """Let the database go."""
        self._db.close()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a folder for this watch; the system lets it go with the process, however that ends.

    Raises:
        UsageError: another watch holds it.
    """
    lock = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise UsageError(
                f"Another watch works in {path.parent} ({error}); stop it, or choose another "
                "folder."
            ) from error
        yield
    finally:
        lock.close()
