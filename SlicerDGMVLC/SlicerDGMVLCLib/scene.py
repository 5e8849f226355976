"""A result folder as a scene: three linked columns, difference with colour legend, attention as graded segments."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer
import slicer.util
import vtk
import vtk.util.numpy_support

from .colors import DIVERGING, SEQUENTIAL, addColorTable
from .layout import fitView, showColumns, showPortableRows, showVolume

NOTICE = "synthetic – research use only"
SCHEMA_VERSION = "1.0"
COLUMNS = ("Original", "Counterfactual", "Difference")
ROLES = ("original", "counterfactual", "difference")
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
    """A colour legend; its title is text inside the view, in the desktop and in the browser alike."""
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
    legend.SetTitleText(title)
    legend.SetLabelFormat("%.0f")
    legend.SetOrientation(slicer.vtkMRMLColorLegendDisplayNode.Horizontal)  # along the lower edge, off the lungs
    legend.SetPosition(0.5, 0.01)
    legend.SetSize(0.16, 0.7)
    legend.SetVisibility(True)


def _largestChange(node: Any) -> float:
    """Largest absolute value, rounded up to whole hundreds of HU."""
    low, high = node.GetImageData().GetScalarRange()
    return 100.0 * max(1, math.ceil(max(abs(low), abs(high)) / 100))


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
    display.SetOpacity2DFill(1.0)  # the graded opacities are meant as they are, not times Slicer's default of a half


def _showOutline(node: Any, views: list[Any]) -> None:
    display = node.GetDisplayNode()
    display.SetViewNodeIDs([view.GetID() for view in views])
    display.SetVisibility2DFill(False)
    display.SetSliceIntersectionThickness(1)


def _markSynthetic(scene: Any, nodes: ResultNodes) -> Any:
    """The mark as text in the views with synthetic voxels (legend titles), and as a text node for viewers with corner text."""
    _legend(nodes.byRole["counterfactual"], f"HU · {NOTICE}")
    _legend(nodes.byRole["difference"], f"HU, counterfactual − original\n{NOTICE}")
    text = slicer.vtkMRMLTextNode()
    text.SetName(f"{nodes.runId} notice")
    text.SetText(NOTICE)
    return scene.AddNode(text)


def _group(scene: Any, nodes: ResultNodes, title: str) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    nodes.folderItem = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), title)
    for node in (*nodes.byRole.values(), *nodes.attention.values()):
        node.SetAttribute("DGMVLC.Run", nodes.runId)
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(nodes.folderItem, node)
        hierarchy.SetItemParent(item, nodes.folderItem)


def _loadFiles(scene: Any, folder: Path, manifest: dict[str, Any], nodes: ResultNodes) -> None:
    titles = {"original": "Original", "counterfactual": f"Counterfactual: {manifest['plan']['target']} ({NOTICE})",
              "difference": f"Difference (counterfactual − original, HU; {NOTICE})", "uncertainty": "Uncertainty (SD, HU)"}
    for entry in manifest["files"]:
        role, file = entry["role"], folder / entry["name"]
        if role in titles:
            nodes.byRole[role] = _loadVolume(scene, file, titles[role])
        elif role == "attention":
            nodes.attention[entry["finding"]] = _loadVolume(scene, file, f"Attention heat map: {entry['finding']}")
        elif role == "attention-segments":
            nodes.byRole[role] = _loadSegments(scene, file, "Attention")
        elif role == "edit-mask":
            nodes.byRole[role] = _loadSegments(scene, file, "Edit mask")


def _colour(scene: Any, nodes: ResultNodes) -> None:
    """Lung window for the scans, a scale symmetric about 0 for the difference, a sequential one for spread and attention."""
    for role in ("original", "counterfactual"):
        _window(nodes.byRole[role], -1250, 250, "vtkMRMLColorTableNodeGrey")
    limit = _largestChange(nodes.byRole["difference"])
    diverging = addColorTable(scene, "DGM-VLC difference", DIVERGING, lambda share: f"{(2 * share - 1):+.2f} of the range")
    sequential = addColorTable(scene, "DGM-VLC attention", SEQUENTIAL, lambda share: f"{share:.2f}")
    _window(nodes.byRole["difference"], -limit, limit, diverging)
    _window(nodes.byRole["uncertainty"], 0, _largestChange(nodes.byRole["uncertainty"]), sequential)
    for heat in nodes.attention.values():
        display = _window(heat, 0, 1, sequential)
        display.SetApplyThreshold(1)
        display.SetLowerThreshold(0.1)
        display.SetUpperThreshold(1.0)


def _arrange(scene: Any, nodes: ResultNodes, centre: tuple[float, float, float], portable: bool) -> list[list[Any]]:
    """Rows of linked views; the heat map of the first finding waits as foreground layer of the original, its slider at 0."""
    rows = showPortableRows(scene) if portable else [showColumns(scene, list(COLUMNS))]
    for views in rows:
        for view, role in zip(views, ROLES):
            composite = showVolume(scene, view, nodes.byRole[role])
            if role == "original" and nodes.attention:
                composite.SetForegroundVolumeID(next(iter(nodes.attention.values())).GetID())
                composite.SetForegroundOpacity(0.0)
            fitView(view, nodes.byRole["original"], centre)
    return rows


def _runId(manifest: dict[str, Any]) -> str:
    """Name of a run that does not depend on where its folder lies."""
    digest = next(entry["sha256"] for entry in manifest["files"] if entry["role"] == "counterfactual")
    return f"DGM-VLC {manifest['plan']['term']} {digest[:8]}"


def loadResult(scene: Any, path: str | Path, portable: bool = False) -> ResultNodes:
    """Show a result: original | counterfactual | difference, attention and edit mask over them.

    Args:
        scene: vtkMRMLScene. path: the result's `result.json`.
        portable: use a layout that every Slicer knows, for a scene that is saved and opened elsewhere.

    Raises:
        ValueError: unknown schema version, or a file that cannot be read.
    """
    path = Path(path)
    manifest = readResult(path)
    nodes = ResultNodes(_runId(manifest))
    try:
        _loadFiles(scene, path.parent, manifest, nodes)
    except ValueError:
        removeRun(scene, nodes)
        raise
    _colour(scene, nodes)
    rows = _arrange(scene, nodes, _focus(manifest, nodes.byRole["original"]), portable)
    if "attention-segments" in nodes.byRole:
        _showBands(nodes.byRole["attention-segments"], [views[0] for views in rows])
    if "edit-mask" in nodes.byRole:
        _showOutline(nodes.byRole["edit-mask"], [view for views in rows for view in views])
    nodes.byRole["notice"] = _markSynthetic(scene, nodes)
    _group(scene, nodes, f"{nodes.runId}: {manifest['plan']['source']} → {manifest['plan']['target']}")
    return nodes


def _focus(manifest: dict[str, Any], volume: Any) -> tuple[float, float, float]:
    """RAS position (mm) of the region's centre; the volume's centre when there is no region."""
    centre = manifest.get("location", {}).get("centre_mm")
    if centre:
        return -float(centre[0]), -float(centre[1]), float(centre[2])
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    return (bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, (bounds[4] + bounds[5]) / 2


def removeRun(scene: Any, nodes: ResultNodes) -> None:
    """Take a run out of the scene, with its display and storage nodes and its folder; views and colour tables stay."""
    for node in (*nodes.byRole.values(), *nodes.attention.values()):
        own = [node.GetStorageNode()]
        if isinstance(node, slicer.vtkMRMLDisplayableNode):
            own += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
        for helper in filter(None, own):
            scene.RemoveNode(helper)
        scene.RemoveNode(node)
    if nodes.folderItem:  # there is none yet when loading stopped halfway
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene).RemoveItem(nodes.folderItem)


def saveMrb(scene: Any, path: str | Path) -> None:
    """Write the scene as one .mrb file (absolute path); raises OSError when that fails."""
    path = Path(path).absolute()
    if not scene.WriteToMRB(str(path), None) or not path.exists():
        raise OSError(f"{path} could not be written; check permission and free space.")
