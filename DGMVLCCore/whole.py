"""Files and folders that are there whole, as they were before, or not at all.

What is new is written under a temporary name beside its place, brought to the disk, and renamed; an
earlier folder steps aside and goes only when the new one stands.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path, ending: str = "") -> Iterator[Path]:
    """A path to write that becomes `path` when nothing went wrong, and goes away otherwise.

    Args:
        ending: of the temporary name, where the writer tells formats apart by it.

    Raises:
        OSError: it could not be brought to the disk or renamed; an older file stays.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial{ending}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):  # the folder itself may have gone; the error above says so
            temporary.unlink(missing_ok=True)


def _aside(out: Path) -> Path:
    """Where an earlier folder waits until the new one stands."""
    return out.absolute().with_name(f".{out.name}.earlier")


def bring_back(out: Path) -> None:
    """Put the earlier folder back where a run that was killed between two renames left none."""
    aside = _aside(out)
    if aside.exists() and not out.exists():
        aside.rename(out)


def put_in_place(folder: Path, out: Path) -> None:
    """Rename a finished folder; an earlier one steps aside first and goes when the new one stands.
    Where that fails it comes back, after a crash at the next run.

    Raises:
        OSError: it could not be renamed.
    """
    bring_back(out)
    aside = _aside(out)
    shutil.rmtree(aside, ignore_errors=True)  # `out` stands, so this one was done with
    for path in (folder, *folder.rglob("*")):
        _sync(path)
    try:
        if out.exists():
            out.rename(aside)
        folder.rename(out)
    finally:
        bring_back(out)
    _sync(out.absolute().parent)
    shutil.rmtree(aside, ignore_errors=True)


def _sync(path: Path) -> None:
    """Ask the system to write a file or folder to the disk; some know no such call for folders."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
