"""Files as nodes, through their storage nodes, and how a volume is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

WINDOWS = {
    "lung": (-1250.0, 250.0),
    "mediastinum": (-160.0, 240.0),
    "bone": (-600.0, 1400.0),
}  # lowest and highest HU shown


def _load(scene: Any, node: Any, storageClass: str, path: Path) -> Any:
    """Read a file into a node through its storage node (works with and without the desktop
    application)."""
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


def loadVolume(scene: Any, path: Path, name: str) -> Any:
    """A scan as a volume node; raises ValueError when it cannot be read, and the scene is as it
    was."""
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(name)
    return _load(scene, node, "vtkMRMLVolumeArchetypeStorageNode", path)


def showWindow(node: Any, low: float, high: float, colors: Any | str) -> Any:
    """Show a volume between two values with a colour table (node or ID); returns its display
    node."""
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(low, high)
    display.SetAndObserveColorNodeID(colors if isinstance(colors, str) else colors.GetID())
    return display


def loadSegments(scene: Any, path: Path, name: str) -> Any:
    """A segmentation file as a node; raises ValueError when it cannot be read, and the scene is as
    it was."""
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(name)
    return _load(scene, node, "vtkMRMLSegmentationStorageNode", path)
