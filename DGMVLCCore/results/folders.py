"""Output folders: refused early when something is there, filled under a temporary name, renamed
last, so that they are whole or not there."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from DGMVLCCore.errors import OutputError
from DGMVLCCore.whole import bring_back, put_in_place

LITTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory"}  # file managers leave it anywhere


def _foreign(out: Path, record: str = "result.json") -> str | None:
    """Name of something in `out` that no run of this program wrote; None when there is nothing of
    the kind.

    Args:
        record: the manifest that lists the folder's files, and perhaps folders of results under
            "results".
    """
    if not out.is_dir() or out.is_symlink():
        return out.name
    names = sorted(p.name for p in out.iterdir() if p.name not in LITTER)
    try:
        manifest = json.loads((out / record).read_text(encoding="utf-8"))
        ours = manifest["software"]["name"] == "dgmvlc"
        if ours and "files" not in manifest:  # a kind of folder that keeps no list
            return None
        known = (
            {Path(entry["name"]).parts[0] for entry in manifest["files"]} | {record}
            if ours
            else set()
        )
        folders = set(manifest.get("results", [])) if known else set()
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        known, folders = set(), set()
    within = (
        f"{name}/{found}" for name in names if name in folders and (found := _foreign(out / name))
    )
    return next((name for name in names if name not in known | folders), None) or next(within, None)


def check_output(out: Path, overwrite: bool, record: str = "result.json") -> None:
    """Refuse early what could not be written at the end.

    Args:
        record: the file that names what an earlier run wrote.

    Raises:
        OutputError: something is there already that may not be replaced, or the parent folder is
            missing or read-only.
    """
    bring_back(out)
    if out.exists() or out.is_symlink():
        if not overwrite:
            raise OutputError(f"{out} exists already; choose another folder or add --overwrite.")
        if foreign := _foreign(out, record):
            raise OutputError(
                f"{out} holds {foreign}, which is no result of this program, so it is not "
                "overwritten; "
                "move it away or choose another folder."
            )
    parent = out.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"The folder {parent} does not exist; create it first.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"The folder {parent} may not be written to; choose another one or change its "
            "permissions."
        )


@contextmanager
def replaced_folder(out: Path, advice: str = "check permission and free space") -> Iterator[Path]:
    """A folder under a temporary name that takes the place of `out` when nothing went wrong, and
    goes away otherwise.

    Args:
        advice: what the sentence of a failure says to do.

    Raises:
        OutputError: it cannot be written; nothing half-written stays.
    """
    folder = out.absolute().with_name(f".{out.name}-{uuid.uuid4().hex[:8]}.partial")
    try:
        folder.mkdir()
        yield folder
        put_in_place(folder, out)
    except OSError as error:
        raise OutputError(
            f"The result could not be written to {out} ({error.strerror or error}); {advice}."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_folder(out: Path, overwrite: bool, record: str = "result.json") -> Iterator[Path]:
    """As `replaced_folder`, where `check_output` allows it.

    Raises:
        OutputError: `out` exists, or it cannot be written; nothing half-written stays.
    """
    check_output(out, overwrite, record)
    with replaced_folder(out) as folder:
        yield folder
