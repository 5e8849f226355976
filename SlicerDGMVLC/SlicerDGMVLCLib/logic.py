"""From the panel's choices to the worker's requests: which slices, which files, which folder; pure
MRML, no Qt."""

from __future__ import annotations

import datetime
import math
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import slicer
import vtk
from SlicerDGMVLCPresenters.clinical import clinical_words
from SlicerDGMVLCPresenters.requests import EditRequest

from .clinical import given
from .exchange import checkVolume, exportSegment, exportVolume
from .parameters import Parameters, Question, Slices

REGION_MARGIN_MM = 10.0  # the core lets the region grow by 6 mm
FREE_BYTES_PER_VOXEL = 24  # a result's volumes, uncompressed

_corners: dict[str, Any] = {}  # of the segment asked for last


def reportText(parameters: Parameters) -> str:
    """The report: of the text node when one is chosen, otherwise the typed one."""
    node = parameters.reportNode
    return (node.GetText() or "") if node else parameters.reportText


def canonicalSlice(volume: Any, ras: tuple[float, float, float]) -> int:
    """Slice through a point, counted from the feet as the core counts; may lie outside the volume.

    Args:
        volume: vtkMRMLScalarVolumeNode; its linear parent transforms count. ras: world position,
            mm.
    """
    toIndex, world = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(
        None, volume.GetParentTransformNode(), world
    )
    volume.GetRASToIJKMatrix(toIndex)
    vtk.vtkMatrix4x4.Multiply4x4(toIndex, world, toIndex)
    index = toIndex.MultiplyPoint((*ras, 1.0))[:3]
    toRas = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(toIndex, toRas)
    axis = max(
        range(3), key=lambda column: abs(toRas.GetElement(2, column)) / _length(toRas, column)
    )
    place = math.floor(index[axis] + 0.5)
    return (
        place
        if toRas.GetElement(2, axis) > 0
        else volume.GetImageData().GetDimensions()[axis] - 1 - place
    )


def _length(matrix: Any, column: int) -> float:
    return math.sqrt(sum(matrix.GetElement(row, column) ** 2 for row in range(3))) or 1.0


def sliceCount(volume: Any) -> int:
    """Axial slices of the volume."""
    dimensions = volume.GetImageData().GetDimensions()
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return int(
        dimensions[
            max(
                range(3),
                key=lambda column: abs(matrix.GetElement(2, column)) / _length(matrix, column),
            )
        ]
    )


def segmentCorners(segmentation: Any, segmentId: str) -> list[tuple[float, float, float]]:
    """World positions (mm) of the corners around a segment's voxels; empty for an empty segment."""
    segment = segmentation.GetSegmentation().GetSegment(segmentId)
    drawn = (
        segment.GetRepresentation(
            slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        )
        if segment
        else None
    )
    transform = segmentation.GetParentTransformNode()
    key = (
        segmentation.GetID(),
        segmentId,
        drawn.GetMTime() if drawn else 0,
        transform.GetTransformToWorldMTime() if transform else 0,
    )
    if (
        drawn is None or _corners.get("key") != key
    ):  # on large scans this is too slow to do at every key stroke
        _corners.update(key=key, value=_findCorners(segmentation, segmentId))
    return list(_corners["value"])


def _findCorners(segmentation: Any, segmentId: str) -> list[tuple[float, float, float]]:
    image = slicer.vtkOrientedImageData()
    if not segmentation.GetBinaryLabelmapRepresentation(segmentId, image):
        return []
    extent = [0, -1, 0, -1, 0, -1]
    if (
        not slicer.vtkOrientedImageDataResample.CalculateEffectiveExtent(image, extent)
        or extent[0] > extent[1]
    ):
        return []
    matrix, world = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(
        segmentation.GetParentTransformNode(), None, world
    )
    vtk.vtkMatrix4x4.Multiply4x4(world, matrix, matrix)
    return [
        tuple(matrix.MultiplyPoint((i, j, k, 1.0))[:3])
        for i in extent[0:2]
        for j in extent[2:4]
        for k in extent[4:6]
    ]


def sliceRange(parameters: Parameters, view: tuple[float, float, float]) -> tuple[int, int] | None:
    """Slices [first, last) to read and edit, counted from the feet; None for all.

    Args:
        view: world position (mm) on the axial view.

    Raises:
        ValueError: the view shows no slice of the scan.
    """
    volume, count = parameters.inputVolume, sliceCount(parameters.inputVolume)
    if parameters.slices is Slices.CURRENT:
        place = canonicalSlice(volume, view)
        if not 0 <= place < count:
            raise ValueError(
                "The axial view shows no slice of the scan; scroll it into the scan or choose "
                "other slices."
            )
        return place, place + 1
    if parameters.slices is Slices.REGION and parameters.regionNode:
        corners = segmentCorners(parameters.regionNode, parameters.regionSegment)
        if corners:
            places = [
                canonicalSlice(volume, (x, y, z + margin))
                for x, y, z in corners
                for margin in (-REGION_MARGIN_MM, REGION_MARGIN_MM)
            ]
            first, last = max(min(places), 0), min(max(places) + 1, count)
            return (first, last) if first < last else None  # outside the scan: the core says so
    return None


