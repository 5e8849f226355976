"""What was sent, a JSON line an object, written to the disk as soon as the archive confirmed it."""

from __future__ import annotations

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
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
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
