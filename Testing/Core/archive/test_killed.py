"""An archive that dies at random moments: after it is back, everything is there once; and a run of
ours that dies leaves nothing that could be taken for a series."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from DGMVLCCore.archive import backend
from DGMVLCCore.archive.archive import Archive, open_archive
from DGMVLCCore.archive.ledger import ledger_path, read_ledger
from DGMVLCCore.errors import ArchiveError

MOMENTS = 3  # a protocol and direction; Testing/Benchmarks/orthanc.py takes more
DOWN_S = 0.3


class Killer:
    """Kills the archive at a random object, and starts it again a little later."""

    def __init__(self, orthanc, at: int) -> None:
        self.orthanc, self.left, self.thread = orthanc, at, None

    def __call__(self, stage: str, share: float) -> None:
        self.left -= 1
        if self.left == 0:
            self.orthanc.kill()
            self.thread = threading.Thread(target=self._back)
            self.thread.start()

    def _back(self) -> None:
        time.sleep(DOWN_S)
        self.orthanc.start()


@pytest.fixture
def patient(monkeypatch):
    """As many tries as a test needs, quickly."""
    monkeypatch.setattr(backend, "FIRST_WAIT_S", 0.3)
    monkeypatch.setattr(backend, "LONGEST_WAIT_S", 1.0)

    def opened(way: str) -> Archive:
        archive = open_archive(way)
        archive._backend.tries = 40
        return archive

    return opened


@pytest.fixture
def paths(make_study, tmp_path):
    make_study(tmp_path / "sent", np.random.default_rng(0).integers(-900, 0, (12, 24, 24)))
    return sorted((tmp_path / "sent").iterdir())


@pytest.mark.parametrize("way", ["web", "get"])
def test_killed_while_we_get(way, orthanc, patient, paths, tmp_path):
    orthanc.storescu(*paths)
    study = str(pydicom.dcmread(paths[0]).StudyInstanceUID)
    uids = sorted(str(pydicom.dcmread(path).SOPInstanceUID) for path in paths)
    for moment in range(MOMENTS):
        killer = Killer(orthanc, random.Random(moment).randint(1, len(paths)))
        folder = patient(way).get(study, None, tmp_path / f"{moment}", progress=killer)
        killer.thread.join()
        got = [str(pydicom.dcmread(path).SOPInstanceUID) for path in folder.iterdir()]
        assert sorted(got) == uids


@pytest.mark.parametrize("way", ["web", "get"])
def test_killed_while_we_send(way, orthanc, patient, paths):
    for moment in range(MOMENTS):
        for path in paths:
            data = pydicom.dcmread(path)
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            data.save_as(path)
        orthanc.empty()
        killer = Killer(orthanc, random.Random(moment).randint(1, len(paths)))
        record = patient(way).send(paths, progress=killer)
        killer.thread.join()
        uids = sorted(one.uid for one in record.objects)
        there = orthanc.uids()
        assert uids == there and len(set(there)) == len(paths)
        noted = [entry.object.uid for entry in read_ledger()]
        assert sorted(uid for uid in noted if uid in uids) == uids


def test_killed_before_it_was_noted(orthanc, paths, monkeypatch):
    """What the archive took from a run that died before its note is noted by the next, once, even
    behind a line that a crash cut."""
    ledger_path().parent.mkdir(parents=True)
    ledger_path().write_bytes(b'{"archive": "we')
    with monkeypatch.context() as dying:
        dying.setattr("DGMVLCCore.archive.archive.note_sent", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            open_archive("web").send(paths[:1])
    assert len(orthanc.uids()) == 1 and read_ledger() == []
    for _ in range(2):
        open_archive("web").send(paths[:2])
    assert [(one.object.already, one.object.uid) for one in read_ledger()] == [
        (number == 0, str(pydicom.dcmread(path).SOPInstanceUID))
        for number, path in enumerate(paths[:2])
    ]


def test_a_cut_run_goes_on_and_brings_only_the_rest(orthanc, paths, tmp_path, monkeypatch):
    orthanc.storescu(*paths)
    study = str(pydicom.dcmread(paths[0]).StudyInstanceUID)
    fetched = []

    class Cut(Exception):
        pass

    def cut_after(count):
        def progress(stage, share):
            fetched.append(share)
            if len(fetched) == count:
                raise Cut

        return progress

    with pytest.raises(Cut):
        open_archive("web").get(study, None, tmp_path / "out", progress=cut_after(5))
    assert not (tmp_path / "out").exists()
    open_archive("web").get(study, None, tmp_path / "out", progress=cut_after(99))
    assert len(fetched) == len(paths) and len(list((tmp_path / "out").iterdir())) == len(paths)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_archive_that_stays_away(orthanc, paths, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "FIRST_WAIT_S", 0.01)
    orthanc.kill()
    for way in ("web", "get"):
        with pytest.raises(ArchiveError, match="3 times; run the command again later"):
            open_archive(way).get("1.2.3", None, tmp_path / "out")
        with pytest.raises(ArchiveError, match="3 times"):
            open_archive(way).send(paths)
    assert not (tmp_path / "out").exists() and read_ledger() == []
