"""What stands in the views, as pixels: overlays where they belong, colours as the legend says,
runs, layers and previews that come and go."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from DGMVLCCore.editing.result import AttentionMap, CounterfactualResult, EditPlan
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.report.edit import write_result

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("slicer_core") is None,
    reason="slicer-core is not installed: pip install 'dgmvlc[scene]'",
)
INSIDE = (slice(2, 4), slice(22, 32), slice(40, 50))


def write(volume, folder, change):
    """A result whose region changes by -300, 0 and +300 HU in three stripes when `change` is
    "stripes", else by a number."""
    mask = np.zeros(volume.shape, bool)
    mask[INSIDE] = True
    stripes = np.zeros(volume.shape, np.float32)
    stripes[2:4, 22:25], stripes[2:4, 29:32] = -300, 300
    edited = (volume.array + mask * (stripes if change == "stripes" else change)).astype(np.float32)
    heat = (0.9 * mask).astype(np.float32)
    result = CounterfactualResult(
        volume,
        volume.with_array(edited),
        edited,
        mask * np.float32(50),
        mask,
        EditPlan(mask, "Nodule.", "No nodule.", "nodule"),
        [],
        {"seed": 1},
        {"nodule": AttentionMap("nodule", heat)},
    )
    return write_result(
        result,
        folder,
        anatomy=segment_anatomy(volume),
        report="Nodule.",
        findings=[],
        inputs={},
        weights={"name": "w", "sha256": "0" * 64},
        scene=False,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory, make_chest):
    folder, volume = tmp_path_factory.mktemp("views"), make_chest((6, 56, 64), (4.0, 5.0, 5.0))
    flat = volume.with_array(np.where(volume.array < -600, -850, volume.array).astype(np.float32))
    return write(flat, folder / "first", "stripes"), write(flat, folder / "second", -120), flat


@pytest.fixture
def app():
    from SlicerDGMVLCLib.headless import startApplication

    return startApplication()


def kinds(scene):
    """How many nodes of the kinds a run brings are there."""
    return {
        kind: scene.GetNumberOfNodesByClass(f"vtkMRML{kind}Node")
        for kind in (
            "ScalarVolume",
            "Segmentation",
            "Text",
            "Storage",
            "ScalarVolumeDisplay",
            "SegmentationDisplay",
            "ColorLegendDisplay",
        )
    }


def place(volume, z, y, x):
    """RAS (mm) of a voxel."""
    lps = volume.affine @ (x, y, z, 1)
    return -lps[0], -lps[1], lps[2]


def test_overlay_left_none_right_and_the_differences_colours(app, results):
    import slicer
    from slice_view import SliceView, coloured
    from SlicerDGMVLCLib.arrange import setLayer
    from SlicerDGMVLCLib.scene import loadResult

    nodes = loadResult(app.scene, results[0])
    for role in ("counterfactual", "difference"):  # the legends are coloured themselves
        slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(nodes.byRole[role]).SetVisibility(
            False
        )
    nodes.byRole["edit-mask"].GetDisplayNode().SetVisibility(False)
    left, middle, right = (
        SliceView(app, app.scene.GetSingletonNode(name, "vtkMRMLSliceNode"))
        for name in ("Original", "Counterfactual", "Difference")
    )
    centre = left.at(place(results[2], 2, 27, 45))
    assert coloured(left.pixels())[centre], "attention lies over the original"
    assert not coloured(middle.pixels()).any(), "and nowhere over the synthetic scan"
    seen = right.pixels()
    low, zero, high, outside = (
        seen[right.at(place(results[2], 2, y, x))].astype(int)
        for y, x in ((23, 45), (27, 45), (30, 45), (40, 20))
    )
    assert low[2] > 200 and low[2] > low[0] and high[0] > 200 and high[0] > high[2], (low, high)
    assert zero.max() < 30 and outside.max() < 30, "no change is black, in the region and outside"
    assert (
        abs(low - np.array([0.62, 0.92, 1.00]) * 255).max() < 12
        and abs(high - np.array([1.00, 0.84, 0.52]) * 255).max() < 12
    )
    nodes.byRole["attention-segments"].GetDisplayNode().SetVisibility(False)
    assert not coloured(left.pixels()).any()
    setLayer(app.scene, nodes, "heat", 0.7)
    heat = coloured(left.pixels())
    assert (
        heat[centre]
        and not heat[left.at(place(results[2], 2, 40, 20))]
        and not coloured(middle.pixels()).any()
    )
    setLayer(app.scene, nodes, "heat", 0.0)
    setLayer(app.scene, nodes, "uncertainty", 0.7)
    spread = coloured(middle.pixels())
    assert (
        spread[middle.at(place(results[2], 2, 27, 45))]
        and not spread[middle.at(place(results[2], 2, 40, 20))]
    )
    assert not coloured(left.pixels()).any()
    nodes.byRole["edit-mask"].GetDisplayNode().SetVisibility(True)
    outline = coloured(left.pixels())
    assert outline.any() and not outline[centre], "the edit mask is an outline"


def test_legends_say_unit_sign_and_that_it_is_synthetic(app, results):
    import slicer
    from SlicerDGMVLCLib.scene import loadResult

    nodes = loadResult(app.scene, results[0])
    title = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(
        nodes.byRole["difference"]
    ).GetTitleText()
    assert "HU, counterfactual − original" in title and "synthetic" in title
    display = nodes.byRole["difference"].GetDisplayNode()
    assert display.GetWindowLevelMin() == -display.GetWindowLevelMax() == -300


def test_several_runs_one_shown_and_each_removed_completely(app, results):
    from SlicerDGMVLCLib.arrange import compareRuns, showRun
    from SlicerDGMVLCLib.layout import compositeNode
    from SlicerDGMVLCLib.runs import findRuns, removeRun
    from SlicerDGMVLCLib.scene import loadResult

    empty = kinds(app.scene)
    first, second = (loadResult(app.scene, path) for path in results[:2])

    def seen(run):
        return run.byRole["attention-segments"].GetDisplayNode().GetVisibility()

    assert (seen(first), seen(second)) == (0, 1), (
        "only the shown run's overlay is over the shared views"
    )
    showRun(app.scene, first, ("original", "counterfactual"))
    assert (seen(first), seen(second)) == (1, 0)
    views = compareRuns(app.scene, [first, second])
    shown = [
        app.scene.GetNodeByID(
            compositeNode(app.scene, view.GetLayoutName()).GetBackgroundVolumeID()
        )
        for view in views
    ]
    assert shown == [
        first.byRole["original"],
        first.byRole["counterfactual"],
        second.byRole["counterfactual"],
    ]
    assert all(compositeNode(app.scene, v.GetLayoutName()).GetHotLinkedControl() for v in views)
    assert second.byRole["edit-mask"].GetDisplayNode().GetViewNodeIDs() == (views[2].GetID(),)
    found = findRuns(app.scene)
    assert [run.byRole["difference"] for run in found] == [
        run.byRole["difference"] for run in (first, second)
    ]
    assert found[0].centre == pytest.approx(first.centre, abs=0.01)
    app.scene.RemoveNode(first.byRole["uncertainty"])  # by the user
    removeRun(app.scene, first)
    assert [run.folderItem for run in findRuns(app.scene)] == [second.folderItem]
    removeRun(app.scene, first)
    removeRun(app.scene, findRuns(app.scene)[0])
    left = kinds(app.scene)
    assert {
        k: left[k] - empty[k] for k in left if k not in ("Storage", "ScalarVolumeDisplay")
    } == dict.fromkeys(
        ("ScalarVolume", "Segmentation", "Text", "SegmentationDisplay", "ColorLegendDisplay"), 0
    )


def test_a_closed_scene_takes_removal_calmly(app, results):
    import slicer
    from SlicerDGMVLCLib.runs import findRuns, removeRun
    from SlicerDGMVLCLib.scene import loadResult

    nodes = loadResult(app.scene, results[0])
    app.scene.Clear(0)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(app.scene)
    other = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "somebody else's")
    nodes.folderItem = other
    removeRun(app.scene, nodes)
    assert hierarchy.GetItemName(other) == "somebody else's" and findRuns(app.scene) == []


def test_runs_of_a_saved_scene_are_found_again(app, results, tmp_path):
    import slicer
    from SlicerDGMVLCLib.headless import startApplication
    from SlicerDGMVLCLib.runs import findRuns, removeRun
    from SlicerDGMVLCLib.scene import loadResult, saveMrb

    for path in results[:2]:
        loadResult(app.scene, path, portable=True)
    saveMrb(app.scene, tmp_path / "zwei Läufe.mrb")
    again = startApplication()
    assert again.scene.ReadFromMRB(
        str(tmp_path / "zwei Läufe.mrb"), True, slicer.vtkMRMLMessageCollection()
    )
    found = findRuns(again.scene)
    assert len(found) == 2 and all(
        set(run.attention) == {"nodule"}
        and {"original", "difference", "edit-mask", "notice"} <= set(run.byRole)
        for run in found
    )
    removeRun(again.scene, found[0])
    assert (
        again.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 5
        and len(findRuns(again.scene)) == 1
    )


def test_corner_text_where_there_are_views(app, results, monkeypatch):
    """The desktop's layout manager is a stand-in here: this says what is asked of it, not how
    Slicer looks."""
    import slicer
    from SlicerDGMVLCLib.scene import loadResult

    said = {}

    def widget(name):
        corner = SimpleNamespace(SetText=lambda place, text: said.update({name: text}))
        return SimpleNamespace(sliceView=lambda: SimpleNamespace(cornerAnnotation=lambda: corner))

    monkeypatch.setattr(
        slicer,
        "app",
        SimpleNamespace(layoutManager=lambda: SimpleNamespace(sliceWidget=widget)),
        raising=False,
    )
    loadResult(app.scene, results[0])
    assert said == dict.fromkeys(("Counterfactual", "Difference"), "synthetic – research use only")


@pytest.fixture(autouse=True)
def helpers_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    yield
    sys.modules.pop("slice_view", None)
