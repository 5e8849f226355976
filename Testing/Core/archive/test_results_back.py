"""A study goes from the archive through a review and back: what comes out of the archive again is
read by dciodvfy, dsrdump, pydicom and highdicom."""

from __future__ import annotations

import json
import subprocess

import highdicom as hd
import numpy as np
import pydicom
import pytest

from DGMVLCCore import cli
from DGMVLCCore.archive.archive import open_archive
from DGMVLCCore.archive.ledger import read_ledger
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.results.segmentation import Segment, save_segmentation
from DGMVLCCore.review import review_dicom
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import LUNGS
from DGMVLCCore.review.review_dicom import write_study_dicom
from DGMVLCCore.review.review_report import export
from Testing.conftest import look_by_hand


@pytest.fixture
def session(orthanc, make_study, tmp_path, phantom_with_nodule):
    """A review of a study that came out of the archive, its first region accepted."""
    study, _ = make_study(tmp_path / "sent", phantom_with_nodule.array)
    orthanc.storescu(*sorted((tmp_path / "sent").iterdir()))
    (tmp_path / "studies").mkdir()
    open_archive("web").get(study, None, tmp_path / "studies" / "case")
    made = ReviewSession.create(tmp_path / "studies", tmp_path / "review")
    look_by_hand(made, "case")
    scan = load_volume(tmp_path / "studies" / "case")
    affine = scan.affine.copy()
    affine[:3, :2] *= 2
    affine[:3, 3] += scan.affine[:3, 0] / 2 + scan.affine[:3, 1] / 2
    values = np.linspace(0, 1, scan.array[:, ::2, ::2].size, dtype=np.float32)
    cells = Volume(values.reshape(scan.array[:, ::2, ::2].shape), affine, "CT", "float32")
    save_volume(cells, made.place("case") / "abnormality.nrrd")
    picture = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
        "0000000a49444154789c63600000000200015d0a2db40000000049454e44ae426082"
    )
    for number in (1, 2):
        (made.place("case") / f"region-{number}.png").write_bytes(picture)
    lungs = find_anatomy(scan)
    sides = (("left lung", lungs.left), ("right lung", lungs.right))
    kept = [Segment(mask, name, (0.5, 0.5, 0.5), 0, n) for n, (name, mask) in enumerate(sides, 1)]
    save_segmentation(kept, scan, made.place("case") / LUNGS)
    made.decide("case/1", "accepted", "Seen on the prior, too.")
    return made


