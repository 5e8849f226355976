"""JSON that others may have written: limited in size and depth, and every fault is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import UnreadableError, quoted

LARGEST_BYTES, DEEPEST = 256 * 2**20, 200


def _depth(text: str) -> int:
    """How deep brackets are nested, strings left aside."""
    depth = deepest = 0
    inside = escaped = False
    for letter in text:
        if inside:
            inside = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            inside, escaped = True, False
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def parse_json(text: str | bytes, what: str) -> Any:
    """The value that a text holds; a byte-order mark is passed over.

    Args:
        what: the text's name for the sentence.

    Raises:
        UnreadableError: no JSON, too large, or nested too deeply.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        text = text.removeprefix("\ufeff")
        if len(text) > LARGEST_BYTES:
            raise UnreadableError(f"{what} is larger than {LARGEST_BYTES // 2**20} MB.")
        if text.count("[") + text.count("{") > DEEPEST and _depth(text) > DEEPEST:
            raise UnreadableError(f"{what} nests its values deeper than {DEEPEST} levels.")
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{what} is no readable JSON ({quoted(error)}).") from error


def read_json(path: Path, advice: str = "copy or write it again") -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        UnreadableError: missing, no readable JSON, or no object; `advice` says what to do.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UnreadableError(f"{path} is larger than {LARGEST_BYTES // 2**20} MB; {advice}.")
        value = parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise UnreadableError(
            f"{path} is missing or may not be read ({error.strerror or error}); {advice}."
        ) from error
    except UnreadableError as error:
        raise UnreadableError(f"{str(error).rstrip('.')}; {advice}.") from error
    if not isinstance(value, dict):
        raise UnreadableError(f"{path} holds no JSON object; {advice}.")
    return value
