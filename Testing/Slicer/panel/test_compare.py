"""Hypotheses side by side in the panel: chosen, typed, refused, run, shown, and gone with the
scene."""

from pathlib import Path

import slicer

from DGMVLCCore.jobs.requests import CompareRequest, read_request

HYPOTHESES = ["nodule", "emphysema", "no finding (clear lung)"]


def check(desk, *names):
    import qt

    box = desk.ui.compareList
    items = {box.item(row).text(): box.item(row) for row in range(box.count)}
    assert list(items) == HYPOTHESES
    for name in names:
        items[name].setCheckState(qt.Qt.Checked)


def columns():
    scene = slicer.mrmlScene
    shown = {}
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        volume = (
            scene.GetNodeByID(node.GetBackgroundVolumeID())
            if node.GetBackgroundVolumeID()
            else None
        )
        shown[node.GetLayoutName()] = volume.GetAttribute("DGMVLC.Role") if volume else None
    return shown


def compared(desk):
    desk.readReport()
    check(desk, "nodule", "emphysema")
    desk.ui.compareEdit.setText("clear lung")
    desk.ui.compareButton.click()
    desk.finished()


def test_the_button_says_what_is_missing(desk, scan):
    desk.readReport()
    check(desk, "nodule")
    assert not desk.ui.compareButton.enabled and "2 to 6" in desk.ui.compareLabel.text
    desk.ui.compareEdit.setText("a, b; c, d, e, f")
    assert not desk.ui.compareButton.enabled and "too many" in desk.ui.compareLabel.text
    desk.ui.compareEdit.setText("Nodule")
    assert not desk.ui.compareButton.enabled and "there twice" in desk.ui.compareLabel.text
    desk.ui.compareEdit.setText("clear lung")
    assert desk.ui.compareButton.enabled and desk.ui.compareLabel.text == ""


def test_three_hypotheses_in_linked_columns_with_their_ranking(desk, scan):
    compared(desk)
    request = desk.heard("task")[0]["request"]
    assert (
        request["hypotheses"] == ["nodule", "emphysema", "clear lung"]
        and request["finding"] == 1
        and request["target"] is None
    )
    assert [run.title for run in desk.panel.results.runs] == [
        "1. nodule",
        "2. emphysema",
        "3. no finding (clear lung)",
    ]
    assert (
        columns()
        | {"Original": "original", **{f"Counterfactual{n}": "counterfactual" for n in (1, 2, 3)}}
        == columns()
    )
    desk.ui.compareLayerCombo.setCurrentIndex(1)
    assert {columns()[f"Difference{n}"] for n in (1, 2, 3)} == {"difference"}
    table = desk.ui.compareTable
    assert (
        table.rowCount == 3
        and table.item(1, 1).text() == "+5 HU [+3 HU, +7 HU]"
        and table.item(0, 2).text() == "0.90"
    )
    assert (
        "fits these voxels best" in desk.ui.compareText.plainText
        and "No probability" in desk.ui.compareText.plainText
    )


def test_the_request_is_the_cores(desk, scan):
    compared(desk)
    request = read_request(desk.heard("task")[0]["request"], CompareRequest)
    assert request.hypotheses and Path(request.image).exists()


def test_a_refusal_is_shown(desk, scan):
    desk.behave(
        fail={
            "kind": "UsageError",
            "message": "The hypotheses “mass” and “nodule” are the same.",
            "advice": "",
        }
    )
    compared(desk)
    assert (
        desk.reason == "The hypotheses “mass” and “nodule” are the same."
        and not desk.panel.results.runs
        and desk.ui.compareButton.enabled
    )


def test_a_closed_scene_takes_the_comparison_along(desk, scan):
    compared(desk)
    slicer.mrmlScene.Clear(0)
    assert (
        desk.ui.compareTable.rowCount == 0
        and not desk.ui.compareLayerCombo.enabled
        and not desk.ui.compareButton.enabled
    )
