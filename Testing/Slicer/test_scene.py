"""The result in a real MRML scene (slicer-core, no desktop): saved, reopened, and everything is
back."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.editing.result import AttentionMap, CounterfactualResult, EditPlan
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.report import edit as results
from DGMVLCCore.report.edit import write_result
from DGMVLCCore.results.scene import make_scene

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("slicer_core") is None,
    reason="slicer-core is not installed: pip install 'dgmvlc[scene]'",
)

LOOK = """
import json, sys, vtk, slicer, slicer.util
from SlicerDGMVLCLib.headless import startApplication
from SlicerDGMVLCLib.scene import loadResult, removeRun
app = startApplication()
scene = app.scene
if sys.argv[1].endswith(".mrb"):
    scene.ReadFromMRB(sys.argv[1], True, slicer.vtkMRMLMessageCollection())
else:
    before = scene.GetNumberOfNodes()
    try:
        first, second = loadResult(scene, sys.argv[1]), loadResult(scene, sys.argv[1])
    except ValueError as error:
        print(json.dumps({"error": str(error), "added": scene.GetNumberOfNodes() - before}))
        sys.exit()
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode").GetViewArrangement()
    names = ("Original", "Counterfactual", "Difference")
    views = [v for v in names if scene.GetSingletonNode(v, "vtkMRMLSliceNode")]
    both = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    removeRun(scene, first)
    one = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    removeRun(scene, second)
    kinds = ("Volume", "Segmentation", "Text", "Storage", "Displayable", "ColorLegendDisplay",
             "VolumeDisplay", "SegmentationDisplay")
    left = {k: scene.GetNumberOfNodesByClass("vtkMRML" + k + "Node") for k in kinds}
    print(json.dumps({"left": left, "volumes": [both, one], "layout": layout, "views": views}))
    sys.exit()
def volume(start):
    for i in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")):
        n = scene.GetNthNodeByClass(i, "vtkMRMLScalarVolumeNode")
        if n.GetName().startswith(start):
            return n
change = volume("Difference")
matrix = vtk.vtkMatrix4x4(); change.GetIJKToRASMatrix(matrix)
attention = slicer.util.getNode("Attention") if scene.GetFirstNodeByName("Attention") else None
seg = attention.GetSegmentation()
ids = [seg.GetNthSegmentID(i) for i in range(seg.GetNumberOfSegments())]
tag = vtk.reference(""); seg.GetSegment(ids[-1]).GetTag("DGMVLC.Finding", tag)
hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
top, inside = vtk.vtkIdList(), vtk.vtkIdList()
hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), top)
hierarchy.GetItemChildren(top.GetId(0), inside)
items = [top.GetId(0), *(inside.GetId(i) for i in range(inside.GetNumberOfIds()))]
folder = [hierarchy.GetItemName(item) for item in items]
def nodes(kind):
    return [scene.GetNthNodeByClass(i, kind) for i in range(scene.GetNumberOfNodesByClass(kind))]
composites = nodes("vtkMRMLSliceCompositeNode")
legends = nodes("vtkMRMLColorLegendDisplayNode")
def name(node_id):
    return scene.GetNodeByID(node_id).GetName()
layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
outline = scene.GetFirstNodeByName("Edit mask").GetDisplayNode()
window = volume("Original").GetDisplayNode()
display = change.GetDisplayNode()
print(json.dumps({
    "change": slicer.util.arrayFromVolume(change).tolist(),
    "ras": slicer.util.arrayFromVTKMatrix(matrix).tolist(),
    "folder": folder, "folders": top.GetNumberOfIds(), "layers": seg.GetNumberOfLayers(),
    "segments": [seg.GetSegment(i).GetName() for i in ids], "tag": str(tag),
    "opacity": [attention.GetDisplayNode().GetSegmentOpacity2DFill(i) for i in ids],
    "columns": {
        c.GetLayoutName(): [
            name(c.GetBackgroundVolumeID()), c.GetLinkedControl(), c.GetHotLinkedControl()
        ]
        for c in composites
    },
    "attention_views": attention.GetDisplayNode().GetNumberOfViewNodeIDs(),
    "range": [display.GetWindowLevelMin(), display.GetWindowLevelMax()], "legends": len(legends),
    "hidden": [c.GetForegroundOpacity() for c in composites],
    "fill": attention.GetDisplayNode().GetOpacity2DFill(),
    "heat": [name(i) for c in composites if (i := c.GetForegroundVolumeID())],
    "offset": scene.GetSingletonNode("Red", "vtkMRMLSliceNode").GetSliceOffset(),
    "titles": [legend.GetTitleText() for legend in legends],
    "known_layout": bool(layout.GetCurrentLayoutDescription()),
    "outline_only": not outline.GetVisibility2DFill(),
    "window": [window.GetWindow(), window.GetLevel()],
    "notice": scene.GetFirstNodeByClass("vtkMRMLTextNode").GetText(),
    "layout": layout.GetViewArrangement()}))
