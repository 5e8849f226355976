"""The line protocol, host side: messages, events, and one sentence for every way a worker can
end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from SlicerDGMVLCLib import protocol
from SlicerDGMVLCLib.events import Ended, Failed, Preview, Progress, Ready, Result, decodeEvent
from SlicerDGMVLCLib.protocol import LineDecoder, WorkerClient, encodeMessage, workerCommand

HELLO = {
    "type": "hello",
    "protocol": 1,
    "version": "0.1.0",
    "pid": 7,
    "findings": ["nodule"],
    "attributes": [],
    "devices": ["cpu"],
    "weights": {"name": "w", "sha256": "0"},
}


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def link():
    sent, clock = [], Clock()
    client = WorkerClient(sent.append, clock)
    client.start()
    return client, sent, clock


def line(**message):
    return json.dumps(message).encode() + b"\n"


def test_import_needs_neither_slicer_nor_the_core():
    code = (
        "import sys, SlicerDGMVLCLib.protocol; sys.exit(any(m in sys.modules for m in ('slicer', "
        "'qt', 'vtk', 'numpy', 'torch', 'DGMVLCCore')))"
    )
    folder = Path(protocol.__file__).resolve().parents[1]
    assert (
        subprocess.run(
            [sys.executable, "-S", "-c", code],
            env={"PYTHONPATH": str(folder), "PATH": ""},
            timeout=60,
        ).returncode
        == 0
    )


def test_a_whole_job_in_odd_pieces(link):
    client, sent, _ = link
    job = client.job({"image": Path("/a b/é.nrrd"), "out": "r"}, preview=True)
    assert json.loads(sent[0]) == {"type": "hello", "protocol": 1}
    assert json.loads(sent[1]) == {
        "type": "job",
        "id": job,
        "request": {"image": str(Path("/a b/é.nrrd")), "out": "r"},
        "preview": True,
    }
    stream = b"".join(
        [
            line(**HELLO),
            line(type="accepted", id=job),
            line(type="progress", id=job, stage="editing", share=1.7, seconds_left=None),
            line(type="preview", id=job, path="é.nrrd", slice=4, note="n"),
            line(type="result", id=job, manifest="m"),
        ]
    )
    events = [event for i in range(0, len(stream), 7) for event in client.feed(stream[i : i + 7])]
    assert [type(e).__name__ for e in events] == [
        "Ready",
        "Accepted",
        "Progress",
        "Preview",
        "Result",
    ]
    assert (
        isinstance(events[0], Ready)
        and client.state == "ready"
        and client.ready.findings == ("nodule",)
    )
    assert (
        events[2] == Progress(job, "editing", 1.0, None)
        and events[3] == Preview(job, "é.nrrd", 4, "n")
        and events[4] == Result(job, "m")
    )
    assert client.pending == []


def test_noise_unknown_kinds_and_wrong_fields_do_no_harm(link):
    client, _, _ = link
    noise = [
        b"Loading weights\n",
        b"\xff\xfe\n",
        b"[1]\n",
        b"{}\n",
        b"[" * 5000 + b"\n",
        b"\n",
        line(type="sparkle"),
        line(type="progress", id=3),
        line(type="hello", protocol=1),
        line(type="progress", id="a", stage="x", share="much", seconds_left=1),
        line(type="error", id=None),
    ]
    assert client.feed(b"".join(noise)) == [] and client.state == "starting"
    assert client.feed(line(**HELLO))[0].pid == 7


def test_a_line_without_an_end_is_dropped(monkeypatch):
    monkeypatch.setattr(protocol, "LONGEST_LINE", 100)
    decoder = LineDecoder()
    assert decoder.feed(b"x" * 101) == [] and decoder.rest == b"" and decoder.noise


def test_messages_are_one_line_each():
    text = "a\nb\u2028c“d”\udcff"
    data = encodeMessage("report", id="1", text=text)
    assert data.count(b"\n") == 1
    assert LineDecoder().feed(data)[0]["text"] == text


def test_another_protocol_is_refused_with_a_sentence(link):
    client, sent, _ = link
    job = client.report("x")
    (end,) = client.feed(line(**{**HELLO, "protocol": 2}) + line(type="accepted", id=job))
    assert (
        isinstance(end, Ended)
        and "protocol 2" in end.message
        and "Install" in end.advice
        and end.pending == (job,)
    )
    assert (
        json.loads(sent[-1])["type"] == "shutdown"
        and client.feed(line(**HELLO)) == []
        and client.ended(0) == []
    )


def test_silence_is_noticed_once_and_not_while_the_host_slept(link):
    client, _, clock = link
    client.feed(line(**HELLO))
    job = client.job({})
    for _ in range(9):
        clock.now += 2
        assert client.tick() == []
    client.feed(line(type="heartbeat", uptime_s=1, busy=job, rss_mb=10.0))
    assert client.heartbeat.busy == job
    clock.now += 500  # a modal dialog or a closed lid: the lines are still in the pipe
    assert client.tick() == []
    seen = []
    for _ in range(45):
        clock.now += 2
        seen += client.tick()
    assert (
        len(seen) == 1 and "not answered for 62 s" in seen[0].message and seen[0].pending == (job,)
    )
    with pytest.raises(RuntimeError, match="not running"):
        client.job({})


def test_a_slow_start_is_waited_for(link):
    client, _, clock = link
    seen = []
    for _ in range(50):
        clock.now += 2
        seen.append(client.tick())
    assert not any(seen[:45]) and seen[45] and not any(seen[46:])


@pytest.mark.parametrize(
    "code, crashed, log, words",
    [
        (-9, False, "", "memory ran out"),
        (9, True, "", "memory ran out"),
        (-11, False, "", "signal 11"),
        (3, False, "a\nZeroDivisionError: x", "exit code 3): ZeroDivisionError"),
        (1, False, "/usr/bin/python: No module named DGMVLCCore.cli", "no dgmvlc"),
        (2, False, "argument COMMAND: invalid choice: 'worker'", "too old"),
        (0, False, "", "exit code 0"),
    ],
)
def test_every_end_has_its_sentence(link, code, crashed, log, words):
    client, _, _ = link
    client.feedLog(log.encode())
    (end,) = client.ended(code, crashed)
    assert (
        words in end.message
        and end.message.endswith(".")
        and "\n" not in end.message
        and end.advice
        and not end.planned
    )
    assert client.ended(code) == []


def test_a_planned_end_is_no_fault(link):
    client, _, _ = link
    client.shutdown()
    (end,) = client.ended(0)
    assert end.planned


def test_a_broken_pipe_waits_for_the_end_of_the_process():
    def write(_):
        raise BrokenPipeError("gone")

    client = WorkerClient(write)
    client.start()
    job = client.job({})
    assert client.ended(-9)[0].pending == (job,)


def test_a_python_that_is_not_there(link):
    client, _, _ = link
    (end,) = client.failedToStart("/no/python", "no such file")
    assert "/no/python could not be started (no such file)" in end.message


def test_an_error_without_id_ends_no_request(link):
    client, _, _ = link
    job = client.job({})
    (failed,) = client.feed(
        line(type="error", id=None, kind="Protocol", exit_code=2, message="m", advice="a")
    )
    assert isinstance(failed, Failed) and client.pending == [job]
    client.feed(line(type="error", id=job, kind="UsageError", exit_code=2, message="m", advice="a"))
    assert client.pending == []


def test_the_command_leaves_the_hosts_libraries_behind():
    host = {
        "PATH": "/bin",
        "HOME": "/h",
        "PYTHONHOME": "x",
        "PYTHONPATH": "x",
        "LD_LIBRARY_PATH": "x",
        "LD_PRELOAD": "x",
        "QT_PLUGIN_PATH": "x",
    }
    command = workerCommand("/opt/my python/bin/python", environment=host)
    assert command.program == "/opt/my python/bin/python" and command.arguments[-1] == "worker"
    assert (
        set(host) & set(command.environment) == {"PATH", "HOME"}
        and command.environment["OMP_WAIT_POLICY"] == "PASSIVE"
    )
    assert workerCommand("p", source="/src", environment=host).environment["PYTHONPATH"] == "/src"


@pytest.mark.parametrize("value", [10**400, "9" * 400, None, [], True, "nan"])
def test_numbers_of_a_worker_that_are_none_end_no_viewer(value):
    assert decodeEvent({"type": "heartbeat", "uptime_s": 1, "busy": None, "rss_mb": value}) is None
    assert decodeEvent({"type": "progress", "id": "a", "stage": "b", "share": value}) is None
