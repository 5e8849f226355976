"""A real archive: studies found, series brought whole, results sent once, by both protocols."""

from __future__ import annotations

import numpy as np
import pytest

from DGMVLCCore.archive.archive import open_archive
from DGMVLCCore.archive.records import StudyQuery
from DGMVLCCore.errors import UsageError
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.results.dicom_source import source_of_folder

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
