"""How a worker ends: killed, asked to, with its input or its parent; without orphans."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from SlicerDGMVLCLib.events import (
    Accepted,
    Preview,
    Ready,
)

from Testing.Core.worker.host import ROOT, request


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
