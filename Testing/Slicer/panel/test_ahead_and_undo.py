"""What the panel has computed before anybody asks, and runs that are taken back and made again."""

from pathlib import Path

import pytest
import slicer
from SlicerDGMVLCLib import ahead
from SlicerDGMVLCLib.parameters import Slices

from Testing.Slicer.substitutes.desk import addScan, paint


@pytest.fixture
def looking(desk, monkeypatch):
    monkeypatch.setattr(ahead, "PAUSE_MS", 0)
    return desk


def prepares(desk, name="prepare"):
    return [message for message in desk.heard("task") if message["name"] == name]


def shown():
    """Names of the volumes in the views."""
    scene, names = slicer.mrmlScene, {}
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        volume = scene.GetNodeByID(node.GetBackgroundVolumeID() or "")
        names[node.GetLayoutName()] = volume.GetName() if volume else None
    return names


def test_a_chosen_scan_is_prepared_once_and_a_run_takes_it_up(looking, scan):
    desk = looking
    desk.until(lambda: "cut below" in desk.ui.scanLabel.text, "the lungs")
    assert desk.panel.desk.case.prepared == "ready" and not desk.panel.session.running
    desk.readReport()
    desk.apply()
    desk.finished()
    (asked,) = prepares(desk)
    assert asked["request"]["image"] == desk.heard("job")[0]["request"]["image"]
    assert Path(asked["request"]["out"]).name.endswith("anatomy.nrrd")


def test_the_lungs_are_read_for_the_finding_before_a_run_asks(looking, scan):
    desk, case = looking, looking.panel.desk.case
    desk.until(lambda: case.prepared == "ready", "the lungs")
    assert not prepares(desk, "read-ahead"), "no finding is chosen"
    desk.readReport()
    desk.until(lambda: case.looked == case.asks, "the lungs, read for the nodule")
    (asked,) = prepares(desk, "read-ahead")
    desk.apply()
    desk.finished()
    (run,) = desk.heard("job")
    same = ("image", "report_text", "finding", "slices", "device")
    assert [asked["request"].get(name) for name in same] == [
        run["request"].get(name) for name in same
    ]
    region = scan.GetScene().AddNewNodeByClass("vtkMRMLSegmentationNode")
    segment = region.GetSegmentation().AddEmptySegment("", "drawn")
    paint(region, segment, scan)
    desk.parameters.regionNode, desk.parameters.regionSegment = region, segment
    desk.until(lambda: len(prepares(desk, "read-ahead")) == 2, "the region's slices")
    assert prepares(desk, "read-ahead")[1]["request"]["slices"] == list(case.slices)


def test_one_slice_is_not_read_before_it_is_known(looking, scan):
    desk, case = looking, looking.panel.desk.case
    desk.parameters.slices = Slices.CURRENT
    desk.until(lambda: case.prepared == "ready", "the lungs")
    desk.readReport()
    desk.until(lambda: case.looked == case.asks, "nothing")
    assert not prepares(desk, "read-ahead")


def test_another_scan_cancels_what_is_prepared(looking, scan, make_chest):
    desk = looking
    desk.behave(prepare_s=600)
    desk.until(lambda: prepares(desk), "the first scan's")
    assert desk.ui.scanLabel.text == "Finding the lungs …"
    other = addScan(make_chest((6, 56, 64), (4.0, 5.0, 5.0)), "other")
    desk.behave()
    desk.ui.inputSelector.setCurrentNode(other)
    desk.until(lambda: "cut below" in desk.ui.scanLabel.text, "the second scan's")
    first, second = prepares(desk)
    assert [message["id"] for message in desk.heard("cancel")] == [first["id"]]
    assert first["request"]["image"] != second["request"]["image"] and "ancel" not in desk.reason
    assert desk.panel.session._runner.running, "the worker lives on"


def test_nothing_is_prepared_while_another_module_is_open(looking, make_chest):
    desk = looking
    desk.widget.exit()
    desk.ui.inputSelector.setCurrentNode(addScan(make_chest((6, 56, 64), (4.0, 5.0, 5.0))))
    assert desk.panel.desk.must_prepare() and not desk.panel.ahead._timer.active
    desk.widget.enter()
    desk.until(lambda: desk.panel.desk.case.prepared == "ready", "the lungs")


def test_the_last_run_is_taken_back_and_made_again(desk, scan):
    ui, results = desk.ui, desk.panel.results
    desk.readReport()
    assert not ui.undoButton.enabled and not ui.redoButton.enabled
    for _ in range(2):
        desk.apply()
        desk.finished()
    first, second = results.runs
    ui.undoButton.click()
    assert results.runs == [first] and second.nodes is None and ui.redoButton.enabled
    assert shown()["Counterfactual"] == first.nodes.byRole["counterfactual"].GetName()
    ui.undoButton.click()
    assert results.runs == [] and not ui.undoButton.enabled
    assert shown()["Red"] == scan.GetName(), "the scan alone"
    assert second.manifest.exists(), "the folder stays"
    ui.redoButton.click()
    ui.redoButton.click()
    assert results.runs == [first, second] and second.nodes and not ui.redoButton.enabled
    ui.undoButton.click()
    desk.apply()
    desk.finished()
    assert len(results.runs) == 2 and not ui.redoButton.enabled, "a new run ends what was undone"
    ui.removeButton.click()
    ui.undoButton.click()
    assert results.runs == [], "undo passes over a run that was removed"
