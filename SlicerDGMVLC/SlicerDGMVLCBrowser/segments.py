"""Segmentations that the viewer makes itself: a mask of the scan's grid as a segment over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from SlicerDGMVLCPresenters.region_tools import box_of
from vtk.util.numpy_support import numpy_to_vtk

BINARY = "Binary labelmap"
STRIPE = 6  # voxels from one stripe of a hatching to the next


def make_segment(
    scene: Any,
    name: str,
    segment: str,
    color: tuple[float, float, float],
    views: list[str],
    fill: float = 0.25,
) -> Any:
    """An empty segmentation node with one segment, shown in these views."""
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(name)
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName(BINARY)
    made = slicer.vtkSegment()
    made.SetName(segment)
    made.SetColor(*color)
    segmentation.AddSegment(made, segment)
    node.GetDisplayNode().SetViewNodeIDs(views)
    node.GetDisplayNode().SetOpacity2DFill(fill)
    return node


def put_mask(node: Any, segment: str, mask: np.ndarray, volume: Any) -> None:
    """The voxels of a mask (D,H,W) on the volume's grid into a segment; only its box is copied."""
    box = box_of(mask) or (slice(0, 0),) * 3
    part = np.ascontiguousarray(mask[box], np.uint8)
    (z0, z1), (y0, y1), (x0, x1) = ((one.start, one.stop - 1) for one in box)
    image = slicer.vtkOrientedImageData()
    image.SetExtent(x0, x1, y0, y1, z0, z1)
    image.GetPointData().SetScalars(numpy_to_vtk(part.ravel(), deep=True))
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    image.SetImageToWorldMatrix(matrix)
    node.GetSegmentation().GetSegment(segment).AddRepresentation(BINARY, image)
    node.GetSegmentation().Modified()
    node.Modified()


def hatched(mask: np.ndarray) -> np.ndarray:
    """Diagonal stripes of a mask (D,H,W) within each slice."""
    _, rows, columns = np.ogrid[tuple(slice(0, n) for n in mask.shape)]
    return mask & ((rows + columns) % STRIPE < STRIPE // 3)
