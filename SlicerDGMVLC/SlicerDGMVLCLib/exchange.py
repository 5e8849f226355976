"""Scan and segment from the scene to files for the worker, through storage nodes; the scene itself
is not touched.

Transforms: a scan or segmentation under a linear transform is written where it is seen (the
transform is hardened on a copy);
under a non-linear one it is refused, because its voxels would have to be resampled first, which is
the user's to decide.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import slicer
import vtk
import vtk.util.numpy_support
from vtk.util.numpy_support import vtk_to_numpy

SMALLEST = 16  # voxels along two axes; anything smaller shows no chest
SHEAR = 0.0087  # cosine of 89.5 degrees
TOLERANCE = 1e-3  # of a voxel
LABELMAP = "Binary labelmap"


def checkVolume(node: Any) -> tuple[bool, str]:
    """Whether a volume node can be edited, and if not, why: one sentence with what to do."""
    if node is None:
        return False, "Choose a scan."
    name = node.GetName() or "The chosen node"
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        return False, f"{name} is no scan with one value a voxel; choose a CT."
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        return False, f"{name} is a segmentation; choose the scan itself."
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        return False, f"{name} holds no voxels; load it again."
    if (values := image.GetNumberOfScalarComponents()) != 1:
        return (
            False,
            f"{name} has {values} values a voxel (colour or 4D); choose a CT with one value a "
            "voxel.",
        )
    size = image.GetDimensions()
    if sorted(size)[1] < SMALLEST:
        return False, f"{name} has only {'x'.join(str(n) for n in size)} voxels; choose a chest CT."
    low, high = image.GetScalarRange()
    if low == high:
        return False, f"{name} is {low:g} everywhere; choose a scan that shows something."
    if not _linear(node):
        transform = node.GetParentTransformNode().GetName()
        return (
            False,
            f"{name} lies under the non-linear transform {transform}; harden it (right-click in "
            "Data) or take it out first.",
        )
    return _square(_worldMatrix(node), name)


def _linear(node: Any) -> bool:
    transform = node.GetParentTransformNode()
    return transform is None or bool(transform.IsTransformToWorldLinear())


def _square(matrix: Any, name: str) -> tuple[bool, str]:
    """A grid with axes at right angles and of some length."""
    axes = [
        vtk.vtkVector3d(*(matrix.GetElement(row, column) for row in range(3)))
        for column in range(3)
    ]
    if any(axis.Normalize() < 1e-6 for axis in axes):
        return False, f"{name} is squeezed flat by its transform; take it out first."
    if max(abs(axes[a].Dot(axes[b])) for a, b in ((0, 1), (0, 2), (1, 2))) > SHEAR:
        return (
            False,
            f"{name} lies on a sheared grid (gantry tilt or transform); resample it to a "
            "straight one first.",
        )
    return True, ""


def _toWorld(node: Any) -> Any:
    """Linear transform of a node to the world as a 4x4 matrix."""
    matrix = vtk.vtkMatrix4x4()
    if node.GetParentTransformNode() is not None:
        node.GetParentTransformNode().GetMatrixTransformToWorld(matrix)
    return matrix


def _worldMatrix(volume: Any) -> Any:
    """Voxel index to world (RAS mm), 4x4, its transform included."""
    own, out = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(own)
    vtk.vtkMatrix4x4.Multiply4x4(_toWorld(volume), own, out)
    return out


def _write(storage: Any, node: Any, path: Path, ending: str) -> None:
    """Through a storage node under a temporary name, renamed last; raises OSError with a
    sentence."""
    partial = path.with_name(f".{uuid.uuid4().hex[:8]}-partial{ending}")
    storage.SetFileName(str(partial))
    try:
        if not path.parent.is_dir() or not storage.WriteData(node) or not partial.exists():
            raise OSError(f"{path} could not be written; check permission and free space.")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def exportVolume(node: Any, path: str | Path) -> None:
    """Write a scan as NRRD, where it is seen (RAS mm, a linear transform included).

    Raises:
        ValueError: a volume that `checkVolume` refuses. OSError: it cannot be written; nothing
            half-written stays.
    """
    good, reason = checkVolume(node)
    if not good:
        raise ValueError(reason)
    copy = slicer.vtkMRMLScalarVolumeNode()
    copy.SetAndObserveImageData(node.GetImageData())  # shared, not copied
    copy.SetIJKToRASMatrix(_worldMatrix(node))
    storage = slicer.vtkMRMLNRRDStorageNode()
    storage.SetUseCompression(False)
    _write(storage, copy, Path(path), ".nrrd")


def _labelmap(segmentation: Any, segmentId: str) -> Any:
    """The segment alone as a binary labelmap in the world (vtkOrientedImageData); made from its
    surface when it has none.

    Raises:
        ValueError: no such segment, or an empty one.
    """
    holder, segment = segmentation, segmentation.GetSegmentation().GetSegment(segmentId)
    if segment is None:
        raise ValueError(
            f"{segmentation.GetName()} has no segment {segmentId} any more; choose another one."
        )
    if segment.GetRepresentation(LABELMAP) is None:
        holder = slicer.vtkMRMLSegmentationNode()
        holder.GetSegmentation().DeepCopy(segmentation.GetSegmentation())
        holder.GetSegmentation().CreateRepresentation(LABELMAP)
    image, own = slicer.vtkOrientedImageData(), holder.GetSegmentation().GetSegment(segmentId)
    found = (
        own.GetRepresentation(LABELMAP) is not None
        and slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentBinaryLabelmapRepresentation(
            holder, segmentId, image, False
        )
    )
    if found and image.GetPointData().GetScalars() is not None:
        # Segments may share one labelmap and differ in their value.
        inside = (
            vtk.util.numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
            == own.GetLabelValue()
        )
        image.GetPointData().SetScalars(
            vtk.util.numpy_support.numpy_to_vtk(inside.astype("uint8"), deep=True)
        )
    if not found or not _filled(image):
        raise ValueError(f"The segment {segment.GetName()} is empty; draw the region first.")
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    vtk.vtkMatrix4x4.Multiply4x4(_toWorld(segmentation), matrix, matrix)
    image.SetImageToWorldMatrix(matrix)
    return image


def _filled(image: Any) -> bool:
    low, high, *_ = image.GetExtent()
    return (
        image.GetPointData().GetScalars() is not None
        and low <= high
        and image.GetScalarRange()[1] > 0
    )


def _onGrid(image: Any, volume: Any) -> Any:
    """A labelmap in the world on a scan's grid as it is seen, nearest voxel."""
    grid, out = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    grid.SetDimensions(volume.GetImageData().GetDimensions())
    grid.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    grid.SetImageToWorldMatrix(_worldMatrix(volume))
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        image, grid, out
    )
    return out


