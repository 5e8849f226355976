"""Scan and segment from a real MRML scene (slicer-core, no desktop) to files that the core
reads."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("slicer_core") is None,
    reason="slicer-core is not installed: pip install 'dgmvlc[scene]'",
)
RAS = np.diag([-1.2, -1.2, 2.5, 1.0])
RAS[:3, 3] = (40, 50, -80)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def tools():
    """The libraries, imported late, so that the tests are collected without slicer-core."""
    import slicer
    import vtk
    from SlicerDGMVLCLib import exchange
    from SlicerDGMVLCLib.headless import startApplication

    class Tools:
        application = startApplication()
        slicer_, vtk_, exchange_ = slicer, vtk, exchange

    return Tools


def matrixOf(tools, values):
    matrix = tools.vtk_.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, values[row][column])
    return matrix


def volumeNode(tools, array, kind="vtkMRMLScalarVolumeNode", affine=RAS):
    from vtk.util.numpy_support import numpy_to_vtk

    image = tools.vtk_.vtkImageData()
    image.SetDimensions(*array.shape[:3][::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(array.reshape(-1, *array.shape[3:]), deep=True))
    node = getattr(tools.slicer_, kind)()
    node.SetName("CT é")
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(matrixOf(tools, affine))
    return tools.application.scene.AddNode(node)


@pytest.fixture
def scan(tools):
    array = np.random.default_rng(0).integers(-1000, 400, (6, 40, 44)).astype(np.int16)
    node = volumeNode(tools, array)
    yield node, array
    tools.application.scene.RemoveNode(node)


def under(tools, node, affine=None):
    """Put a node under a transform: linear from a matrix, or a non-linear one."""
    if affine is None:
        transform = tools.slicer_.vtkMRMLBSplineTransformNode()
        spline = tools.vtk_.vtkThinPlateSplineTransform()
        for points in (spline.SetSourceLandmarks, spline.SetTargetLandmarks):
            marks = tools.vtk_.vtkPoints()
            for i, place in enumerate(
                ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (30, 30, 30))
            ):
                marks.InsertNextPoint(
                    *(p + 3 * (i == 4) * (points == spline.SetTargetLandmarks) for p in place)
                )
            points(marks)
        transform = tools.slicer_.vtkMRMLTransformNode()
        transform.SetAndObserveTransformToParent(spline)
    else:
        transform = tools.slicer_.vtkMRMLLinearTransformNode()
        transform.SetMatrixTransformToParent(matrixOf(tools, affine))
    transform.SetName("T")
    node.SetAndObserveTransformNodeID(tools.application.scene.AddNode(transform).GetID())


def segmentationNode(tools, mask, affine=RAS):
    label = volumeNode(tools, mask.astype(np.uint8), "vtkMRMLLabelMapVolumeNode", affine)
    node = tools.slicer_.vtkMRMLSegmentationNode()
    node.SetName("Drawn")
    tools.application.scene.AddNode(node)
    tools.slicer_.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(label, node)
    tools.application.scene.RemoveNode(label)
    return node


def ball(shape=(6, 40, 44)):
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    return ((z - 3) * 2) ** 2 + (y - 15) ** 2 + (x - 20) ** 2 < 30


def test_a_scan_arrives_as_it_is(tools, scan, tmp_path):
    node, array = scan
    path = tmp_path / "a b" / "scän.nrrd"
    path.parent.mkdir()
    count = tools.application.scene.GetNumberOfNodes()
    tools.exchange_.exportVolume(node, path)
    volume = load_volume(path, "CT")
    assert (
        np.array_equal(volume.array, array)
        and np.allclose(volume.affine, LPS @ RAS)
        and volume.stored_dtype == "int16"
    )
    assert [p.name for p in path.parent.iterdir()] == [
        "scän.nrrd"
    ] and tools.application.scene.GetNumberOfNodes() == count


def test_a_linear_transform_is_hardened_on_a_copy(tools, scan, tmp_path):
    node, _ = scan
    turn = np.array([[0, -1, 0, 5], [1, 0, 0, -7], [0, 0, 1, 11], [0, 0, 0, 1.0]])
    under(tools, node, turn)
    assert tools.exchange_.checkVolume(node) == (True, "")
    tools.exchange_.exportVolume(node, tmp_path / "t.nrrd")
    assert np.allclose(load_volume(tmp_path / "t.nrrd", "CT").affine, LPS @ turn @ RAS)
    assert node.GetParentTransformNode() is not None, "the scene's own node stays as it was"


def test_what_cannot_be_edited_is_refused_with_the_reason(tools, scan, tmp_path):
    node, array = scan
    check = tools.exchange_.checkVolume
    cases = [
        (None, "Choose a scan"),
        (
            volumeNode(tools, np.zeros((2, 20, 20, 3), np.uint8), "vtkMRMLVectorVolumeNode"),
            "3 values a voxel",
        ),
        (volumeNode(tools, np.zeros((2, 20, 20, 4), np.int16)), "4 values a voxel"),
        (tools.slicer_.vtkMRMLTextNode(), "no scan"),
        (volumeNode(tools, ball().astype(np.uint8), "vtkMRMLLabelMapVolumeNode"), "segmentation"),
        (volumeNode(tools, array[:, :8, :8]), "8x8x6 voxels"),
        (volumeNode(tools, np.zeros((4, 20, 20), np.int16)), "0 everywhere"),
        (tools.slicer_.vtkMRMLScalarVolumeNode(), "holds no voxels"),
    ]
    for case, words in cases:
        good, reason = check(case)
        assert not good and words in reason and reason.endswith("."), reason
    under(tools, node)
    good, reason = check(node)
    assert not good and "non-linear transform T" in reason
    with pytest.raises(ValueError, match="non-linear"):
        tools.exchange_.exportVolume(node, tmp_path / "x.nrrd")
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    under(tools, node, sheared)
    assert "sheared" in check(node)[1]
    under(tools, node, np.diag([1.0, 1.0, 0.0, 1.0]))
    assert "squeezed" in check(node)[1]
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written(tools, scan, tmp_path):
    with pytest.raises(OSError, match="could not be written"):
        tools.exchange_.exportVolume(scan[0], tmp_path / "no" / "x.nrrd")


def test_a_segment_arrives_on_the_scans_voxels(tools, scan, tmp_path):
    node, _ = scan
    mask = ball()
    labels = np.where(mask, 2, 0)
    labels[:, 30:35, 5:40] = 1
    segmentation = segmentationNode(tools, labels)
    _, segmentId = segmentation.GetSegmentation().GetSegmentIDs()
    assert (
        tools.exchange_.exportSegment(segmentation, segmentId, node, tmp_path / "s.seg.nrrd") == ""
    )
    tools.exchange_.exportVolume(node, tmp_path / "ct.nrrd")
    assert np.array_equal(
        load_labels(tmp_path / "s.seg.nrrd", load_volume(tmp_path / "ct.nrrd", "CT")).union(), mask
    )
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 2


def test_both_under_one_transform_stay_together(tools, scan, tmp_path):
    node, _ = scan
    segmentation = segmentationNode(tools, ball())
    move = np.eye(4)
    move[:3, 3] = (100, -3.3, 7)
    under(tools, node, move)
    under(tools, segmentation, move)
    (segmentId,) = segmentation.GetSegmentation().GetSegmentIDs()
    assert (
        tools.exchange_.exportSegment(segmentation, segmentId, node, tmp_path / "s.seg.nrrd") == ""
    )
    tools.exchange_.exportVolume(node, tmp_path / "ct.nrrd")
    assert np.array_equal(
        load_labels(tmp_path / "s.seg.nrrd", load_volume(tmp_path / "ct.nrrd", "CT")).union(),
        ball(),
    )


def test_a_segment_of_another_grid_is_resampled_and_said(tools, scan, tmp_path):
    node, _ = scan
    fine = RAS @ np.diag([0.5, 0.5, 0.5, 1.0])
    segmentation = segmentationNode(tools, np.kron(ball(), np.ones((2, 2, 2))) > 0, fine)
    (segmentId,) = segmentation.GetSegmentation().GetSegmentIDs()
    said = tools.exchange_.exportSegment(segmentation, segmentId, node, tmp_path / "s.seg.nrrd")
    assert "resampled" in said
    tools.exchange_.exportVolume(node, tmp_path / "ct.nrrd")
    found = load_labels(tmp_path / "s.seg.nrrd", load_volume(tmp_path / "ct.nrrd", "CT")).union()
    assert 2 * (found & ball()).sum() / (found.sum() + ball().sum()) > 0.85


def test_a_segment_that_is_only_a_surface(tools, scan, tmp_path):
    node, _ = scan
    sphere = tools.vtk_.vtkSphereSource()
    sphere.SetCenter(40 - 1.2 * 20, 50 - 1.2 * 15, -80 + 2.5 * 3)
    sphere.SetRadius(5)
    sphere.Update()
    segmentation = tools.application.scene.AddNode(tools.slicer_.vtkMRMLSegmentationNode())
    segmentation.GetSegmentation().SetSourceRepresentationName("Closed surface")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(node)
    segment = tools.slicer_.vtkSegment()
    segment.SetName("surface")
    segment.AddRepresentation("Closed surface", sphere.GetOutput())
    segmentation.GetSegmentation().AddSegment(segment, "S")
    tools.exchange_.exportSegment(segmentation, "S", node, tmp_path / "s.seg.nrrd")
    tools.exchange_.exportVolume(node, tmp_path / "ct.nrrd")
    found = load_labels(tmp_path / "s.seg.nrrd", load_volume(tmp_path / "ct.nrrd", "CT")).union()
    assert 0.6 < found.sum() * 1.2 * 1.2 * 2.5 / (4 / 3 * np.pi * 125) < 1.4 and found[3, 15, 20]
    assert not segmentation.GetSegmentation().ContainsRepresentation("Binary labelmap"), (
        "the scene's own node stays as it was"
    )


def test_empty_missing_and_far_segments_are_refused(tools, scan, tmp_path):
    node, _ = scan
    segmentation = segmentationNode(tools, ball())
    (segmentId,) = segmentation.GetSegmentation().GetSegmentIDs()
    empty = segmentation.GetSegmentation().AddEmptySegment("", "nothing")
    far = np.eye(4)
    far[0, 3] = 900
    for chosen, words in ((empty, "nothing is empty"), ("no", "no segment no")):
        with pytest.raises(ValueError, match=words):
            tools.exchange_.exportSegment(segmentation, chosen, node, tmp_path / "s.seg.nrrd")
    under(tools, segmentation, far)
    with pytest.raises(ValueError, match="does not reach"):
        tools.exchange_.exportSegment(segmentation, segmentId, node, tmp_path / "s.seg.nrrd")
    under(tools, segmentation)
    with pytest.raises(ValueError, match="non-linear"):
        tools.exchange_.exportSegment(segmentation, segmentId, node, tmp_path / "s.seg.nrrd")
    assert not list(Path(tmp_path).iterdir())
