"""Cohorts as they come: what does not fit is listed and counted, and ends the run only by
choice."""

import numpy as np
import pytest

from DGMVLCCore.cohort.cohort import match, refuse_problems
from DGMVLCCore.cohort.frame import REGIONS, lung_statistics, patient_scan, region_labels
from DGMVLCCore.cohort.layout import find_cohort, scan_id
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.anatomy import LEFT, Anatomy
from DGMVLCCore.language.schema import load_schema

SCHEMA = load_schema()


def matched(folder, names, text):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return match({name: folder / name for name in names}, folder / "t.csv", SCHEMA)


def test_what_does_not_fit_is_listed(tmp_path):
    text = (
        "patient_id,age,smoking,Shoe "
        "size,days_since_diagnosis,pack_years\n"
        "A,430,never,42,2020-01-02,3\nB,61,active,42,03/02/2020,99999\n"
        "B,62,active,,,\nC,-4,former,,120,0\nD,50,ex,,-30,7\nE,55,a pipe,,,\n,44,never,,,\n"
    )
    cohort = matched(tmp_path, ["A", "B", "C", "D", "X"], text)
    said = " ".join(cohort.problems)
    assert (
        list(cohort.attributes) == ["A", "C", "D"]
        and "age" not in cohort.attributes["A"]
        and cohort.attributes["D"]["days_since_diagnosis"] == 30
    )
    for words in (
        "2 row id(s) are not unique",
        "B (2 rows",
        "1 scan(s) have no row in the table: X",
        "1 row(s) have no scan: E",
        "Column age: 2 cell(s) not used",
        "not within 1 to 120: A (“430”), C (“-4”)",
        "Column days_since_diagnosis: 1 cell(s) not used, not a number: A (“2020-01-02”)",
        "the code 0 means missing",
    ):
        assert words in said, words
    assert "ignored: Shoe size" in cohort.notes[0]
    with pytest.raises(UnsuitableInputError, match=r"--strict") as error:
        refuse_problems(cohort.problems)
    assert f"{len(cohort.problems)} problem(s)" in str(error.value)
    refuse_problems([])


@pytest.mark.parametrize("names", [["A"], ["Z"], []])
def test_a_cohort_of_one_is_refused(tmp_path, names):
    with pytest.raises(UnsuitableInputError, match=rf"{int('A' in names)} of {len(names)} scan"):
        matched(tmp_path, names, "id,age\nA,50\nB,60\n")


def test_scans_are_found_by_their_names(tmp_path):
    for name in ("P1.nii.gz", "P2.nrrd", "P2.mha", "P3.seg.nrrd", "notes.txt", ".hidden.nrrd"):
        (tmp_path / name).write_bytes(b"x")
    for name, inside in (("P4", "ct.nrrd"), ("P5", "1.dcm"), ("empty", None)):
        (tmp_path / name).mkdir()
        if inside:
            (tmp_path / name / inside).write_bytes(b"x")
    layout = find_cohort(tmp_path)
    scans, problems = layout.scans, layout.problems
    assert (
        sorted(scans) == ["P1", "P4", "P5"]
        and scans["P4"].name == "ct.nrrd"
        and scans["P5"] == tmp_path / "P5"
    )
    assert (
        "1 id(s) name more than one scan" in problems[0]
        and "P2" in problems[0]
        and scan_id(tmp_path / "a.b.NII.GZ") == "a.b"
    )
    for folder in (tmp_path / "empty", tmp_path / "none", tmp_path / "P2.nrrd"):
        with pytest.raises(UnreadableError):
            find_cohort(folder)


@pytest.fixture(scope="module")
def left_dense(make_chest):
    """A phantom whose left upper zone is 100 HU denser, with its labels."""
    volume = make_chest((18, 96, 112), (5.0, 2.5, 2.5))
    lungs = (volume.array < -500) & (np.abs(volume.array + 1000) > 60)
    x = np.arange(112)[None, None]
    labels = np.where(lungs, np.where(x > 56, LEFT, 3), 0).astype(np.uint8)
    labels[:, :, :15] = labels[:, :, -15:] = 0
    hu = volume.array + 100.0 * ((labels == LEFT) & (np.arange(18)[:, None, None] >= 12))
    return volume.with_array(hu.astype(np.float32)), labels


def test_statistics_lie_in_their_regions_whichever_way_the_scan_is_stored(left_dense):
    volume, labels = left_dense
    found = lung_statistics(patient_scan("P", volume, Anatomy(labels)))
    dense = np.array([name.startswith("left upper") for name in REGIONS])
    tested = np.isfinite(found[:, 0])
    assert (
        found[dense & tested, 0].mean() - found[~dense & tested, 0][1:].mean() > 60
        and tested.sum() >= 10
    )
    flipped = volume.affine.copy()
    flipped[:, 2], flipped[:3, 3] = -flipped[:, 2], flipped[:3, 3] + 17 * flipped[:3, 2]
    turned = patient_scan(
        "P",
        volume.with_array(volume.array[::-1].copy(), affine=flipped),
        Anatomy(labels[::-1].copy()),
    )
    assert np.allclose(lung_statistics(turned), found, equal_nan=True)


def test_regions_cover_the_lung_but_its_rim(left_dense):
    volume, labels = left_dense
    scan = patient_scan("P", volume, Anatomy(labels))
    regions = region_labels(scan)
    assert not regions[~scan.lungs].any() and 0.5 < (regions > 0).sum() / scan.lungs.sum() < 1
    assert all(n % 16 == 0 for n in scan.hu.shape[1:]) and scan.spacing[1] == pytest.approx(2.5)


def test_too_little_lung_is_refused(left_dense):
    volume, labels = left_dense
    with pytest.raises(UnsuitableInputError, match="too little for zones"):
        patient_scan("P", volume.with_array(volume.array[:8]), Anatomy(labels[:8]))
