"""Segmentations: names, layers, cropped and turned extents; another grid is refused."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.io import save_volume, to_image
from DGMVLCCore.imaging.labels import load_labels


@pytest.fixture
def masks(phantom):
    """Two overlapping boxes on the phantom's grid."""
    a, b = np.zeros(phantom.shape, bool), np.zeros(phantom.shape, bool)
    a[4:7, 40:60, 80:95] = True
    b[5:8, 50:70, 70:85] = True
    return a, b


def image_of(array, phantom, vector=False):
    image = sitk.GetImageFromArray(array, isVector=vector)
    image.CopyInformation(to_image(phantom))
    return image


def seg_nrrd(path, image, segments):
    for index, facts in enumerate(segments):
        for key, value in facts.items():
            image.SetMetaData(f"Segment{index}_{key}", str(value))
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def test_layers_and_names_of_a_slicer_segmentation(phantom, masks, tmp_path):
    a, b = masks
    stack = np.stack([a * 1 + (b & ~a) * 0, b * 2], -1).astype(np.uint8)
    stack[0, 0, 0, 0] = 2
    path = seg_nrrd(
        tmp_path / "a.seg.nrrd",
        image_of(stack, phantom, True),
        [
            dict(ID="S1", Name="nodule", Layer=0, LabelValue=1, Extent="80 94 40 59 4 6"),
            dict(ID="S2", Name="scar, old", Layer=1, LabelValue=2),
            dict(ID="S3", Name="nodule", Layer=0, LabelValue=2),
            dict(ID="S4", Name="nothing", Layer=1, LabelValue=9),
        ],
    )
    found = load_labels(path, phantom)
    assert list(found.segments) == ["nodule", "scar, old", "nodule (2)"]
    assert np.array_equal(found.segments["nodule"], a) and np.array_equal(
        found.segments["scar, old"], b
    )
    assert found.segments["nodule (2)"].sum() == 1
    assert found.names == {1: "nodule", 2: "scar, old", 3: "nodule (2)"}
    assert np.array_equal(found.union(), a | b | found.segments["nodule (2)"])


def test_plain_labels_get_the_names_given(phantom, masks, tmp_path):
    a, b = masks
    path = tmp_path / "l.nii.gz"
    sitk.WriteImage(image_of((a * 3 + (b & ~a) * 7).astype(np.float32), phantom), str(path))
    found = load_labels(path, phantom, {3: "lung"})
    assert found.names == {3: "lung", 7: "label 7"}
    assert np.array_equal(found.segments["lung"], a) and np.array_equal(
        found.segments["label 7"], b & ~a
    )


@pytest.mark.parametrize("code", [0, 30])
def test_names_in_a_nifti_header_are_read(phantom, masks, tmp_path, code):
    """TotalSegmentator writes its label table as an XML extension of code 0, Connectome Workbench
    of code 30."""
    xml = (
        b'<?xml version="1.0"?><CaretExtension><LabelTable><Label Key="3" '
        b'Red="0"><![CDATA[lung_upper_lobe_left]]></Label>'
        b'<Label Key="7" Red="0">aorta</Label><Label '
        b'Key="x">broken</Label></LabelTable></CaretExtension>'
    )
    xml += b"\0" * (-(len(xml) + 8) % 16)
    sitk.WriteImage(image_of((masks[0] * 3).astype(np.uint8), phantom), str(tmp_path / "plain.nii"))
    content = bytearray((tmp_path / "plain.nii").read_bytes())
    extension = struct.pack("<2i", len(xml) + 8, code) + xml
    struct.pack_into("<f", content, 108, 352 + len(extension))
    content[348] = 1
    (tmp_path / "named.nii.gz").write_bytes(
        gzip.compress(bytes(content[:352]) + extension + bytes(content[352:]))
    )
    found = load_labels(tmp_path / "named.nii.gz", phantom)
    assert found.names == {3: "lung_upper_lobe_left"} and np.array_equal(
        found.segments["lung_upper_lobe_left"], masks[0]
    )


def test_a_cropped_extent_is_padded_exactly(phantom, masks, tmp_path):
    sitk.WriteImage(
        image_of(masks[0].astype(np.uint8), phantom)[78:100, 30:70, 3:9],
        str(tmp_path / "crop.nrrd"),
    )
    assert np.array_equal(load_labels(tmp_path / "crop.nrrd", phantom).union(), masks[0])


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PSR", "IAL"])
def test_the_same_voxels_in_another_axis_order_are_laid_in_place(phantom, masks, tmp_path, axes):
    sitk.WriteImage(
        sitk.DICOMOrient(image_of(masks[0].astype(np.uint8), phantom), axes),
        str(tmp_path / "turned.nii.gz"),
    )
    assert np.array_equal(load_labels(tmp_path / "turned.nii.gz", phantom).union(), masks[0])


