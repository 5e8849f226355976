"""Output folders: refused early when something is there, filled under a temporary name, renamed
last, so that they are whole or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from DGMVLCCore.errors import OutputError, UnreadableError
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.whole import check_named, clean, put_in_place, temporary_name
from DGMVLCCore.results.records import check_schema

LITTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory"}  # file managers leave it anywhere


# The records of folders and their schemas; None: it must list its files.
SCHEMA_OF = {
    "result.json": "result.schema.json",
    "comparison.json": "comparison.schema.json",
    "discovery.json": "discovery.schema.json",
    "dicom.json": "dicom.schema.json",
    "fill.json": "fill.schema.json",
    "synthesis.json": "chest.schema.json",
    "cases.json": "cases.schema.json",
    "study.json": "study.schema.json",
    "analysis.json": "analysis.schema.json",
    "report.json": "evaluation.schema.json",
    "benchmark.json": "benchmark.schema.json",
}
# What kinds of folders hold whose record lists no files.
UNLISTED = {
    "cases.json": ("case-*", "keys/case-*", "keys/keys.json"),
    "study.json": ("tables/*.csv", "readings/*.csv"),
    "analysis.json": ("analysis.md", "readings.csv", "roc.png"),
    "report.json": ("report.md", "*.png", "rows.jsonl", "timings.json"),
    "benchmark.json": ("benchmark.csv", "benchmark.md", "benchmark.png"),
}


def _written(out: Path, record: str) -> tuple[set[str], list[str]]:
    """Names (from `out`) of the files that the run wrote which left `record`, and the folders of
    results in it; nothing when the record is not one of this program's."""
    try:
        manifest = read_json(out / record)
        if record in SCHEMA_OF:
            check_schema(manifest, SCHEMA_OF[record])
        if manifest["software"]["name"] != "dgmvlc":
            return set(), []
        names = {str(Path(entry["name"]).as_posix()) for entry in manifest.get("files", [])}
        for pattern in UNLISTED.get(record, ()):
            names |= {path.relative_to(out).as_posix() for path in out.glob(pattern)}
        return {record, *names}, [str(name) for name in manifest.get("results", [])]
    except (UnreadableError, OSError, KeyError, TypeError, IndexError, AttributeError):
        return set(), []


def foreign(out: Path, record: str = "result.json") -> str | None:
    """Name of something in `out` that no run of this program wrote; None when there is nothing of
    the kind.

    Args:
        record: the manifest that lists the folder's files, and perhaps folders of results under
            "results".
    """
    if not out.is_dir() or out.is_symlink():
        return out.name
    known, folders = _written(out, record)
    for name in folders:
        if name in (".", "..") or Path(name).name != name or not (out / name).is_dir():
            return name
        if found := foreign(out / name):
            return f"{name}/{found}"
    return unknown_in(out, known, UNLISTED.get(record, ()), folders)


def unknown_in(
    out: Path, known: set[str], patterns: Sequence[str] = (), folders: Sequence[str] = ()
) -> str | None:
    """Name of something in a folder that is not among what is known; None without one.

    Args:
        known: names of files, from `out`. patterns: whose folders may be there. folders: names of
            folders whose content is known.
    """
    names = (*known, *patterns)
    parents = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        expected = name in (parents if path.is_dir() else known) or path.name in LITTER
        if path.is_symlink() or not (expected or name.split("/")[0] in folders):
            return name
    return None


def check_output(out: Path, overwrite: bool, record: str = "result.json") -> None:
    """Refuse early what could not be written at the end.

    Args:
        record: the file that names what an earlier run wrote.

    Raises:
        OutputError: something is there already that may not be replaced, or the parent folder is
            missing or read-only.
    """
    check_named(out)
    clean(out)
    if out.exists() or out.is_symlink():
        if not overwrite:
            raise OutputError(f"{out} exists already; choose another folder or add --overwrite.")
        if name := foreign(out, record):
            raise OutputError(
                f"{out} holds {name}, which is no result of this program, so it is not "
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
def replaced_folder(
    out: Path, advice: str = "check permission and free space", *, replace: bool = True
) -> Iterator[Path]:
    """A folder under a temporary name that takes the place of `out` when nothing went wrong, and
    goes away otherwise.

    Args:
        advice: what the sentence of a failure says to do. replace: False: whatever stands there,
            perhaps since a moment ago, stays, and this fails.

    Raises:
        OutputError: it cannot be written; nothing half-written stays.
    """
    folder = temporary_name(out.absolute())
    try:
        folder.mkdir()
        yield folder
        put_in_place(folder, out, replace=replace)
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
    with replaced_folder(out, replace=overwrite) as folder:
        yield folder
