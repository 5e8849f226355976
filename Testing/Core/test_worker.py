"""The worker as a real process: handshake, jobs, cancelling, garbage, and an end without
orphans."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from SlicerDGMVLCLib.events import (
    Accepted,
    Cancelled,
    Failed,
    Findings,
    Heartbeat,
    Preview,
    Progress,
    Ready,
    Region,
    Result,
)
from SlicerDGMVLCLib.protocol import WorkerClient, workerCommand

from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.jobs.queued import Pace
from DGMVLCCore.results.manifest import read_manifest

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture
def start():
    hosts = []

    def make():
        hosts.append(Host())
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.fixture(scope="module")
def worker():
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope="module")
def scan(tmp_path_factory, phantom_with_nodule):
    """A small scan with its nodule, in a folder whose name a careless program breaks at."""
    folder = tmp_path_factory.mktemp("Müller, Jürgen – “CT” 肺")
    d, h, w = phantom_with_nodule.shape
    z, y, x = np.mgrid[:d, :h, :w]
    ball = ((z - d / 2) * 4) ** 2 + ((y - h * 0.48) * 2.5) ** 2 + (
        (x - w * 0.71) * 2.5
    ) ** 2 < 13**2
    save_volume(phantom_with_nodule, folder / "ct é.nrrd")
    save_volume(
        phantom_with_nodule.with_array(ball.astype(np.float32), stored_dtype="uint8"),
        folder / "mask.nrrd",
    )
    return folder


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


def test_handshake_says_what_the_weights_know(worker):
    ready = worker.wait(Ready)
    assert (
        ready.pid == worker.process.pid
        and "nodule" in ready.findings
        and "cpu" in ready.devices
        and len(ready.weights["sha256"]) == 64
    )


def test_two_jobs_are_done_in_order_each_with_preview_and_result(worker, scan):
    first = worker.client.job(request(scan, "one"))
    second = worker.client.job(request(scan, "zwei ü"), preview=False)
    report = worker.client.report(REPORT)
    findings = worker.wait(Findings, id=report)
    assert (
        not worker.client.pending
        or findings.findings[0]["term"] == "nodule"
        and findings.findings[0]["size_mm"] == 26
    )
    done = [worker.wait(Result, Failed, Cancelled, id=id) for id in (first, second)]
    assert [type(d) for d in done] == [Result, Result], done
    order = [(type(e), e.id) for e in worker.events if not isinstance(e, Ready | Heartbeat)]
    assert (
        order.index((Findings, report))
        < order.index((Result, first))
        < order.index((Progress, second))
    ), "reports are answered while a job runs"
    manifest = read_manifest(Path(done[1].manifest))
    assert Path(done[1].manifest).parent == scan / "zwei ü" and manifest["synthetic"]
    assert "scene" not in {f["role"] for f in manifest["files"]}
    preview = worker.wait(Preview, id=first)
    shown, whole = load_volume(preview.path), load_volume(scan / "ct é.nrrd")
    assert (
        shown.array.shape == (1, *whole.array.shape[1:])
        and 5 <= preview.slice < 7
        and "synthetic" in preview.note
    )
    place = shown.affine @ (0, 0, 0, 1)
    assert np.allclose(place, whole.affine @ (0, 0, preview.slice, 1))
    edited = shown.array[0] != whole.array[preview.slice]
    mask = load_volume(scan / "one" / "counterfactual.nrrd").array != whole.array
    assert (
        edited.any()
        and not (
            edited & ~load_labels(scan / "one" / "edit-mask.seg.nrrd", whole).union()[preview.slice]
        ).any()
        and mask.any()
    )
    header = Path(preview.path).read_bytes()[:1500]
    assert b"DGMVLC_Preview" in header and b"DGMVLC_Synthetic" in header
    assert not any(isinstance(e, Preview) and e.id == second for e in worker.events)


def test_progress_of_a_job_never_goes_back(worker, scan):
    worker.wait(Ready)
    job = worker.client.job(request(scan, "three", slices=[5, 6]))
    worker.wait(Result, id=job)
    told = [e for e in worker.events if isinstance(e, Progress) and e.id == job]
    stages = list(dict.fromkeys(e.stage for e in told))
    assert stages == ["loading", "reading", "editing", "writing"]
    for stage in stages:
        shares = [e.share for e in told if e.stage == stage]
        assert shares == sorted(shares)
    assert all(e.secondsLeft is None or e.secondsLeft >= 0 for e in told) and told[-1].share == 1


def test_a_running_and_a_queued_job_are_cancelled(worker, scan):
    running = worker.client.job(request(scan, "long", noises=500, steps=50))
    queued = worker.client.job(request(scan, "never"))
    worker.wait(Preview, id=running)
    worker.client.cancel(queued)
    assert worker.wait(Cancelled, Result, id=queued) == Cancelled(queued)
    while worker.wait(Progress, id=running, start=len(worker.events) - 1).stage != "editing":
        pass
    worker.client.cancel(running)
    assert worker.wait(Cancelled, Result, id=running) == Cancelled(running)
    after = worker.client.job(request(scan, "after"), preview=False)
    worker.wait(Result, id=after)
    assert {"long", "never"}.isdisjoint(p.name for p in scan.iterdir()) and not list(
        scan.glob(".*partial*")
    )


def test_cancelling_while_reading_and_before_the_scan_is_loaded(worker, scan):
    job = worker.client.job(request(scan, "r", slices=None, seed=7), preview=False)
    while worker.wait(Progress, id=job, start=len(worker.events) - 1).stage != "reading":
        pass
    worker.client.cancel(job)
    assert worker.wait(Cancelled, Result, id=job) == Cancelled(job)
    worker.client.cancel("nobody")
    early = worker.client.job(request(scan, "e"))
    worker.client.cancel(early)
    assert worker.wait(Cancelled, Result, id=early) == Cancelled(early)
    assert not (scan / "r").exists() and not (scan / "e").exists()


def test_garbage_gets_an_error_and_does_no_harm(worker, scan):
    worker.wait(Ready)
    before = len(worker.events)
    lines = [
        b"garbage",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b"{}",
        b'{"type": 5}',
        b"[" * 100000,
        b'{"type": "dance", "id": "d"}',
        b'{"type": "job", "request": {}}',
        b"",
        b'{"type": "report", "id": "r9", "text": 7}',
    ]
    for line in lines:
        worker.process.stdin.write(line + b"\n")
    last = worker.client.report("No nodule.")
    worker.wait(Findings, id=last)
    failed = [e for e in worker.events[before:] if isinstance(e, Failed)]
    assert [e.id for e in failed] == [None] * 6 + ["d", None, "r9"] and all(
        e.message.endswith(".") and e.advice for e in failed
    )
    assert worker.process.poll() is None


@pytest.mark.parametrize(
    "change, words, kind",
    [
        ({"nosie": 3}, "unknown field nosie", "UsageError"),
        ({"noises": "3"}, "noises must be a whole number", "UsageError"),
        ({"slices": [1, 2, 3]}, "slices must be two whole numbers", "UsageError"),
        ({"image": None}, "image must be a path", "UsageError"),
        ({"report_source": {"name": 1}}, "report_source must be a report file", "UsageError"),
        ({"seed": True}, "seed must be", "UsageError"),
        ({"image": "/no/such.nrrd"}, "does not exist", "UnreadableError"),
        ({"report_text": "Clear."}, "names no present finding", "UnsuitableInputError"),
        ({"slices": [5, 99]}, "not within", "UsageError"),
        ({"device": "cuda:7"}, "not on this machine", "DeviceError"),
        ({"out": "/no/where/out"}, "does not exist", "OutputError"),
        ({"weights": "/no/weights"}, "no weights", "WeightsError"),
    ],
)
def test_every_refusal_is_typed_and_names_what_is_wrong(worker, scan, change, words, kind):
    job = worker.client.job({**request(scan, "refused"), **change})
    failed = worker.wait(Failed, Result, id=job)
    assert failed.kind == kind and words in failed.message and failed.advice and failed.exitCode > 0
    assert not (scan / "refused").exists()


def test_an_unknown_task_and_a_request_that_is_no_object_are_refused(worker):
    failed = worker.wait(Failed, id=worker.client.task("dance", {}))
    assert failed.kind == "UsageError" and "dance" in failed.message


def test_an_id_is_used_once_at_a_time(worker, scan):
    worker.wait(Ready)
    before = len(worker.events)
    line = json.dumps({"type": "job", "id": "same", "request": request(scan, "s")}, default=str)
    worker.process.stdin.write((line + "\n" + line + "\n").encode())
    failed = worker.wait(Failed, start=before)
    assert failed.id is None and "still open" in failed.message
    worker.client.cancel("same")
    worker.wait(Cancelled, id="same", start=before)


def test_a_read_only_output_is_refused(worker, scan, tmp_path):
    tmp_path.chmod(0o500)
    folder = (
        tmp_path if os.geteuid() else Path("/proc")
    )  # root may write where others may not, but not there
    job = worker.client.job(
        {**request(scan, "x", slices=[5, 6]), "out": folder / "out"}, preview=False
    )
    failed = worker.wait(Failed, Result, id=job)
    assert failed.kind == "OutputError" and failed.exitCode == 6 and str(folder) in failed.message


def test_a_region_is_proposed_as_a_segmentation(worker, scan):
    region = worker.client.region(request(scan, "region.seg.nrrd", mask=None))
    found = worker.wait(Region, Failed, id=region)
    if isinstance(
        found, Failed
    ):  # other weights may not see the phantom's ball; then they must say so
        assert found.kind == "UnsuitableInputError" and "nodule" in found.message
        return
    labels = load_labels(found.path, load_volume(scan / "ct é.nrrd"))
    assert (
        found.volumeMl > 0
        and 0 < found.score <= 1
        and "nodule" in found.sentence
        and labels.union().any()
    )


def test_repeated_jobs_do_not_grow(worker, scan):
    process = psutil.Process(worker.process.pid)
    sizes = []
    for index in range(5):
        job = worker.client.job(request(scan, "again", slices=[5, 6], overwrite=True, seed=index))
        assert isinstance(worker.wait(Result, Failed, id=job), Result)
        sizes.append(process.memory_info().rss / 2**20)
    assert max(sizes[3:]) - sizes[1] < 60, sizes
    assert len(list(Path(worker.wait(Preview).path).parent.iterdir())) == 1, "one preview stays"


def test_a_killed_worker_is_seen_as_one_sentence(start, scan):
    host = start()
    host.wait(Ready)
    job = host.client.job(request(scan, "killed", noises=500, steps=50))
    host.wait(Accepted, id=job)
    host.process.kill()
    (end,) = host.client.ended(host.end())
    assert end.pending == (job,) and end.message.count(".") == 1 and end.advice
    assert not (scan / "killed").exists()
    if os.name != "nt":
        assert "stopped by the system" in end.message


def test_asked_to_end_it_ends_and_cleans_up(start, scan):
    host = start()
    job = host.client.job(request(scan, "left", noises=500, steps=50))
    folder = Path(host.wait(Preview, id=job).path).parent
    host.client.shutdown()
    assert host.end() == 0 and host.client.ended(0)[0].planned
    assert not folder.exists() and not (scan / "left").exists()


def test_standard_input_that_ends_is_an_end(start):
    host = start()
    host.process.stdin.close()
    assert host.end() == 0
    assert all(json.loads(line)["type"] for line in host.raw.splitlines()), (
        "nothing but protocol lines on standard output"
    )


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_death_of_its_parent_ends_it(tmp_path):
    """The parent is killed while another process still holds the pipe open, so that only the
    parent's absence tells."""
    read, write = os.pipe()
    code = (
        "import subprocess, sys, time, os\n"
        f"p = subprocess.Popen([sys.executable, '-m', 'DGMVLCCore.cli', 'worker'], stdin={read}, "
        "stdout=subprocess.DEVNULL)\n"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        pass_fds=(read,),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        encoding="utf-8",
    )
    try:
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(3)
        parent.send_signal(signal.SIGKILL)
        parent.wait(20)
        psutil.wait_procs([child], timeout=60)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    finally:
        parent.kill()
        parent.stdout.close()
        os.close(read)
        os.close(write)


def test_another_protocol_is_answered_with_the_own_one(start):
    host = start()
    host.process.stdin.write(
        b'{"type": "hello", "protocol": 2}\n{"type": "report", "id": "a", "text": "x"}\n'
    )
    failed = host.wait(Failed)
    assert "protocol 2" in failed.message


def test_the_time_left_is_learned():
    pace = Pace()
    pace.start()
    assert (
        pace.left("loading", 0.0, 0.0) is None
        and pace.left("reading", 0.0, 1.0) is None
        and pace.left("reading", 0.5, 3.0) is None
    )
    pace.plan(100)
    pace.left("editing", 0.0, 10.0)
    assert pace.left("editing", 0.5, 60.0) == pytest.approx(50 + pace.writing_s)
    pace.left("writing", 0.0, 110.0)
    assert pace.left("writing", 1.0, 113.0) == 0 and pace.writing_s == 3
    pace.start()
    pace.left("reading", 0.0, 200.0)
    pace.plan(10)
    assert pace.left("reading", 0.5, 202.0) == pytest.approx(2 + 10 * 1.0 + 3)
