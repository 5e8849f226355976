"""Archives as hospitals have them: more than a list holds, slow, strict, broken in one object; and
what a watch of days meets. Stand-ins of archives, on this machine."""

from __future__ import annotations

import io
import json
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from DGMVLCCore.archive import archive as archives
from DGMVLCCore.archive.archive import Archive, open_archive
from DGMVLCCore.archive.backend import Interrupted
from DGMVLCCore.archive.objects import facts_of
from DGMVLCCore.archive.records import InstanceRecord, SeriesRecord, StudyQuery, StudyRecord
from DGMVLCCore.errors import (
    ArchiveAwayError,
    ArchiveClosedError,
    ArchiveError,
    OutputError,
    UnreadableError,
    UnsuitableInputError,
    UsageError,
)
from DGMVLCCore.jobs.archive import local_studies, of_all
from DGMVLCCore.jobs.many import identity
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.jobs.watch import Watch, WatchRequest, run_watch
from DGMVLCCore.jobs.watch_state import ARRIVING, HERE, REFUSED, REVIEWED, WatchState, alone

ALL = StudyQuery()


class Stand:
    """An archive whose objects are files by study, series and object."""

    tries = 1

    def __init__(self, *studies: StudyRecord) -> None:
        self.listed, self.held = list(studies), {}
        self.broken: dict[str, Exception] = {}
        self.away = False
        self.stored: list[str] = []
        self.series_of = [SeriesRecord("1.9", "CT")]

    def echo(self):
        if self.away:
            raise Interrupted("is not there")

    def studies(self, query):
        return self.listed

    def series(self, study):
        return self.series_of

    def instances(self, study, series):
        return [InstanceRecord(uid) for uid in self.held]

    def fetch(self, study, series, wanted, keep):
        if study in self.broken:
            raise self.broken[study]
        for one in wanted:
            keep(self.held[one.uid])

    def store(self, path):
        self.stored.append(path.name)

    def close(self):
        pass


def studies(count, **more):
    """Studies, the oldest first."""
    return [StudyRecord(f"1.{n}", date=f"2026{n:04d}", **more) for n in range(1001, 1001 + count)]


@pytest.fixture
def files(make_study, tmp_path, phantom):
    """UIDs and files of a small series."""
    study, series = make_study(tmp_path / "series", phantom.array)
    return study, series, sorted((tmp_path / "series").iterdir())


def holding(study, series, paths):
    made = Stand(StudyRecord(study, instances=len(paths)))
    made.held = {facts_of(path, path.name).uid: path.read_bytes() for path in paths}
    made.series_of = [SeriesRecord(series, "CT")]
    return made


def test_the_latest_of_a_long_list_are_taken_and_the_cut_is_told(caplog):
    archive = Archive("main", Stand(*studies(250)))
    found = archive.find(ALL)
    assert len(found) == 200 and found[0].uid == "1.1250" and found[-1].uid == "1.1051"
    assert "250 studies of the archive main match; the latest 200" in caplog.text
    with pytest.raises(UsageError, match="1 or more"):
        archive.find(StudyQuery(most=0))


def watch_of(stand, tmp_path, most=200):
    query = StudyQuery(most=most)
    request = WatchRequest("main", query, tmp_path, settle_s=0.0)
    return Watch(request, WatchState(tmp_path / "watch.sqlite"), Archive("main", stand))


def test_a_watch_comes_to_every_study_however_many(tmp_path):
    stand = Stand(*studies(5, instances=3))
    watch = watch_of(stand, tmp_path, most=2)
    for seen in (2, 4, 5):
        watch._list()
        assert len(watch.state.studies()) == seen
    stand.listed[0] = msgspec.structs.replace(stand.listed[0], instances=4)  # the oldest grows
    watch._list()
    assert {s.instances for s in watch.state.studies()} == {3, 4}


def test_a_worklist_that_is_full_is_followed_by_another(tmp_path):
    state = WatchState(tmp_path / "watch.sqlite")
    for number in range(5):
        state.seen(f"1.{number}", 1, state.room_of("2026-11-28", 2), 0.0)
    days = [study.day for study in state.studies()]
    assert days == ["2026-11-28"] * 2 + ["2026-11-28-2"] * 2 + ["2026-11-28-3"]


def test_a_fault_of_the_archive_is_no_fault_of_a_study():
    stand = Stand()
    archive = Archive("main", stand)
    for error in (ArchiveClosedError("x"), UsageError("x"), OutputError("x")):
        assert of_all(error, archive)
    assert not of_all(ArchiveAwayError("x"), archive) and not of_all(ValueError("x"), archive)
    stand.away = True
    assert of_all(ArchiveAwayError("x"), archive)


