"""Decisions are saved whole at every step, survive a full disk and a folder that changes, and leave
as table, page and regions."""

import csv
import errno
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.errors import OutputError, UnreadableError, UsageError
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.review.analyse import read_findings, report_of
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.review_pdf import write_pdf
from DGMVLCCore.review.review_report import export, page, table


@pytest.fixture
def session(studies, tmp_path, found):
    made = ReviewSession.create(studies, tmp_path / "session")
    found(made, "a-ct")
    return made


def test_decisions_are_there_after_reopening(session):
    session.decide("a-ct/1", "accepted", "second look")
    session.decide("a-ct/2", "rejected")
    session.decide("a-ct/1", comment="third look")
    again = ReviewSession.open(session.folder)
    made = again.decisions()
    assert (
        made["a-ct/1"].verdict == "accepted"
        and made["a-ct/1"].comment == "third look"
        and made["a-ct/2"].verdict == "rejected"
    )
    assert (again.state("a-ct"), again.state("b-ct")) == ("done", "waiting")
    assert again.progress() == {"studies": 2, "regions": 2, "decided": 2, "done": 1, "waiting": 1}
    again.decide("a-ct/2", "")
    assert again.state("a-ct") == "open"


def test_what_is_no_region_or_verdict_is_refused(session):
    for region in ("a-ct/7", "b-ct/1", "nothing", "../x/1", ""):
        with pytest.raises(UsageError):
            session.decide(region, "accepted")
    with pytest.raises(UsageError, match="accepted or rejected"):
        session.decide("a-ct/1", "malignant")
    with pytest.raises(UsageError, match="characters"):
        session.decide("a-ct/1", comment="x" * 3000)
    assert session.decisions() == {}


def test_a_full_disk_loses_the_last_step_only(session, monkeypatch):
    session.decide("a-ct/1", "accepted")
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr("os.fsync", full)
        with pytest.raises(OutputError, match="No space left.*still there"):
            session.decide("a-ct/2", "rejected")
    assert set(ReviewSession.open(session.folder).decisions()) == {"a-ct/1"}
    assert not list(session.folder.glob(".*partial"))
    session.decide("a-ct/2", "rejected")
    assert len(session.decisions()) == 2


def test_a_folder_that_changes_marks_its_studies_and_keeps_decisions(
    session, studies, phantom, found
):
    session.decide("a-ct/1", "accepted", "mine")
    save_volume(phantom, studies / "a" / "ct.nrrd")
    (studies / "b" / "ct.nrrd").unlink()
    (studies / "c").mkdir()
    save_volume(phantom, studies / "c" / "ct.nrrd")
    again = ReviewSession.open(session.folder, refresh=True)
    assert {study.id: again.state(study.id) for study in again.studies} == {
        "a-ct": "changed",
        "b-ct": "missing",
        "c-ct": "waiting",
    }
    assert again.decisions()["a-ct/1"].comment == "mine"
    assert "changed since it was looked at" in page(again)
    found(again, "a-ct", regions=1)
    assert again.state("a-ct") == "open", "a verdict on the earlier scan is none on this one"
    again.decide("a-ct/1", "rejected")
    kept = again.decisions()
    assert kept["a-ct/1"].verdict == "rejected" and [
        v.comment for key, v in kept.items() if "@" in key
    ] == ["mine"]


def test_a_changed_report_counts_as_a_change(session, studies):
    (studies / "a" / "report.txt").write_text("A 26 mm nodule in the left lung.", encoding="utf-8")
    assert ReviewSession.open(session.folder, refresh=True).state("a-ct") == "changed"


def test_a_damaged_or_foreign_session_is_refused(session, studies, tmp_path):
    with pytest.raises(OutputError, match="--resume"):
        ReviewSession.create(studies, session.folder)
    with pytest.raises(UnreadableError, match="no review session"):
        ReviewSession.open(tmp_path / "none")
    (session.folder / "decisions.json").write_text(
        '{"schema_version": "1.0", "decis', encoding="utf-8"
    )
    with pytest.raises(UnreadableError, match="damaged"):
        session.decide("a-ct/1", "accepted")
    fields = json.loads((session.folder / "worklist.json").read_text(encoding="utf-8"))
    (session.folder / "worklist.json").write_text(
        json.dumps({**fields, "schema_version": "9.0"}), encoding="utf-8"
    )
    with pytest.raises(UnreadableError, match="version"):
        ReviewSession.open(session.folder)


def test_a_report_by_hand_needs_a_single_study(studies, tmp_path):
    with pytest.raises(UsageError, match="whose report"):
        ReviewSession.create(studies, tmp_path / "s", report=studies / "a" / "report.txt")
    assert not (tmp_path / "s").exists()
    made = ReviewSession.create(studies / "b", tmp_path / "s", report=studies / "a" / "report.txt")
    assert made.report(made.studies[0]).text == "No pleural effusion." and not made.studies[0].notes


def test_a_report_is_read_in_its_own_encoding_or_the_review_says_why_not(studies, tmp_path):
    path = studies / "a" / "report.txt"
    path.write_bytes("A 14 \xd7 12 mm nodule in the right upper lobe.".encode("cp1252"))
    made = ReviewSession.create(studies, tmp_path / "s")
    study = made.study("a-ct")
    report, notes = report_of(made, study)
    findings, _ = read_findings(report.text)
    assert [f.size_mm for f in findings] == [14.0] and "Windows-1252" in notes[0]
    for data, words in ((b"", "is empty"), (b"%PDF-1.4 cut", "is cut")):
        path.write_bytes(data)
        report, notes = report_of(made, study)
        assert report is None and "could not be used" in notes[0] and words in notes[0]


