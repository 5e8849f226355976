"""The review in the panel: worklist, regions in the views, decisions by keyboard that are saved at
once, and the export."""

import json

import pytest
import slicer
from SlicerDGMVLCPresenters.work import AHEAD


@pytest.fixture
def reviewed(desk, tmp_path, make_chest, make_review):
    desk.core = True
    desk.behave(steps=0)
    root, session = make_review(tmp_path, make_chest((6, 56, 64), (4.0, 5.0, 5.0)), waiting=True)
    desk.ui.reviewFolder.setCurrentPath(str(root))
    desk.ui.reviewOpen.click()
    desk.until(lambda: desk.ui.reviewStudies.rowCount == 3, "the worklist")
    desk.finished()
    return session


def press(desk, key):
    """A key of the review; offscreen windows get no real ones."""
    import qt

    wanted = qt.QKeySequence(key)
    shortcut = next(one for one in desk.panel.review._keys if one.property("key") == wanted)
    if shortcut.property("enabled"):
        shortcut.activated.emit()


def row(desk, table):
    return [table.item(table.currentRow(), column).text() for column in range(table.columnCount)]


def open_study(desk, name):
    table = desk.ui.reviewStudies
    table.selectRow(next(at for at in range(table.rowCount) if table.item(at, 0).text() == name))
    desk.until(
        lambda: desk.ui.reviewRegions.rowCount == 2 and not desk.panel.session.running,
        "the regions",
    )


def decisions(session):
    return {
        name: made["verdict"]
        for name, made in json.loads((session / "decisions.json").read_text(encoding="utf-8"))[
            "decisions"
        ].items()
    }


def planes():
    scene = slicer.mrmlScene
    return {
        name: [
            round(
                scene.GetSingletonNode(name, "vtkMRMLSliceNode")
                .GetSliceToRAS()
                .GetElement(axis, 3),
                1,
            )
            for axis in range(3)
        ]
        for name in ("Red", "Green", "Yellow")
    }


