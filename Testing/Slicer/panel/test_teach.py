"""A quiz in the panel: a folder of cases is opened, marked, named, revealed and scored; a sentence
makes cases."""

import json

import pytest
import slicer

from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.readers.cases import CaseSet, make_cases, write_cases
from DGMVLCCore.readers.design import Wish, plan_cases
from DGMVLCCore.readers.source import load_clear_scan


@pytest.fixture(scope="module")
def cases(tmp_path_factory, make_chest):
    """A large consolidation and a clear scan."""
    folder = tmp_path_factory.mktemp("teach")
    save_volume(make_chest((14, 112, 128), (5.0, 2.5, 2.5)), folder / "chest.nrrd")
    scan = load_clear_scan(folder / "chest.nrrd")
    specs = plan_cases(Wish(("consolidation",), size_mm=34.0), 1, scan.places, seed=4, clear=1)
    write_cases(make_cases([scan], specs, seed=4), folder / "cases", seed=4, asked_for={})
    return folder / "cases"


@pytest.fixture
def quiz(desk, cases):
    (cases / "quiz.json").unlink(missing_ok=True)
    desk.core = True
    desk.behave(steps=0)
    desk.ui.teachFolder.setCurrentPath(str(cases))
    desk.ui.teachStart.click()
    desk.until(lambda: desk.ui.teachCase.text == "Case 1 of 2", "the first case")
    desk.finished()
    return cases / "quiz.json"


def current(quiz):
    record = json.loads(quiz.read_text(encoding="utf-8"))
    return record["order"][min(len(record["answers"]), len(record["order"]) - 1)]


def backgrounds():
    scene, shown = slicer.mrmlScene, {}
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        volume = (
            scene.GetNodeByID(node.GetBackgroundVolumeID())
            if node.GetBackgroundVolumeID()
            else None
        )
        shown[node.GetLayoutName()] = volume.GetName() if volume else None
    return shown


def choose(desk, name):
    combo = desk.ui.teachNamed
    combo.setCurrentIndex(combo.findText(name))


def click(desk, ras):
    """What a click into a view does while the mouse places points."""
    desk.ui.teachMark.click()
    desk.panel.teach._mark.AddControlPoint(*ras)


def test_a_quiz_from_mark_to_score(desk, quiz, cases):
    keys = CaseSet.read(cases).keys()
    for number in (1, 2):
        desk.until(
            lambda number=number: desk.ui.teachCase.text == f"Case {number} of 2", "the case"
        )
        desk.finished()
        assert backgrounds()["Red"] == f"Case {number}" and not desk.ui.teachReveal.enabled
        key = keys[current(quiz)]
        if key.term:
            choose(desk, "consolidation")
            assert not desk.ui.teachReveal.enabled, "a finding needs a mark"
            click(desk, (0.0, 0.0, -290.0))
            x, y, z = key.centre_mm
            click(desk, (-x, -y, z))
            assert (
                desk.panel.teach._mark.GetNumberOfControlPoints() == 1
                and desk.ui.teachPlace.text.startswith("Marked: ")
            )
        else:
            choose(desk, "no finding")
        desk.ui.teachReveal.click()
        desk.until(lambda: desk.ui.teachNext.enabled, "the answer")
        answer = json.loads(quiz.read_text(encoding="utf-8"))["answers"][-1]
        assert (
            answer["found"]
            and answer["right_name"]
            and len(json.loads(quiz.read_text(encoding="utf-8"))["answers"]) == number
        )
        assert [backgrounds()[name] for name in ("Case", "Before", "Change")] == [
            f"Case {number}",
            "Before",
            "Difference",
        ]
        outlines = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        assert outlines == bool(key.term) and not desk.ui.teachReveal.enabled
        desk.ui.teachNext.click()
    desk.until(lambda: desk.ui.teachCase.text == "Score", "the score")
    assert (
        "1 of 1 findings found, 1 of 1 named, 1 both" in desk.ui.teachWords.text
        and "1 of 1 scans without a finding" in desk.ui.teachWords.text
    )
    table = desk.ui.teachAnswers
    assert table.rowCount == 2 and {table.item(row, 1).text() for row in range(2)} == {"yes"}
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0, (
        "the cases leave the scene"
    )
    desk.finished()


def test_a_closed_scene_ends_the_quiz_which_goes_on_later(desk, quiz):
    choose(desk, "no finding")
    desk.ui.teachReveal.click()
    desk.until(lambda: desk.ui.teachNext.enabled, "the answer")
    slicer.mrmlScene.Clear(0)
    assert desk.ui.teachCase.text == "" and not desk.ui.teachNext.enabled
    desk.ui.teachStart.click()
    desk.until(lambda: desk.ui.teachCase.text == "Case 2 of 2", "the second case")
    desk.finished()


def test_a_sentence_that_names_no_finding_is_refused(desk):
    desk.core = True
    desk.behave(steps=0)
    assert not desk.ui.teachStart.enabled
    desk.ui.teachQuery.setText("something nice")
    desk.ui.teachNumber.setValue(2)
    desk.ui.teachStart.click()
    desk.finished()
    request = desk.heard("task")[-1]["request"]
    assert (request["query"], request["number"]) == ("something nice", 2) and request[
        "out"
    ].startswith(str(desk.panel.orders.folder))
    assert desk.reason and desk.ui.teachCase.text == ""
