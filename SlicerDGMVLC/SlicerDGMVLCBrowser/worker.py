"""The worker process over asyncio: started when needed, watched, ended with the viewer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from SlicerDGMVLCLib.events import Ended, Event
from SlicerDGMVLCLib.protocol import HEARTBEAT_S, WorkerClient, WorkerCommand, workerCommand

GRACE_S = 3.0


def default_command() -> WorkerCommand:
    """This interpreter, with the core beside this package when it runs from a checkout."""
    checkout = Path(__file__).resolve().parents[2]
    return workerCommand(
        sys.executable, source=checkout if (checkout / "DGMVLCCore").is_dir() else None
    )


class WorkerSession:
    """One worker at a time.

    Args:
        tell: gets every event, on the event loop. command: how to start the worker.
    """

    def __init__(self, tell: Callable[[Event], None], command: WorkerCommand | None = None) -> None:
        self._tell, self._command = tell, command or default_command()
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._starting = asyncio.Lock()
        self.client: WorkerClient | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running worker."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def ensure(self) -> WorkerClient:
        """The client of a running worker, started when there is none."""
        async with self._starting:
            if self.client is None or self.client.state == "ended":
                await self._stop_process()
                await self._start()
        if self.client is None:
            raise RuntimeError("the worker was not started")
        return self.client

    async def use_threads(self, threads: int) -> None:
        """End the worker; the next one computes with so many threads, 0 for as many as it likes."""
        environment = dict(self._command.environment)
        environment.pop("OMP_NUM_THREADS", None)
        if threads:
            environment["OMP_NUM_THREADS"] = str(threads)
        async with self._starting:  # what is asked meanwhile waits for the new one
            self._command = replace(self._command, environment=environment)
            await self.stop()

    async def stop(self) -> None:
        """Ask the worker to end; kill it when it does not within 3 s."""
        if self.client is not None and self.client.state in ("starting", "ready"):
            self.client.shutdown()
            if self._process is not None and self._process.returncode is None:
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(self._process.wait(), GRACE_S)
        await self._stop_process()
        self.client = None  # it heard nothing of the end; the next one begins anew

    async def _start(self) -> None:
        command = self._command
        self.client = client = WorkerClient(self._write)
        try:
            self._process = await asyncio.create_subprocess_exec(
                command.program,
                *command.arguments,
                env=command.environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            self._pass_on(client.failedToStart(command.program, error.strerror or str(error)))
            return
        client.start()
        self._tasks = [
            asyncio.create_task(self._read(client, self._process)),
            asyncio.create_task(self._read_log(client, self._process)),
            asyncio.create_task(self._watch(client)),
        ]

    def _write(self, data: bytes) -> None:
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            raise BrokenPipeError("the worker's input is closed")
        self._process.stdin.write(data)

    def _pass_on(self, events: list[Event]) -> None:
        loop = asyncio.get_running_loop()
        for event in events:  # each by itself: what goes wrong with one must not end the listening
            loop.call_soon(self._tell, event)

    async def _read(self, client: WorkerClient, process: asyncio.subprocess.Process) -> None:
        while process.stdout is not None and (data := await process.stdout.read(1 << 16)):
            self._pass_on(client.feed(data))
        code = await process.wait()
        await asyncio.sleep(0.05)  # the last words on standard error
        self._pass_on(client.ended(code))

    async def _read_log(self, client: WorkerClient, process: asyncio.subprocess.Process) -> None:
        while process.stderr is not None and (data := await process.stderr.read(1 << 16)):
            client.feedLog(data)

    async def _watch(self, client: WorkerClient) -> None:
        while client.state != "ended":
            await asyncio.sleep(HEARTBEAT_S)
            events = client.tick()
            self._pass_on(events)
            if any(isinstance(event, Ended) for event in events):
                self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _stop_process(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._kill()
        if self._process is not None:
            await self._process.wait()
            self._process = None
