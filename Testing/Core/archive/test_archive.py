"""A real archive: studies found, series brought whole, results sent once, by both protocols."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.archive.address import from_row
from DGMVLCCore.archive.archive import open_archive
from DGMVLCCore.archive.records import StudyQuery
from DGMVLCCore.cohort.layout import find_cohort
from DGMVLCCore.errors import UnreadableError, UsageError
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.language.report_files import read_report
from DGMVLCCore.results.dicom_source import source_of_folder
from DGMVLCCore.review.decisions import ReviewSession
from Testing.Core.archive.conftest import write_report

WAYS = ("web", "get", "move")


@pytest.fixture
def hu(phantom):
    return phantom.array


@pytest.fixture
def stored(orthanc, make_study, tmp_path, hu):
    """A study in the archive, stored by a foreign client; its folder and UIDs."""
    folder = tmp_path / "sent"
    study, series = make_study(folder, hu)
    orthanc.storescu(*sorted(folder.iterdir()))
    return folder, study, series


@pytest.mark.parametrize("way", WAYS)
def test_a_series_comes_whole_and_voxels_are_the_same(way, stored, tmp_path, hu):
    archive, (sent, study, series) = open_archive(way), stored
    archive.echo()
    rows = archive.find(StudyQuery(patient_id="P-4711", dates="20260101-20260131"))
    assert [(row.uid, row.date, row.modalities) for row in rows] == [(study, "20260105", ("CT",))]
    assert archive.find(StudyQuery(patient_id="nobody")) == []
    assert [(row.uid, row.modality, row.instances) for row in archive.series(study)] == [
        (series, "CT", len(hu))
    ]
    folder = archive.get(study, None, tmp_path / way)
    assert np.array_equal(load_volume(folder).array, load_volume(sent).array)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    assert len(list(folder.iterdir())) == len(hu)


def test_a_scan_is_read_by_its_address(stored, tmp_path, monkeypatch):
    sent, study, series = stored
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    scan = load_volume(sent)
    for address in (f"archive:web/{study}/{series}", f"archive:get/{study}"):
        assert np.array_equal(load_volume(address).array, scan.array)
    headers = source_of_folder(f"archive:web/{study}/{series}").headers
    assert {str(header.SeriesInstanceUID) for header in headers} == {series}
    with pytest.raises(UsageError, match="several archives"):
        load_volume(f"archive:{study}/{series}")


def test_a_review_of_an_address_or_a_query(stored, orthanc, make_study, tmp_path, hu, capsys):
    """Studies are brought beside the session, each whole or not at all; what cannot be is said."""
    _, study, _ = stored
    session = tmp_path / "session"
    listed = ["-o", str(session), "--list", "--json"]
    assert cli.main(["review", f"archive:web/{study}", *listed]) == 0
    (one,) = ReviewSession.open(session).studies
    assert one.path == study and one.problem is None
    assert cli.main(["review", f"archive:web/{study}", *listed]) == 6, "a session is not replaced"
    half, _ = make_study(tmp_path / "half", hu, patient="P-2")
    paths = sorted((tmp_path / "half").iterdir())
    orthanc.storescu(*paths[:4], *paths[6:])
    capsys.readouterr()
    for query, code in (("dates=2026-", 2), ("patient_id=nobody", 3)):
        assert cli.main(["review", f"archive:web?{query}", *listed, "--resume"]) == code
    capsys.readouterr()
    assert cli.main(["review", "archive:web", *listed, "--resume"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [problem.split(":")[0] for problem in said["problems"]] == [half]
    assert len(ReviewSession.open(session).studies) == 1
    (tmp_path / "clean").mkdir()
    other = str(tmp_path / "clean" / "session")
    assert cli.main(["review", f"archive:web/{half}", "-o", other, "-q"]) == 4
    assert not list((tmp_path / "clean").iterdir())


def test_reports_cohorts_and_rows_by_address(stored, orthanc, make_study, tmp_path, hu):
    sent, study, _ = stored
    with pytest.raises(UnreadableError, match="no report of that study"):
        read_report(f"archive:web/{study}")
    other, _ = make_study(tmp_path / "other", hu[:4], patient="P-2")
    write_report(tmp_path / "other" / "report.dcm", other, "P-2", "A nodule.")
    orthanc.storescu(*(tmp_path / "other").iterdir())
    assert read_report(f"archive:web/{other}").text.strip() == "A nodule."
    cohort = find_cohort(Path("archive:web"))
    assert cohort.scans == {
        "P-4711": Path(f"archive:web/{study}"),
        "P-2": Path(f"archive:web/{other}"),
    }
    assert load_volume(cohort.scans["P-2"]).shape[0] == 4
    make_study(tmp_path / "second", hu[:4], patient="P-2")
    orthanc.storescu(*(tmp_path / "second").iterdir())
    cohort = find_cohort(Path("archive:web?modality=CT"))
    assert list(cohort.scans) == ["P-4711"] and "more than one scan" in cohort.problems[0]
    assert from_row(sent, "a.nrrd") == sent / "a.nrrd"
    assert from_row(sent, f"archive:web/{study}") == Path(f"archive:web/{study}")
