"""What a worker refuses: garbage, wrong requests, another protocol; none does it harm."""

import json
import os
from pathlib import Path

import pytest
from SlicerDGMVLCLib.events import (
    Cancelled,
    Failed,
    Findings,
    Ready,
    Result,
)

from Testing.Core.worker.host import request


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


def test_another_protocol_is_answered_with_the_own_one(start):
    host = start()
    host.process.stdin.write(
        b'{"type": "hello", "protocol": 2}\n{"type": "report", "id": "a", "text": "x"}\n'
    )
    failed = host.wait(Failed)
    assert "protocol 2" in failed.message
