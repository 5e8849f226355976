"""The panel's second section: a region proposed from the finding, a segment, or one drawn now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.util import VTKObservationMixin
from SlicerDGMVLCPresenters.case import DRAWN, PROPOSED, Region
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.words import region_note

from .logic import segmentCorners
from .parameters import Parameters

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


def whyNotSegment(node: Any, segmentId: str) -> str:
    """What is wrong with the segment that says where to edit; "" when it can be used."""
    segmentation = node.GetSegmentation()
    if not segmentation or not segmentation.GetNumberOfSegments():
        return "The segmentation has no segment; press Draw, or let the region be proposed."
    segment = segmentation.GetSegment(segmentId) if segmentId else None
    if segment is None:
        return "Choose the segment that marks the finding."
    if segmentCorners(node, segmentId):
        return ""
    return (
        f"The segment “{segment.GetName()}” is empty; draw the finding in it, or let the region be "
        "proposed."
    )


class RegionBox(VTKObservationMixin):
    """Keeps the list of segments in step with the chosen segmentation, and that with the desk.

    Args:
        edit: opens a segment (segmentation, segment id, volume) for drawing. changed: something for
            the panel to re-judge.
        problem: shows a sentence.
    """

    def __init__(
        self,
        ui: Any,
        desk: Desk,
        edit: Callable[[Any, str, Any], None],
        changed: Callable[[], None],
        problem: Callable[[str], None],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self._ui, self._desk, self._edit, self._changed = ui, desk, edit, changed
        self._problem = problem
        self.parameters: Parameters | None = None
        self.active = (
            True  # False while another module is open: nothing is looked at during drawing
        )
        self._proposed: Any = None  # node of the proposal at this path
        self._path = ""
        self._segmentation: Any = None
        self._segments: list[tuple[str, str]] = []
        ui.segmentSelector.connect("currentIndexChanged(int)", self._onSegment)
        ui.drawButton.connect("clicked(bool)", self._onDraw)
        ui.editButton.connect("clicked(bool)", self._onEdit)

    def setParameters(self, parameters: Parameters | None) -> None:
        """Show another set of choices; None while the scene closes."""
        self.parameters = parameters
        self._observe(None)
        self._proposed, self._path = None, ""

    def close(self) -> None:
        """Let go of the scene."""
        self.parameters = None
        self.removeObservers()

    def refresh(self) -> None:
        """Show what the parameters and the desk say, while nobody draws in another module."""
        if not (self.parameters and self.active):
            return
        self._takeProposal()
        node = self.parameters.regionNode
        segmentation: Any = node.GetSegmentation() if node else None
        self._observe(segmentation)
        count = segmentation.GetNumberOfSegments() if segmentation else 0
        ids = [segmentation.GetNthSegmentID(index) for index in range(count)]
        chosen = self.parameters.regionSegment
        if chosen not in ids:
            chosen = ids[0] if ids else ""
        self._list([(segmentation.GetSegment(id).GetName(), id) for id in ids], chosen)
        self._ui.editButton.setEnabled(bool(ids) and self.parameters.inputVolume is not None)
        self._ui.drawButton.setEnabled(self.parameters.inputVolume is not None)
        if node and self.parameters.regionSegment != chosen:
            self.parameters.regionSegment = chosen
        self._tellDesk(node, chosen)
        case = self._desk.case
        self._ui.regionLabel.setText(case.region.why_not or region_note(case, self._desk.known))

    def _list(self, segments: list[tuple[str, str]], chosen: str) -> None:
        """Offer the segments (name, id); an open list is left alone while they are the same."""
        combo = self._ui.segmentSelector
        blocked = combo.blockSignals(True)
        if segments != self._segments:
            self._segments = segments
            combo.clear()
            for name, id in segments:
                combo.addItem(name, id)
        combo.setCurrentIndex([id for _, id in segments].index(chosen) if chosen else -1)
        combo.blockSignals(blocked)
        combo.setEnabled(bool(segments))

    def _takeProposal(self) -> None:
        """A region that the desk was given comes into the scene; one that it forgot is not chosen
        any more."""
        region, parameters = self._desk.case.region, self.parameters
        if parameters is None or region.origin != PROPOSED or region.path == self._path:
            return
        before, self._proposed, self._path = self._proposed, None, region.path
        volume = parameters.inputVolume
        if not region.path or volume is None:
            if before is not None and parameters.regionNode is before:
                parameters.regionNode = None
            return
        row = self._desk.case.row(self._desk.known)
        name = f"{row.term if row else 'region'} region (proposed)"
        try:
            self._proposed = loadRegion(volume.GetScene(), region.path, volume, name)
        except ValueError as error:
            self._desk.forget_proposal()
            self._problem(str(error))
            return
        parameters.regionNode = self._proposed
        parameters.regionSegment = self._proposed.GetSegmentation().GetNthSegmentID(0)

    def _tellDesk(self, node: Any, segmentId: str) -> None:
        """The chosen segmentation as the desk's region."""
        if node is None:
            self._path = ""
            if self._desk.case.region != Region():
                self._desk.case.region = Region()
            return
        reason = whyNotSegment(node, segmentId)
        if node is self._proposed:
            self._desk.case.region.why_not = reason
        else:
            self._desk.case.region = Region(DRAWN, segment=segmentId, why_not=reason)

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
            self._changed()

    def _onSegment(self, index: int) -> None:
        if self.parameters and index >= 0:
            self.parameters.regionSegment = self._ui.segmentSelector.itemData(index)
            self._changed()

    def _onDraw(self, checked: bool = False) -> None:
        volume = self.parameters.inputVolume if self.parameters else None
        if self.parameters and volume:
            row = self._desk.case.row(self._desk.known)
            name = row.term if row else "region"
            node, segmentId = addSegmentation(volume.GetScene(), volume, name)
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
