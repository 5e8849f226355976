"""Regions as DICOM SEG: read back exactly by another library, refused where they cannot be
written."""

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr._concepts_dict import concepts

from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.results import dicom_report, dicom_segments
from DGMVLCCore.results.dicom_segments import term_code, write_segmentation


@pytest.fixture(scope="module")
def series(tmp_path_factory, phantom, write_ct):
    return write_ct(tmp_path_factory.mktemp("source") / "ct", phantom.array[:6, ::2, ::2])


def box(shape, z, y, x):
    mask = np.zeros(shape, bool)
    mask[slice(*z), slice(*y), slice(*x)] = True
    return mask


def test_overlapping_regions_come_back_voxel_for_voxel(series, tmp_path):
    scan = load_volume(series)
    first, second = (
        box(scan.shape, (1, 3), (10, 30), (20, 30)),
        box(scan.shape, (2, 5), (20, 40), (25, 50)),
    )
    path = write_segmentation(
        [("Spiculated nodule, left", first), ("region 2", second)],
        series,
        tmp_path / "r.dcm",
        kind="manual",
    )
    made = hd.seg.segread(path)
    for number, mask in ((1, first), (2, second)):
        pixels = made.get_volume(segment_numbers=[number], combine_segments=True)
        back = np.zeros(scan.shape, bool)
        for index in np.argwhere(pixels.array):
            x, y, z = np.linalg.inv(scan.affine)[:3] @ [*(pixels.affine @ [*index, 1])[:3], 1]
            back[round(z), round(y), round(x)] = True
        assert np.array_equal(back, mask)
    headers = {h.SOPInstanceUID: h for h in map(pydicom.dcmread, sorted(series.iterdir()))}
    assert {r.ReferencedSOPInstanceUID for r in made.SourceImageSequence} <= set(headers)
    assert (
        made.PatientName == "Test^One"
        and made.StudyInstanceUID == next(iter(headers.values())).StudyInstanceUID
    )
    described = (
        made.segment_descriptions if hasattr(made, "segment_descriptions") else made.SegmentSequence
    )
    assert [d.SegmentLabel for d in described] == [
        "Spiculated nodule, left",
        "region 2",
    ] and described[0].SegmentAlgorithmType == "MANUAL"
    assert [d.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for d in described] == [
        "Nodule",
        "Selected region",
    ]
    assert made.ContentQualification == "RESEARCH"


def test_names_become_codes():
    assert term_code("ground glass opacities, right")[1] == (
        "112120",
        "DCM",
        "Ground glass opacity",
    )
    assert term_code("honeycombing")[1][2] == "Honeycomb pattern" and term_code("emphysema")[1][
        :2
    ] == ("87433001", "SCT")
    assert term_code("edit mask")[1][2] == "Selected region"


def test_codes_are_those_of_the_standard():
    """Every code that is not of our vocabulary stands in DICOM's dictionary with its meaning."""
    ours = [
        *dicom_segments.DICOM_TERMS.values(),
        *dicom_segments.SIDES.values(),
        *(dicom_segments.ANATOMICAL, dicom_segments.LUNG, dicom_segments.SELECTED),
        *(code for name in ("nodule", "edit mask") for code in term_code(name)),
        *(*dicom_report.QUANTITIES.values(), dicom_report.MEAN, dicom_report.CHEST_CT),
    ]
    known = {
        (code, scheme, meaning)
        for scheme, words in concepts.items()
        for codes in words.values()
        for code, (meaning, _) in codes.items()
    }
    assert {code for code in ours if code not in known} == set()


def test_what_cannot_be_written_is_refused_with_the_reason(series, tmp_path, phantom, write_ct):
    shape, out = load_volume(series).shape, tmp_path / "r.dcm"
    good = box(shape, (1, 3), (10, 30), (20, 30))
    for masks, word in (
        ([], "no region"),
        ([("a", good[:2])], "shape"),
        ([("a", good), ("b", good & False)], "“b” is empty"),
        ([(" ", good)], "no name"),
    ):
        with pytest.raises(UnsuitableInputError, match=word):
            write_segmentation(masks, series, out)
    with pytest.raises(UnreadableError, match="no folder"):
        write_segmentation([("a", good)], tmp_path / "none", out)
    nameless = write_ct(tmp_path / "nameless", phantom.array[:6, ::2, ::2], StudyInstanceUID="")
    with pytest.raises(UnsuitableInputError, match="StudyInstanceUID"):
        write_segmentation([("a", good)], nameless, out)
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        write_segmentation([("a", good)], series, out)
    with pytest.raises(OutputError, match="could not be written"):
        write_segmentation([("a", good)], series, tmp_path / "no" / "where.dcm")
    assert out.read_bytes() == b"mine" and sorted(p.name for p in tmp_path.iterdir()) == [
        "nameless",
        "r.dcm",
    ]
