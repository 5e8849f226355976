"""The panel's choices: what it asks for, what it refuses, and that all of it is kept in the
scene."""

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
from Testing.Slicer.substitutes.desk import REPORT, addScan


def paint(segmentation, segmentId, volume, k=(2, 4), i=(40, 50), j=(22, 32)):
    """Fill a box of voxels of the volume's grid."""
    image = slicer.vtkOrientedImageData()
    image.SetExtent(i[0], i[1] - 1, j[0], j[1] - 1, k[0], k[1] - 1)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    image.SetGeometryFromImageToWorldMatrix(matrix)
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
        image, segmentation, segmentId
    )


def test_reasons_come_in_the_order_of_the_work(desk, make_chest):
    assert desk.reason == "Choose a scan, or load the sample."
    addScan(make_chest((6, 56, 64), (4.0, 5.0, 5.0)))
    desk.ui.inputSelector.setCurrentNode(
        slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    )
    assert desk.reason == "Paste the report."
    desk.ui.reportEdit.setPlainText("consolidation;present")
    assert desk.reason == "The report is being read …"
    desk.until(lambda: desk.panel.report.findings is not None, "findings")
    assert (
        desk.reason
        == "The report names no finding the weights were taught; they know nodule, emphysema."
    )
    desk.readReport("emphysema;absent\nnodule;present")
    assert desk.parameters.findingNumbers == [2] and desk.ui.applyButton.enabled
    desk.ui.findingsTable.item(1, 0).setCheckState(_state("Unchecked"))
    assert desk.reason == "Check a finding in the list."
    desk.ui.findingsTable.item(0, 0).setCheckState(_state("Checked"))
    assert (
        "is absent, so there is nothing to take away" in desk.reason
        and desk.ui.applyButton.toolTip == desk.reason
    )
    desk.ui.questionCombo.setCurrentIndex(1)
    assert desk.reason == "Say what to show instead."
    desk.ui.targetEdit.setText("nodule")
    assert desk.ui.applyButton.enabled and desk.reason == ""


def _state(name):
    from PySide6 import QtCore

    return getattr(QtCore.Qt.CheckState, name)


def test_what_the_weights_do_not_know_cannot_be_checked(desk, scan):
    from PySide6 import QtCore

    desk.readReport(REPORT)
    rows = [
        [desk.ui.findingsTable.item(row, column).text() for column in range(5)] for row in range(3)
    ]
    assert rows == [
        ["nodule", "left", "33 mm", "present", "NODULE"],
        ["consolidation", "right", "–", "uncertain", "CONSOLIDATION"],
        ["emphysema", "–", "–", "absent", "EMPHYSEMA"],
    ]
    assert not desk.ui.findingsTable.item(1, 0).flags() & QtCore.Qt.ItemFlag.ItemIsEnabled
    desk.parameters.findingNumbers = [2]
    assert "were not taught “consolidation”" in desk.reason


def test_typing_does_not_move_the_cursor_and_asks_once(desk, scan):
    from PySide6 import QtGui

    desk.readReport("nodule;present")
    edit = desk.ui.reportEdit
    edit.moveCursor(QtGui.QTextCursor.MoveOperation.Start)
    for letter in "ab\n":
        edit.insertPlainText(letter)
    assert edit.textCursor().position() == 3 and edit.toPlainText() == "ab\nnodule;present"
    desk.until(lambda: desk.panel.report.findings is not None, "findings")
    assert [message["text"] for message in desk.heard("report")] == [
        "nodule;present",
        "ab\nnodule;present",
    ]


def test_a_text_node_is_the_report_both_ways(desk, scan):
    node = slicer.vtkMRMLTextNode()
    node.SetText("nodule;present")
    slicer.mrmlScene.AddNode(node)
    desk.readReport("emphysema;present")
    desk.ui.reportSelector.setCurrentNode(node)
    assert desk.ui.reportEdit.toPlainText() == "nodule;present"
    desk.ui.reportEdit.setPlainText("nodule;absent")
    assert node.GetText() == "nodule;absent" and desk.parameters.reportText == "emphysema;present"
    node.SetText("nodule;present;left")
    assert desk.ui.reportEdit.toPlainText() == "nodule;present;left"
    slicer.mrmlScene.RemoveNode(node)
    assert desk.ui.reportEdit.toPlainText() == "emphysema;present"


def test_clinical_fields_make_a_sentence(desk, scan):
    from SlicerDGMVLCLib.clinical import sentence

    assert sentence(desk.parameters) == "" and desk.ui.clinicalLabel.text == "Nothing recorded."
    desk.ui.ageSpin.setValue(71)
    desk.ui.sexCombo.setCurrentIndex(1)
    desk.ui.smokingCombo.setCurrentIndex(2)
    desk.ui.packYearsSpin.setValue(40)
    desk.ui.otherClinicalEdit.setText("diagnosis IPF")
    assert (
        desk.ui.clinicalLabel.text
        == "Recorded: 71-year-old, female, ex-smoker, 40 pack-years, diagnosis IPF."
    )


