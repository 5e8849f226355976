"""Times and memory of `dgmvlc worker` on the shipped sample: `python Testing/Benchmarks/worker.py [JOBS] [OUT.json]`.

Wall-clock seconds on whatever machine runs it; the load of the machine is printed with them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "SlicerDGMVLC"))
from SlicerDGMVLCLib.protocol import Cancelled, Event, Failed, Heartbeat, Preview, Progress, Result, WorkerClient, workerCommand  # noqa: E402

SAMPLE = ROOT / "Resources" / "sample"


class Host:
    """A worker and the blocking way of a benchmark to speak to it."""

    def __init__(self) -> None:
        command = workerCommand(sys.executable, source=ROOT)
        self.process = subprocess.Popen([command.program, *command.arguments], env=command.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, bufsize=0)
        assert self.process.stdin and self.process.stdout
        self.client, self._events = WorkerClient(self.process.stdin.write), iter(self._stream())
        self.client.start()

    def _stream(self):
        while data := self.process.stdout.read(65536):
            yield from self.client.feed(data)

    def wait(self, *kinds: type, stage: str | None = None) -> Event:
        """The next event of these kinds; any failure ends the benchmark."""
        for event in self._events:
            if isinstance(event, kinds) and (stage is None or getattr(event, "stage", None) == stage):
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
    return {"image": SAMPLE / "ct.nrrd", "report_text": (SAMPLE / "report.txt").read_text(encoding="utf-8"), "mask": SAMPLE / "nodule.nrrd",
            "out": folder / name, "overwrite": True, **more}


def cancel_seconds(host: Host, folder: Path, stage: str) -> float:
    """From cancelling in a stage to the worker's word that it has stopped."""
    job = host.client.job(request(folder, "c", noises=64, seed=int(time.time())), preview=False)
    host.wait(Progress, stage=stage)
    time.sleep(1.0)
    began = time.perf_counter()
    host.client.cancel(job)
    host.wait(Cancelled)
    return round(time.perf_counter() - began, 2)


def main(jobs: int, out: Path | None) -> None:
    """Measure and print."""
    one, quick = {"slices": [6, 7]}, {"slices": [6, 7], "noises": 2, "steps": 6}
    with tempfile.TemporaryDirectory() as name:
        folder, facts = Path(name), {"cpus": os.cpu_count(), "load": os.getloadavg()}
        began = time.perf_counter()
        host = Host()
        facts["cold, one slice, 2 samples, 6 steps"] = host.timed(request(folder, "a", **quick))
        facts["cold, from the start of the process"] = round(time.perf_counter() - began, 2)
        facts["warm, same slice, same finding"] = host.timed(request(folder, "b", **quick, target="ground-glass opacity"))
        facts["warm, another seed, 2 samples, 6 steps"] = host.timed(request(folder, "b", **quick, seed=1))
        facts["warm, one slice, 8 samples, 10 steps"] = host.timed(request(folder, "b", **one))
        facts["warm, all slices, 8 samples, 10 steps"] = host.timed(request(folder, "b"))
        facts["cancel while reading, s"], facts["cancel while editing, s"] = (cancel_seconds(host, folder, stage) for stage in ("reading", "editing"))
        memory = []
        for index in range(jobs):
            host.timed(request(folder, "m", slices=[6, 7], noises=1, steps=2, seed=index % 7))
            memory.append(getattr(host.wait(Heartbeat), "rssMb", 0.0))
        facts |= {"jobs": jobs, "memory_mb": memory, "load after": os.getloadavg()}
        host.client.shutdown()
        host.process.wait(60)
    print(json.dumps(facts, indent=1))
    if out:
        out.write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
