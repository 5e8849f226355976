"""The private folder of one start: uploads, converted scans, results, scenes; it goes away with the
viewer."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

PREFIX = "dgmvlc-view-"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def remove_leftovers(parent: Path | None = None) -> None:
    """Remove folders of viewers that were killed; those of other users and of running viewers
    stay."""
    if sys.platform == "win32":  # there, signal 0 would end the other process
        return
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if (
            owner.isdecimal()
            and folder.is_dir()
            and not folder.is_symlink()
            and folder.stat().st_uid == os.getuid()
            and not _alive(int(owner))
        ):
            shutil.rmtree(folder, ignore_errors=True)


class Workspace:
    """Folders `uploads`, `scans`, `results` and `scenes` under one that only this user may read."""

    def __init__(self) -> None:
        remove_leftovers()
        self._folder = tempfile.TemporaryDirectory(
            prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
        )
        self.root = Path(self._folder.name)
        for name in ("uploads", "scans", "results", "scenes"):
            (self.root / name).mkdir()
        self._count = 0

    def new(self, kind: str, name: str) -> Path:
        """A path in the folder `kind` that nothing has yet; `name` may carry a suffix."""
        self._count += 1
        stem, dot, suffix = name.partition(".")
        return self.root / kind / f"{stem}-{self._count}{dot}{suffix}"

    def close(self) -> None:
        """Remove everything."""
        self._folder.cleanup()