def outlines():
    scene = slicer.mrmlScene
    return [
        scene.GetNthNodeByClass(at, "vtkMRMLSegmentationNode").GetName()
        for at in range(scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"))
    ]


def test_a_study_is_shown_at_its_first_region(desk, reviewed):
    assert not desk.ui.reviewAccept.enabled and desk.ui.reviewAll.enabled
    open_study(desk, "case")
    assert row(desk, desk.ui.reviewStudies) == ["case", "to decide", "1 of 2"]
    assert row(desk, desk.ui.reviewRegions)[:6] == [
        "1",
        "",
        "26 mm",
        "in the left lung",
        "not mentioned in the report",
        "+612 HU (+540 to +700)",
    ]
    assert (
        "no region found fits it" in desk.ui.reviewNotes.text
        and "no probability of disease" in desk.ui.reviewText.plainText
    )
    first = planes()
    assert outlines() == ["Region 1"] and first["Yellow"][0] < 0, "the left lung has negative R"
    assert -300 < first["Red"][2] < -276, "within the scan's six slices of 4 mm"
    press(desk, "N")
    assert outlines() == ["Region 2"] and planes()["Yellow"][0] > 0
    press(desk, "P")
    assert outlines() == ["Region 1"] and planes() == first
    desk.finished()


def test_decisions_by_keyboard_are_saved_at_once_and_found_again(desk, reviewed):
    open_study(desk, "case")
    desk.ui.reviewComment.setText("compare with 2019")
    press(desk, "A")
    assert row(desk, desk.ui.reviewRegions)[0] == "1", "the decided region stays"
    press(desk, "N")
    assert row(desk, desk.ui.reviewRegions)[0] == "2", "the next region is there before the answer"
    press(desk, "R")  # while the first decision may still be on its way
    desk.until(
        lambda: decisions(reviewed) == {"case/1": "accepted", "case/2": "rejected"},
        "both decisions on disk",
    )
    assert (
        json.loads((reviewed / "decisions.json").read_text(encoding="utf-8"))["decisions"][
            "case/1"
        ]["comment"]
        == "compare with 2019"
    )
    desk.finished()
    press(desk, "N")
    desk.until(
        lambda: (
            desk.ui.reviewRegions.rowCount == 2 and row(desk, desk.ui.reviewStudies)[0] == "later"
        ),
        "the next study",
    )
    desk.finished()
    press(desk, "U")
    desk.until(lambda: decisions(reviewed)["case/2"] == "", "the last decision taken back")
    desk.finished()
    assert row(desk, desk.ui.reviewStudies)[0] == "case", "and its study shown"
    assert decisions(reviewed)["case/1"] == "accepted"
    desk.ui.reviewOpen.click()
    desk.finished()
    assert "1 of 4 regions decided" in desk.ui.reviewProgress.text


def test_all_studies_are_looked_at_and_one_that_cannot_be_read_says_why(desk, reviewed):
    desk.ui.reviewAll.click()
    desk.until(
        lambda: "0 of 4" in desk.ui.reviewProgress.text and not desk.panel.session.running,
        "the waiting study",
    )
    assert [
        message["request"]["study"]
        for message in desk.heard("task")
        if message["name"] == "review-study"
    ] == ["bad", "later"]
    assert not desk.ui.reviewAll.enabled
    table = desk.ui.reviewStudies
    table.selectRow(next(at for at in range(3) if table.item(at, 0).text() == "bad"))
    desk.finished()
    assert (
        desk.ui.reviewNotes.text
        and desk.ui.reviewRegions.rowCount == 0
        and not desk.ui.reviewAccept.enabled
    )


def test_the_export_is_written_and_its_folder_opened(desk, reviewed):
    open_study(desk, "case")
    press(desk, "A")
    desk.finished()
    desk.ui.reviewExport.click()
    desk.until(lambda: desk.ui.reviewExported.enabled, "the export")
    assert {path.name for path in (reviewed / "export").iterdir()} == {
        "review.csv",
        "review.html",
        "review.pdf",
        "accepted",
    }
    assert "case.seg.nrrd" in desk.ui.reviewNotes.text
    desk.ui.reviewExported.click()
    assert desk.opened == [reviewed / "export"]


def test_keys_do_nothing_during_a_run_and_a_closed_scene_keeps_the_session(desk, reviewed, scan):
    open_study(desk, "case")
    desk.behave(steps=40, step_s=0.02)
    desk.readReport()
    desk.apply()
    press(desk, "A")
    assert not desk.ui.reviewAccept.enabled and decisions(reviewed) == {}
    desk.finished()
    desk.behave(steps=0)
    slicer.mrmlScene.Clear(0)
    assert desk.ui.reviewRegions.rowCount == 0 and desk.ui.reviewStudies.rowCount == 3
    open_study(desk, "case")
    assert outlines() == ["Region 1"]


def test_the_next_study_is_looked_at_while_this_one_is_read(desk, reviewed):
    open_study(desk, "case")
    looked = lambda: [  # noqa: E731
        message["request"]["study"]
        for message in desk.heard("task")
        if message["name"] == "review-study"
    ]
    desk.until(lambda: looked() == ["later"], "the next study is asked for")
    desk.until(lambda: AHEAD not in desk.panel.desk.work.kinds(), "it was looked at, unseen")
    assert not desk.panel.session.running and row(desk, desk.ui.reviewStudies)[0] == "case"
    open_study(desk, "later")
    assert looked() == ["later"], "it is there at once"


def add_counterfactuals(session, study="case"):
    """Beside each region of a study the part of the scan without it, as the core writes it."""
    from DGMVLCCore.imaging.io import load_volume, save_volume

    place = session / "studies" / study
    found = json.loads((place / "review.json").read_text(encoding="utf-8"))
    scan = load_volume(session.parent / "studies" / f"{study}.nrrd")
    for region in found["regions"]:
        region["without"] = f"region-{region['number']}-without.nrrd"
        save_volume(scan.with_array(scan.array - 50.0), place / region["without"])
    (place / "review.json").write_text(json.dumps(found), encoding="utf-8")


def covers():
    """Names of what lies over the scan in the three planes."""
    scene, names = slicer.mrmlScene, set()
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        if node.GetLayoutName() in planes() and node.GetForegroundVolumeID():
            assert node.GetForegroundOpacity() == 1
            names.add(scene.GetNodeByID(node.GetForegroundVolumeID()).GetName())
    return names


def test_the_scan_without_the_shown_region_is_one_key_away(desk, reviewed):
    add_counterfactuals(reviewed)
    open_study(desk, "case")
    volumes = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    window = desk.panel.review._view.scan.GetDisplayNode()
    window.SetWindowLevel(350, 40)
    assert covers() == set() and desk.ui.reviewWithout.enabled
    press(desk, "X")
    (name,) = covers()
    assert "synthetic" in name
    shown = slicer.mrmlScene.GetFirstNodeByName(name).GetDisplayNode()
    assert (shown.GetWindow(), shown.GetLevel()) == (350, 40), "in the window of the scan"
    press(desk, "X")
    assert covers() == set()
    desk.ui.reviewWithout.click()
    press(desk, "N")
    assert covers() == set() and outlines() == ["Region 2"], "another region shows the scan"
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == volumes
    desk.finished()


def test_undo_takes_back_the_last_act_and_shows_it(desk, reviewed):
    open_study(desk, "case")
    assert not desk.ui.reviewUndo.enabled
    press(desk, "R")
    press(desk, "A")  # before the first answer is there
    press(desk, "N")
    assert "region 1 of case" in desk.ui.reviewUndo.toolTip
    desk.ui.reviewUndo.click()
    assert row(desk, desk.ui.reviewRegions)[:2] == ["1", "rejected"], "shown at once"
    desk.until(lambda: decisions(reviewed) == {"case/1": "rejected"}, "the act before on disk")
    press(desk, "U")
    desk.until(lambda: decisions(reviewed) == {"case/1": ""}, "the first act taken back")
    assert not desk.ui.reviewUndo.enabled


def test_a_comment_that_is_being_typed_is_left_alone(desk, reviewed):
    open_study(desk, "case")
    press(desk, "A")
    desk.ui.reviewComment.setText("half a sen")
    desk.until(lambda: decisions(reviewed) == {"case/1": "accepted"}, "the decision on disk")
    desk.until(lambda: " 1 of " in desk.ui.reviewProgress.text, "its answer")
    assert desk.ui.reviewComment.text == "half a sen"
