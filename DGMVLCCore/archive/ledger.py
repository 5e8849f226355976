"""What was sent, a JSON line an object, written to the disk as soon as the archive confirmed it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from DGMVLCCore.archive.records import SentObject
from DGMVLCCore.errors import OutputError


class Entry(msgspec.Struct, frozen=True):
    """A line: when (ISO 8601, UTC) which archive confirmed which object."""

    archive: str
    when: str
    object: SentObject


def ledger_path() -> Path:
    """Where it lies: dgmvlc/sent.jsonl in the user's folder of states."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "dgmvlc" / "sent.jsonl"


def note_sent(archive: str, when: str, sent: SentObject) -> None:
    """Add a line.

    Raises:
        OutputError: it cannot be written.
    """
    path = ledger_path()
    line = msgspec.json.encode(Entry(archive, when, sent)) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as ledger:
            if (end := ledger.seek(0, os.SEEK_END)) and os.pread(handle, 1, end - 1) != b"\n":
                line = b"\n" + line  # a crash cut the line before
            if ledger.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
    except OSError as error:
        raise OutputError(
            f"{path}, the record of what is sent, could not be written "
            f"({error.strerror or error}); free space or check permissions, then send again."
        ) from error


def read_ledger() -> list[Entry]:
    """All lines; one that a crash cut is passed over."""
    try:
        lines = ledger_path().read_bytes().splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except msgspec.DecodeError:
            continue
    return entries


def noted(archive: str) -> set[str]:
    """UIDs of the objects that an archive confirmed."""
    return {entry.object.uid for entry in read_ledger() if entry.archive == archive}
