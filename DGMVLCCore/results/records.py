"""Records that the program writes: plain JSON, checked against a schema of `schema/`, written whole
or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import OutputError, UnreadableError
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.whole import whole_file

SCHEMAS = Path(__file__).parent / "schema"


def plain(value: Any) -> Any:
    """`value` as JSON knows it; a number that is not finite becomes null, because JSON has none."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def check_schema(record: dict[str, Any], name: str) -> None:
    """Check a record against a schema of `schema/` (JSON Schema 2020-12).

    Raises:
        UnreadableError: it does not follow the schema; the sentence says where.
    """
    import jsonschema

    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(record)
    )
    if error is not None:
        raise UnreadableError(
            f"The record does not follow {name} (at {error.json_path}: {error.message[:160]})."
        )


def read_record(path: Path, name: str) -> dict[str, Any]:
    """A JSON record that follows the schema `name`.

    Raises:
        UnreadableError: missing, not JSON, or of another schema; the sentence says where.
    """
    record = read_json(Path(path), "choose the folder or file that the program wrote")
    try:
        check_schema(record, name)
    except UnreadableError as error:
        raise UnreadableError(f"{path}: {error}") from error
    return dict(record)


def write_text(text: str, path: Path) -> None:
    """Write a file under a temporary name and rename it, so that the one before stays whole when
    the disk is full.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{path} could not be saved ({error.strerror or error}); what was saved before is "
            "still there. "
            "Free some space or check the permissions, then repeat the last step."
        ) from error


def write_record(record: dict[str, Any], path: Path, name: str) -> None:
    """Check a record against the schema `name` and write it; errors as `check_schema` and
    `write_text`."""
    check_schema(record, name)
    write_text(json.dumps(record, indent=1, ensure_ascii=False), path)
