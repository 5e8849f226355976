"""JSON that others may have written: limited in size and depth, and every fault is one sentence."""

from __future__ import annotations

import errno
import json
import os
import select
import stat
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import UnreadableError, quoted

LARGEST_BYTES, DEEPEST = 256 * 2**20, 200
SILENCE_S = 15  # a pipe that nobody writes into must not stop a run for ever


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


def _from_pipe(path: Path, most: int) -> bytes:
    """What comes through a pipe until its end, `most` bytes of it.

    Raises:
        OSError: nothing comes for a while.
    """
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        ready, content = select.poll(), bytearray()
        ready.register(pipe, select.POLLIN | select.POLLHUP)
        while len(content) < most:
            if not ready.poll(1000 * SILENCE_S):
                why = f"nothing came through this pipe for {SILENCE_S} seconds"
                raise OSError(errno.ETIMEDOUT, why, str(path))
            if not (part := os.read(pipe, 1 << 16)):
                break
            content += part
        return bytes(content)
    finally:
        os.close(pipe)


def read_limited(path: Path, largest: int = LARGEST_BYTES) -> bytes:
    """The bytes of a file or pipe; a device, which may never end, is not read.

    Raises:
        OSError: it cannot be read, is a device, a silent pipe, or holds more than `largest` bytes.
    """
    if stat.S_ISCHR(mode := path.stat().st_mode) or stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "it is a device, no file", str(path))
    if stat.S_ISFIFO(mode):
        content = _from_pipe(path, largest + 1)
    else:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"it is larger than {largest >> 20} MiB", str(path))
    return content


def read_json(path: Path, advice: str = "copy or write it again") -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        UnreadableError: missing, no readable JSON, or no object; `advice` says what to do.
    """
    try:
        value = parse_json(read_limited(path), str(path))
    except OSError as error:
        raise UnreadableError(
            f"{path} is missing or may not be read ({error.strerror or error}); {advice}."
        ) from error
    except UnreadableError as error:
        raise UnreadableError(f"{str(error).rstrip('.')}; {advice}.") from error
    if not isinstance(value, dict):
        raise UnreadableError(f"{path} holds no JSON object; {advice}.")
    return value
