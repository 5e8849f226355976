"""A result folder as a scene: three linked columns, difference with colour legend, attention as graded segments."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer
import slicer.util
import vtk
import vtk.util.numpy_support

from .colors import DIVERGING, SEQUENTIAL, addColorTable
from .layout import compositeNode, showColumns

NOTICE = "synthetic – research use only"
SCHEMA_VERSION = "1.0"
COLUMNS = ("Original", "Counterfactual", "Difference")
BAND_OPACITY = {"low": 0.25, "medium": 0.4, "high": 0.55}


@dataclass
class ResultNodes:
    """Nodes of one run in the scene; `byRole` holds one node a role, `attention` one heat map a finding."""

    runId: str
    byRole: dict[str, Any] = field(default_factory=dict)
    attention: dict[str, Any] = field(default_factory=dict)
    folderItem: int = 0


def readResult(path: str | Path) -> dict[str, Any]:
    """The manifest of a result; raises ValueError with a sentence when it is of another version."""
    manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"{path} follows result schema {manifest.get('schema_version')}, this module reads {SCHEMA_VERSION}; update the extension.")
    return manifest


def _load(scene: Any, node: Any, storageClass: str, path: Path) -> Any:
    """Read a file into a node through its storage node (works with and without the desktop application)."""
    storage = getattr(slicer, storageClass)()
    storage.SetFileName(str(path))
    scene.AddNode(storage)
    scene.AddNode(node)
    if not storage.ReadData(node):
        scene.RemoveNode(node)
        scene.RemoveNode(storage)
        raise ValueError(f"{path} could not be read; run the edit again.")
    node.SetAndObserveStorageNodeID(storage.GetID())
    node.CreateDefaultDisplayNodes()
    return node


def _loadVolume(scene: Any, path: Path, name: str) -> Any:
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(name)
    return _load(scene, node, "vtkMRMLVolumeArchetypeStorageNode", path)


def _window(node: Any, low: float, high: float, colors: Any | str) -> Any:
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(low, high)
    display.SetAndObserveColorNodeID(colors if isinstance(colors, str) else colors.GetID())
    return display


def _legend(node: Any, title: str) -> None:
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
    legend.SetTitleText(title)
    legend.SetVisibility(True)


def _largestChange(node: Any) -> float:
    low, high = node.GetImageData().GetScalarRange()
    return max(100.0, abs(low), abs(high))


def _loadSegments(scene: Any, path: Path, name: str) -> Any:
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(name)
    return _load(scene, node, "vtkMRMLSegmentationStorageNode", path)


def _showBands(node: Any, views: list[Any]) -> None:
    """Graded opacity; the overlay belongs to the original, not to the synthetic scan."""
    display, segmentation = node.GetDisplayNode(), node.GetSegmentation()
    display.SetViewNodeIDs([view.GetID() for view in views])
    for index in range(segmentation.GetNumberOfSegments()):
        identifier = segmentation.GetNthSegmentID(index)
        level = vtk.reference("")
        segmentation.GetSegment(identifier).GetTag("DGMVLC.Level", level)
        display.SetSegmentOpacity2DFill(identifier, BAND_OPACITY.get(str(level), 0.4))
        display.SetSegmentOpacity2DOutline(identifier, 0.9)


def _showOutline(node: Any, views: list[Any]) -> None:
    display = node.GetDisplayNode()
    display.SetViewNodeIDs([view.GetID() for view in views])
    display.SetVisibility2DFill(False)
    display.SetSliceIntersectionThickness(1)


def _cornerText(scene: Any, nodes: ResultNodes, views: list[Any]) -> Any:
    """The mark in the corner of the views with synthetic voxels, as a text node every viewer shows or lists."""
    text = slicer.vtkMRMLTextNode()
    text.SetName(f"{nodes.runId} notice")
    text.SetText(NOTICE)
    text.SetAttribute("DGMVLC.CornerText", ",".join(view.GetLayoutName() for view in views))
    return scene.AddNode(text)


def _group(scene: Any, nodes: ResultNodes, title: str) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    nodes.folderItem = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), title)
    for node in (*nodes.byRole.values(), *nodes.attention.values()):
        node.SetAttribute("DGMVLC.Run", nodes.runId)
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(nodes.folderItem, node)
        hierarchy.SetItemParent(item, nodes.folderItem)


def _showInColumns(scene: Any, nodes: ResultNodes, z: float) -> list[Any]:
    views = showColumns(scene, list(COLUMNS))
    for name, role in zip(COLUMNS, ("original", "counterfactual", "difference")):
        composite = compositeNode(scene, name)
        composite.SetBackgroundVolumeID(nodes.byRole[role].GetID())
        composite.SetForegroundVolumeID("")
        composite.SetLinkedControl(1)
        composite.SetHotLinkedControl(1)
    for view in views:
        view.SetSliceOffset(z)
    return views


def loadResult(scene: Any, path: str | Path) -> ResultNodes:
    """Show a result: original | counterfactual | difference, attention and edit mask over the original.

    Args:
        scene: vtkMRMLScene. path: the result's `result.json`.

    Raises:
        ValueError: unknown schema version, or a file that cannot be read.
    """
    path = Path(path)
    manifest = readResult(path)
    plan = manifest["plan"]
    nodes = ResultNodes(f"DGM-VLC {path.parent.name} seed {manifest['settings'].get('seed', 0)}")
    titles = {"original": "Original", "counterfactual": f"Counterfactual: {plan['target']} ({NOTICE})",
              "difference": "Difference (counterfactual − original, HU)", "uncertainty": "Uncertainty (SD, HU)"}
    for entry in manifest["files"]:
        role, file = entry["role"], path.parent / entry["name"]
        if role in titles:
            nodes.byRole[role] = _loadVolume(scene, file, titles[role])
        elif role == "attention":
            nodes.attention[entry["finding"]] = _loadVolume(scene, file, f"Attention heat map: {entry['finding']}")
        elif role == "attention-segments":
            nodes.byRole[role] = _loadSegments(scene, file, "Attention")
        elif role == "edit-mask":
            nodes.byRole[role] = _loadSegments(scene, file, "Edit mask")
    for role in ("original", "counterfactual"):
        _window(nodes.byRole[role], -1250, 250, "vtkMRMLColorTableNodeGrey")
    limit = _largestChange(nodes.byRole["difference"])
    diverging = addColorTable(scene, "DGM-VLC difference", DIVERGING, lambda share: f"{(2 * share - 1):+.2f} of the range")
    sequential = addColorTable(scene, "DGM-VLC attention", SEQUENTIAL, lambda share: f"{share:.2f}")
    _window(nodes.byRole["difference"], -limit, limit, diverging)
    _legend(nodes.byRole["difference"], "counterfactual − original, HU")
    _window(nodes.byRole["uncertainty"], 0, _largestChange(nodes.byRole["uncertainty"]), sequential)
    for heat in nodes.attention.values():
        display = _window(heat, 0, 1, sequential)
        display.SetApplyThreshold(1)
        display.SetLowerThreshold(0.1)
        display.SetUpperThreshold(1.0)
    views = _showInColumns(scene, nodes, _focus(manifest))
    if "attention-segments" in nodes.byRole:
        _showBands(nodes.byRole["attention-segments"], views[:1])
    if "edit-mask" in nodes.byRole:
        _showOutline(nodes.byRole["edit-mask"], views[:2])
    nodes.byRole["notice"] = _cornerText(scene, nodes, views[1:])
    _group(scene, nodes, f"{nodes.runId}: {plan['source']} → {plan['target']}")
    return nodes


def _focus(manifest: dict[str, Any]) -> float:
    """Height (S, mm) of the region's centre; LPS and RAS share it."""
    centre = manifest.get("location", {}).get("centre_mm")
    return float(centre[2]) if centre else 0.0


def removeRun(scene: Any, nodes: ResultNodes) -> None:
    """Take a run out of the scene, with its storage nodes and its folder."""
    for node in (*nodes.byRole.values(), *nodes.attention.values()):
        if hasattr(node, "GetStorageNode") and node.GetStorageNode():
            scene.RemoveNode(node.GetStorageNode())
        scene.RemoveNode(node)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    hierarchy.RemoveItem(nodes.folderItem)


def saveMrb(scene: Any, path: str | Path) -> None:
    """Write the scene as one .mrb file (absolute path); raises OSError when that fails."""
    path = Path(path).absolute()
    if not scene.WriteToMRB(str(path), None) or not path.exists():
        raise OSError(f"{path} could not be written; check permission and free space.")
