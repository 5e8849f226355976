"""The panel's second section: a region proposed from the finding, a segment, or one drawn now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.util import VTKObservationMixin

from .parameters import Parameters
from .readiness import regionReason

EVENTS = (
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
    slicer.vtkSegmentation.SegmentModified,
    slicer.vtkSegmentation.SourceRepresentationModified,
)


def addSegmentation(scene: Any, volume: Any, name: str) -> tuple[Any, str]:
    """An empty segment on the volume's grid.

    Returns:
        (vtkMRMLSegmentationNode, segment id)
    """
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(scene.GenerateUniqueName(f"{name} region"))
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    return node, node.GetSegmentation().AddEmptySegment("", name)


def loadRegion(scene: Any, path: str, volume: Any, name: str) -> Any:
    """A proposed region as a segmentation node without a file of its own.

    Raises:
        ValueError: the file cannot be read.
    """
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(path)
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(scene.GenerateUniqueName(name))
    scene.AddNode(node)
    if not storage.ReadData(node) or not node.GetSegmentation().GetNumberOfSegments():
        scene.RemoveNode(node)
        raise ValueError(
            f"The proposed region {Path(path).name} could not be read; press Propose again."
        )
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    return node


class RegionBox(VTKObservationMixin):
    """Keeps the list of segments in step with the chosen segmentation.

    Args:
        edit: opens a segment (segmentation, segment id, volume) for drawing. changed: something for
            the panel to re-judge.
        nameNow: gives the name for a new segment.
    """

    def __init__(
        self,
        ui: Any,
        edit: Callable[[Any, str, Any], None],
        changed: Callable[[], None],
        nameNow: Callable[[], str],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self._ui, self._edit, self._changed, self._nameNow = ui, edit, changed, nameNow
        self.parameters: Parameters | None = None
        self.active = (
            True  # False while another module is open: nothing is looked at during drawing
        )
        self.words = ""  # of the last proposal
        self._proposed: Any = None
        self._segmentation: Any = None
        ui.segmentSelector.connect("currentIndexChanged(int)", self._onSegment)
        ui.drawButton.connect("clicked(bool)", self._onDraw)
        ui.editButton.connect("clicked(bool)", self._onEdit)

    def setParameters(self, parameters: Parameters | None) -> None:
        """Show another set of choices; None while the scene closes."""
        self.parameters = parameters
        self._observe(None)
        self._proposed, self.words = None, ""
        if parameters:
            self.refresh()

    def close(self) -> None:
        """Let go of the scene."""
        self.parameters = None
        self.removeObservers()

    def refresh(self) -> None:
        """Show what the parameters say."""
        if not self.parameters:
            return
        node = self.parameters.regionNode
        segmentation: Any = node.GetSegmentation() if node else None
        self._observe(segmentation)
        ids = (
            [
                segmentation.GetNthSegmentID(index)
                for index in range(segmentation.GetNumberOfSegments())
            ]
            if segmentation
            else []
        )
        chosen = (
            self.parameters.regionSegment
            if self.parameters.regionSegment in ids
            else (ids[0] if ids else "")
        )
        names = [segmentation.GetSegment(id).GetName() for id in ids]
        combo = self._ui.segmentSelector
        blocked = combo.blockSignals(True)
        combo.clear()
        for name, id in zip(names, ids):
            combo.addItem(name, id)
        combo.setCurrentIndex(ids.index(chosen) if chosen else -1)
        combo.blockSignals(blocked)
        combo.setEnabled(bool(ids))
        self._ui.editButton.setEnabled(bool(ids) and self.parameters.inputVolume is not None)
        self._ui.drawButton.setEnabled(self.parameters.inputVolume is not None)
        if node and self.parameters.regionSegment != chosen:
            self.parameters.regionSegment = chosen
        self._ui.regionLabel.setText(self._sentence(node))

    def accept(self, path: str, volume: Any, name: str, words: str) -> None:
        """Put a proposed region into the scene and choose it.

        Raises:
            ValueError: the file cannot be read.
        """
        if not self.parameters:
            return
        scene = volume.GetScene()
        node = loadRegion(scene, path, volume, f"{name} region (proposed)")
        self._proposed, self.words = node, words
        self.parameters.regionNode = node
        self.parameters.regionSegment = node.GetSegmentation().GetNthSegmentID(0)
        self.refresh()

    def _sentence(self, node: Any) -> str:
        if not node:
            return (
                "The region is found in the scan during the run; press “Propose now” to see and "
                "edit "
                "it before."
            )
        reason = regionReason(self.parameters) if self.parameters else ""
        if not reason and node is self._proposed:
            return self.words
        return reason

    def _observe(self, segmentation: Any) -> None:
        if segmentation is self._segmentation:
            return
        if self._segmentation is not None:
            for event in EVENTS:
                self.removeObserver(self._segmentation, event, self._onSegmentation)
        self._segmentation = segmentation
        if segmentation is not None:
            for event in EVENTS:
                self.addObserver(segmentation, event, self._onSegmentation)

    def _onSegmentation(self, caller: Any = None, event: Any = None) -> None:
        if self.active:
            self.refresh()
            self._changed()

    def _onSegment(self, index: int) -> None:
        if self.parameters and index >= 0:
            self.parameters.regionSegment = self._ui.segmentSelector.itemData(index)
            self._changed()

    def _onDraw(self, checked: bool = False) -> None:
        volume = self.parameters.inputVolume if self.parameters else None
        if self.parameters and volume:
            node, segmentId = addSegmentation(volume.GetScene(), volume, self._nameNow())
            self.parameters.regionNode = node
            self.parameters.regionSegment = segmentId
            self._edit(node, segmentId, volume)

    def _onEdit(self, checked: bool = False) -> None:
        if self.parameters and self.parameters.regionNode and self.parameters.inputVolume:
            self._edit(
                self.parameters.regionNode,
                self.parameters.regionSegment,
                self.parameters.inputVolume,
            )
