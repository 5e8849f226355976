"""A worker on another machine, for a viewer that notices nothing of it: run beside the viewer, it
starts `dgmvlc worker --files` through ssh, passes the JSON lines on, and files with them.

    python -m SlicerDGMVLCLib.bridge USER@HOST [PROGRAM ...]

What a request names is sent once and named anew there; what it makes is brought here, whole or not
at all, before the viewer hears of it. A connection that is cut, or falls silent, is made again and
what was open is asked again. Standard library only.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import queue
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypedDict

from .bridge_files import Refused, files_of, put_in_place, replaceable, sum_of

PIECE = 1 << 18
BEAT_S, SILENCE_S = 2.0, 20.0
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # between tries to connect again
INPUTS = ("image", "mask", "anatomy", "weights")
TASKS = {"compare": "record", "prepare": "labels"}  # and which field names what they made
SSH = ("ssh", "-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=5")


class Message(TypedDict, total=False):
    """A line of the protocol: the fields that are looked at here; others are passed on."""

    type: str
    id: str
    name: str  # of a task
    request: dict[str, object]
    path: str
    manifest: str
    answer: dict[str, object]
    root: str
    message: str
    inner: str  # of a file that arrives in pieces
    data: str
    first: bool
    sums: dict[str, str]


@dataclass(frozen=True)
class Coming:
    """What is being brought here for a message of the worker."""

    message: Message
    out: Path
    arrived: Path


class Bridge:
    """One viewer, one connection after another.

    Args:
        command: starts the worker there, with its pipe as ours. out: to the viewer.
    """

    def __init__(self, command: list[str], out: BinaryIO) -> None:
        self._command, self._out = command, out
        self._writing = threading.Lock()
        self.events: queue.Queue[tuple[int, bytes | None]] = queue.Queue()  # 0: the viewer's
        self._process: subprocess.Popen[bytes] | None = None
        self._turn, self._tries, self._heard = 0, 0, time.monotonic()
        self._root: str = ""
        self._hello: Message | None = None
        self._greeted, self._busy = False, False
        self._open: dict[str, Message] = {}  # requests without their last message
        self._accepted: set[str] = set()
        self._there: set[str] = set()  # what was sent over this connection
        self._coming: dict[str, Coming] = {}
        self._private = Path(tempfile.mkdtemp(prefix="dgmvlc-bridge-"))
        self._last_preview: Path | None = None
        self._beat: dict[str, object] = {"uptime_s": 0.0, "busy": None, "rss_mb": 0.0}

    def tell(self, message: Mapping[str, object]) -> None:
        """A line to the viewer."""
        with self._writing:
            self._out.write(json.dumps(message).encode("ascii") + b"\n")
            self._out.flush()

    def _say(self, **message: object) -> None:
        """A line to the worker; a cut is noticed by its reader."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(json.dumps(message).encode("ascii") + b"\n")
                self._process.stdin.flush()

    # The connection

    def connect(self) -> None:
        """Start ssh, and ask anew what is open."""
        self._turn += 1
        self._there.clear()
        self._coming.clear()
        self._root, self._heard = "", time.monotonic()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        threading.Thread(target=self._read, args=(self._process, self._turn), daemon=True).start()
        self._say(type="file-open")
        if self._hello is not None:
            self._say(**self._hello)

    def _read(self, process: subprocess.Popen[bytes], turn: int) -> None:
        while process.stdout is not None and (line := process.stdout.readline()):
            self._heard = time.monotonic()
            self.events.put((turn, line))
        self.events.put((turn, None))

    def _cut(self) -> int | None:
        """The connection is gone: make it again; or the exit code when that is of no use."""
        process = self._process
        if process is None:
            return 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)  # its pipe closes a moment before it ends
        process.kill()
        code = process.wait()
        if not self._greeted:  # it never came about: ssh or the program there has said why
            return code or 1
        if self._tries >= len(PAUSES_S):
            sys.stderr.write(f"The connection was lost, and {self._tries} tries did not help.\n")
            return 255
        sys.stderr.write("The connection was lost; it is made again.\n")
        time.sleep(PAUSES_S[self._tries])
        self._tries += 1
        self.connect()
        return None

    def beat(self) -> None:
        """Signs of life for the viewer, while files travel or the connection is made again."""
        while True:
            time.sleep(BEAT_S)
            if self._greeted:
                self.tell({"type": "heartbeat", **self._beat})
            if time.monotonic() - self._heard > SILENCE_S and self._greeted and not self._busy:
                process, self._heard = self._process, time.monotonic()
                if process is not None:
                    process.kill()  # its reader tells of it

    # Lines of the viewer

    def run(self) -> int:
        """Until the viewer goes; returns the exit code."""
        self.connect()
        try:
            while True:
                turn, line = self.events.get()
                if turn == 0:
                    if line is None:
                        return self._leave()
                    self._from_viewer(line)
                elif turn == self._turn:
                    if line is None:
                        if (code := self._cut()) is not None:
                            return code
                    else:
                        self._from_worker(line)
        finally:
            shutil.rmtree(self._private, ignore_errors=True)
            if self._process is not None:
                self._process.kill()

    def _leave(self) -> int:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(3)
        return 0

    def _from_viewer(self, line: bytes) -> None:
        try:
            message: Message = json.loads(line)
            kind = message["type"]
        except (ValueError, KeyError, TypeError):
            return
        if kind == "shutdown":
            self.events.put((0, None))
        elif kind == "hello":
            self._hello = message
            self._say(**message)
        elif kind in ("job", "region", "task", "report"):
            self._open[message["id"]] = message
            if self._root:
                self._ask(message)
        else:
            self._say(**message)

    def _ask(self, message: Message) -> None:
        """Pass a request on, its files before it."""
        if message["type"] == "report":
            self._say(**message)
            return
        try:
            self._busy = True
            self._say(**{**message, "request": self._translated(message)})
        except Refused as error:
            self._settle(message["id"], error.of(message["id"]))
        finally:
            self._busy, self._heard = False, time.monotonic()

    def _translated(self, message: Message) -> dict[str, object]:
        if message["type"] == "task" and message.get("name") not in TASKS:
            raise Refused(
                "UsageError",
                2,
                "Review and Teach keep their folders on this machine; choose a worker of this "
                "machine for them.",
            )
        request = dict(message["request"])
        out = Path(str(request["out"]))
        if out.exists() and not (request.get("overwrite") and (out.is_file() or replaceable(out))):
            raise Refused("OutputError", 6, f"{out} exists already; choose another name.")
        if not out.absolute().parent.is_dir():
            raise Refused("OutputError", 6, f"The folder {out.parent} does not exist.")
        for name in INPUTS:
            if request.get(name):
                request[name] = self._sent(Path(str(request[name])))
        request["out"] = f"{self._root}/{self._out_name(message['id'], out)}"
        return request

    def _out_name(self, id: str, out: Path) -> str:
        return f"{id}-{self._turn}.{''.join(out.suffixes[-2:]).lstrip('.')}".rstrip(".")

    def _sent(self, path: Path) -> str:
        """Its path there; sent unless the same was over this connection."""
        files = [(inner, file, sum_of(file)) for inner, file in files_of(path)]
        whole = hashlib.sha256(json.dumps([(i, s) for i, _, s in files]).encode()).hexdigest()
        name = f"in-{whole[:16]}/{path.name}"
        if name not in self._there:
            for inner, file, digest in files:
                self._send(f"{name}/{inner}" if inner else name, file, digest)
            self._there.add(name)
        return f"{self._root}/{name}"

    def _send(self, name: str, file: Path, digest: str) -> None:
        with file.open("rb") as source:
            first, data = True, source.read(PIECE)
            while first or data:
                following = source.read(PIECE)
                piece = base64.b64encode(data).decode("ascii")
                last = {} if following else {"sha256": digest}
                self._say(type="file-put", path=name, data=piece, first=first, **last)
                first, data = False, following

    # Lines of the worker

    def _from_worker(self, line: bytes) -> None:
        try:
            message: Message = json.loads(line)
            kind, id = message["type"], message.get("id") or ""
        except (ValueError, KeyError, TypeError):
            sys.stderr.write(line.decode("utf-8", "replace"))
            return
        if kind == "file-root":
            self._root = message["root"]
            for request in list(self._open.values()):
                self._ask(request)
        elif kind in ("file-data", "file-end"):
            self._arriving(kind, message)
        elif kind == "file-put":
            pass  # it arrived whole
        elif kind == "file-failed":
            sys.stderr.write(f"{message['message']}\n")
        elif kind == "heartbeat":
            self._beat = {name: message.get(name, old) for name, old in self._beat.items()}
        elif kind == "hello":
            self._tries = 0
            if not self._greeted:  # the viewer need not hear of a second one
                self._greeted = True
                self.tell(message)
        elif kind == "accepted":
            if id not in self._accepted:
                self._accepted.add(id)
                self.tell(message)
        elif kind == "preview":
            self._bring(message, message["path"], self._private / f"{time.monotonic_ns()}.nrrd")
        elif kind in ("result", "region", "answer") and id in self._open:
            self._made(kind, message)
        elif kind in ("error", "cancelled", "findings"):
            self._settle(id, message)
        else:
            self.tell(message)

    def _made(self, kind: str, message: Message) -> None:
        """What a request made is there; bring it to where it was asked for."""
        out = Path(str(self._open[message["id"]]["request"]["out"]))
        if kind == "answer":
            made = str(message["answer"][TASKS[message["name"]]])
        else:
            made = message["path"] if kind == "region" else message["manifest"]
        self._bring(message, made.rpartition("/")[0] if made.endswith(".json") else made, out)

    def _bring(self, message: Message, path: str, out: Path) -> None:
        name = path.removeprefix(f"{self._root}/")
        inside = path.startswith(f"{self._root}/")
        if not inside:  # a preview lies in the worker's own folder
            return
        arrived = out.with_name(f".{out.name}.{os.getpid()}.arriving")
        with contextlib.suppress(OSError):
            shutil.rmtree(arrived) if arrived.is_dir() else arrived.unlink()
        self._coming[name] = Coming(message, out, arrived)
        self._say(type="file-get", path=name)

    def _arriving(self, kind: str, message: Message) -> None:
        coming = self._coming.get(message["path"])
        if coming is None:
            return
        arrived = coming.arrived
        try:
            if kind == "file-data":
                inner = message["inner"]
                file = arrived / inner if inner else arrived
                if not file.resolve().is_relative_to(arrived.resolve()):
                    raise ValueError("a name leads out of its folder")
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("wb" if message["first"] else "ab") as target:
                    target.write(base64.b64decode(message["data"]))
                return
            del self._coming[message["path"]]
            for inner, digest in message["sums"].items():
                if sum_of(arrived / inner if inner else arrived) != digest:
                    raise ValueError("a file arrived damaged")
            put_in_place(arrived, coming.out)
        except (OSError, ValueError) as error:
            self._coming.pop(message["path"], None)
            id = coming.message["id"]
            sentence = f"The result could not be brought to {coming.out} ({error})."
            self._settle(id, Refused("OutputError", 6, sentence).of(id))
            return
        self._say(type="file-drop", path=message["path"])
        self._here(coming.message, coming.out)

    def _here(self, message: Message, out: Path) -> None:
        """The worker's message, with the path of this machine."""
        kind = message["type"]
        if kind == "preview":
            if self._last_preview is not None:
                self._last_preview.unlink(missing_ok=True)
            self._last_preview = out
            self.tell({**message, "path": str(out)})
        elif kind == "region":
            self._settle(message["id"], {**message, "path": str(out)})
        elif kind == "result":
            name = message["manifest"].rpartition("/")[2]
            self._settle(message["id"], {**message, "manifest": str(out / name)})
        else:
            field = TASKS[message["name"]]
            name = str(message["answer"][field]).rpartition("/")[2]
            here = str(out / name if out.is_dir() else out)
            self._settle(message["id"], {**message, "answer": {**message["answer"], field: here}})

    def _settle(self, id: str | None, message: Mapping[str, object]) -> None:
        self._open.pop(id or "", None)
        self._accepted.discard(id or "")
        self.tell(message)


def main(arguments: list[str]) -> int:
    """Run between a viewer on our own pipe and the worker of `arguments`: host and program."""
    host, *program = arguments
    there = shlex.join([*(program or ["dgmvlc"]), "worker", "--files"])
    ssh = shlex.split(os.environ.get("DGMVLC_SSH", "")) or SSH  # another program, as git has it
    command = [*ssh, "--", host, there]
    bridge = Bridge(command, sys.stdout.buffer)

    def read() -> None:
        while line := sys.stdin.buffer.readline():
            bridge.events.put((0, line))
        bridge.events.put((0, None))

    for target in (read, bridge.beat):
        threading.Thread(target=target, daemon=True).start()
    return bridge.run()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # a thread still waits for the viewer's next line
