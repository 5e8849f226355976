"""A folder of studies becomes a worklist: reports found, the best series chosen, and a sentence for
what cannot be read."""

import pytest
from msgspec import convert, to_builtins
from pydicom.uid import generate_uid

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.review.worklist import Study, choose_series, find_studies, load_study


def test_scans_are_found_with_their_reports_and_nothing_else(studies):
    a, b = find_studies(studies)
    assert (a.path, b.path) == ("a/ct.nrrd", "b/ct.nrrd"), (
        "a segmentation and a synthetic scan are no studies"
    )
    assert a.report == "a/report.txt" and not a.notes and a.problem is None
    assert b.report is None and "No report" in b.notes[0]
    assert a.sha256 != b.sha256 and convert(to_builtins(a), Study) == a
    assert load_study(a, studies).shape == (12, 112, 128)


def test_a_report_named_like_its_scan_comes_before_the_only_text(studies, phantom):
    save_volume(phantom, studies / "a" / "second.nrrd")
    (studies / "a" / "second.txt").write_text("A nodule.", encoding="utf-8")
    by_path = {study.path: study for study in find_studies(studies)}
    assert by_path["a/second.nrrd"].report == "a/second.txt"
    assert by_path["a/ct.nrrd"].report is None, "a text beside two scans belongs to neither"


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("Words.TXT",), "a/Words.TXT"),
        (("words.docx",), "a/words.docx"),
        (("words.docx", "words.txt"), "a/words.txt"),
        (("notes.pdf", "Report.rtf"), "a/Report.rtf"),
        (("ct.PDF", "report.txt"), "a/ct.PDF"),
        (("ct_report.json", "notes.txt"), "a/ct_report.json"),
        (("ct.json",), None),
        (("one.html", "two.hl7"), None),
        (("picture.png", ".hidden.txt"), None),
    ],
)
def test_reports_of_every_kind_are_found_beside_their_scan(studies, names, taken):
    (studies / "a" / "report.txt").unlink()
    for name in names:
        (studies / "a" / name).write_text("A nodule.", encoding="utf-8")
    (one,) = [study for study in find_studies(studies) if study.path == "a/ct.nrrd"]
    assert one.report == taken and bool(one.notes) == (taken is None)


def test_of_several_series_the_longest_and_thinnest_is_read_and_said(tmp_path, phantom, dicom):
    study, root = generate_uid(), tmp_path / "s"
    dicom(
        root / "x" / "thick",
        phantom.array[::2],
        study=study,
        name="k",
        description="Thick",
        step=8.0,
    )
    dicom(
        root / "x" / "mixed", phantom.array, study=study, name="a", description="Lung 4.0", step=4.0
    )
    dicom(
        root / "x" / "mixed",
        phantom.array[:5],
        study=study,
        name="b",
        description="Bolus",
        step=1.0,
    )
    (root / "x" / "report.txt").write_text("A nodule.", encoding="utf-8")
    (one,) = find_studies(root)
    assert one.series[one.chosen].description == "Lung 4.0" and one.report == "x/report.txt"
    assert "Lung 4.0" in one.notes[0] and "--series" in one.notes[0] and len(one.files) == 12
    assert load_study(one, root).shape == phantom.shape
    number = next(i for i, series in enumerate(one.series, 1) if series.description == "Bolus")
    other = choose_series(one, number, root)
    assert (
        load_study(other, root).shape[0] == 5
        and other.sha256 != one.sha256
        and "as chosen" in other.notes[0]
    )
    with pytest.raises(UsageError, match="no series 9"):
        choose_series(one, 9, root)


def test_studies_that_cannot_be_read_say_why_and_the_others_go_on(studies, phantom, dicom):
    dicom(
        studies / "double",
        phantom.array,
        study=generate_uid(),
        name="d",
        description="Chest",
        double=True,
    )
    dicom(
        studies / "mr",
        phantom.array[:4],
        study=generate_uid(),
        name="m",
        description="T1",
        modality="MR",
    )
    dicom(studies / "cut", phantom.array[:4], study=generate_uid(), name="c", description="Chest")
    first = studies / "cut" / "c000.dcm"
    first.write_bytes(first.read_bytes()[:300])
    by_name = {study.name: study for study in find_studies(studies)}
    assert len(by_name) == 5 and by_name["a/ct.nrrd"].problem is None
    assert "no CT series" in by_name["mr"].problem and "damaged" in by_name["cut"].problem
    with pytest.raises(UnsuitableInputError, match="two slices at"):
        load_study(by_name["double"], studies)
    with pytest.raises(UnsuitableInputError, match="no CT series"):
        load_study(by_name["mr"], studies)


def test_a_folder_without_scans_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    with pytest.raises(UnreadableError, match="holds no scan"):
        find_studies(tmp_path)
    with pytest.raises(UnreadableError, match="no folder"):
        find_studies(tmp_path / "none")
