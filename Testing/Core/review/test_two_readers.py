"""Two readers of one session lose nothing, and a session of somebody else leads nowhere."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec import to_builtins

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import DECISIONS
from DGMVLCCore.review.worklist import load_study

DECIDE = """
import sys
from DGMVLCCore.review.decisions import ReviewSession
session = ReviewSession.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    session.decide(f"a-ct/{number}", "accepted", sys.argv[4])
    print(number, flush=True)
"""


def reader(folder, first, last, name):
    """A process that decides on regions [first, last), told when to begin."""
    return subprocess.Popen(
        [sys.executable, "-c", DECIDE, folder, str(first), str(last), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.fixture
def session(studies, tmp_path, found):
    made = ReviewSession.create(studies, tmp_path / "session")
    found(made, "a-ct", regions=400)
    return made


def test_what_two_readers_save_at_once_is_all_there(session):
    readers = [reader(session.folder, 1, 41, "one"), reader(session.folder, 41, 81, "two")]
    for process in readers:
        assert process.stdout.readline() == "ready\n"
    for process in readers:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in readers:
        process.communicate(timeout=120)
        assert process.returncode == 0
    made = session.decisions()
    assert set(made) == {f"a-ct/{n}" for n in range(1, 81)}
    assert {row.comment for row in made.values()} == {"one", "two"}
    history = session.history()
    assert len(history) == 80 and all("@" in row.by and row.when for row in history)
    summary = json.loads((session.folder / DECISIONS).read_text(encoding="utf-8"))
    assert summary["decisions"] == to_builtins(made)


def test_a_reader_that_is_killed_keeps_what_it_acknowledged(session):
    process = reader(session.folder, 1, 400, "mine")
    process.stdout.readline()
    process.stdin.write("\n")
    process.stdin.flush()
    acknowledged = [process.stdout.readline() for _ in range(12)]
    process.kill()
    rest = process.communicate(timeout=60)[0].splitlines()
    numbers = {int(line) for line in (*acknowledged, *rest) if line.strip()}
    assert numbers <= {int(key.split("/")[1]) for key in session.decisions()}
    session.decide("a-ct/399", "rejected")
    assert session.decisions()["a-ct/399"].verdict == "rejected"


def test_each_sees_what_the_other_decided_and_the_order_is_kept(session):
    other = ReviewSession.open(session.folder)
    session.decide("a-ct/1", "accepted", "mine")
    assert other.decisions()["a-ct/1"].comment == "mine"
    other.decide("a-ct/1", "rejected")
    now = session.decisions()["a-ct/1"]
    assert (now.verdict, now.comment) == ("rejected", "mine")
    assert [row.verdict for row in session.history()] == ["accepted", "rejected"]


def test_a_session_without_a_log_goes_on(session):
    session.decide("a-ct/1", "accepted", "early")
    for path in session.log.place.iterdir():
        path.unlink()
    session.log.place.rmdir()
    again = ReviewSession.open(session.folder)
    assert again.decisions()["a-ct/1"].comment == "early"
    again.decide("a-ct/2", "rejected")
    assert {key: row.verdict for key, row in again.decisions().items()} == {
        "a-ct/1": "accepted",
        "a-ct/2": "rejected",
    }


def changed(path, change):
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    path.write_text(json.dumps(fields), encoding="utf-8")


def put(at, value):
    """A change of the value at a path of keys."""

    def change(fields):
        for key in at[:-1]:
            fields = fields[key]
        fields[at[-1]] = value

    return change


@pytest.mark.parametrize(
    "at, value",
    [
        (["studies", 0, "id"], "../../x"),
        (["studies", 0, "id"], "a/b"),
        (["studies", 0, "id"], ""),
        (["studies", 0, "path"], "../../etc/passwd"),
        (["studies", 0, "path"], "/etc/passwd"),
        (["studies", 0, "files"], ["../../../etc/passwd"]),
        (["studies", 0, "report"], "../../../../etc/passwd"),
        (["studies", 0, "report"], "passwd"),
        (["studies", 0, "series"], 5),
        (["studies", 0, "chosen"], "one"),
        (["studies"], {}),
        (["studies", 0], None),
        (["states"], {"a-ct": "odd"}),
        (["folder"], 7),
        (["schema_version"], 1),
    ],
)
def test_a_worklist_of_somebody_else_is_held_to_its_schema_and_folder(session, at, value):
    path = session.folder / "worklist.json"
    changed(path, put(at, value))
    before = path.read_bytes()
    with pytest.raises(UnreadableError) as caught:
        ReviewSession.open(session.folder)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 1500
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["{0}/secret.txt", "C:\\Users\\x\\secret.txt", "{0}/.."])
def test_a_report_elsewhere_that_a_session_names_is_not_followed(session, tmp_path, name):
    (tmp_path / "secret.txt").write_text("14 mm nodule in the right upper lobe.", encoding="utf-8")
    study = session.studies[0].id
    changed(session.folder / "worklist.json", put(["studies", 0, "report"], name.format(tmp_path)))
    opened = ReviewSession.open(session.folder)
    assert opened.study(study).report is None and opened.report(opened.study(study)) is None
    assert any("outside its own folder" in note for note in opened.study(study).notes)


def test_a_report_given_by_hand_goes_with_the_session(studies, tmp_path):
    report = studies / "a" / "report.txt"
    made = ReviewSession.create(studies / "b", tmp_path / "session", report=report)
    report.unlink()
    (tmp_path / "session").rename(tmp_path / "moved")
    opened = ReviewSession.open(tmp_path / "moved", refresh=True)
    study = opened.studies[0]
    assert opened.report(study).text == "No pleural effusion." and not study.notes
    assert opened.state(study.id) == made.state(study.id)
    copy = tmp_path / "moved" / "given" / "report.txt"
    copy.unlink()
    copy.symlink_to("/etc/hostname")
    with pytest.raises(UnreadableError, match="outside the folder of studies"):
        ReviewSession.open(tmp_path / "moved")


@pytest.mark.parametrize(
    "at, value",
    [
        (["regions", 0, "picture"], "../../../etc/passwd"),
        (["regions", 0, "outline"], "/etc/passwd"),
        (["regions", 0, "location"], None),
        (["regions", 0, "number"], "1"),
        (["regions"], "many"),
        (["problem"], []),
    ],
)
def test_an_analysis_of_somebody_else_is_too(session, at, value):
    changed(session.place("a-ct") / "review.json", put(at, value))
    with pytest.raises(UnreadableError, match="look at the study again; decisions stay"):
        ReviewSession.open(session.folder).analysis("a-ct")


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"null", b"\xff", b"[" * 100_000, b"{}"])
@pytest.mark.parametrize("name", ["worklist.json", "decisions.json", "studies/a-ct/review.json"])
def test_a_damaged_file_of_a_session_is_one_sentence(session, name, content):
    (session.folder / name).write_bytes(content)
    with pytest.raises(UnreadableError, match="damaged|version"):
        ReviewSession.open(session.folder).decide("a-ct/1", "accepted")
    assert (session.folder / name).read_bytes() == content


def test_a_mark_of_byte_order_is_passed_over(session):
    for name in ("worklist.json", "decisions.json", "studies/a-ct/review.json"):
        path = session.folder / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    ReviewSession.open(session.folder).decide("a-ct/1", "accepted")


def test_a_link_that_leads_out_of_the_studies_is_not_followed(session, tmp_path):
    scan = Path(session.root) / session.study("b-ct").path
    secret = tmp_path / "secret.nrrd"
    scan.rename(secret)
    scan.symlink_to(secret)
    with pytest.raises(UnreadableError, match="outside the folder of studies"):
        ReviewSession.open(session.folder)


def test_a_region_is_decided_quickly_among_many(session):
    started = time.monotonic()
    for number in range(1, 51):
        session.decide(f"a-ct/{number}", "accepted")
    assert time.monotonic() - started < 30
    assert load_study(session.study("a-ct"), session.root).modality == "CT"
