"""Readers' decisions as a log of small files, one a decision, that are only ever added.

Two readers, on one machine or on a shared folder, then never write the same file: what was saved
stays, whoever else decides at the same time, and who decided what and when is kept. The state of a
region is what the log says when it is read in order.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import to_builtins

from DGMVLCCore.ground.whole import temporary_name
from DGMVLCCore.results.records import as_record, builtins_of, read_typed, write_text
from DGMVLCCore.review.records import Decision, DecisionMade, Decisions

FOLDER, LOCK, BASE = "decided", ".decisions.lock", "00000000-base.json"
ENTRY = re.compile(r"(\d{8})-[0-9a-f]{8}\.json")
Kept = dict[str, Decision]  # by region id (STUDY/NUMBER)


def now() -> str:
    """The time as a session writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def who() -> str:
    """The reader's name on this machine and the machine's."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may know no name for its user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"[:200]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes where the system has one; nothing is lost without it."""
    handle = None
    try:
        with suppress(ImportError, OSError):
            import fcntl

            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            os.close(handle)


class DecisionLog:
    """The decisions of a session's folder.

    Args:
        folder: the session. read: reads and checks a JSON file of it.
    """

    def __init__(self, folder: Path) -> None:
        self.place = folder / FOLDER
        self._lock = folder / LOCK
        self._entries: dict[str, DecisionMade] = {}  # an entry never changes once it is there

    def begin(self, earlier: Kept) -> None:
        """Make the log of a session that has none; `earlier` are decisions of a version without
        one.

        Raises:
            OSError: it cannot be made.
        """
        if self.place.is_dir():
            return
        fresh = temporary_name(self.place)
        fresh.mkdir()
        try:
            if earlier:
                write_text(json.dumps(to_builtins(earlier), ensure_ascii=False), fresh / BASE)
            with suppress(OSError):  # somebody else began it in this moment
                fresh.rename(self.place)
        finally:
            (fresh / BASE).unlink(missing_ok=True)
            with suppress(OSError):
                fresh.rmdir()

    def _names(self) -> list[str]:
        return sorted(name for name in os.listdir(self.place) if ENTRY.fullmatch(name))

    def add(
        self, region: str, sha256: str | None, verdict: str | None, comment: str | None
    ) -> None:
        """Save one decision.

        Args:
            region: its id. sha256: of the scan as it was looked at. verdict, comment: what
                is None stays as it is.

        Raises:
            OutputError: it cannot be saved; nothing changes then.
        """
        last = self._names()[-1:]
        number = int(last[0][:8]) + 1 if last else 1
        said = {"region": region, "sha256": sha256, "verdict": verdict, "comment": comment}
        made = as_record(said | {"when": now(), "by": who()}, DecisionMade)
        name = f"{number:08d}-{uuid.uuid4().hex[:8]}.json"
        write_text(json.dumps(builtins_of(made), ensure_ascii=False), self.place / name)

    def history(self) -> list[DecisionMade]:
        """Every decision ever saved, in order.

        Raises:
            UnreadableError: one is damaged.
        """
        if not self.place.is_dir():
            return []
        names = self._names()
        for name in names:
            if name not in self._entries:
                advice = "put back a copy of it; the others stay"
                self._entries[name] = read_typed(self.place / name, DecisionMade, advice)
        rows = [(name[:8], self._entries[name].when, name) for name in names]
        return [self._entries[name] for _, _, name in sorted(rows)]

    def replay(self, earlier: Kept) -> Kept:
        """Region id -> what holds now; a decision on an earlier version of the scan is kept beside
        the newer one, as "REGION@HASH".

        Args:
            earlier: decisions of a session without a log.
        """
        from DGMVLCCore.ground.plain_json import read_json

        if not self.place.is_dir():
            return dict(earlier)
        base = self.place / BASE
        state: Kept = {}
        if base.is_file():
            first = {"decisions": read_json(base, "put back a copy")}
            state = as_record(first, Decisions).decisions
        for made in self.history():
            before = state.get(made.region)
            if before is not None and before.sha256 != made.sha256:
                state[f"{made.region}@{str(before.sha256)[:8]}"] = before
                before = None
            before = before or Decision(verdict="")
            state[made.region] = Decision(
                verdict=before.verdict if made.verdict is None else made.verdict,
                comment=before.comment if made.comment is None else made.comment,
                when=made.when,
                sha256=made.sha256,
                by=made.by,
            )
        return state

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else on this machine writes the summary meanwhile."""
        with locked(self._lock):
            yield