def test_a_review_goes_back_and_an_ordinary_reader_takes_it(
    session, orthanc, tmp_path, capsys, monkeypatch
):
    before = orthanc.count()
    monkeypatch.setattr(review_dicom, "find_anatomy", None)  # the lungs are those of the review
    made = export(session, tmp_path / "out", dicom=True)
    assert [path.rsplit("/", 1)[1] for path in made.dicom] == [
        "abnormality.dcm",
        "measurements.dcm",
        "review.dcm",
        "segmentation.dcm",
    ]
    folder = tmp_path / "out" / "dicom"
    assert cli.main(["archive", "send", "web", str(folder)]) == 0
    assert "Nothing was sent" in capsys.readouterr().out and orthanc.count() == before
    assert cli.main(["archive", "send", "web", str(folder), "--send"]) == 0
    assert orthanc.count() == before + 4
    assert cli.main(["archive", "send", "get", str(folder), "--send"]) == 0  # already there
    assert "there already: 4" in capsys.readouterr().out and orthanc.count() == before + 4
    noted = [(entry.archive, entry.object.already) for entry in read_ledger()]
    assert noted == 4 * [("web", False)] + 4 * [("get", True)]

    sources = {str(pydicom.dcmread(p).SOPInstanceUID) for p in (tmp_path / "sent").iterdir()}
    for identifier in orthanc.rest("instances"):
        path = tmp_path / f"{identifier}.dcm"
        path.write_bytes(orthanc.file(identifier))
        data = pydicom.dcmread(path)
        if str(data.SOPInstanceUID) in sources:
            continue
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, encoding="utf-8")
        errors = [line for line in said.stderr.splitlines() if line.startswith("Error")]
        assert errors == [], (data.Modality, errors)
        assert (str(data.PatientID), str(data.StudyDate)) == ("P-4711", "20260105")
        named = {str(e.value) for e in data.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        assert named & sources, data.Modality
        {"SEG": segments, "SR": numbers, "DOC": pages, "OT": cells}[data.Modality](
            path, data, session, tmp_path
        )


def segments(path, data, session, tmp_path):
    """Lungs by SNOMED CT, regions by their findings, on the source's geometry."""
    seg = hd.seg.segread(path)
    described = {}
    for segment in map(seg.get_segment_description, seg.segment_numbers):
        kind = segment.SegmentedPropertyTypeCodeSequence[0]
        sides = kind.get("SegmentedPropertyTypeModifierCodeSequence", [])
        codes = [segment.segmented_property_type, *sides]
        assert {code.CodingSchemeDesignator for code in codes} == {"SCT"}
        described[segment.SegmentLabel] = [code.CodeValue for code in codes]
    assert described == {
        "left lung": ["39607008", "7771000"],
        "right lung": ["39607008", "24028007"],
        "region 1 nodule": ["27925004"],
        "region 2 nodule": ["27925004"],
    }
    scan = load_volume(tmp_path / "sent")
    drawn = load_labels(session.place("case") / "regions.seg.nrrd", scan).segments["region 1"]
    uids = [str(pydicom.dcmread(p).SOPInstanceUID) for p in sorted((tmp_path / "sent").iterdir())]
    back = seg.get_pixels_by_source_instance(
        uids,
        segment_numbers=[3],
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )
    assert np.array_equal(back[..., 0].astype(bool), drawn)


def numbers(path, data, session, tmp_path):
    """Every number of the analysis with its unit, the decision, and the notice."""
    text = subprocess.run(
        ["dsrdump", "+Pl", str(path)], capture_output=True, encoding="utf-8", check=True
    ).stdout
    for words in (
        'NUM:(,,"Diameter")="26.0" (mm',
        'NUM:(,,"Volume")="9.2" (mL',
        'NUM:(,,"Attenuation Coefficient")="20.0" ([hnsf\'U]',
        '="612.0" ([hnsf\'U]',
        '="540.0" ([hnsf\'U]',
        '="700.0" ([hnsf\'U]',
        '="0.97" (1,UCUM',
        'CODE:(,,"Decision of the reader")=',
        '"accepted"',
        '"not decided"',
        "Research use only; not a medical device.",
        "Seen on the prior, too.",
    ):
        assert words in text, (words, text)
    report = hd.sr.srread(path)
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [group.reference_type.meaning for group in groups] == ["Referenced Segment"] * 2


def pages(path, data, session, tmp_path):
    assert bytes(data.EncapsulatedDocument).startswith(b"%PDF-")
    assert data.MIMETypeOfEncapsulatedDocument == "application/pdf"


def cells(path, data, session, tmp_path):
    pm = hd.pm.pmread(path) if hasattr(hd.pm, "pmread") else data
    assert (pm.Rows, pm.Columns) == load_volume(tmp_path / "sent").array.shape[1:]
    values = np.frombuffer(data.FloatPixelData, "<f4")
    assert values.min() >= 0 and values.max() == pytest.approx(1, abs=1e-3)


def test_a_study_without_regions_reports_the_lungs_that_were_looked_at(session, tmp_path):
    path = session.place("case") / "review.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), "regions": []}),
        encoding="utf-8",
    )
    (session.place("case") / LUNGS).unlink()  # as a session of an earlier version
    (tmp_path / "dicom").mkdir()
    write_study_dicom(session, session.study("case"), tmp_path / "dicom")
    report = pydicom.dcmread(tmp_path / "dicom" / "measurements.dcm")
    said = json.dumps(report.to_json_dict()["0040A730"]).lower()
    assert "left lung" in said and "right lung" in said and "no region stood out." in said
