"""Folders and JSON records of this room: written whole or not at all, read only when they follow their schema."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import OutputError, UnreadableError

SCHEMAS = Path(__file__).parents[1] / "export" / "schema"
SCHEMA_VERSION = "1.0"
NOTICE = "Research use only; not a medical device."


def read_record(path: Path, schema: str) -> dict[str, Any]:
    """A JSON record that follows `export/schema/SCHEMA.schema.json`.

    Raises:
        UnreadableError: missing, not JSON, or another schema; the sentence says where.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} is not there or no readable JSON; choose the folder or file that the program wrote.") from error
    check_record(record, schema, str(path))
    return dict(record)


def check_record(record: Any, schema: str, name: str) -> None:
    """Compare a record with its schema (JSON Schema 2020-12).

    Raises:
        UnreadableError: it does not follow it.
    """
    import jsonschema

    rules = json.loads((SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(rules).iter_errors(record))
    if error is not None:
        raise UnreadableError(f"{name} does not follow the schema {schema} {SCHEMA_VERSION} (at {error.json_path}: {error.message[:160]}).")


def write_text(text: str, path: Path) -> None:
    """Write a file under a temporary name and rename it, so that the one before stays whole when the disk is full.

    Raises:
        OutputError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} could not be written ({error.strerror or error}); check permission and free space.") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_record(record: dict[str, Any], path: Path, schema: str) -> None:
    """Check a record against its schema and write it; errors as `check_record` and `write_text`."""
    check_record(record, schema, path.name)
    write_text(json.dumps(record, indent=1, ensure_ascii=False), path)


def head(kind: str, seed: int) -> dict[str, Any]:
    """The fields that every record of this room begins with."""
    from DGMVLCCore import __version__

    return {"schema_version": SCHEMA_VERSION, "kind": kind, "software": {"name": "dgmvlc", "version": __version__}, "notice": NOTICE, "synthetic": True,
            "seed": seed}


def check_place(out: Path, overwrite: bool, marker: str) -> None:
    """Refuse a folder that could not be put in place at the end; arguments and errors as `whole_folder`."""
    if out.exists() or out.is_symlink():
        if not overwrite:
            raise OutputError(f"{out} exists already; choose another folder or add --overwrite.")
        if out.is_symlink() or not (out / marker).is_file():
            raise OutputError(f"{out} is no folder that this command wrote (it lacks {marker}), so it is not overwritten; choose another folder.")
    parent = out.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {parent} does not exist or may not be written to; choose another one.")


@contextmanager
def whole_folder(out: Path, overwrite: bool, marker: str) -> Iterator[Path]:
    """A folder to fill; it gets the name `out` when the block ends well, and goes when it does not.

    Args:
        marker: file by which a folder of the same command is known; only such a one is overwritten.

    Raises:
        OutputError: something is there that may not be replaced, or it cannot be written.
    """
    out = Path(out)
    check_place(out, overwrite, marker)
    folder = out.absolute().with_name(f".{out.name}-{uuid.uuid4().hex[:8]}.partial")
    aside = folder.with_suffix(".earlier")
    try:
        folder.mkdir()
        yield folder
        if out.exists():
            out.rename(aside)
        folder.rename(out)
    except OSError as error:
        raise OutputError(f"{out} could not be written ({error.strerror or error}); check permission and free space.") from error
    finally:
        if aside.exists() and not out.exists():
            aside.rename(out)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