def test_one_bad_object_keeps_no_other_study_from_coming(files, tmp_path):
    study, series, paths = files
    stand = holding(study, series, paths)
    stand.listed.insert(0, StudyRecord("1.2.3", instances=len(paths)))
    for broken in (Interrupted("answered HTTP 500"), ValueError("odd")):
        stand.broken["1.2.3"] = broken
        watch = watch_of(stand, tmp_path)
        watch._arrivals()
        assert [s.uid for s in watch.state.studies(HERE)] == [study]
        (waiting,) = watch.state.studies(ARRIVING)
        assert waiting.uid == "1.2.3" and waiting.tries and waiting.problem
        watch.state.close()
    stand.away = True
    watch = watch_of(stand, tmp_path)
    stand.broken["1.2.3"] = Interrupted("answered HTTP 500")
    with pytest.raises(ArchiveAwayError):
        watch._arrivals()
    assert watch.state.studies(ARRIVING)[0].tries == 2  # an archive that is away costs no try


def test_a_review_of_a_query_passes_over_a_broken_study(files, tmp_path, monkeypatch):
    study, series, paths = files
    stand = holding(study, series, paths)
    stand.listed.append(StudyRecord("1.2.3"))
    stand.broken["1.2.3"] = Interrupted("answered HTTP 500")
    opened = Archive("main", stand)
    for module in ("DGMVLCCore.archive.archive", "DGMVLCCore.jobs.archive"):
        monkeypatch.setattr(f"{module}.open_archive", lambda name: opened)
    folder, problems = local_studies(Path("archive:main?most=9"), tmp_path / "session")
    assert [path.name for path in folder.iterdir() if path.name[0] != "."] == [study]
    assert len(problems) == 1 and "answered HTTP 500" in problems[0]


def test_a_refused_study_that_grows_is_brought_again(files, tmp_path):
    study, series, paths = files
    stand = holding(study, series, paths)
    watch = watch_of(stand, tmp_path)
    watch._arrivals()
    place = tmp_path / watch.state.studies()[0].day / "studies" / study
    watch.state.note(study, REFUSED, "no lungs")
    (place / "0001.dcm").unlink()  # as if it had come without it
    stand.listed = [StudyRecord(study, instances=len(paths) + 1)]
    watch._arrivals()
    assert watch.state.studies(HERE) and len(list(place.glob("*.dcm"))) == len(paths)


def test_results_that_were_not_sent_have_another_chance_at_the_next_start(tmp_path):
    state = WatchState(tmp_path / "watch.sqlite")
    state.seen("1.2", 3, "2026-11-28", 0.0)
    for _ in range(7):
        state.note("1.2", REVIEWED, "not sent", failed=True)
    state.try_again()
    assert state.studies()[0].tries == 0


def test_a_disk_that_is_full_is_not_told_as_another_watch(tmp_path):
    state = WatchState(tmp_path / "watch.sqlite")
    state._db.execute("PRAGMA query_only=1")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        alone(tmp_path / "watch.lock"),
    ):
        state.seen("1.2", 3, "2026-11-28", 0.0)


def test_a_series_that_grows_while_it_is_brought_comes_whole(files, tmp_path):
    study, series, paths = files
    stand = holding(study, series, paths)
    late = dict(list(stand.held.items())[6:])
    first = dict(list(stand.held.items())[:6])
    stand.held = dict(first)
    fetch = stand.fetch

    def growing(*asked):
        fetch(*asked)
        stand.held = {**first, **late}

    stand.fetch = growing
    folder = Archive("main", stand).get(study, None, tmp_path / "out")
    assert len(list(folder.glob("*.dcm"))) == len(paths)


