"""Temporary files and folders know the process that owns them: when it no longer lives, they are
litter of a run that was killed, and go at the next start.

Folders for patient data in the system's temporary folder are private to the user.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

NAME = re.compile(r"dgmvlc-[a-z]+-(?P<owner>[0-9a-f]{8}-\d+-\d+)-.*")
OWNER = re.compile(r"([0-9a-f]{8})-(\d+)-(\d+)")
SAME_START_S = 600.0  # a clock may be set while a process runs, and its start is told by it
OLD_S = 2 * 86_400.0  # what another machine left on a shared folder is not touched before that


def _started(pid: int) -> int | None:
    """When a process was started, in whole seconds; None when it does not live."""
    import psutil

    try:
        return int(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _machine() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


@lru_cache(maxsize=1)
def _own(pid: int) -> str:
    return f"{_machine()}-{pid}-{_started(pid) or 0}"


def owner() -> str:
    """This process, as the name of what it owns carries it."""
    return _own(os.getpid())


def is_litter(path: Path, owner: str) -> bool:
    """True when the process that owned a file or folder has ended, or, on another machine, when it
    is older than two days."""
    found = OWNER.fullmatch(owner)
    if found is None:
        return False
    if found[1] != _machine():
        return time.time() - path.stat().st_mtime > OLD_S
    started = _started(int(found[2]))
    return started is None or abs(started - int(found[3])) > SAME_START_S


def sweep() -> list[Path]:
    """Remove temporary folders of this user whose process has ended; returns them."""
    gone = []
    for folder in Path(tempfile.gettempdir()).glob("dgmvlc-*"):
        found = NAME.fullmatch(folder.name)
        if found is None or folder.is_symlink() or not folder.is_dir():
            continue
        with suppress(FileNotFoundError):  # a living run has just removed its own
            mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
            if mine and is_litter(folder, found["owner"]):
                shutil.rmtree(folder, ignore_errors=True)
                gone.append(folder)
    return gone


def make_scratch(purpose: str) -> Path:
    """A new private temporary folder, after those of ended processes were removed.

    Args:
        purpose: one word of lower-case letters for its name.
    """
    sweep()
    return Path(tempfile.mkdtemp(prefix=f"dgmvlc-{purpose}-{owner()}-"))


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """`make_scratch` for the length of a block."""
    folder = make_scratch(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