def test_another_grid_is_refused_with_both_grids(phantom, masks, tmp_path):
    both = (
        r"other.nrrd \(128x112x12 voxels of .* another grid than the scan \(128x112x12 voxels of "
        r"2.500x2.500x4.000 mm"
    )
    for change in ("spacing", "half a voxel", "turn"):
        image = image_of(masks[0].astype(np.uint8), phantom)
        if change == "spacing":
            image.SetSpacing((1.0, 1.0, 1.0))
        elif change == "turn":
            image.SetDirection((0.9998, -0.02, 0, 0.02, 0.9998, 0, 0, 0, 1))
        else:
            image.SetOrigin([v + 1.25 for v in image.GetOrigin()])
        sitk.WriteImage(image, str(tmp_path / "other.nrrd"))
        with pytest.raises(UnsuitableInputError, match=both):
            load_labels(tmp_path / "other.nrrd", phantom)


def test_labels_beyond_the_scan_are_refused_not_lost(phantom, masks, tmp_path):
    sitk.WriteImage(image_of(masks[0].astype(np.uint8), phantom), str(tmp_path / "a.nrrd"))
    part = phantom.with_array(phantom.array[:6])
    with pytest.raises(UnsuitableInputError, match="has 300 of its 900 voxels outside the scan"):
        load_labels(tmp_path / "a.nrrd", part)
    assert (
        load_labels(tmp_path / "a.nrrd", phantom.with_array(phantom.array[:8])).union().sum() == 900
    )


def test_empty_segmentations_are_refused(phantom, masks, tmp_path):
    save_volume(
        phantom.with_array(np.zeros(phantom.shape, np.float32), stored_dtype="uint8"),
        tmp_path / "e.nrrd",
    )
    with pytest.raises(UnsuitableInputError, match="e.nrrd is empty"):
        load_labels(tmp_path / "e.nrrd", phantom)


def test_what_is_no_segmentation_is_refused(phantom, tmp_path):
    save_volume(phantom, tmp_path / "ct.nrrd")
    with pytest.raises(UnsuitableInputError, match="no labels"):
        load_labels(tmp_path / "ct.nrrd", phantom)
    save_volume(
        phantom.with_array(
            np.arange(phantom.array.size, dtype=np.float32).reshape(phantom.shape) % 5000,
            stored_dtype="uint16",
        ),
        tmp_path / "n.nrrd",
    )
    with pytest.raises(UnsuitableInputError, match="too many for a segmentation"):
        load_labels(tmp_path / "n.nrrd", phantom)
    sitk.WriteImage(
        sitk.GetImageFromArray(np.ones((2, 3, 4, 5), np.uint8), isVector=False),
        str(tmp_path / "four.nrrd"),
    )
    with pytest.raises(UnsuitableInputError, match="4 dimensions"):
        load_labels(tmp_path / "four.nrrd", phantom)
    with pytest.raises(UnreadableError, match="does not exist"):
        load_labels(tmp_path / "none.nrrd", phantom)


@pytest.mark.parametrize(
    "change, word",
    [
        (dict(Layer=7), "layer 7"),
        (dict(LabelValue=0), "value 0"),
        (dict(Layer=0, LabelValue=1), "another's"),
    ],
)
def test_a_segment_that_is_not_where_it_is_said_is_refused(phantom, masks, tmp_path, change, word):
    """Each lost a segment, or showed another's voxels under its name."""
    image = image_of(np.stack(masks, -1).astype(np.uint8), phantom, True)
    second = {"ID": "S2", "Name": "b", "Layer": 1, "LabelValue": 1} | change
    facts = [{"ID": "S1", "Name": "a", "Layer": 0, "LabelValue": 1}, second]
    with pytest.raises(UnreadableError, match=word):
        load_labels(seg_nrrd(tmp_path / "a.seg.nrrd", image, facts), phantom)


def test_no_segment_is_lost_for_a_gap_or_a_missing_name(phantom, masks, tmp_path):
    image = image_of((masks[0] * 1 + (masks[1] & ~masks[0]) * 2).astype(np.uint8), phantom)
    path = seg_nrrd(tmp_path / "a.seg.nrrd", image, [{}, {"ID": "S2", "Name": "b"}])
    found = load_labels(path, phantom)
    assert np.array_equal(found.segments["b"], masks[0])
    assert np.array_equal(found.segments["label 2"], masks[1] & ~masks[0])


def test_an_older_slicers_segments_are_each_a_layer(phantom, masks, tmp_path):
    image = image_of(np.stack(masks, -1).astype(np.uint8), phantom, True)
    facts = [{"ID": "S1", "Name": "a"}, {"ID": "S2", "Name": "b"}]
    found = load_labels(seg_nrrd(tmp_path / "a.seg.nrrd", image, facts), phantom)
    assert np.array_equal(found.segments["a"], masks[0])
    assert np.array_equal(found.segments["b"], masks[1])
