"""`dgmvlc worker` on the shipped sample: `python Testing/Benchmarks/worker.py times` or `python
Testing/Benchmarks/worker.py memory 50`.

Wall-clock seconds on whatever machine runs it; the load of the machine (1 minute) stands with each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "SlicerDGMVLC"))
from SlicerDGMVLCLib.events import (  # noqa: E402
    Cancelled,
    Event,
    Failed,
    Heartbeat,
    Preview,
    Progress,
    Result,
)
from SlicerDGMVLCLib.protocol import WorkerClient, workerCommand  # noqa: E402

SAMPLE = ROOT / "Resources" / "sample"


class Host:
    """A worker and the blocking way of a benchmark to speak to it."""

    def __init__(self) -> None:
        command = workerCommand(sys.executable, source=ROOT)
        self.process = subprocess.Popen(
            [command.program, *command.arguments],
            env=command.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self.process.stdin and self.process.stdout
        self.client, self._events = WorkerClient(self.process.stdin.write), iter(self._stream())
        self.client.start()

    def _stream(self):
        while data := self.process.stdout.read(65536):
            yield from self.client.feed(data)

    def wait(self, *kinds: type, stage: str | None = None) -> Event:
        """The next event of these kinds; any failure ends the benchmark."""
        for event in self._events:
            if isinstance(event, kinds) and (
                stage is None or getattr(event, "stage", None) == stage
            ):
                return event
            if isinstance(event, Failed):
                sys.exit(event.message)
        sys.exit("the worker has ended")

    def timed(self, request: dict) -> dict[str, float]:
        """Seconds from the request to its preview and to its result."""
        began = time.perf_counter()
        self.client.job(request)
        self.wait(Preview)
        shown = time.perf_counter() - began
        self.wait(Result)
        return {"preview_s": round(shown, 2), "result_s": round(time.perf_counter() - began, 2)}


def request(folder: Path, name: str, **more: object) -> dict:
    """The sample scan without its nodule."""
    return {
        "image": SAMPLE / "ct.nrrd",
        "report_text": (SAMPLE / "report.txt").read_text(encoding="utf-8"),
        "mask": SAMPLE / "nodule.nrrd",
        "out": folder / name,
        "overwrite": True,
        **more,
    }


def cancel_seconds(host: Host, folder: Path, stage: str) -> float:
    """From cancelling in a stage to the worker's word that it has stopped."""
    job = host.client.job(request(folder, "c", noises=64, seed=int(time.time())), preview=False)
    host.wait(Progress, stage=stage)
    time.sleep(1.0)
    began = time.perf_counter()
    host.client.cancel(job)
    host.wait(Cancelled)
    return round(time.perf_counter() - began, 2)


def times(host: Host, folder: Path, began: float) -> Iterator[tuple[str, object]]:
    """Cold and warm times to preview and result, and how long cancelling takes."""
    one, quick = {"slices": [6, 7]}, {"slices": [6, 7], "noises": 2, "steps": 6}
    yield "cold, one slice, 2 samples, 6 steps", host.timed(request(folder, "a", **quick))
    yield "the same, from the start of the process, s", round(time.perf_counter() - began, 2)
    yield (
        "warm, same slice, same finding",
        host.timed(request(folder, "b", **quick, target="ground-glass opacity")),
    )
    yield "warm, another seed", host.timed(request(folder, "b", **quick, seed=1))
    yield "warm, one slice, 8 samples, 10 steps", host.timed(request(folder, "b", **one))
    yield "warm, all slices, 8 samples, 10 steps", host.timed(request(folder, "b"))
    for stage in ("reading", "editing"):
        yield f"cancel while {stage}, s", cancel_seconds(host, folder, stage)


def memory(host: Host, folder: Path, jobs: int) -> Iterator[tuple[str, object]]:
    """Memory after every one of many jobs, with seven seeds in turn."""
    for index in range(jobs):
        seconds = host.timed(request(folder, "m", slices=[6, 7], noises=1, steps=2, seed=index % 7))
        yield f"job {index + 1}", {"rss_mb": getattr(host.wait(Heartbeat), "rssMb", 0.0), **seconds}


def main(what: str, jobs: int) -> None:
    """Measure and print, a JSON line a figure."""
    began = time.perf_counter()
    host = Host()
    with tempfile.TemporaryDirectory() as name:
        for label, figure in (
            times(host, Path(name), began) if what == "times" else memory(host, Path(name), jobs)
        ):
            print(json.dumps({label: figure, "load": round(os.getloadavg()[0], 1)}), flush=True)
        host.client.shutdown()
        host.process.wait(60)


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "times", int(sys.argv[2]) if len(sys.argv) > 2 else 50
    )
