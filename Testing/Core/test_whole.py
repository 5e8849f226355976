"""A writer that is killed leaves the old or the new, and no rest after the next start."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from DGMVLCCore.errors import OutputError, UsageError, as_dgmvlc_error
from DGMVLCCore.ground.scratch import is_litter, make_scratch, owner, scratch_folder, sweep
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.results.folders import check_output, replaced_folder, whole_folder

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX matter")
WRITE = """
import sys
from pathlib import Path
from DGMVLCCore.results.folders import replaced_folder
from DGMVLCCore.ground.whole import whole_file
out, what = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
number = 0
while True:
    number += 1
    if what == "file":
        with whole_file(out) as path:
            path.write_text(f"{number}\\n" * 5000)
    else:
        with replaced_folder(out, replace=what == "replace") as folder:
            for name in range(8):
                (folder / str(name)).write_text(f"{number}\\n" * 500)
        if what == "new":
            import shutil
            shutil.rmtree(out)
"""


def started(*arguments, code=WRITE):
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == "ready\n"
    return process


def is_whole(out):
    files = [out] if out.is_file() else list(out.iterdir())
    lines = {line for file in files for line in file.read_text(encoding="utf-8").split()}
    assert len(files) in (1, 8) and len(lines) == 1, lines
    assert all(len(file.read_text(encoding="utf-8").split()) in (500, 5000) for file in files)


@POSIX
@pytest.mark.parametrize("what", ["file", "replace"])
@pytest.mark.parametrize("exchange", [True, False])
def test_kill_at_a_random_moment_leaves_old_or_new_and_no_rest(tmp_path, what, exchange):
    out, rng = tmp_path / "out", random.Random(f"{what} {exchange}")
    without = "import DGMVLCCore.ground.whole as w; w._exchange = lambda one, two: False\n"
    for _ in range(8):
        process = started(out, what, code=WRITE if exchange else without + WRITE)
        while not out.exists():
            time.sleep(0.01)
        time.sleep(0.15 * rng.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if what == "file":
            is_whole(out)
            with whole_file(out) as path:
                path.write_text("0\n" * 500, encoding="utf-8")
        else:
            with pytest.raises(OutputError, match="exists already"):
                check_output(out, False)
            is_whole(out)
        assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_of_two_runs_for_one_place_the_second_fails_and_the_first_stays(tmp_path):
    out = tmp_path / "out"
    with (
        pytest.raises(OutputError, match="written there meanwhile"),
        whole_folder(out, False) as second,
    ):
        (second / "result.json").write_text("second", encoding="utf-8")
        with whole_folder(out, False) as first:
            (first / "result.json").write_text("first", encoding="utf-8")
    assert (out / "result.json").read_text(encoding="utf-8") == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_a_living_run_writes_is_left_alone(tmp_path):
    out = tmp_path / "out"
    with replaced_folder(out) as folder:
        (folder / "a").write_text("1", encoding="utf-8")
        check_output(out, False)
        assert (folder / "a").read_text(encoding="utf-8") == "1"
    old = tmp_path / f".out.00000000.{owner().split('-')[0]}-999999999-1.partial"
    old.mkdir()
    foreign = tmp_path / ".out.00000000.partial"
    foreign.mkdir()
    with pytest.raises(OutputError, match="exists already"):
        check_output(out, False)
    assert not old.exists() and foreign.exists()


def test_a_clock_that_was_set_makes_no_living_run_litter(tmp_path):
    """A process's start is told by the clock, which may be set while it runs."""
    machine, pid, start = owner().split("-")
    for off, litter in ((-50, False), (50, False), (-5000, True)):
        assert is_litter(tmp_path, f"{machine}-{pid}-{int(start) + off}") == litter


def test_a_folder_that_goes_while_it_is_looked_at_is_no_trouble(tmp_path, monkeypatch):
    """Another run removes its own at that moment."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    going = tmp_path / f"dgmvlc-zip-{owner()}-abc"
    going.mkdir()
    is_dir = Path.is_dir

    def gone_after_it(path):
        there = is_dir(path)
        if path == going and there:
            going.rmdir()
        return there

    monkeypatch.setattr(Path, "is_dir", gone_after_it)
    assert make_scratch("zip").exists() and not going.exists()


def test_patient_data_of_a_killed_run_goes_at_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = (
        "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from DGMVLCCore.ground.scratch import make_scratch\n"
        "(make_scratch('worker') / 'scan.nrrd').write_text('patient')\n"
        "print('ready', flush=True); os.kill(os.getpid(), 9)"
    )
    started(tmp_path, code=code).communicate()
    (left,) = tmp_path.iterdir()
    assert left.stat().st_mode & 0o077 == 0
    mine = make_scratch("worker")
    assert [p.name for p in tmp_path.iterdir()] == [mine.name] and sweep() == []
    with scratch_folder("zip") as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_a_record_alone_makes_no_folder_ours(tmp_path):
    thesis = tmp_path / "thesis"
    (thesis / "chapters").mkdir(parents=True)
    (thesis / "chapters" / "one.txt").write_text("years of work", encoding="utf-8")
    for record in ("result.json", "cases.json", "study.json", "analysis.json", "dicom.json"):
        (thesis / record).write_text(json.dumps({"software": {"name": "dgmvlc"}}), encoding="utf-8")
        with pytest.raises(OutputError, match="no result of this program"):
            check_output(thesis, True, record)
        (thesis / record).unlink()
    assert Path(thesis / "chapters" / "one.txt").read_text(encoding="utf-8") == "years of work"


def test_a_long_name_is_written_and_one_too_long_is_one_sentence(tmp_path):
    long = tmp_path / ("ä" * 120 + ".txt")  # 244 bytes
    with whole_file(long) as path:
        path.write_text("1", encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == [long.name]
    with pytest.raises(OSError) as caught:
        (tmp_path / ("n" * 300)).stat()
    assert isinstance(as_dgmvlc_error(caught.value), UsageError)