def test_a_series_that_never_stops_growing_is_not_used(files, tmp_path):
    study, series, paths = files
    stand = holding(study, series, paths)
    instances, more = stand.instances, iter(range(100))
    stand.instances = lambda *asked: [*instances(*asked), InstanceRecord(f"1.5.{next(more)}")]
    stand.fetch = lambda study, series, wanted, keep: [
        keep(_named(paths[0], one.uid)) for one in wanted
    ]
    with pytest.raises(UnsuitableInputError, match="still arriving"):
        Archive("main", stand).get(study, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _named(path, uid):
    import pydicom

    data, out = pydicom.dcmread(path), io.BytesIO()
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_what_an_archive_does_not_count_is_counted(files):
    study, series, paths = files
    stand = holding(study, series, paths)
    assert Archive("main", stand).count(study) == len(paths)


def test_an_object_in_two_files_is_sent_once(files, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    study, series, paths = files
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(paths[0].read_bytes())
    stand = Stand()
    sent = Archive("main", stand).send([paths[0], copy])
    assert stand.stored == [paths[0].name] and len(sent.objects) == 1
    copy.write_bytes(_named(paths[1], facts_of(paths[0], "a").uid))
    with pytest.raises(UnreadableError, match="different objects under one"):
        Archive("main", stand).send([paths[0], copy])
    assert len(stand.stored) == 1


def test_a_study_that_got_another_report_is_done_again(monkeypatch, tmp_path):
    stand = Stand()
    monkeypatch.setattr(archives, "open_archive", lambda name: Archive(name, stand))
    asked = Request(image=Path("archive:main/1.2"), report_text="", out=tmp_path)
    before = identity(asked)
    assert identity(replace(asked, out=tmp_path / "other")) == before
    stand.series_of = [*stand.series_of, SeriesRecord("1.10", "SR", maker="DGM-VLC")]
    assert identity(asked) == before  # our own results
    stand.series_of = [*stand.series_of, SeriesRecord("1.11", "SR")]
    assert identity(asked) != before


def test_any_cut_of_a_file_is_one_sentence(files):
    whole = files[2][0].read_bytes()
    for end in range(0, 1500):
        with suppress(UnreadableError):
            facts_of(whole[:end], "it")


@pytest.fixture
def web(tmp_path, monkeypatch, files):
    """A DICOMweb archive whose answers a test chooses: (status, type, body) of GET and POST."""
    answers = {"GET": (200, "application/dicom+json", b"[]")}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            status, kind, body = answers[self.command]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"HTTP://127.0.0.1:{server.server_port}/dicom-web"
    config = tmp_path / "archives.json"
    told = {"type": "dicomweb", "url": url, "tries": 1}
    config.write_text(json.dumps({"archives": {"web": told}}), encoding="utf-8")
    for name, value in {"DGMVLC_ARCHIVES": config, "XDG_STATE_HOME": tmp_path / "state"}.items():
        monkeypatch.setenv(name, str(value))
    yield answers
    server.shutdown()


def test_a_page_for_people_is_no_archive_and_not_asked_again(web):
    web["GET"] = (200, "text/html", b"<html>Log in</html>")
    with pytest.raises(ArchiveError, match="no DICOMweb") as told:
        open_archive("web").find(ALL)
    assert not isinstance(told.value, ArchiveAwayError)


@pytest.mark.parametrize("status", [401, 403, 302])
def test_who_is_let_in_nowhere_is_told_so(web, status):
    web["GET"] = (status, "text/plain", b"")
    with pytest.raises(ArchiveError) as told:
        open_archive("web").find(ALL)
    assert isinstance(told.value, ArchiveClosedError)


def test_a_part_that_is_no_dicom_is_a_refusal(web, files):
    web["GET"] = (
        200,
        'multipart/related; type="application/dicom"; boundary=x',
        b"--x\r\nContent-Type: application/dicom\r\n\r\nan error in words\r\n--x--\r\n",
    )
    backend = open_archive("web")._backend
    with pytest.raises(ArchiveError, match="no DICOMweb"):
        backend.fetch("1.2", "1.3", [InstanceRecord("1.4")], lambda data: None)


def test_an_object_is_sent_only_when_the_archive_says_or_shows_it(web, files):
    study, series, paths = files
    failed = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [272]}}]}}
    answer = json.dumps(failed).encode()
    web["POST"] = (202, "application/dicom+json; charset=utf-8", answer)
    backend = open_archive("web")._backend
    with pytest.raises(ArchiveError):
        backend.store(paths[0])
    web["POST"] = (200, "text/html", b"<html>ok</html>")
    with pytest.raises(ArchiveError, match="does not confirm"):
        backend.store(paths[0])
    uid = facts_of(paths[0], "it").uid
    shown = {"00080018": {"vr": "UI", "Value": [uid]}}
    web["GET"] = (200, "application/dicom+json", json.dumps([shown]).encode())
    backend.store(paths[0])


def test_a_wrong_ca_or_name_to_send_to_is_said_at_once(web, tmp_path):
    request = WatchRequest("web", ALL, tmp_path / "watch", send="mian")
    with pytest.raises(UsageError, match="no archive"):
        run_watch(request, once=True)
    assert not (tmp_path / "watch").exists()
    told = {"type": "dicomweb", "url": "https://127.0.0.1/x", "ca": str(tmp_path / "no.pem")}
    config = json.dumps({"archives": {"web": told}})
    (tmp_path / "archives.json").write_text(config, encoding="utf-8")
    with pytest.raises(UsageError, match="which is not there"):
        open_archive("web")