def _sameVoxels(image: Any, volume: Any) -> bool:
    """True when a labelmap in the world lies on the scan's voxels."""
    seen, toIndex = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(seen)
    vtk.vtkMatrix4x4.Invert(_worldMatrix(volume), toIndex)
    vtk.vtkMatrix4x4.Multiply4x4(toIndex, seen, seen)
    straight = all(
        abs(seen.GetElement(row, column) - (row == column)) < TOLERANCE
        for row in range(3)
        for column in range(3)
    )
    return straight and all(
        abs(seen.GetElement(row, 3) - round(seen.GetElement(row, 3))) < TOLERANCE
        for row in range(3)
    )


def segmentsOn(segmentation: Any, volume: Any) -> Any:
    """All segments of a segmentation on a scan's grid, bool (D,H,W); None when they are empty."""
    dimensions, mask = volume.GetImageData().GetDimensions()[::-1], None
    segments = segmentation.GetSegmentation()
    for index in range(segments.GetNumberOfSegments()):
        image = _onGrid(_labelmap(segmentation, segments.GetNthSegmentID(index)), volume)
        part = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(dimensions) > 0
        mask = part if mask is None else mask | part
    return mask if mask is not None and mask.any() else None


def exportSegment(segmentation: Any, segmentId: str, volume: Any, path: str | Path) -> str:
    """Write one segment on a scan's grid as .seg.nrrd, both where they are seen.

    Returns:
        What was done to it, as a sentence, when it was drawn on another grid; otherwise an empty
        text.

    Raises:
        ValueError: no such segment, an empty one, one outside the scan, or a non-linear transform.
            OSError: it cannot be written.
    """
    if not _linear(segmentation):
        raise ValueError(
            f"{segmentation.GetName()} lies under a non-linear transform; harden it or take it "
            "out first."
        )
    image = _labelmap(segmentation, segmentId)
    name, resampled = (
        segmentation.GetSegmentation().GetSegment(segmentId).GetName(),
        not _sameVoxels(image, volume),
    )
    placed = _onGrid(image, volume)
    if not _filled(placed):
        raise ValueError(
            f"The segment {name} does not reach a voxel of {volume.GetName()}; draw it on this "
            "scan."
        )
    segment = slicer.vtkSegment()
    segment.SetName(name)
    segment.AddRepresentation(LABELMAP, placed)
    holder = slicer.vtkMRMLSegmentationNode()
    holder.GetSegmentation().SetSourceRepresentationName(LABELMAP)
    holder.GetSegmentation().AddSegment(segment, "Region")
    _write(slicer.vtkMRMLSegmentationStorageNode(), holder, Path(path), ".seg.nrrd")
    return (
        f"The segment {name} was drawn on another grid than {volume.GetName()}; it was resampled "
        "to the scan's voxels."
        if resampled
        else ""
    )
