"""Runs the worker as a process beside Slicer: starts it, speaks to it, stops it; the event loop
never waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt

from .events import Ended, Event, Ready
from .protocol import WorkerClient, WorkerCommand

TICK_MS = 1000
SHUTDOWN_GRACE_MS = 1500  # to end by itself
CANCEL_GRACE_MS = 5000  # a step on a slow CPU; after it the worker is ended
KILL_GRACE_MS = 3000  # between terminate and kill
_ending: list[Any] = []  # processes whose panel may be gone but that have not ended yet


def _released(process: Any) -> None:
    _ending[:] = [other for other in _ending if other is not process]


def makeProcess(command: WorkerCommand) -> Any:
    """A QProcess with the command's program, arguments and whole environment; not started."""
    process = qt.QProcess()
    environment = qt.QProcessEnvironment()
    for name, value in command.environment.items():
        environment.insert(name, value)
    process.setProcessEnvironment(environment)
    process.setProgram(command.program)
    process.setArguments(command.arguments)
    return process


class Runner:
    """One worker at a time, started when first asked for.

    Args:
        command: gives the command of the Python chosen now.
        listener: gets every event of the worker. log: gets lines for the log.
        processFactory: makes the process; tests give another.
    """

    def __init__(
        self,
        command: Callable[[], WorkerCommand],
        listener: Callable[[Event], None],
        log: Callable[[str], None] = lambda line: None,
        processFactory: Callable[[WorkerCommand], Any] = makeProcess,
    ) -> None:
        self._command, self._listener, self._log, self._factory = (
            command,
            listener,
            log,
            processFactory,
        )
        self._client: WorkerClient | None = None
        self._process: Any = None
        self._timer = qt.QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.connect("timeout()", self._tick)

    @property
    def ready(self) -> Ready | None:
        """What the worker said of itself; None before its handshake and without a worker."""
        return self._client.ready if self._client else None

    @property
    def running(self) -> bool:
        """True while there is a worker that takes requests."""
        return self._client is not None

    def start(self) -> None:
        """Start the worker when none runs; a failure comes as an `Ended` event."""
        if self._client:
            return
        command = self._command()
        process = self._factory(command)
        client = WorkerClient(process.write)
        self._process, self._client = process, client
        process.connect("readyReadStandardOutput()", lambda: self._read(process, client))
        process.connect("readyReadStandardError()", lambda: self._readLog(process, client))
        process.connect(
            "finished(int,QProcess::ExitStatus)",
            lambda code, status: self._finished(process, client, code, status),
        )
        process.connect(
            "errorOccurred(QProcess::ProcessError)",
            lambda error: self._error(client, command.program, error),
        )
        self._log(f"Starting {command.program} {' '.join(command.arguments)}")
        process.start()
        if self._client is client:  # it may have failed on the spot
            client.start()
            self._timer.start()

    def report(self, text: str) -> str:
        """Ask what a report says; returns the request's id."""
        return self._running().report(text)

    def region(self, request: Mapping[str, Any]) -> str:
        """Ask for a region; returns the request's id."""
        return self._running().region(request)

    def job(self, request: Mapping[str, Any], preview: bool) -> str:
        """Ask for a counterfactual; returns the request's id."""
        return self._running().job(request, preview)

    def task(self, name: str, request: Mapping[str, Any]) -> str:
        """Ask for a task; returns the request's id."""
        return self._running().task(name, request)

    def cancel(self, id: str, insist: bool = True) -> None:
        """Stop a request; a worker that does not obey in time is ended when one insists."""
        client = self._client
        if client is None:
            return
        client.cancel(id)

        def end() -> None:
            if self._client is client and id in client.pending:
                self._log("The worker did not stop in time; it is ended.")
                self._end(self._process)

        if insist:
            qt.QTimer.singleShot(CANCEL_GRACE_MS, end)

    def stop(self) -> None:
        """End the worker: asked first, then terminated, then killed; returns at once and no further
        event comes."""
        client, process = self._client, self._process
        self._forget()
        if client is None:
            return
        client.shutdown()
        _ending.append(process)
        qt.QTimer.singleShot(SHUTDOWN_GRACE_MS, lambda: self._end(process))

    def _running(self) -> WorkerClient:
        self.start()
        if self._client is None:
            raise RuntimeError("The worker could not be started; see the log.")
        return self._client

    def _forget(self) -> None:
        self._timer.stop()
        self._client = self._process = None

    def _alive(self, process: Any) -> bool:
        return process is not None and process.state() != qt.QProcess.NotRunning

    def _end(self, process: Any) -> None:
        """Terminate a process, and kill it when that did not help."""
        if not self._alive(process):
            _released(process)
            return
        _ending.append(process)
        process.terminate()
        qt.QTimer.singleShot(KILL_GRACE_MS, lambda: self._kill(process))

    def _kill(self, process: Any) -> None:
        if self._alive(process):
            process.kill()

    def _tell(self, client: WorkerClient, events: list[Event]) -> None:
        for event in events:
            if self._client is not client:
                return
            if isinstance(event, Ended):
                process = self._process
                self._forget()
                self._end(process)
            self._listener(event)

    def _read(self, process: Any, client: WorkerClient) -> None:
        data = process.readAllStandardOutput().data()
        if self._client is client:
            self._tell(client, client.feed(data))

    def _readLog(self, process: Any, client: WorkerClient) -> None:
        data = process.readAllStandardError().data()
        client.feedLog(data)
        for line in data.decode("utf-8", "replace").splitlines():
            self._log(line)

    def _finished(self, process: Any, client: WorkerClient, code: int, status: Any) -> None:
        self._read(process, client)
        self._readLog(process, client)
        _released(process)
        if self._client is client:
            self._tell(client, client.ended(code, status == qt.QProcess.CrashExit))

    def _error(self, client: WorkerClient, program: str, error: Any) -> None:
        """A process that cannot be started says so here and never finishes."""
        if error == qt.QProcess.FailedToStart and self._client is client:
            self._tell(client, client.failedToStart(program))

    def _tick(self) -> None:
        if self._client:
            self._tell(self._client, self._client.tick())
