"""Files through a worker's own pipe, for a viewer on another machine: they come and go as JSON
lines between the requests, and live in one private folder that goes with the worker.

    {"type": "file-open"}                                       -> {"type": "file-root", "root"}
    {"type": "file-put", "path", "data", "first", "sha256"}     -> {"type": "file-put", "path"}
        a piece (base64); the last one has the sum of the whole, and only it is answered
    {"type": "file-get", "path"}                                -> "file-data" pieces, "file-end"
    {"type": "file-drop", "path"}                               what is done with
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

PIECE = 1 << 18  # bytes; a line stays far below the longest, and signs of life get between
PREFIX = b'{"type": "file-'


class Open(msgspec.Struct, frozen=True, tag="file-open"):
    """Where may files be put?"""


class Put(msgspec.Struct, frozen=True, tag="file-put"):
    """A piece of a file, base64; sha256: of the whole, with the last one."""

    path: str
    data: str
    first: bool
    sha256: str | None = None


class Get(msgspec.Struct, frozen=True, tag="file-get"):
    """A file, or the files of a folder, that are wanted."""

    path: str


class Drop(msgspec.Struct, frozen=True, tag="file-drop"):
    """What is done with."""

    path: str


Message = Open | Put | Get | Drop


class Lines(Protocol):
    """Where requests come from."""

    def readline(self, size: int = -1, /) -> bytes:
        """The next line, empty at the end."""
        ...


class WithFiles:
    """Lines without those about files, which are answered here (in the reader's thread).

    Args:
        lines: from the viewer.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def serve(self, send: Callable[..., None], root: Path) -> None:
        """Begin: `send` writes a line, as `Worker.send`; `root` is the worker's own folder."""
        self.send, self.root = send, root

    def readline(self, size: int = -1, /) -> bytes:
        """The next line of another kind; empty at the end."""
        while (line := self._lines.readline(size)).startswith(PREFIX):
            try:
                self._take(msgspec.json.decode(line, type=Message))
            except (ValueError, OSError, binascii.Error, msgspec.MsgspecError) as error:
                self.send("file-failed", message=f"A file could not be passed on ({error}).")
        return line

    def _inside(self, name: str) -> Path:
        """A path below the folder.

        Raises:
            ValueError: it leads out of it.
        """
        path = (self.root / name).resolve()
        if path == self.root.resolve() or not path.is_relative_to(self.root.resolve()):
            raise ValueError(f"{name[:80]} lies outside")
        return path

    def _take(self, message: Message) -> None:
        if isinstance(message, Open):
            self.send("file-root", root=str(self.root))
            return
        path = self._inside(message.path)
        if isinstance(message, Put):
            self._put(message, path)
        elif isinstance(message, Get):
            self._get(message.path, path)
        else:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _put(self, message: Put, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb" if message.first else "ab") as file:
            file.write(base64.b64decode(message.data, validate=True))
        if message.sha256:
            if hashlib.sha256(path.read_bytes()).hexdigest() != message.sha256:
                path.unlink()
                raise ValueError(f"{path.name} arrived damaged")
            self.send("file-put", path=message.path)

    def _get(self, name: str, path: Path) -> None:
        """Every piece of a file, or of the files of a folder, and then their sums."""
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        sums = {}
        for file in files:
            inner = file.relative_to(path).as_posix() if path.is_dir() else ""
            digest = hashlib.sha256()
            with file.open("rb") as source:
                first = True
                while (data := source.read(PIECE)) or first:
                    digest.update(data)
                    piece = base64.b64encode(data).decode("ascii")
                    self.send("file-data", path=name, inner=inner, data=piece, first=first)
                    first = False
            sums[inner] = digest.hexdigest()
        self.send("file-end", path=name, sums=sums)
