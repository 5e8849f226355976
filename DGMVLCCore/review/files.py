"""Files of a review session: versioned JSON, read and written whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.results.records import write_text

SCHEMA_VERSION = "1.0"


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write under a temporary name, then rename: the file is there whole, as it was before, or not
    at all.

    Raises:
        OutputError: no space, no permission, or the folder is gone.
    """
    write_text(json.dumps(value, indent=1, ensure_ascii=False), path)


def read_json(path: Path) -> dict[str, Any]:
    """A file of a session.

    Raises:
        UnreadableError: missing, damaged, or of another version.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(
            f"{path} is missing or damaged; it should be a file of a review session. Start a new "
            "session in another folder."
        ) from error
    if (
        not isinstance(value, dict)
        or str(value.get("schema_version", "")).split(".")[0] != SCHEMA_VERSION.split(".")[0]
    ):
        raise UnreadableError(
            f"{path} is no file of a review session of version {SCHEMA_VERSION}; open it with "
            "the program that wrote it."
        )
    return value
