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
from typing import Any

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.whole import temporary_name
from DGMVLCCore.results.records import check_schema, write_text

FOLDER, LOCK, BASE = "decided", ".decisions.lock", "00000000-base.json"
SCHEMA, ENTRY_SCHEMA = "review-decisions.schema.json", "review-decision.schema.json"
ENTRY = re.compile(r"(\d{8})-[0-9a-f]{8}\.json")
Decisions = dict[str, dict[str, Any]]


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
        self._entries: dict[str, dict[str, Any]] = {}  # an entry never changes once it is there

    def begin(self, earlier: Decisions) -> None:
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
                write_text(json.dumps(earlier, ensure_ascii=False), fresh / BASE)
            with suppress(OSError):  # somebody else began it in this moment
                fresh.rename(self.place)
        finally:
            (fresh / BASE).unlink(missing_ok=True)
            with suppress(OSError):
                fresh.rmdir()

    def _names(self) -> list[str]:
        return sorted(name for name in os.listdir(self.place) if ENTRY.fullmatch(name))

    def add(self, region: str, sha256: str | None, **said: str) -> None:
        """Save one decision.

        Args:
            region: its id. sha256: of the scan as it was looked at. said: "verdict" and/or
                "comment".

        Raises:
            OutputError: it cannot be saved; nothing changes then.
        """
        last = self._names()[-1:]
        number = int(last[0][:8]) + 1 if last else 1
        entry = {"region": region, "sha256": sha256, "when": now(), "by": who(), **said}
        check_schema(entry, ENTRY_SCHEMA)
        name = f"{number:08d}-{uuid.uuid4().hex[:8]}.json"
        write_text(json.dumps(entry, ensure_ascii=False), self.place / name)

    def history(self) -> list[dict[str, Any]]:
        """Every decision ever saved, in order: {"region", "verdict"?, "comment"?, "when", "by",
        "sha256"}.

        Raises:
            UnreadableError: one is damaged.
        """
        from DGMVLCCore.ground.plain_json import read_json

        if not self.place.is_dir():
            return []
        names = self._names()
        for name in names:
            if name not in self._entries:
                entry = read_json(self.place / name, "put back a copy of it; the others stay")
                try:
                    check_schema(entry, ENTRY_SCHEMA)
                except UnreadableError as error:
                    raise UnreadableError(f"{self.place / name}: {error}") from error
                self._entries[name] = entry
        rows = [(name[:8], self._entries[name]["when"], name) for name in names]
        return [self._entries[name] for _, _, name in sorted(rows)]

    def replay(self, earlier: Decisions) -> Decisions:
        """Region id -> what holds now; a decision on an earlier version of the scan is kept beside
        the newer one, as "REGION@HASH".

        Args:
            earlier: decisions of a session without a log.
        """
        from DGMVLCCore.ground.plain_json import read_json

        if not self.place.is_dir():
            return dict(earlier)
        base = self.place / BASE
        state: Decisions = dict(read_json(base, "put back a copy")) if base.is_file() else {}
        for entry in self.history():
            region = entry["region"]
            before = state.get(region, {})
            if before and before.get("sha256") != entry["sha256"]:
                state[f"{region}@{str(before.get('sha256'))[:8]}"] = before
                before = {}
            state[region] = {
                "verdict": entry.get("verdict", before.get("verdict", "")),
                "comment": entry.get("comment", before.get("comment", "")),
                "when": entry["when"],
                "sha256": entry["sha256"],
                "by": entry["by"],
            }
        return state

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else on this machine writes the summary meanwhile."""
        with locked(self._lock):
            yield
