"""A watch on a real archive: studies as they arrive, once each, killed between any two steps."""

from __future__ import annotations

import sqlite3

import pytest

from DGMVLCCore.archive.records import StudyQuery
from DGMVLCCore.errors import ArchiveError, UsageError
from DGMVLCCore.jobs import uses, watch
from DGMVLCCore.jobs.watch import WatchRequest, run_watch
from DGMVLCCore.jobs.watch_state import WatchState, alone
from DGMVLCCore.review.decisions import ReviewSession
from Testing.conftest import look_by_hand
from Testing.Core.archive.conftest import write_report


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, nothing tidies up by it."""


@pytest.fixture
def looks(monkeypatch):
    """Which studies were looked at, in order; without the network."""
    seen: list[str] = []

    def look(session, request, tell):
        opened = ReviewSession.open(request.session)
        seen.append(opened.study(request.study).name)
        look_by_hand(opened, request.study)
        return {}

    monkeypatch.setattr(uses, "REVIEW", uses.Use(look))
    return seen


@pytest.fixture
def request_of(tmp_path):
    return lambda **more: WatchRequest(
        "web", StudyQuery(), tmp_path / "watch", every_s=0.1, settle_s=0.0, **more
    )


def stored(orthanc, make_study, tmp_path, phantom, count, first=0):
    uids = []
    for number in range(first, first + count):
        folder = tmp_path / f"sent-{number}"
        uids.append(make_study(folder, phantom.array, patient=f"P-{number}")[0])
        orthanc.storescu(*sorted(folder.iterdir()))
    return uids


def test_killed_after_every_step_nothing_is_lost_or_done_twice(
    orthanc, make_study, tmp_path, phantom, looks, request_of, monkeypatch
):
    uids = stored(orthanc, make_study, tmp_path, phantom, 2)
    brought: list[str] = []
    get, note, seen = watch.Archive.get, WatchState.note, WatchState.seen

    def counted_get(self, study, series, folder, **more):
        brought.append(study)
        return get(self, study, series, folder, **more)

    monkeypatch.setattr(watch.Archive, "get", counted_get)
    budget = 0

    def fragile(step):
        def run(*args, **more):
            nonlocal budget
            if budget == 0:
                raise Killed
            budget -= 1
            return step(*args, **more)

        return run

    monkeypatch.setattr(WatchState, "note", fragile(note))
    monkeypatch.setattr(WatchState, "seen", fragile(seen))
    for steps in range(5):  # dies before it notes that a study is listed, brought, looked at
        budget = steps
        with pytest.raises(Killed):
            run_watch(request_of(), once=True)
    budget = 100
    answer = run_watch(request_of(), once=True)
    assert answer.studies == {"reviewed": 2}
    assert sorted(brought) == sorted(uids) and len(looks) == len(set(looks)) == 2
    (session,) = answer.sessions
    assert "P-0" not in (tmp_path / "watch" / "watch.sqlite").read_bytes().decode("latin1")
    assert {s.name for s in ReviewSession.open(session).studies} == set(uids)


def test_late_studies_join_an_archive_that_went_away_comes_back(
    orthanc, make_study, tmp_path, phantom, looks, request_of
):
    first = stored(orthanc, make_study, tmp_path, phantom, 1)
    run_watch(request_of(), once=True)
    orthanc.kill()
    with pytest.raises(ArchiveError):
        run_watch(request_of(), once=True)
    orthanc.start()
    later = stored(orthanc, make_study, tmp_path, phantom, 1, first=1)
    answer = run_watch(request_of(), once=True)
    assert answer.studies == {"reviewed": 2} and looks == [*first, *later]
    assert run_watch(request_of(), once=True) == answer and len(looks) == 2


def test_one_study_that_cannot_be_brought_or_sent_keeps_no_other(
    orthanc, make_study, tmp_path, phantom, looks, request_of, monkeypatch
):
    """A study deleted in the archive, one whose results cannot be made, one that is fine."""
    gone, bad, good = stored(orthanc, make_study, tmp_path, phantom, 3)
    waiting = WatchRequest("web", StudyQuery(), tmp_path / "watch", settle_s=3600.0)
    run_watch(waiting, once=True)
    for patient in orthanc.rest("patients"):
        if orthanc.rest(f"patients/{patient}")["MainDicomTags"]["PatientID"] == "P-0":
            orthanc.rest(f"patients/{patient}", method="DELETE")

    def made(session, study, folder):
        if bad in study.path:
            raise ValueError("odd header")
        (folder / "one.dcm").write_bytes((next((tmp_path / "sent-2").iterdir())).read_bytes())

    monkeypatch.setattr("DGMVLCCore.review.review_dicom.write_study_dicom", made)
    for _ in range(6):
        answer = run_watch(request_of(send="web"), once=True)
    assert answer.studies == {"refused": 1, "reviewed": 2} and {*looks} == {bad, good}
    said = "\n".join(answer.problems)
    assert f"{gone}: The archive web does not hold the study" in said
    assert f"{bad}: Its results were not sent: Unexpected error (ValueError" in said
    assert len(answer.problems) == 2
    folder = tmp_path / "again"
    make_study(folder, phantom.array, patient="P-0", study=gone)
    orthanc.storescu(*sorted(folder.iterdir())[:5])  # another number of images: another chance
    run_watch(waiting, once=True)
    orthanc.storescu(*sorted(folder.iterdir()))
    answer = run_watch(request_of(send="web"), once=True)
    assert answer.studies == {"reviewed": 3} and looks[2:] == [gone]


def test_a_report_of_the_archive_comes_along_and_a_look_that_fails_is_said(
    orthanc, make_study, tmp_path, phantom, looks, request_of, monkeypatch
):
    (study,) = stored(orthanc, make_study, tmp_path, phantom, 1)
    write_report(tmp_path / "report.dcm", study, "P-0", "No nodule.")
    orthanc.storescu(tmp_path / "report.dcm")
    look = uses.REVIEW
    monkeypatch.setattr(uses, "REVIEW", uses.Use(lambda *_: [][0]))
    answer = run_watch(request_of(), once=True)
    assert answer.studies == {"here": 1} and "IndexError" in answer.problems[0]
    monkeypatch.setattr(uses, "REVIEW", look)
    answer = run_watch(request_of(), once=True)
    assert answer.studies == {"reviewed": 1} and answer.problems == []
    session = ReviewSession.open(answer.sessions[0])
    assert session.report(session.studies[0]).text.strip() == "No nodule."


def test_a_study_that_grows_is_waited_for(
    orthanc, make_study, tmp_path, phantom, looks, request_of
):
    stored(orthanc, make_study, tmp_path, phantom, 1)
    patient = WatchRequest("web", StudyQuery(), tmp_path / "watch", settle_s=3600.0)
    assert run_watch(patient, once=True).studies == {"arriving": 1} and looks == []


def test_one_watch_a_folder_and_its_state_is_a_database(tmp_path):
    lock = tmp_path / "watch.lock"
    with alone(lock), pytest.raises(UsageError, match="Another watch"), alone(lock):
        pass
    state = WatchState(tmp_path / "watch.sqlite")
    state.seen("1.2", 10, "2026-01-05", 1.0)
    state.seen("1.2", 10, "2026-01-06", 2.0)
    state.seen("1.2", 12, "2026-01-06", 3.0)
    (study,) = state.studies()
    assert (study.day, study.changed, study.instances) == ("2026-01-05", 3.0, 12)
    state.note("1.2", "here")
    state.seen("1.2", 14, "2026-01-07", 4.0)  # our own results in the archive are no arrival
    assert state.studies("here")[0].changed == 3.0
    state.close()
    assert sqlite3.connect(tmp_path / "watch.sqlite").execute("PRAGMA integrity_check").fetchone()
