"""What a viewer and `dgmvlc worker` say to each other: JSON lines, and a client that needs no
particular transport.

A host starts `workerCommand(python)`, gives the process's bytes to a `WorkerClient`, and shows the
events it gets back:

    client = WorkerClient(write)            # write(bytes) puts bytes on the process's standard
    input
    client.start()                          # the handshake; requests may follow at once
    job = client.job({"image": "ct.nrrd", "report_text": "...", "out": "result"})
    for event in client.feed(data):         # bytes from standard output, in any pieces
        ...                                 # Ready, Accepted, Progress, Preview, Result, Cancelled,
        Failed, ..., Ended
    client.feedLog(data)                    # bytes from standard error: kept for the log and for
    the last sentence
    client.tick()                           # every second or two: notices a worker that fell silent
    client.ended(exitCode)                  # when the process has gone

`Ended` comes exactly once; a host then ends the process if it still runs. Standard library only;
not thread-safe.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .events import LAST, Ended, Event, Heartbeat, Ready, decodeEvent
from .records import Fields

PROTOCOL = 1
HEARTBEAT_S = 2.0
START_S = 90.0  # until the first line: a cold start from a slow disc
SILENCE_S = 60.0  # thirty heartbeats; a busy machine holds one up while libraries load
LONGEST_LINE = 1 << 24
LOG_LINES = 400
# Slicer's launcher sets these for its own libraries; another Python that inherits them loads the
# wrong ones.
FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONEXECUTABLE",
    "PYTHONNOUSERSITE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_INSERT_LIBRARIES",
    "QT_PLUGIN_PATH",
    "QT_QPA_PLATFORM_PLUGIN_PATH",
    "VIRTUAL_ENV",
)
OURS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUTF8": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONSAFEPATH": "1",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class WorkerCommand:
    """How to start a worker: program, its arguments, the whole environment."""

    program: str
    arguments: list[str]
    environment: dict[str, str]


def workerCommand(
    python: str | Path,
    *,
    source: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> WorkerCommand:
    """The command that starts a worker.

    Args:
        python: an interpreter that has dgmvlc; for Slicer's own, its launcher `PythonSlicer`, which
            sets up its libraries again.
        source: a checkout to run from instead of the installed package (development). environment:
            the host's; this process's when None.
    """
    variables = {
        name: value
        for name, value in (os.environ if environment is None else environment).items()
        if name.upper() not in FOREIGN
    }
    variables |= OURS
    if source is not None:
        variables["PYTHONPATH"] = str(source)
    return WorkerCommand(str(python), ["-m", "DGMVLCCore.cli", "worker"], variables)


def isRemote(worker: str) -> bool:
    """True for a worker of the form "ssh USER@HOST [PROGRAM ...]"."""
    return worker.split()[:1] == ["ssh"]


def remoteCommand(worker: str, python: str | Path) -> WorkerCommand:
    """The command that starts a worker on another machine: a bridge here, which passes lines and
    files on through ssh. Keys, ports and jumps are ssh's own business (~/.ssh/config).

    Args:
        worker: "ssh USER@HOST", and where `dgmvlc` is not on the path there, the program. python:
            any interpreter of this machine; it needs nothing installed.

    Raises:
        ValueError: it names no host.
    """
    _, *words = shlex.split(worker)
    if not words or words[0].startswith("-"):
        raise ValueError("A remote worker is given as: ssh USER@HOST [PROGRAM].")
    package = Path(__file__).resolve().parent
    here = workerCommand(python, source=package.parent)
    bridge = ["-m", f"{package.name}.bridge"]
    return WorkerCommand(here.program, [*bridge, *words], here.environment)


def encodeMessage(kind: str, **fields: Any) -> bytes:
    """One message as a line (ASCII, other letters escaped, so that any path survives); paths become
    text."""
    return json.dumps({"type": kind, **fields}, default=str).encode("ascii") + b"\n"


@dataclass
class LineDecoder:
    """Bytes in any pieces -> whole messages; `noise` keeps the lines that were none."""

    rest: bytes = b""
    noise: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))

    def feed(self, data: bytes) -> list[Fields]:
        """The messages completed by `data`, in order."""
        *lines, self.rest = (self.rest + bytes(data)).split(b"\n")
        if len(self.rest) > LONGEST_LINE:
            self.noise.append(f"a line of more than {LONGEST_LINE} bytes")
            self.rest = b""
        return [message for message in map(self._decode, lines) if message is not None]

    def _decode(self, line: bytes) -> Fields | None:
        text = line.decode("utf-8", "replace").strip()
        if not text:
            return None
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            return message
        self.noise.append(text[:500])
        return None


class WorkerClient:
    """The host's side of the protocol as a state machine.

    Args:
        write: puts bytes on the worker's standard input; an OSError from it is taken as the
            worker's end, reported by `ended`.
        clock: seconds, monotonic.
    """

    def __init__(
        self, write: Callable[[bytes], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock = write, clock
        self._decoder = LineDecoder()
        self._heard = self._ticked = clock()
        self._spoken, self._closing, self._count = False, False, 0
        self.state = "new"  # new, starting, ready, ended
        self.ready: Ready | None = None
        self.heartbeat: Heartbeat | None = None
        self.pending: list[str] = []  # requests without their last event, in order
        self.log: deque[str] = deque(maxlen=LOG_LINES)

    def start(self) -> None:
        """Send the handshake; call it once the process has been started."""
        self.state, self._heard = "starting", self._clock()
        self._send("hello", protocol=PROTOCOL)

    def report(self, text: str) -> str:
        """Ask what a report says; returns the request's id."""
        return self._request("report", text=text)

    def region(self, request: Mapping[str, Any]) -> str:
        """Ask for a region of the chosen finding, written to `request["out"]` (.seg.nrrd); returns
        the request's id."""
        return self._request("region", request=dict(request))

    def job(self, request: Mapping[str, Any], preview: bool = True) -> str:
        """Ask for a counterfactual, written to the folder `request["out"]`; returns the request's
        id."""
        return self._request("job", request=dict(request), preview=preview)

    def task(self, name: str, request: Mapping[str, Any]) -> str:
        """Ask for a task of `DGMVLCCore.jobs.tasks`; `Answer` follows. Returns the request's id."""
        return self._request("task", name=name, request=dict(request))

    def cancel(self, id: str) -> None:
        """Stop a queued or running request; `Cancelled` follows, or the result that was already
        there."""
        self._send("cancel", id=id)

    def shutdown(self) -> None:
        """Ask the worker to end; a host waits about 3 s before it ends the process itself."""
        self._closing = True
        self._send("shutdown")

    def feed(self, data: bytes) -> list[Event]:
        """Events in bytes from the worker's standard output."""
        if self.state == "ended":
            return []
        messages = self._decoder.feed(data)
        if messages:
            self._spoken, self._heard = True, self._clock()
        return [event for message in messages for event in self._take(message)]

    def feedLog(self, data: bytes) -> None:
        """Keep the last lines of the worker's standard error in `log`."""
        self.log.extend(
            line for line in bytes(data).decode("utf-8", "replace").splitlines() if line.strip()
        )

    def tick(self) -> list[Event]:
        """Notice a worker that has fallen silent; nothing while the host itself was held up."""
        now = self._clock()
        asleep, self._ticked = now - self._ticked > SILENCE_S / 2, now
        if asleep:
            self._heard = now
        if self.state not in ("starting", "ready") or now - self._heard <= (
            SILENCE_S if self._spoken else START_S
        ):
            return []
        return self._end(
            f"The worker has not answered for {now - self._heard:.0f} s.",
            "It is stopped; press Run again, with fewer slices if it repeats.",
        )

    def ended(self, exitCode: int, crashed: bool = False) -> list[Event]:
        """The process has gone.

        Args:
            exitCode: as the operating system gives it; −N for signal N. crashed: True when it is
                the number of a signal (QProcess).
        """
        if self.state == "ended":
            return []
        if self._closing:
            return self._end("The worker has ended.", "", planned=True)
        return self._end(*_diagnosis(exitCode, crashed, "\n".join(self.log)))

    def failedToStart(self, program: str, reason: str = "") -> list[Event]:
        """The process could not be started at all."""
        why = f" ({reason})" if reason else ""
        return self._end(
            f"The Python interpreter {program} could not be started{why}.",
            "Choose one that exists and has dgmvlc installed.",
        )

    def _send(self, kind: str, **fields: Any) -> None:
        if self.state == "ended":
            return
        try:
            self._write(encodeMessage(kind, **fields))
        except (
            OSError,
            ValueError,
        ) as error:  # a closed pipe; a closed file object says ValueError
            self.log.append(f"The worker's input is closed: {error}")

    def _request(self, kind: str, **fields: Any) -> str:
        if self.state not in ("starting", "ready"):
            raise RuntimeError("The worker is not running; start it first.")
        self._count += 1
        id = f"{kind}-{self._count}"
        self.pending.append(id)
        self._send(kind, id=id, **fields)
        return id

    def _take(self, message: Fields) -> list[Event]:
        if self.state == "ended":
            return []
        if message["type"] == "hello" and message.get("protocol") != PROTOCOL:
            self._send("shutdown")
            return self._end(
                f"The worker speaks protocol {message.get('protocol')}, this viewer {PROTOCOL}.",
                "Install the dgmvlc that comes with this version of the extension.",
            )
        event = decodeEvent(message)
        if event is None:
            self.log.append(f"not understood: {str(message)[:300]}")
            return []
        if isinstance(event, Ready):
            self.state, self.ready = "ready", event
        elif isinstance(event, Heartbeat):
            self.heartbeat = event
        elif isinstance(event, LAST) and event.id in self.pending:
            self.pending.remove(str(event.id))
        return [event]

    def _end(self, message: str, advice: str, planned: bool = False) -> list[Event]:
        if self.state == "ended":
            return []
        self.state = "ended"
        pending, self.pending = tuple(self.pending), []
        return [Ended(message, advice, planned, pending)]


def _diagnosis(exitCode: int, crashed: bool, log: str) -> tuple[str, str]:
    """Sentence and advice for a worker that ended without being asked to."""
    again = "Press Run to start it again."
    if "No module named 'DGMVLCCore'" in log or "No module named DGMVLCCore" in log:
        return (
            "The chosen Python has no dgmvlc.",
            "Install it from the panel, or choose another Python.",
        )
    if "invalid choice: 'worker'" in log:
        return (
            "The dgmvlc of the chosen Python is too old: it knows no worker.",
            "Install the one that comes with this extension.",
        )
    if exitCode < 0 or crashed:
        if abs(exitCode) == 9:
            return (
                "The worker was stopped by the system, most often because memory ran out.",
                f"Choose fewer slices or close other programs. {again}",
            )
        return (
            f"The worker crashed (signal {abs(exitCode)}).",
            f"{again} If it repeats, report it with the log.",
        )
    lines = [line for line in log.splitlines() if line.strip()]
    last = f": {lines[-1].strip()[:200].rstrip('.')}" if lines and exitCode else ""
    return (
        f"The worker ended by itself (exit code {exitCode}){last}.",
        f"{again} If it repeats, report it with the log.",
    )