def test_every_choice_of_the_form_is_understood_by_the_core(desk, scan):
    from SlicerDGMVLCLib.clinical import sentence
    from SlicerDGMVLCLib.parameters import Sex, Smoking

    from DGMVLCCore.language.clinical import text_to_attributes

    for sex in Sex:
        for smoking in Smoking:
            desk.parameters.sex, desk.parameters.smoking = sex, smoking
            known = {"sex": sex, "smoking": smoking}
            assert text_to_attributes(sentence(desk.parameters)) == {
                name: choice.value for name, choice in known.items() if choice.name != "UNKNOWN"
            }
    desk.parameters.age, desk.parameters.packYears = 71, 40
    assert text_to_attributes(sentence(desk.parameters))["pack_years"] == 40


def test_a_table_row_fills_the_fields_and_mixes_no_patients(desk, scan):
    table = slicer.vtkMRMLTableNode()
    table.SetName("cohort")
    for name, cells in (
        ("patient", ("a", "b")),
        ("Age", ("63", "unknown")),
        ("Sex", ("M", "f")),
        ("Smoking status", ("Ex-smoker", "NA")),
        ("Pack-years", ("22.5", "900")),
    ):
        column = vtk.vtkStringArray()
        column.SetName(name)
        for cell in cells:
            column.InsertNextValue(cell)
        table.AddColumn(column)
    slicer.mrmlScene.AddNode(table)
    assert not desk.ui.fillButton.enabled
    desk.ui.tableSelector.setCurrentNode(table)
    desk.ui.fillButton.click()
    assert desk.ui.clinicalLabel.text == "Recorded: 63-year-old, male, ex-smoker, 22 pack-years."
    desk.ui.rowSpin.setValue(2)
    desk.ui.fillButton.click()
    assert desk.ui.clinicalLabel.text == "Recorded: female."
    desk.ui.rowSpin.setValue(3)
    desk.ui.fillButton.click()
    assert "has 2 rows, so there is no row 3" in desk.reason


def test_proposed_region_comes_into_the_scene(desk, scan):
    desk.readReport()
    assert "found in the scan during the run" in desk.ui.regionLabel.text
    desk.ui.proposeButton.click()
    assert desk.ui.applyButton.text == "Cancel"
    desk.finished()
    node = desk.parameters.regionNode
    assert (
        node
        and desk.ui.segmentSelector.currentText
        and desk.ui.regionLabel.text == "Proposed for “nodule”: 12.5 ml, 29 mm, fit 0.80 of 1."
    )
    assert not node.GetStorageNode(), "the file is in a folder that goes away"
    desk.apply()
    desk.finished()
    assert desk.heard("job")[0]["request"]["mask"].endswith("region.seg.nrrd")


def test_a_proposal_can_be_cancelled(desk, scan):
    desk.behave(steps=1000, step_s=0.02)
    desk.readReport()
    desk.ui.proposeButton.click()
    desk.until(lambda: desk.heard("region"), "the question")
    desk.ui.applyButton.click()
    desk.finished()
    assert desk.parameters.regionNode is None and desk.reason == ""


