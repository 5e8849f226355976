"""A worker as a real process, and what is asked of it."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from SlicerDGMVLCLib.protocol import WorkerClient, workerCommand

ROOT = Path(__file__).resolve().parents[3]
REPORT = "There is a 26 mm nodule in the left lung."
PATIENCE_S = 240.0  # a busy machine is slow, not wrong


class Host:
    """Starts a worker and keeps what it says."""

    def __init__(self) -> None:
        command = workerCommand(sys.executable, source=ROOT)
        self.process = subprocess.Popen(
            [command.program, *command.arguments],
            env={**command.environment, "OMP_NUM_THREADS": "2"},
            cwd=ROOT / "Testing",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.client, self.events, self.news = (
            WorkerClient(self.process.stdin.write),
            [],
            threading.Condition(),
        )
        self.raw = b""
        self.threads = [
            threading.Thread(target=self._pump, args=(stream, take), daemon=True)
            for stream, take in (
                (self.process.stdout, self._feed),
                (self.process.stderr, self.client.feedLog),
            )
        ]
        for thread in self.threads:
            thread.start()
        self.client.start()

    def _pump(self, stream, take):
        while data := stream.read(65536):
            take(data)

    def _feed(self, data):
        with self.news:
            self.raw += data
            self.events += self.client.feed(data)
            self.news.notify_all()

    def wait(self, *kinds, id=None, start=0):
        """The first event of these kinds (of this request) from `start` on."""
        end = time.monotonic() + PATIENCE_S
        with self.news:
            while True:
                for event in self.events[start:]:
                    if isinstance(event, kinds) and (
                        id is None or getattr(event, "id", None) == id
                    ):
                        return event
                if (
                    time.monotonic() > end
                    or not self.news.wait(5)
                    and self.process.poll() is not None
                ):
                    raise AssertionError(
                        f"no {kinds} for {id}: {self.events[-5:]}, {list(self.client.log)[-20:]}"
                    )

    def end(self):
        code = self.process.wait(60)
        for thread in self.threads:
            thread.join(20)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


def request(folder, out, **more):
    return {
        "image": folder / "ct é.nrrd",
        "report_text": REPORT,
        "mask": folder / "mask.nrrd",
        "out": folder / out,
        "slices": [5, 7],
        "noises": 1,
        "steps": 2,
        **more,
    }