"""


@pytest.fixture(scope="module")
def result_path(tmp_path_factory, make_chest):
    return build(make_chest((6, 56, 64), (4.0, 5.0, 5.0)), tmp_path_factory.mktemp("scene"))


def build(volume, folder):
    mask = np.zeros(volume.shape, bool)
    mask[2:4, 22:32, 40:50] = True
    edited = np.where(mask, volume.array - 100, volume.array)
    heat = np.where(mask, np.linspace(-0.9, 1.4, 64), 0).astype(np.float32)
    second = np.where(mask, np.linspace(0.9, 0.1, 56)[:, None], 0).astype(np.float32)
    result = CounterfactualResult(
        volume,
        volume.with_array(edited),
        edited,
        mask * np.float32(5),
        mask,
        EditPlan(mask, "Nodule.", "No nodule. Clear lung.", "nodule"),
        [],
        {"seed": 1},
        {
            "nodule": AttentionMap("nodule", heat),
            "consolidation": AttentionMap("consolidation", second),
        },
    )
    skip_scene, results.make_scene = results.make_scene, lambda *_: "made below"
    try:
        return write_result(
            result,
            folder / "run",
            anatomy=segment_anatomy(volume),
            report="Nodule.",
            findings=[],
            inputs={},
            weights={"name": "w", "sha256": "0" * 64},
        )
    finally:
        results.make_scene = skip_scene


def look(path):
    package = Path(__file__).resolve().parents[2] / "SlicerDGMVLC"
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)],
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONPATH": str(package), "PATH": ""},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_scene_is_saved_and_everything_is_back(result_path, tmp_path):
    scene = tmp_path / "scene.mrb"
    assert make_scene(result_path, scene) is None
    seen = look(scene)
    change = np.array(seen["change"])
    assert change.min() == -100 and (change != 0).sum() == 2 * 10 * 10
    manifest = json.loads(result_path.read_text(encoding="utf-8"))
    lps_to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    assert np.allclose(seen["ras"], lps_to_ras @ np.array(manifest["grid"]["index_to_lps"]))
    assert seen["segments"] == [
        "nodule: medium attention",
        "nodule: high attention",
        "consolidation: low attention",
        "consolidation: medium attention",
    ]
    assert seen["layers"] == 2, "findings that overlap keep a layer each"
    assert seen["tag"] == "consolidation" and np.allclose(seen["opacity"], [0.4, 0.55, 0.25, 0.4])
    assert (
        seen["folders"] == 1
        and seen["folder"][0].endswith("Nodule. → No nodule. Clear lung.")
        and len(seen["folder"]) == 10
    )
    shown = {"Red": "Original", "Green": "Counterfactual", "Yellow": "Difference"}
    columns = {
        name: volume.split(":")[0].split(" (")[0] for name, (volume, *_) in seen["columns"].items()
    }
    assert columns == shown | {f"{name}+": title for name, title in shown.items()}
    assert all(linked == hot == 1 for _, linked, hot in seen["columns"].values())
    assert seen["attention_views"] == 2, (
        "the overlay belongs to the original only (axial and coronal)"
    )
    assert seen["fill"] == 1.0 and seen["outline_only"]
    assert seen["heat"] == ["Attention heat map: nodule"] * 2 and set(seen["hidden"]) == {0.0}
    assert seen["range"] == [-100.0, 100.0] and seen["window"] == [1500.0, -500.0]
    assert len(seen["titles"]) == 2 and all(
        "synthetic – research use only" in title for title in seen["titles"]
    )
    assert seen["known_layout"], (
        "a scene file does not carry custom layouts, so it must name one every Slicer has"
    )
    assert min(abs(seen["offset"] - z) for z in -300 + 4.0 * np.arange(2, 4)) < 1e-3, (
        "the view stands on a slice of the region"
    )
    assert "synthetic" in seen["notice"]


def test_runs_stand_side_by_side_and_are_removed_completely(result_path):
    seen = look(result_path)
    assert seen["layout"] == 20251 and seen["views"] == ["Original", "Counterfactual", "Difference"]
    assert seen["volumes"] == [12, 6] and not any(seen["left"].values()), seen["left"]


def test_a_result_with_a_missing_file_leaves_the_scene_as_it_was(result_path, tmp_path):
    shutil.copytree(result_path.parent, tmp_path / "run")
    (tmp_path / "run" / "uncertainty.nrrd").unlink()
    seen = look(tmp_path / "run" / "result.json")
    assert "uncertainty.nrrd could not be read" in seen["error"] and seen["added"] == 0
    assert "uncertainty.nrrd could not be read" in make_scene(
        tmp_path / "run" / "result.json", tmp_path / "s.mrb"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_broken_result_gives_a_reason(tmp_path):
    bad = tmp_path / "result.json"
    bad.write_text('{"schema_version": "0.1"}', encoding="utf-8")
    assert "schema" in make_scene(bad, tmp_path / "s.mrb")
