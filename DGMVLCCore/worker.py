"""`dgmvlc worker`: a long-lived process that keeps the model warm and does a viewer's jobs, spoken
to in JSON lines.

Requests come on standard input, answers go to standard output, logs to standard error. The main
thread works; one reads, so that cancelling and reports are answered at once; one gives a sign of
life and ends the process when its parent has gone.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from DGMVLCCore import __version__
from DGMVLCCore.errors import (
    Cancelled,
    DGMVLCError,
    OutputError,
    UsageError,
    as_dgmvlc_error,
)
from DGMVLCCore.ground.scratch import make_scratch
from DGMVLCCore.jobs.queued import Job, Line, Pace

if TYPE_CHECKING:
    from DGMVLCCore.jobs.parcels import Lines

log = logging.getLogger(__name__)
PROTOCOL = 1
HEARTBEAT_S = 2.0
PROGRESS_S = 0.1  # no more than ten reports a second
# how long leaving waits for a job that is asked to stop, and for one that is writing
GRACE_S, WRITING_GRACE_S = 2.0, 60.0
LONGEST_LINE = 1 << 24


class Worker:
    """The process's state: session, queue, and the one place where lines are written.

    Args:
        lines: requests. out: answers. leave: ends the process.
    """

    def __init__(
        self, lines: Lines, out: BinaryIO, leave: Callable[[int], None] = os._exit
    ) -> None:
        self._lines, self._out, self._leave = lines, out, leave
        self._writing, self._lock = threading.Lock(), threading.RLock()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: dict[str, Job] = {}
        self._running: Job | None = None
        self._greeted = False
        self._leaving = threading.Event()
        self._began = time.monotonic()
        self._pace, self._told = Pace(), 0.0
        self.scratch = make_scratch("worker")
        self._previews = 0

    # Lines out

    def send(self, what: str, **fields: Any) -> None:
        """Write one line; a host that no longer reads ends the worker."""
        data = json.dumps({"type": what, **fields}, default=str).encode("ascii") + b"\n"
        try:
            with self._writing:
                self._out.write(data)
                self._out.flush()
        except (OSError, ValueError):
            self.leave("the host no longer reads")

    def _fail(self, id: str | None, error: BaseException) -> None:
        known = as_dgmvlc_error(error)
        if known is None:
            message = f"Unexpected error ({type(error).__name__}: {str(error)[:300]})."
            facts = "Unexpected", 1, message, "Try again; if it repeats, report it with the log."
        else:
            facts = type(known).__name__, known.exit_code, str(known), known.advice
        kind, code, message, advice = facts
        self.send("error", id=id, kind=kind, exit_code=code, message=message, advice=advice)

    def _settle(
        self, job: Job, kind: str | None = None, error: BaseException | None = None, **fields: Any
    ) -> None:
        """Send a request's last message, unless it was sent already."""
        with self._lock:
            if job.settled:
                return
            job.settled = True
            self._jobs.pop(job.id, None)
        if error is not None:
            self._fail(job.id, error)
        else:
            self.send(str(kind), id=job.id, **fields)

    # Lines in (reader thread)

    def read(self) -> None:
        """Take lines until standard input ends."""
        while not self._leaving.is_set():
            try:
                line = self._lines.readline(LONGEST_LINE)
            except (OSError, ValueError):
                break
            if not line:
                break
            if not line.endswith(b"\n") and len(line) >= LONGEST_LINE:
                while (more := self._lines.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                    pass
                self._fail(
                    None, UsageError(f"A line of more than {LONGEST_LINE} bytes was dropped.")
                )
            elif line.strip():
                self._take(line)
        self.leave("standard input ended")

    def _take(self, line: bytes) -> None:
        try:
            message = msgspec.json.decode(line, type=Line)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            self._fail(None, UsageError("A line was no JSON object with a type; it was dropped."))
            return
        id = message.id if isinstance(message.id, str) else None
        try:
            self._dispatch(id, message)
        except DGMVLCError as error:
            self._fail(None if id in self._jobs else id, error)

    def _dispatch(self, id: str | None, message: Line) -> None:
        kind = message.type
        if kind == "shutdown":
            self.leave("asked to")
        elif kind == "hello":
            if message.protocol != PROTOCOL:
                self._fail(
                    None,
                    UsageError(
                        f"The viewer speaks protocol {message.protocol}, this worker "
                        f"{PROTOCOL}; install two that belong together."
                    ),
                )
            self._greeted = message.protocol == PROTOCOL
            self._queue.put(Job("", "hello"))
        elif not self._greeted:
            raise UsageError("The first message must be the hello of this protocol.")
        elif kind == "cancel":
            self._cancel(id)
        elif kind in ("report", "region", "job", "task"):
            self._accept(id, message)
        else:
            raise UsageError(f"The message type {kind[:40]!r} is not known.")

    def _accept(self, id: str | None, message: Line) -> None:
        kind = message.type
        if not id:
            raise UsageError(f"A {kind} needs an id, a text.")
        job = Job(
            id,
            kind,
            message.text if kind == "report" else message.request,
            message.preview is True,
            str(message.name),
        )
        with self._lock:
            if id in self._jobs:
                raise UsageError(f"The id {id[:80]} belongs to a request that is still open.")
            self._jobs[id] = job
        self.send("accepted", id=id)
        if kind == "report":  # quick, and wanted while a job runs
            self._do(job)
        else:
            self._queue.put(job)

    def _cancel(self, id: str | None) -> None:
        with self._lock:
            job = self._jobs.get(id or "")
            if job is None:  # it has just ended: its last message says how
                return
            job.stop.set()
            early = job.stage in (
                "queued",
                "loading",
            )  # loading has no steps to stop at; nothing of this job will be written any more
        if early:
            self._settle(job, "cancelled")

    # Work (main thread)

    def work(self) -> None:
        """Do queued requests in order; load the model while there are none."""
        from DGMVLCCore.ground.devices import give_back_memory

        warm = False
        while not self._leaving.is_set():
            if not warm and self._greeted and self._queue.empty():
                warm = True
                self._warm_up()
                give_back_memory()
            job = self._queue.get()
            if job is None:
                break
            if job.kind == "hello":
                self._hello()
                continue
            self._running = job
            self._do(job)
            self._running = None
            give_back_memory()

    def _do(self, job: Job) -> None:
        """One request, whatever becomes of it answered by one last message."""
        if job.settled:
            return
        try:
            {
                "report": self._report,
                "region": self._region,
                "job": self._counterfactual,
                "task": self._task,
            }[job.kind](job)
        except Cancelled:
            self._settle(job, "cancelled")
        except Exception as error:
            if as_dgmvlc_error(error) is None or isinstance(error, MemoryError | RuntimeError):
                log.exception("request %s", job.id)
            self._settle(job, error=error)

    def _hello(self) -> None:
        from DGMVLCCore.ground.devices import available_devices
        from DGMVLCCore.jobs.shipped import Known, weights_facts

        known = Known()
        try:
            known = weights_facts()
        except DGMVLCError as error:
            self._fail(None, error)
        self.send(
            "hello",
            protocol=PROTOCOL,
            version=__version__,
            pid=os.getpid(),
            devices=available_devices(),
            **msgspec.to_builtins(known),
        )

    def _warm_up(self) -> None:
        try:
            self._session.warm_up()
        except DGMVLCError as error:
            log.warning("%s", error)

    @cached_property
    def _session(self) -> Any:
        from DGMVLCCore.jobs.session import Session

        return Session()

    def _report(self, job: Job) -> None:
        from DGMVLCCore.jobs.report import findings_of

        self._settle(job, "findings", findings=findings_of(job.request))

    def _tell(self, job: Job) -> Callable[[str, float], None]:
        def tell(stage: str, share: float) -> None:
            now = time.monotonic()
            with self._lock:
                if job.stop.is_set() and not (stage == "writing" and share > 0):
                    raise Cancelled("Cancelled; nothing was written.")
                changed, job.stage = stage != job.stage, stage
            left = self._pace.left(stage, share, now)
            if changed or now - self._told >= PROGRESS_S or share >= 1:
                self._told = now
                self.send(
                    "progress",
                    id=job.id,
                    stage=stage,
                    share=round(share, 4),
                    seconds_left=None if left is None else round(left, 1),
                )

        return tell

    def _region(self, job: Job) -> None:
        from DGMVLCCore.jobs.edit import Request
        from DGMVLCCore.jobs.requests import read_request
        from DGMVLCCore.jobs.session import region_proposed

        request = read_request(job.request, Request)
        found = self._session.region(request, self._tell(job), job.stop.is_set)
        self._settle(job, "region", **msgspec.to_builtins(region_proposed(found, request.out)))

    def _counterfactual(self, job: Job) -> None:
        from DGMVLCCore.jobs.edit import Request
        from DGMVLCCore.jobs.requests import read_request

        # a viewer builds its own scene from the result
        request = read_request(job.request, Request, scene=False)

        def planned(slices: int) -> None:
            self._pace.plan(slices * request.noises * request.steps)

        def shown(preview: Any) -> None:
            if not job.stop.is_set():
                self._show(job, preview)

        self._pace.start()
        path = self._session.run(
            request, self._tell(job), job.stop.is_set, planned, shown if job.preview else None
        )
        self._settle(job, "result", manifest=str(path))

    def _task(self, job: Job) -> None:
        from DGMVLCCore.jobs.tasks import run_task

        self._pace.start()
        answer = run_task(job.name, self._session, job.request, self._tell(job), job.stop.is_set)
        self._settle(job, "answer", name=job.name, answer=answer)

    def _show(self, job: Job, preview: Any) -> None:
        """Save a preview and send it; the one before it goes, because its viewer has loaded it."""
        (self.scratch / f"preview-{self._previews}.nrrd").unlink(missing_ok=True)
        self._previews += 1
        path = self.scratch / f"preview-{self._previews}.nrrd"
        try:
            preview.save(path)
        except OutputError as error:  # a full disc for temporary files does not end the job
            log.warning("no preview: %s", error)
            return
        self.send("preview", id=job.id, path=str(path), slice=preview.index, note=preview.note)

    # Life and end

    def beat(self) -> None:
        """A sign of life every two seconds; ends the process when the parent has gone."""
        import psutil

        process = psutil.Process()
        number, parent = os.getppid(), process.parent()
        while not self._leaving.wait(HEARTBEAT_S):
            if os.getppid() != number or (parent is not None and not parent.is_running()):
                self.leave("the parent process has gone")
                return
            running = self._running
            self.send(
                "heartbeat",
                uptime_s=round(time.monotonic() - self._began, 1),
                busy=running.id if running and not running.settled else None,
                rss_mb=round(process.memory_info().rss / 2**20, 1),
            )

    def leave(self, why: str) -> None:
        """Stop the running job, wait a little for it, and end the process; safe from every thread
        and from a signal."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        log.info("leaving: %s", why)
        threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        for job in list(self._jobs.values()):
            job.stop.set()
        self._queue.put(None)
        began = time.monotonic()
        while self._running is not None:
            patience = WRITING_GRACE_S if self._running.stage == "writing" else GRACE_S
            if time.monotonic() - began > patience:
                break
            time.sleep(0.02)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._leave(0)


def _own_stdout() -> BinaryIO:
    """Standard output for protocol lines alone: what libraries print, in Python or below it, goes
    to standard error."""
    sys.stdout.flush()
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return own


def main(files: bool = False) -> None:
    """Run until standard input ends, the host asks, or the parent process has gone; does not return
    before. files: the viewer is on another machine and sends files through the pipe, too."""
    from DGMVLCCore.jobs.parcels import WithFiles

    lines = WithFiles(sys.stdin.buffer)
    worker = Worker(lines if files else sys.stdin.buffer, _own_stdout())
    lines.serve(worker.send, worker.scratch)
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: worker.leave("asked to by a signal"))
    threading.Thread(target=worker.beat, daemon=True).start()
    threading.Thread(target=worker.read, daemon=True).start()
    worker.work()
    threading.Event().wait()  # leave() ends the process
