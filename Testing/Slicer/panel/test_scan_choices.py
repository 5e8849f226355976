"""The panel's scan: the sample, its slices, and the volumes that cannot be edited."""

import math
import sys
import types

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from SlicerDGMVLCLib import logic

import SlicerDGMVLC
from Testing.Slicer.substitutes.desk import addScan, paint


@pytest.mark.parametrize("flip", [False, True])
def test_slices_are_counted_from_the_feet(desk, make_chest, flip, monkeypatch):
    monkeypatch.setattr(logic, "REGION_MARGIN_MM", 9.0)
    volume = make_chest((6, 56, 64), (4.0, 5.0, 5.0))
    scan = addScan(volume)
    if flip:  # the same scan, stored head first
        matrix = vtk.vtkMatrix4x4()
        scan.GetIJKToRASMatrix(matrix)
        matrix.SetElement(2, 2, -4.0)
        matrix.SetElement(2, 3, matrix.GetElement(2, 3) + 5 * 4.0)
        slicer.util.updateVolumeFromArray(scan, volume.array[::-1].astype(np.int16))
        scan.SetIJKToRASMatrix(matrix)
    desk.ui.inputSelector.setCurrentNode(scan)
    desk.readReport("nodule;present")
    for view in (
        node
        for node in map(
            lambda index: slicer.mrmlScene.GetNthNodeByClass(index, "vtkMRMLSliceNode"),
            range(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSliceNode")),
        )
    ):
        slicer.mrmlScene.RemoveNode(view)
    view = slicer.vtkMRMLSliceNode()
    view.SetName("Red")
    view.SetLayoutName("Red")
    view.SetSingletonTag("Red")
    view = slicer.mrmlScene.AddNode(view)
    axial = vtk.vtkMatrix3x3()
    axial.SetElement(0, 0, -1.0)
    view.AddSliceOrientationPreset("Axial", axial)
    view.SetOrientation("Axial")
    view.GetSliceToRAS().SetElement(2, 3, -300.0 + 4 * 4.0)
    desk.ui.slicesCombo.setCurrentIndex(1)
    desk.apply()
    desk.finished()
    assert desk.heard("job")[0]["request"]["slices"] == [4, 5]
    view.GetSliceToRAS().SetElement(2, 3, 500.0)
    desk.apply()
    assert "shows no slice of the scan" in desk.reason and not desk.panel.session.running
    desk.ui.slicesCombo.setCurrentIndex(0)
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    paint(node, segmentId, scan, k=(5, 6))
    desk.apply()
    desk.finished()
    assert desk.heard("job")[1]["request"]["slices"] == ([0, 3] if flip else [3, 6])
    desk.ui.slicesCombo.setCurrentIndex(2)
    desk.apply()
    desk.finished()
    assert desk.heard("job")[2]["request"]["slices"] is None


def test_a_moved_scan_counts_where_it_is(desk, scan):
    from SlicerDGMVLCLib.logic import canonicalSlice

    assert canonicalSlice(scan, (0, 0, -300 + 2 * 4.0)) == 2
    transform = slicer.vtkMRMLLinearTransformNode()
    slicer.mrmlScene.AddNode(transform)
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(2, 3, 8.0)
    transform.SetMatrixTransformToParent(matrix)
    scan.SetAndObserveTransformNodeID(transform.GetID())
    assert canonicalSlice(scan, (0, 0, -300 + 2 * 4.0)) == 0


def test_sample_fills_the_panel(desk):
    desk.ui.sampleButton.click()
    assert desk.parameters.inputVolume.GetImageData().GetDimensions() == (512, 512, 14)
    assert (
        "33 mm" in desk.ui.reportEdit.toPlainText()
        and desk.ui.segmentSelector.currentText == "nodule"
    )
    assert not desk.parameters.inputVolume.GetStorageNode(), (
        "saving the scene must not write into the extension"
    )


def test_sample_is_registered_without_a_download(desk, monkeypatch):
    sources = []
    module = types.ModuleType("SampleData")
    module.SampleDataLogic = types.SimpleNamespace(
        registerCustomSampleDataSource=lambda **what: sources.append(what)
    )
    monkeypatch.setitem(sys.modules, "SampleData", module)
    SlicerDGMVLC.registerSampleData()
    source = sources[0]
    assert source["category"] == "DGM-VLC" and source["uris"].startswith("file:")
    volume, region, report = source["customDownloader"](None)
    center = [0.0, 0.0, 0.0]
    region.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap").GetCenter(center)
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    assert (
        all(math.isfinite(value) for value in center)
        and region.GetSegmentation().GetNumberOfSegments() == 1
        and report.GetText()
    )


def vector(name):
    node = slicer.vtkMRMLVectorVolumeNode()
    image = vtk.vtkImageData()
    image.SetDimensions(20, 20, 20)
    image.AllocateScalars(vtk.VTK_SHORT, 3)
    node.SetAndObserveImageData(image)
    node.SetName(name)
    return slicer.mrmlScene.AddNode(node)


def test_unsuitable_volumes_are_refused_with_the_reason(desk, scan):
    desk.readReport()
    vector("colour")
    assert [node.GetName() for node in desk.ui.inputSelector.nodes()] == ["scan"], (
        "colour volumes are not offered"
    )
    tiny = slicer.mrmlScene.AddNode(slicer.vtkMRMLScalarVolumeNode())
    tiny.SetName("tiny")
    slicer.util.updateVolumeFromArray(tiny, np.arange(8, dtype=np.int16).reshape(2, 2, 2))
    desk.ui.inputSelector.setCurrentNode(tiny)
    assert "2x2x2 voxels" in desk.reason and not desk.ui.applyButton.enabled
    empty = slicer.mrmlScene.AddNode(slicer.vtkMRMLScalarVolumeNode())
    empty.SetName("empty")
    desk.ui.inputSelector.setCurrentNode(empty)
    assert "holds no voxels" in desk.reason
    warp = slicer.mrmlScene.AddNode(slicer.vtkMRMLBSplineTransformNode())
    warp.SetName("warp")
    scan.SetAndObserveTransformNodeID(warp.GetID())
    desk.ui.inputSelector.setCurrentNode(scan)
    assert "non-linear transform warp" in desk.reason or desk.ui.applyButton.enabled is False