def test_the_table_and_the_page_say_what_was_decided(session):
    session.decide("a-ct/1", "accepted", "=cmd|' /C calc'!A0 <b>bold</b>")
    rows = list(csv.DictReader(io.StringIO(table(session))))
    first = rows[0]
    assert (first["study"], first["region"], first["verdict"], first["check"]) == (
        "a-ct",
        "1",
        "accepted",
        "seen, not reported",
    )
    assert (
        first["comment"].startswith("'=") and first["change_hu"] == "612.4" and first["zone"] == ""
    )
    assert rows[-1]["study"] == "b-ct" and rows[-1]["sentence"] == "Not looked at yet."
    shown = page(session)
    assert (
        "&lt;b&gt;bold" in shown
        and "<b>bold" not in shown
        and "+612 HU (95 % +540 to +700" in shown
        and "not a medical device" in shown
    )
    assert "http" not in shown.replace("http-equiv", ""), "the page asks nothing of a network"


def test_accepted_regions_of_a_dicom_study_leave_as_dicom_segmentation_too(
    tmp_path, phantom, dicom, found
):
    import pydicom
    from pydicom.uid import generate_uid

    from DGMVLCCore.results.segmentation import Segment, save_segmentation

    root, study = tmp_path / "studies", generate_uid()
    dicom(root / "p" / "s", phantom.array, study=study, name="a", description="Lung")
    dicom(root / "p" / "s", phantom.array[:5], study=study, name="b", description="Bolus", step=1.0)
    made = ReviewSession.create(root, tmp_path / "session")
    (one,) = made.studies
    found(made, one.id, regions=1)
    mask = np.zeros(phantom.shape, bool)
    mask[4:7, 50:60, 60:70] = True
    save_segmentation(
        [Segment(mask, "region 1", (1, 0, 0))],
        load_volume(root / one.path, series=one.series[one.chosen].number),
        made.folder / "studies" / one.id / "regions.seg.nrrd",
    )
    made.decide(f"{one.id}/1", "accepted")
    answer = export(made, tmp_path / "out")
    assert answer.notes == [] and [Path(p).suffix for p in answer.accepted] == [
        ".dcm",
        ".nrrd",
    ]
    written = pydicom.dcmread(answer.accepted[0])
    assert (
        written.Modality == "SEG"
        and written.StudyInstanceUID == study
        and written.pixel_array.sum() == mask.sum()
    )


def test_accepted_regions_leave_as_segmentation_and_an_export_is_whole(session, studies, tmp_path):
    from DGMVLCCore.imaging.labels import load_labels
    from DGMVLCCore.results.segmentation import Segment, save_segmentation

    volume = load_volume(studies / "a" / "ct.nrrd")
    masks = np.zeros((2, *volume.shape), bool)
    masks[0, 4:7, 50:60, 60:70] = masks[1, 2:4, 30:40, 60:70] = True
    save_segmentation(
        [Segment(mask, f"region {n}", (1, 0, 0), n - 1) for n, mask in enumerate(masks, 1)],
        volume,
        session.folder / "studies" / "a-ct" / "regions.seg.nrrd",
    )
    session.decide("a-ct/2", "accepted")
    made = export(session, tmp_path / "out")
    assert [Path(p).name for p in made.accepted] == ["a-ct.seg.nrrd"]
    labels = load_labels(made.accepted[0], volume)
    assert list(labels.segments) == ["region 2"] and (labels.segments["region 2"] == masks[1]).all()
    with pytest.raises(OutputError, match="exists already"):
        export(session, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(OutputError, match="no earlier export"):
        export(session, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "letter.txt").read_text(encoding="utf-8") == "keep"
    export(session, tmp_path / "out", overwrite=True)
    assert not list(tmp_path.glob(".*partial"))


def test_a_crash_while_an_export_is_replaced_loses_neither(session, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export(session, out)
    first = (out / "review.html").read_text(encoding="utf-8")
    session.decide("a-ct/1", "rejected", "second look")
    rename = Path.rename

    def fail(self, target):
        if Path(target) == out and self.suffix == ".partial":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr("DGMVLCCore.ground.whole._exchange", lambda one, two: False)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        export(session, out, overwrite=True)
    assert (out / "review.html").read_text(encoding="utf-8") == first

    def killed(self, target):  # nothing after this runs: no handler, no clean-up
        if Path(target) == out:
            raise SystemExit
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(SystemExit):
        export(session, out, overwrite=True)
    monkeypatch.undo()
    assert not out.exists()
    with pytest.raises(OutputError, match="exists already"):  # the next run finds it again
        export(session, out)
    assert (out / "review.html").read_text(encoding="utf-8") == first
    export(session, out, overwrite=True)
    assert "second look" in (out / "review.html").read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == ["out"]


@pytest.mark.parametrize("regions, pages", [(2, 3), (9, 7)])
def test_the_printed_report_has_a_page_a_study_and_more_when_its_regions_need_the_room(
    session, found, tmp_path, regions, pages
):
    found(session, "a-ct", regions=regions, report="Cost $5 and $6. " * 400)
    session.decide("a-ct/1", comment="x" * 2000)
    write_pdf(session, tmp_path / "review.pdf")
    content = (tmp_path / "review.pdf").read_bytes()
    assert content.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", content)) == pages, (
        "a list, a page each, and those of many regions"
    )
    assert b"Research use only" in content, "its properties say so too"
