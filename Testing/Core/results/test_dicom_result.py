"""A result as DICOM: HU and geometry come back exactly, everything synthetic says so, nothing is
written in part."""

import json

import highdicom as hd
import numpy as np
import pydicom
import pytest

from DGMVLCCore import cli
from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.results.dicom_result import export_dicom
from DGMVLCCore.results.dicom_series import stored
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import builtins_of, check_schema


@pytest.fixture(scope="module")
def beside(made, tmp_path_factory):
    """The result exported beside its source."""
    out = tmp_path_factory.mktemp("out") / "dicom"
    return out, export_dicom(made[1], out, source=made[0], regions=made[4])


def test_hu_and_geometry_come_back_exactly(made, beside, caplog):
    source, _, scan, result, _ = made
    with caplog.at_level("WARNING"):
        back = load_volume(beside[0] / "counterfactual")
    assert np.array_equal(back.array, result.counterfactual.array) and back.stored_dtype == "int16"
    assert back.same_grid(scan, 0) and np.array_equal(back.affine, scan.affine)
    assert "marked as synthetic" in caplog.text
    for path in (beside[0] / "difference").iterdir():
        data = pydicom.dcmread(path)
        row = round(float(data.ImagePositionPatient[2]) / 2)
        assert np.array_equal(
            data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept),
            result.difference[row],
        )


def test_every_slice_stands_beside_its_source_and_says_what_it_is(made, beside):
    sources = {str(h.SOPInstanceUID): h for h in map(pydicom.dcmread, made[0].iterdir())}
    first = next(iter(sources.values()))
    seen = set()
    for name in ("counterfactual", "difference"):
        for path in sorted((beside[0] / name).iterdir()):
            data = pydicom.dcmread(path)
            origin = sources[data.SourceImageSequence[0].ReferencedSOPInstanceUID]
            assert (
                data.InstanceNumber == origin.InstanceNumber
                and data.ImagePositionPatient == origin.ImagePositionPatient
            )
            assert (data.SyntheticData, data.ContentQualification, data.ImageType) == (
                "YES",
                "RESEARCH",
                ["DERIVED", "SECONDARY", "AXIAL"],
            )
            assert (
                data.SeriesDescription.startswith("SYNTHETIC")
                and len(data.SeriesDescription) <= 64
                and "Research use only" in data.ImageComments
            )
            assert (
                "No 'nodule' . Clear lung" in data.DerivationDescription
                and data.BurnedInAnnotation == "NO"
            )
            assert [e.Manufacturer for e in data.ContributingEquipmentSequence] == [
                "Scanner & Co",
                "DGM-VLC",
            ]
            assert (
                str(data.PatientName) == "Müller^Zoë"
                and data.StudyInstanceUID == first.StudyInstanceUID
            )
            assert (
                data.FrameOfReferenceUID == first.FrameOfReferenceUID
                and data.SeriesInstanceUID != first.SeriesInstanceUID
            )
            seen.add(data.SOPInstanceUID)
    assert len(seen) == 2 * len(sources)


def test_maps_and_regions_hold_their_values(made, beside):
    _, _, scan, result, _ = made
    for name, values, unit in (
        ("attention-nodule.dcm", result.attention["nodule"].values, "1"),
        ("uncertainty.dcm", result.uncertainty, "[hnsf'U]"),
    ):
        data = pydicom.dcmread(beside[0] / name)
        places = [
            round(f.PlanePositionSequence[0].ImagePositionPatient[2] / 2)
            for f in data.PerFrameFunctionalGroupsSequence
        ]
        assert (
            sorted(places) == [4, 5, 6, 7]
            and np.array_equal(data.pixel_array, values[places])
            and data.ContentQualification == "RESEARCH"
        )
        mapping = data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
        assert (
            mapping.MeasurementUnitsCodeSequence[0].CodeValue == unit
            and mapping.RealWorldValueSlope == 1
        )
    mask = hd.seg.segread(beside[0] / "edit-mask.dcm")
    assert (
        mask.pixel_array.sum() == result.mask.sum()
        and mask.SegmentSequence[0].SegmentLabel == "edit mask"
    )
    regions = hd.seg.segread(beside[0] / "regions.dcm")
    assert (
        regions.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning
        == "Ground glass opacity"
    )
    assert regions.pixel_array.sum() == (result.mask & (scan.array > -300)).sum()


