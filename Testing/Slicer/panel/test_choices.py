"""The panel's choices: what it asks for, what it refuses, and that all of it is kept in the
scene."""

import slicer
import slicer.util
import vtk

from Testing.Slicer.substitutes.desk import REPORT, addScan


def test_reasons_come_in_the_order_of_the_work(desk, make_chest):
    assert desk.reason == "Open a scan first."
    addScan(make_chest((6, 56, 64), (4.0, 5.0, 5.0)))
    desk.ui.inputSelector.setCurrentNode(
        slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    )
    assert desk.reason == "Paste a report and choose a finding."
    desk.ui.reportEdit.setPlainText("consolidation;present")
    assert desk.reason == "The report is being read …"
    desk.untilRead()
    assert desk.reason == "The weights were not taught consolidation; they know nodule, emphysema."
    desk.readReport("emphysema;absent\nnodule;present")
    assert desk.parameters.findingNumbers == [2] and desk.ui.applyButton.enabled
    desk.ui.findingsTable.item(1, 0).setCheckState(_state("Unchecked"))
    assert desk.reason == "Choose a finding."
    desk.ui.findingsTable.item(0, 0).setCheckState(_state("Checked"))
    assert (
        "The report says this finding is absent" in desk.reason
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
        ["emphysema", "–", "–", "said to be absent", "EMPHYSEMA"],
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
    desk.untilRead()
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
    from SlicerDGMVLCLib.clinical import given
    from SlicerDGMVLCPresenters.clinical import clinical_words

    assert (
        clinical_words(given(desk.parameters)) == ""
        and desk.ui.clinicalLabel.text == "Nothing recorded."
    )
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
    from SlicerDGMVLCLib.clinical import given
    from SlicerDGMVLCLib.parameters import Sex, Smoking
    from SlicerDGMVLCPresenters.clinical import clinical_words

    from DGMVLCCore.language.clinical import text_to_attributes

    for sex in Sex:
        for smoking in Smoking:
            desk.parameters.sex, desk.parameters.smoking = sex, smoking
            known = {"sex": sex, "smoking": smoking}
            assert text_to_attributes(clinical_words(given(desk.parameters))) == {
                name: choice.value for name, choice in known.items() if choice.name != "UNKNOWN"
            }
    desk.parameters.age, desk.parameters.packYears = 71, 40
    assert text_to_attributes(clinical_words(given(desk.parameters)))["pack_years"] == 40


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
    desk.until(lambda: desk.findings, "findings")
    assert desk.parameters.findingNumbers == [2], (
        "the checked finding is the one of the saved scene"
    )
    assert desk.ui.applyButton.enabled, desk.reason


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
