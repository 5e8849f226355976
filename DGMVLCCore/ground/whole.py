"""Files and folders that are there whole, as they were before, or not at all.

What is new is written under a temporary name beside its place, brought to the disk, and exchanged
with what was there in one step where the system can; what killed runs left goes at the next one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from DGMVLCCore.errors import OutputError, UsageError
from DGMVLCCore.ground.scratch import is_litter, owner

NAME_BYTES = 150  # of a name that a temporary one repeats; most file systems take 255 in all
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


LEFT = re.compile(r"\..+\.[0-9a-f]{8}\.([0-9a-f-]+)\.partial.*", re.DOTALL)


def temporary_name(path: Path, ending: str = "") -> Path:
    """A hidden name beside `path` that says whose it is; what dead runs left there is removed."""
    clean(path)
    name = os.fsencode(path.name)[:NAME_BYTES].decode("utf-8", "ignore")
    return path.with_name(f".{name}.{uuid.uuid4().hex[:8]}.{owner()}.partial{ending}")


def clean(path: Path) -> None:
    """Bring back the folder that a killed run had moved aside from `path`, and remove what such
    runs left beside it."""
    clean_folder(path.absolute().parent)
    with suppress(OSError):
        bring_back(path)


def clean_folder(folder: Path) -> None:
    """Remove temporary files and folders in `folder` whose run was killed."""
    names = []
    with suppress(OSError):
        names = os.listdir(folder)
    for name in names:
        found, litter = LEFT.fullmatch(name), folder / name
        with suppress(OSError):  # another run may clean at the same time
            if found and is_litter(litter, found[1]):
                real = litter.is_dir() and not litter.is_symlink()
                shutil.rmtree(litter) if real else litter.unlink(missing_ok=True)


def check_named(out: Path) -> None:
    """Refuse a folder that has no name of its own to give.

    Raises:
        OutputError: it is the root, this folder, or the one above.
    """
    if out.name in ("", ".."):
        raise OutputError(f"{out} is no name of a new folder; give its name.")


def check_new_file(
    path: Path, overwrite: bool, endings: Sequence[str], sources: Sequence[Path | None] = ()
) -> None:
    """Refuse before the work a file that could not be written after it.

    Args:
        endings: of its name, the usual one first. sources: what the work reads; never replaced.

    Raises:
        UsageError: another ending, or the file is a source. OutputError: something is there.
    """
    if not path.name.lower().endswith(tuple(endings)):
        raise UsageError(f"The output's name must end in {endings[0]}, not {path.name}.")
    if not (path.exists() or path.is_symlink()):
        return
    if any(one is not None and one.exists() and path.samefile(one) for one in sources):
        raise UsageError(f"{path} is read by this command, so it is not replaced; name another.")
    if not overwrite:
        raise OutputError(f"{path} exists already; choose another name or add --overwrite.")


@contextmanager
def whole_file(path: Path, ending: str = "") -> Iterator[Path]:
    """A path to write that becomes `path` when nothing went wrong, and goes away otherwise.

    Args:
        ending: of the temporary name, where the writer tells formats apart by it.

    Raises:
        OSError: it could not be brought to the disk or renamed; an older file stays.
    """
    temporary = temporary_name(path, ending)
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
    """Put the earlier folder back where a run that was killed between two renames left none, and
    remove it where it was killed after them."""
    aside = _aside(out)
    if aside.exists() and not out.exists():
        aside.rename(out)
    elif aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, two: Path) -> bool:
    """Let two folders take each other's names in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(one), os.fsencode(two)
    return bool(rename(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0)


def put_in_place(folder: Path, out: Path, *, replace: bool = True) -> None:
    """Give a finished folder its name. An earlier one is exchanged with it, or steps aside and goes
    when the new one stands; where that fails it comes back, after a crash at the next run.

    Args:
        replace: False: what stands there, perhaps since a moment ago, stays.

    Raises:
        OSError: it could not be renamed; FileExistsError where nothing may be replaced.
    """
    for path in (folder, *folder.rglob("*")):
        _sync(path)
    if not replace:
        try:
            os.rename(folder, out)  # fails on a folder that is not empty
        except OSError as error:
            if out.exists():
                raise FileExistsError(
                    errno.EEXIST, "something was written there meanwhile", str(out)
                ) from error
            raise
    elif not (out.is_dir() and not out.is_symlink() and _exchange(folder.absolute(), out)):
        _rename_both(folder, out)
    _sync(out.absolute().parent)
    if folder.exists():  # the earlier one, exchanged; under a name that a killed removal gives up
        if not LEFT.fullmatch(folder.name):
            folder = folder.absolute().rename(temporary_name(out.absolute()))
        shutil.rmtree(folder, ignore_errors=True)


def _rename_both(folder: Path, out: Path) -> None:
    """The earlier folder aside, the new one into its place."""
    bring_back(out)
    try:
        if out.exists():
            out.rename(_aside(out))
        folder.rename(out)
    finally:
        bring_back(out)


def _sync(path: Path) -> None:
    """Ask the system to write a file or folder to the disk; some know no such call for folders."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
