"""A worker on another machine: through a stand-in for ssh with latency and cuts, and through
Debian's sshd on loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from SlicerDGMVLCLib.bridge_files import Refused, files_of, put_in_place, replaceable
from SlicerDGMVLCLib.events import Answer, Failed, Findings, Ready, Region
from SlicerDGMVLCLib.protocol import WorkerClient, isRemote, remoteCommand

from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels

ROOT = Path(__file__).resolve().parents[2]
REPORT = "There is a 26 mm nodule in the left lung."
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
# Starts the program that ssh would start there; the first connection is cut within
# the first request, and every piece comes late.
STAND_IN = """
import os, pathlib, subprocess, sys, threading, time
count = pathlib.Path(sys.argv[1])
turn = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(turn))
begun = False
process = subprocess.Popen(sys.argv[-1], shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def up():
    while data := os.read(0, 65536):
        time.sleep(0.02)
        process.stdin.write(data)
        process.stdin.flush()
    process.stdin.close()
threading.Thread(target=up, daemon=True).start()
while data := os.read(process.stdout.fileno(), 4096):
    time.sleep(0.005)
    if turn == 1 and begun:
        process.kill()
        os._exit(255)
    begun = begun or b'"accepted"' in data
    os.write(1, data)
"""


class Viewer:
    """Starts a bridge as a viewer does, and keeps what it says."""

    def __init__(self, ssh: str, host: str = "somebody@there") -> None:
        python = f"env PYTHONPATH={ROOT} OMP_NUM_THREADS=1 {sys.executable} -m DGMVLCCore.cli"
        command = remoteCommand(f"ssh {host} {python}", sys.executable)
        self.process = subprocess.Popen(
            [command.program, *command.arguments],
            env={**command.environment, "DGMVLC_SSH": ssh},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.client, self.events = WorkerClient(self.process.stdin.write), []
        for stream, take in (
            (self.process.stdout, lambda data: self.events.extend(self.client.feed(data))),
            (self.process.stderr, self.client.feedLog),
        ):
            threading.Thread(target=self._pump, args=(stream, take), daemon=True).start()
        self.client.start()

    def _pump(self, stream, take):
        while data := stream.read(65536):
            take(data)

    def wait(self, kinds, id=None, patience=400.0):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for event in list(self.events):
                if isinstance(event, kinds) and (id is None or event.id == id):
                    return event
            time.sleep(0.05)
        raise AssertionError(f"no {kinds}: {self.events[-5:]} {list(self.client.log)[-20:]}")

    def close(self):
        self.client.shutdown()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


@pytest.fixture
def viewer():
    made = []

    def start(*args):
        made.append(Viewer(*args))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()


def regions_come_back(host, scan, out):
    """Ask for a region of a scan of this machine; it comes back to this machine."""
    job = host.client.region({"image": str(scan), "report_text": REPORT, "out": str(out)})
    event = host.wait((Region, Failed), job)
    assert isinstance(event, Region), event
    assert Path(event.path) == out
    assert load_labels(out, load_volume(scan)).union().any()


@pytest.fixture
def scan(tmp_path, phantom_with_nodule):
    path = tmp_path / "Müller – CT.nrrd"
    save_volume(phantom_with_nodule, path)
    return path


def test_files_travel_and_a_cut_is_mended(viewer, scan, tmp_path):
    script, count = tmp_path / "ssh.py", tmp_path / "count"
    script.write_text(STAND_IN, encoding="utf-8")
    host = viewer(f"{sys.executable} {script} {count}")
    assert host.wait(Ready).findings
    regions_come_back(host, scan, tmp_path / "region.seg.nrrd")
    assert int(count.read_text(encoding="utf-8")) >= 2, "the connection was cut and made again"
    assert sum(isinstance(event, Ready) for event in host.events) == 1
    accepted = [e for e in host.events if type(e).__name__ == "Accepted"]
    assert len({e.id for e in accepted}) == len(accepted) == 1
    labels = tmp_path / "anatomy.nrrd"
    asked = host.client.task("prepare", {"image": str(scan), "out": str(labels)})
    event = host.wait((Answer, Failed), asked)
    assert isinstance(event, Answer) and event.answer["labels"] == str(labels), event
    assert labels.stat().st_size > 0
    found = host.wait(Findings, host.client.report(REPORT))
    assert found.findings[0].term == "nodule"
    gone = host.client.region({"image": str(tmp_path / "no.nrrd"), "out": str(tmp_path / "x")})
    assert "no.nrrd does not exist" in host.wait(Failed, gone).message
    taken = host.client.job({"image": str(scan), "report_text": REPORT, "out": str(scan)})
    assert "exists already" in host.wait(Failed, taken).message
    task = host.client.task("review-open", {"folder": str(tmp_path), "session": "s"})
    assert "this machine" in host.wait(Failed, task).message
    assert host.close() == 0 and not list(tmp_path.glob("*.arriving"))


def test_a_host_that_lets_nobody_in_ends_with_what_ssh_said(viewer):
    program = f"{sys.executable} -c \"import sys; sys.exit('Permission denied (publickey).')\""
    host = viewer(program)
    assert host.process.wait(30) == 1
    time.sleep(0.2)
    assert "Permission denied" in host.client.ended(1)[0].message


def test_only_our_own_results_are_replaced(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    record = '{"software": {"name": "dgmvlc"}, "files": [{"name": "a.nrrd"}]}'
    (out / "result.json").write_text(record, encoding="utf-8")
    (out / "a.nrrd").write_text("old", encoding="utf-8")
    assert replaceable(out)
    arrived = tmp_path / "new"
    arrived.mkdir()
    (arrived / "result.json").write_text(record, encoding="utf-8")
    put_in_place(arrived, out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in out.iterdir()] == ["result.json"]
    (out / "thesis.docx").write_text("mine", encoding="utf-8")
    assert not replaceable(out)
    with pytest.raises(Refused, match="does not exist"):
        files_of(tmp_path / "nothing")


def test_a_remote_worker_is_named_by_its_host():
    assert isRemote("ssh me@there") and not isRemote("/opt/ssh/python") and not isRemote("")
    command = remoteCommand("ssh me@there /opt/x/dgmvlc", "python")
    assert command.arguments[2:] == ["me@there", "/opt/x/dgmvlc"]
    for bad in ("ssh", "ssh -oProxyCommand=x me@there"):
        with pytest.raises(ValueError, match="USER@HOST"):
            remoteCommand(bad, "python")


@pytest.mark.skipif(
    SSHD is None, reason="sshd is missing; on Debian: apt-get install openssh-server"
)
def test_through_a_real_sshd_on_this_machine(viewer, scan, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True
        )
    (tmp_path / "allowed").write_text(
        (tmp_path / "user.pub").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "sshd.conf").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path}/allowed\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n",
        encoding="utf-8",
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen(
        [str(SSHD), "-D", "-e", "-f", str(tmp_path / "sshd.conf")], stderr=subprocess.PIPE
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        host = viewer(
            f"ssh -T -F none -o BatchMode=yes -o IdentitiesOnly=yes -i {tmp_path}/user -p {port} "
            "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            f"{getpass.getuser()}@127.0.0.1",
        )
        assert host.wait(Ready).findings
        regions_come_back(host, scan, tmp_path / "region.seg.nrrd")
        assert host.close() == 0
    finally:
        server.kill()
        server.wait()
        server.stderr.close()
