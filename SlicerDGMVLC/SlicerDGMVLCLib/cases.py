"""Studies and teaching cases as nodes, for both viewers: a scan, an outline, a mark, and the key of
a case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from SlicerDGMVLCPresenters.lesson_records import Point, Revealed

from .colors import DIVERGING, SEQUENTIAL, addColorTable
from .layout import middle
from .nodes import WINDOWS, loadSegments, loadVolume, showWindow
from .runs import removeNode

MARK = "synthetic, research use only"
HEAT_FROM = 0.1  # weaker attention lets the scan through
HEAT_OPACITY = 0.55
MARK_COLOR = (0.35, 0.75, 1.0)


@dataclass
class KeyNodes:
    """What the answer to a case shows beside it; outline and attention are None for a case without
    a finding, attention also when it was not read."""

    before: Any
    difference: Any
    outline: Any = None
    attention: Any = None

    @property
    def all(self) -> list[Any]:
        """Every node."""
        return [
            node
            for node in (self.before, self.difference, self.outline, self.attention)
            if node is not None
        ]


def loadScan(scene: Any, path: str | Path, name: str) -> Any:
    """A CT in the lung window; raises ValueError when it cannot be read, and the scene is as it
    was."""
    node = loadVolume(scene, Path(path), name)
    showWindow(node, *WINDOWS["lung"], "vtkMRMLColorTableNodeGrey")
    return node


def loadDifference(scene: Any, path: str | Path) -> Any:
    """A signed HU difference on a scale symmetric about 0; raises ValueError when it cannot be
    read."""
    node = loadVolume(scene, Path(path), "Difference")
    low, high = node.GetImageData().GetScalarRange()
    limit = 100.0 * max(1, math.ceil(max(abs(low), abs(high)) / 100))
    showWindow(
        node,
        -limit,
        limit,
        addColorTable(
            scene,
            "DGM-VLC difference",
            DIVERGING,
            lambda share: f"{2 * share - 1:+.2f} of the range",
        ),
    )
    return node


def loadAttention(scene: Any, path: str | Path) -> Any:
    """A heat map (0..1) whose weak part is transparent; raises ValueError when it cannot be
    read."""
    node = loadVolume(scene, Path(path), "Attention")
    display = showWindow(
        node,
        0,
        1,
        addColorTable(scene, "DGM-VLC attention", SEQUENTIAL, lambda share: f"{share:.2f}"),
    )
    display.SetApplyThreshold(1)
    display.SetLowerThreshold(HEAT_FROM)
    display.SetUpperThreshold(10.0)
    return node


def loadOutline(scene: Any, path: str | Path, name: str, only: str | None = None) -> Any:
    """A segmentation as outlines, of the segment `only` when given; raises ValueError when it
    cannot be read."""
    node = loadSegments(scene, Path(path), name)
    display, segmentation = node.GetDisplayNode(), node.GetSegmentation()
    display.SetVisibility2DFill(False)
    for index in range(segmentation.GetNumberOfSegments()):
        display.SetSegmentVisibility(
            segmentation.GetNthSegmentID(index),
            only is None or segmentation.GetNthSegment(index).GetName() == only,
        )
    return node


def loadKey(scene: Any, shown: Revealed) -> KeyNodes:
    """The files that the worker names in its answer to a case.

    Raises:
        ValueError: one cannot be read; the scene is as it was.
    """
    loaded: list[Any] = []

    def keep(node: Any) -> Any:
        loaded.append(node)
        return node

    try:
        nodes = KeyNodes(
            keep(loadScan(scene, shown.before, "Before")),
            keep(loadDifference(scene, shown.difference)),
        )
        if shown.key.term:
            nodes.outline = keep(loadOutline(scene, shown.segments, "Answer", "finding"))
            nodes.attention = (
                keep(loadAttention(scene, shown.attention)) if shown.attention else None
            )
    except ValueError:
        for node in loaded:
            removeNode(scene, node)
        raise
    return nodes


def keyTitles(shown: Revealed) -> tuple[str, str, str]:
    """Titles of case, before and difference."""
    term = shown.key.term
    return (
        f"With {term} · {MARK}" if term else "The case",
        "Before the finding was put in",
        f"Difference · with − before, HU · {MARK}",
    )


def keyCentre(shown: Revealed, case: Any) -> Point:
    """RAS position (mm) of the finding, the scan's middle for a case without one; keys are LPS."""
    centre = shown.key.centre_mm
    return (-centre[0], -centre[1], centre[2]) if centre else middle(case)


def makeMark(scene: Any) -> Any:
    """An empty list of points for the place where a reader sees something."""
    node = slicer.vtkMRMLMarkupsFiducialNode()
    node.SetName("Mark")
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetGlyphScale(2.2)
    display.SetPointLabelsVisibility(False)
    display.SetSelectedColor(*MARK_COLOR)
    display.SetColor(*MARK_COLOR)
    return node


def _defined(mark: Any) -> list[int]:
    """Indices of the points that were placed; the one that follows the mouse before a click is
    not."""
    return [
        index
        for index in range(mark.GetNumberOfControlPoints())
        if mark.GetNthControlPointPositionStatus(index) == mark.PositionDefined
    ]


def markedPlace(mark: Any) -> Point | None:
    """Where the reader clicked last (RAS, mm); None before, and after the point was deleted.
    Earlier points are removed."""
    placed = _defined(mark)
    for index in reversed(placed[:-1]):
        mark.RemoveNthControlPoint(index)
    if not placed:
        return None
    point = [0.0, 0.0, 0.0]
    mark.GetNthControlPointPositionWorld(_defined(mark)[0], point)
    return point[0], point[1], point[2]
