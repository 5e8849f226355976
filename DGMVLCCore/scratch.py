"""Temporary folders that hold patient data: private, and gone at the latest at the next start.

A folder's name carries the process that owns it; when that process no longer lives, the folder is
litter of a run that was killed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = re.compile(r"dgmvlc-[a-z]+-(\d+)-(\d+)-.*")


def _started(pid: int) -> int | None:
    """When a process was started, in whole seconds; None when it does not live."""
    import psutil

    try:
        return int(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def sweep() -> list[Path]:
    """Remove temporary folders of this user whose process has ended; returns them."""
    gone = []
    for folder in Path(tempfile.gettempdir()).glob("dgmvlc-*"):
        found = NAME.fullmatch(folder.name)
        if found is None or folder.is_symlink() or not folder.is_dir():
            continue
        started = _started(int(found[1]))
        mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
        if mine and (started is None or abs(started - int(found[2])) > 1):
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder)
    return gone


def make_scratch(purpose: str) -> Path:
    """A new private temporary folder, after those of ended processes were removed.

    Args:
        purpose: one word of lower-case letters for its name.
    """
    sweep()
    pid = os.getpid()
    return Path(tempfile.mkdtemp(prefix=f"dgmvlc-{purpose}-{pid}-{_started(pid)}-"))


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """`make_scratch` for the length of a block."""
    folder = make_scratch(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