def axialPosition(scene: Any, volume: Any) -> tuple[float, float, float]:
    """World position (mm) of the axial view that shows the scan, else of the red one; the scan's
    centre without views."""
    shown: dict[str, bool] = {}
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        shown[composite.GetLayoutName()] = composite.GetBackgroundVolumeID() == volume.GetID()
    nodes = [
        scene.GetNthNodeByClass(index, "vtkMRMLSliceNode")
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceNode"))
    ]
    axial = [node for node in nodes if node.GetOrientation() == "Axial"]
    for node in sorted(
        axial,
        key=lambda node: (
            not shown.get(node.GetLayoutName(), False),
            node.GetLayoutName() != "Red",
        ),
    ):
        matrix = node.GetSliceToRAS()
        return matrix.GetElement(0, 3), matrix.GetElement(1, 3), matrix.GetElement(2, 3)
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    return (bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, (bounds[4] + bounds[5]) / 2


def makeRunFolder(base: Path, term: str, taken: list[Path] | None = None) -> Path:
    """Path of a new folder for a run; it does not exist yet, the core makes it.

    Args:
        taken: folders of runs that wait.

    Raises:
        OSError: the place cannot be written, said in one sentence.
    """
    try:
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=base):
            pass
    except OSError as error:
        raise OSError(
            f"Results cannot be written to {base} ({error.strerror or error}); choose another "
            "folder under Advanced."
        ) from error
    stem = (
        f"{datetime.datetime.now():%Y-%m-%d %H.%M.%S} "
        f"{re.sub(r'[^0-9A-Za-z -]+', '', term)[:40].strip()}"
    ).strip()
    path, number = base / stem, 2
    while path.exists() or path in (taken or ()):
        path, number = base / f"{stem} ({number})", number + 1
    return path


def checkSpace(base: Path, volume: Any) -> None:
    """Refuse before the work what would not fit after it.

    Raises:
        OSError: the disk is too full.
    """
    need = FREE_BYTES_PER_VOXEL * math.prod(volume.GetImageData().GetDimensions())
    free = shutil.disk_usage(base).free
    if free < need:
        raise OSError(
            f"{base} has {free / 1e6:.0f} MB free, a run on this scan may need {need / 1e6:.0f} "
            "MB; free some space or choose another folder."
        )


class Exchange:
    """A private folder with what the worker reads; the scan is written again only when it has
    changed."""

    def __init__(self, parent: str | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="DGM-VLC ", dir=parent, ignore_cleanup_errors=True
        )
        self._written: dict[str, tuple[Any, Path]] = {}
        self._count = 0

    def path(self, name: str) -> Path:
        """A new file name in the folder."""
        self._count += 1
        return Path(self._folder.name) / f"{self._count}-{name}"

    def volume(self, volume: Any) -> Path:
        """The scan as a file.

        Raises:
            ValueError: a volume the core cannot take. OSError: it cannot be written.
        """
        good, reason = checkVolume(volume)
        if not good:
            raise ValueError(reason)
        transform = volume.GetParentTransformNode()
        state = (
            volume.GetMTime(),
            volume.GetImageData().GetMTime(),
            transform.GetTransformToWorldMTime() if transform else 0,
        )
        known = self._written.get(volume.GetID())
        if known and known[0] == state and known[1].exists():
            return known[1]
        if known:
            known[1].unlink(missing_ok=True)
        path = self.path("scan.nrrd")
        exportVolume(volume, path)
        self._written[volume.GetID()] = (state, path)
        return path

    def segment(self, segmentation: Any, segmentId: str, volume: Any) -> tuple[Path, str]:
        """A segment as a file on the scan's grid, and a sentence when it had to be resampled to it.

        Raises:
            ValueError: an empty segment or one outside the scan. OSError: it cannot be written.
        """
        path = self.path("region.seg.nrrd")
        return path, exportSegment(segmentation, segmentId, volume, path)

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()


def makeRequest(
    parameters: Parameters,
    finding: int,
    image: Path,
    mask: Path | None,
    slices: tuple[int, int] | None,
    out: Path,
) -> EditRequest:
    """What the panel asks for. finding: 0 when the region alone says where."""
    noises, steps = parameters.effort()
    instead = parameters.question is Question.INSTEAD
    return EditRequest(
        image=os.fspath(image),
        report_text=reportText(parameters),
        out=os.fspath(out),
        finding=finding or None,
        noises=noises,
        steps=steps,
        mask=None if mask is None else os.fspath(mask),
        target=" ".join(parameters.target.split()) if instead else None,
        mode=parameters.mode.value,
        slices=slices,
        seed=parameters.seed,
        device=parameters.device or None,
        clinical=clinical_words(given(parameters)),
    )