def test_the_record_lists_all_of_it(made, beside):
    out, record = beside
    written = json.loads((out / "dicom.json").read_text(encoding="utf-8"))
    check_schema(written, "dicom.schema.json")
    assert written == builtins_of(record) and record.patient and record.notes == []
    assert {f.name for f in record.files} == {
        p.relative_to(out).as_posix() for p in out.rglob("*.dcm")
    }
    assert all(sha256_of(out / f.name) == f.sha256 for f in record.files)
    assert {o.name: o.synthetic for o in record.objects} == {
        "counterfactual": True,
        "difference": True,
        "uncertainty.dcm": True,
        "attention-nodule.dcm": False,
        "edit-mask.dcm": False,
        "measurements.dcm": False,
        "regions.dcm": False,
    }
    for path in out.rglob("*.dcm"):  # every value is a legal one of its kind
        pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
        try:
            pydicom.dcmread(path).walk(lambda data, element: element.value)
        finally:
            pydicom.config.settings.reading_validation_mode = pydicom.config.WARN


def test_without_a_series_there_is_a_new_study_without_a_patient(made, tmp_path, capsys):
    _, result, scan, edit, _ = made
    assert cli.main(["dicom", str(result), "-o", str(tmp_path / "new"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert not answer["patient"] and "without a patient" in answer["notes"][0]
    original, edited = (
        load_volume(tmp_path / "new" / name) for name in ("original", "counterfactual")
    )
    assert (
        np.array_equal(original.array, scan.array)
        and np.array_equal(edited.array, edit.counterfactual.array)
        and edited.same_grid(scan)
    )
    slices = {pydicom.dcmread(p).SOPInstanceUID for p in (tmp_path / "new" / "original").iterdir()}
    data = pydicom.dcmread(tmp_path / "new" / "counterfactual" / "0001.dcm")
    assert (
        data.SourceImageSequence[0].ReferencedSOPInstanceUID in slices
        and data.PatientName == "No^Patient"
    )
    assert "SyntheticData" not in pydicom.dcmread(tmp_path / "new" / "original" / "0001.dcm")


def test_refusals_leave_nothing(made, tmp_path, write_ct, monkeypatch):
    source, result, scan, _, _ = made
    other = write_ct(tmp_path / "other", scan.array + np.float32(2) * (scan.array > 0))
    with pytest.raises(UnsuitableInputError, match="not the scan that the result was made from"):
        export_dicom(result, tmp_path / "out", source=other)
    with pytest.raises(UnreadableError, match=r"result\.json"):
        export_dicom(tmp_path / "none", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    for overwrite, word in ((False, "exists already"), (True, "thesis.txt")):
        with pytest.raises(OutputError, match=word):
            export_dicom(result, tmp_path / "out", source=source, overwrite=overwrite)
    monkeypatch.setattr(
        "DGMVLCCore.results.dicom_result.build_segmentation",
        lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    with pytest.raises(OutputError, match="No space left"):
        export_dicom(result, tmp_path / "full", source=source)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "out"]


def test_a_changed_result_is_not_exported(made, tmp_path):
    import shutil

    shutil.copytree(made[1], tmp_path / "result")
    (tmp_path / "result" / "explanation.txt").write_text("All is well.", encoding="utf-8")
    with pytest.raises(UnreadableError, match="was changed after"):
        export_dicom(tmp_path / "result", tmp_path / "out")


def test_hu_that_are_no_whole_numbers_keep_the_steps_of_their_series():
    hu = (np.arange(-2048, 2000, dtype=np.float32) * np.float32(0.5)).reshape(1, 46, 88)
    code = stored(hu, (0.5, -1024.0))
    assert code.rounding == 0 and np.array_equal(
        (code.values * code.slope + code.intercept).astype(np.float32), hu
    )
    fine = hu + np.float32(0.123) * (hu > 500)
    code = stored(fine)
    back = code.values * code.slope + code.intercept
    assert (
        code.rounding == pytest.approx(np.abs(back - fine).max(), abs=1e-4) and code.rounding < 0.05
    )
    with pytest.raises(UnsuitableInputError, match="16 bits"):
        stored(np.array([[[0.5, 1e6]]], np.float32), (0.5, 0.0))
