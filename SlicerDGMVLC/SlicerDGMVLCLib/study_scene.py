"""The study or case that is being read, in the scene: three planes with an outline, or a case
beside its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from SlicerDGMVLCPresenters.lesson_records import Point, Revealed

from .arrange import hideRuns, markCorners
from .cases import (
    HEAT_OPACITY,
    MARK,
    keyCentre,
    keyTitles,
    loadKey,
    loadOutline,
    loadScan,
    makeMark,
)
from .layout import PLANES, compositeNode, fitView, middle, showColumns, showPlanes, showVolume
from .runs import removeNode

COLUMNS = ("Case", "Before", "Change")
UNKNOWN = "may hold a synthetic finding – research use only"


class StudyScene:
    """What one section of the panel puts into the scene, and takes away again.

    Args:
        corner: text in the lower right of the three planes, "" for none.
    """

    def __init__(self, scene: Any, corner: str = "") -> None:
        self._scene, self._corner = scene, corner
        self.scan: Any = None
        self._outline: Any = None
        self._without: Any = None
        self._others: list[Any] = []

    def show(self, path: str, name: str) -> None:
        """A scan alone in three planes; what was shown here before leaves the scene.

        Raises:
            ValueError: it cannot be read; what was shown stays.
        """
        scan = loadScan(self._scene, path, name)
        self.clear()
        self.scan = scan
        hideRuns(self._scene)
        showPlanes(self._scene, scan, middle(scan))
        markCorners([view for view, _ in PLANES], self._corner)

    def outline(self, path: str, name: str) -> Point:
        """Outline a region over the scan and move the planes to it; returns its middle (RAS, mm).

        Raises:
            ValueError: it cannot be read.
        """
        node = loadOutline(self._scene, path, name)
        self.swap("")
        self._drop(self._outline)
        self._outline = node
        place = middle(node)
        views = showPlanes(self._scene, self.scan, place)
        node.GetDisplayNode().SetViewNodeIDs([view.GetID() for view in views])
        return place

    @property
    def swapped(self) -> bool:
        """Whether a counterfactual covers the scan."""
        return self._without is not None

    def swap(self, path: str) -> None:
        """The part of the scan without a region over the scan, in the scan's window; "" for the
        scan as it is.

        Raises:
            ValueError: it cannot be read; the scan is shown as it is.
        """
        before, self._without = self._without, None
        self._drop(before)
        if path:
            node = loadScan(self._scene, path, f"Without the region · {MARK}")
            seen, shown = self.scan.GetDisplayNode(), node.GetDisplayNode()
            shown.SetWindowLevel(seen.GetWindow(), seen.GetLevel())
            self._without = node
        for view, _ in PLANES:
            composite = compositeNode(self._scene, view)
            composite.SetForegroundVolumeID(self._without.GetID() if self._without else None)
            composite.SetForegroundOpacity(float(self.swapped))
        markCorners([view for view, _ in PLANES], MARK if self.swapped else self._corner)

    def mark(self, placed: Callable[[Any], None]) -> Any:
        """A list of points for the reader's mark, and the mouse ready to place one; `placed` gets
        the node after each click."""
        node = makeMark(self._scene)
        self._others.append(node)
        node.AddObserver(
            slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent, lambda caller, event: placed(node)
        )
        return node

    def place(self, node: Any) -> None:
        """The next click into a view places a point of `node`."""
        selection = self._scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
        interaction = self._scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
        if selection is None or interaction is None:  # no application with views
            return
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
        selection.SetActivePlaceNodeID(node.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(interaction.Place)

    def reveal(self, shown: Revealed) -> None:
        """The case beside the scan before the finding came in and their difference; outline and
        attention over the case.

        Raises:
            ValueError: a file cannot be read; the scene is as it was.
        """
        key = loadKey(self._scene, shown)
        self._others += key.all
        views = showColumns(self._scene, list(COLUMNS))
        at = keyCentre(shown, self.scan)
        for view, volume in zip(views, (self.scan, key.before, key.difference)):
            showVolume(self._scene, view, volume)
            fitView(view, self.scan, at)
        if key.outline is not None:
            key.outline.GetDisplayNode().SetViewNodeIDs([view.GetID() for view in views])
        if key.attention is not None:
            composite = compositeNode(self._scene, COLUMNS[0])
            composite.SetForegroundVolumeID(key.attention.GetID())
            composite.SetForegroundOpacity(HEAT_OPACITY)
        for view, title in zip(COLUMNS, keyTitles(shown)):
            markCorners([view], title)

    def clear(self) -> None:
        """Take everything away; what has gone with the scene already is passed over."""
        for node in (*self._others, self._outline, self._without, self.scan):
            self._drop(node)
        if self.scan is not None:
            markCorners([view for view, _ in PLANES], "")
        self.scan = self._outline = self._without = None
        self._others = []

    def _drop(self, node: Any) -> None:
        if node is not None:
            removeNode(self._scene, node)