def test_draw_opens_an_empty_segment_that_is_refused_until_drawn(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, volume = desk.edited[0]
    assert (
        volume is scan
        and desk.parameters.regionNode is node
        and desk.ui.segmentSelector.currentText == "nodule"
    )
    assert "is empty" in desk.reason and "is empty" in desk.ui.regionLabel.text
    paint(node, segmentId, scan)
    assert desk.ui.applyButton.enabled, desk.reason
    desk.ui.editButton.click()
    assert desk.edited[1] == (node, segmentId, scan)


def test_nothing_is_looked_at_while_another_module_draws(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    desk.widget.exit()
    paint(node, segmentId, scan)
    desk.widget.enter()
    assert desk.ui.applyButton.enabled, desk.reason


def test_segment_list_follows_the_segmentation(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, first, _ = desk.edited[0]
    second = node.GetSegmentation().AddEmptySegment("", "other")
    assert desk.ui.segmentSelector.count == 2
    desk.ui.segmentSelector.setCurrentIndex(1)
    assert desk.parameters.regionSegment == second
    node.GetSegmentation().RemoveSegment(second)
    assert desk.parameters.regionSegment == first
    node.GetSegmentation().RemoveSegment(first)
    assert "has no segment" in desk.reason
    slicer.mrmlScene.RemoveNode(node)
    assert desk.parameters.regionNode is None and desk.ui.applyButton.enabled


def test_a_drawn_region_belongs_to_one_finding(desk, scan):
    desk.readReport("nodule;present\nemphysema;present")
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    paint(node, segmentId, scan)
    desk.parameters.findingNumbers = [1, 2]
    assert "belongs to one finding" in desk.reason


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


def test_two_parameter_sets(desk, scan):
    desk.readReport()
    desk.ui.seedSpin.setValue(5)
    first = desk.parameters.parameterNode
    second = desk.ui.parameterSelector.addNode()
    assert second is not first and desk.parameters.parameterNode is second
    assert desk.ui.seedSpin.value == 0 and desk.ui.reportEdit.toPlainText() == ""
    desk.ui.seedSpin.setValue(9)
    desk.ui.reportEdit.setPlainText("nodule;present")
    desk.ui.parameterSelector.setCurrentNode(first)
    assert desk.ui.seedSpin.value == 5 and desk.ui.reportEdit.toPlainText() == REPORT
    assert first.GetParameter("seed") == "5" and second.GetParameter("seed") == "9"


def test_choices_are_saved_with_the_scene(desk, scan, tmp_path):
    desk.readReport("emphysema;present\nnodule;present")
    desk.parameters.findingNumbers = [2]
    desk.ui.targetEdit.setText("emphysema")
    desk.ui.questionCombo.setCurrentIndex(1)
    path = tmp_path / "scene.mrb"
    assert slicer.mrmlScene.WriteToMRB(str(path), None)
    slicer.mrmlScene.Clear(0)
    assert desk.ui.targetEdit.text == "" and desk.parameters.inputVolume is None
    assert slicer.mrmlScene.ReadFromMRB(str(path), True, slicer.vtkMRMLMessageCollection())
    desk.widget.enter()
    assert (
        desk.parameters.inputVolume.GetName() == "scan" and desk.ui.targetEdit.text == "emphysema"
    )
    desk.until(lambda: desk.panel.report.findings, "findings")
    assert desk.parameters.findingNumbers == [2], (
        "the checked finding is the one of the saved scene"
    )
    assert desk.ui.applyButton.enabled, desk.reason


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


def test_results_list(desk, scan, tmp_path):
    desk.readReport()
    for _ in range(2):
        desk.apply()
        desk.finished()
    volumes = "vtkMRMLScalarVolumeNode"
    assert (
        slicer.mrmlScene.GetNumberOfNodesByClass(volumes) == 11
        and desk.ui.resultsTable.rowCount == 2
    )
    desk.ui.resultsTable.selectRow(0)
    desk.ui.showButton.click()
    assert slicer.mrmlScene.GetNumberOfNodesByClass(volumes) == 11, "showing again does not double"
    desk.ui.folderButton.click()
    assert desk.opened == [desk.panel.results.runs[0].manifest.parent]
    desk.scenePath = str(tmp_path / "äöü scene")
    desk.ui.saveButton.click()
    assert (tmp_path / "äöü scene.mrb").exists()
    desk.scenePath = str(tmp_path / "nowhere" / "scene.mrb")
    desk.ui.saveButton.click()
    assert "could not be written" in desk.reason
    desk.ui.removeButton.click()
    assert (
        slicer.mrmlScene.GetNumberOfNodesByClass(volumes) == 6
        and desk.ui.resultsTable.rowCount == 1
    )
    desk.ui.removeButton.click()
    assert slicer.mrmlScene.GetNumberOfNodesByClass(volumes) == 1 and not desk.ui.showButton.enabled
    assert desk.ui.resultText.plainText == ""


def test_a_result_that_went_away(desk, scan):
    import shutil

    desk.readReport()
    desk.apply()
    desk.finished()
    shutil.rmtree(desk.panel.results.runs[0].manifest.parent)
    desk.ui.showButton.click()
    assert desk.reason and slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    desk.ui.folderButton.click()
    assert "is gone" in desk.reason


def test_devices_are_those_of_the_worker(desk, scan):
    desk.readReport()
    combo = desk.ui.deviceCombo
    assert [combo.itemText(index) for index in range(combo.count)] == ["automatic", "cpu", "cuda:0"]
    combo.setCurrentIndex(1)
    assert desk.parameters.device == "cpu"
    combo.setCurrentIndex(0)
    assert desk.parameters.device == ""


def test_the_notice_is_always_there(desk):
    assert (
        desk.ui.noticeLabel.text == "Research use only; not a medical device"
        and desk.ui.noticeLabel.isVisibleTo(desk.widget.parent)
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


def test_a_segment_of_another_geometry_is_resampled_and_said(desk, scan, make_chest):
    other = addScan(make_chest((12, 112, 128), (2.0, 2.5, 2.5)), "other")
    desk.ui.inputSelector.setCurrentNode(scan)
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    paint(node, segmentId, other, k=(3, 7), i=(80, 99), j=(45, 63))
    desk.apply()
    desk.finished()
    assert (
        "drawn on another grid than scan" in desk.ui.logText.toPlainText()
        and len(desk.panel.results.runs) == 1
    )


def test_a_segment_outside_the_scan_is_refused(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    paint(node, segmentId, scan, k=(200, 202))
    desk.apply()
    assert "does not reach a voxel" in desk.reason and not desk.panel.session.running
