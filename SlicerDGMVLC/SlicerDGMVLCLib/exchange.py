"""What goes from the scene to the worker: a volume that it can take, a segment on the volume's grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer


def checkVolume(node: Any) -> tuple[bool, str]:
    """Whether the core can take a volume, and why not."""
    if node.GetImageData() is None or min(node.GetImageData().GetDimensions()) < 2:
        return False, f"The volume “{node.GetName()}” is empty or too small; choose a chest CT."
    return True, ""


def exportVolume(node: Any, path: Path) -> None:
    """Write a volume; raises OSError when that fails."""
    storage = slicer.vtkMRMLNRRDStorageNode()
    storage.SetFileName(str(path))
    storage.SetUseCompression(0)
    if not storage.WriteData(node):
        raise OSError(f"{path} could not be written; check permission and free space.")


def exportSegment(segmentation: Any, segmentId: str, volume: Any, path: Path) -> None:
    """Write one segment as .seg.nrrd; raises OSError when that fails."""
    copy = slicer.vtkMRMLSegmentationNode()
    copy.GetSegmentation().CopySegmentFromSegmentation(segmentation.GetSegmentation(), segmentId)
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    if not storage.WriteData(copy):
        raise OSError(f"{path} could not be written; check permission and free space.")
