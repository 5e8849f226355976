"""Cases in the views: the scan with a mark, and the reveal with difference, outline and attention."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import slicer
from SlicerDGMVLCLib.colors import DIVERGING, SEQUENTIAL, addColorTable
from SlicerDGMVLCLib.nodes import WINDOWS, loadSegments, showWindow

from .readout import Point, in_words
from .scans import load_volume_node
from .stage import Stage, middle
from .views import COLUMNS, SCAN

MARK = "synthetic, research use only"
HEAT_FROM = 0.1  # weaker attention lets the scan through


class TeachViews:
    """What the tab “Teach” puts into the scene, and takes away again."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.scene = stage, stage.scene
        self._nodes: list[Any] = []
        self._case: Any | None = None
        self._mark: Any | None = None

    def clear(self) -> None:
        """Take everything away and show the scan that was open."""
        self._drop()
        self.stage.show_scan()

    def _drop(self) -> None:
        for name in (*SCAN, *COLUMNS):
            self.stage.views.show(name, None)
        for node in reversed(self._nodes):
            self.stage.drop(node)
        self._nodes, self._case, self._mark, self.stage.case = [], None, None, []

    def _keep(self, node: Any) -> Any:
        self._nodes.append(node)
        return node

    def _volume(self, path: str | Path, name: str, low: float, high: float, colors: Any = "vtkMRMLColorTableNodeGrey") -> Any:
        node = self._keep(load_volume_node(self.scene, Path(path), name))
        showWindow(node, low, high, colors)
        return node

    def _difference(self, path: str | Path) -> Any:
        node = self._volume(path, "Difference", -100, 100)
        low, high = node.GetImageData().GetScalarRange()
        limit = 100.0 * max(1, math.ceil(max(abs(low), abs(high)) / 100))
        showWindow(node, -limit, limit, addColorTable(self.scene, "DGM-VLC difference", DIVERGING, lambda share: f"{2 * share - 1:+.2f} of the range"))
        return node

    def show_case(self, path: Path, title: str, aid: dict[str, str] | None = None) -> None:
        """A case in three planes; beside the counterfactual and the difference when a reader gets them.

        Raises:
            ScanError: a file cannot be read.
        """
        stage = self.stage
        self._drop()
        stage.runs.shown = None
        self._case = self._volume(path, title, *WINDOWS["lung"])
        stage.case = [self._case]
        with stage.state as state:
            state.shown_run = ""
        if aid is None:
            stage.window()
            stage.layout("scan", {"ScanAxial": f"{title} · may hold a synthetic finding, research use only"})
            for name in SCAN:
                stage.views.show(name, self._case)
            stage.views.fit(SCAN)
            return
        made = self._volume(aid["counterfactual"], "Counterfactual", *WINDOWS["lung"]), self._difference(aid["difference"])
        self._columns((self._case, *made), (title, f"Counterfactual · {MARK}", "Difference · counterfactual − scan, HU"), middle(self._case))

    def _columns(self, volumes: tuple[Any, Any, Any], titles: tuple[str, str, str], at: Point) -> None:
        self.stage.case = list(volumes[:2])
        self.stage.layout("columns", dict(zip(COLUMNS, titles)))
        self.stage.window()
        for name, volume in zip(COLUMNS, volumes):
            self.stage.views.show(name, volume)
        self.stage.views.fit(COLUMNS, at)

    def show_key(self, answer: dict[str, Any]) -> None:
        """The case beside the scan before the finding came in, and their difference; outline and attention over the case.

        Raises:
            ScanError, ValueError: a file cannot be read.
        """
        key = answer["key"]
        before = self._volume(answer["before"], "Before", *WINDOWS["lung"])
        change = self._difference(answer["difference"])
        centre = key["centre_mm"]
        at = (-centre[0], -centre[1], centre[2]) if centre else middle(self._case)
        title = f"With {key['term']} · {MARK}" if key["term"] else "The case"
        self._columns((self._case, before, change), (title, "Before the finding was put in", "Difference · with − before, HU"), at)
        if not key["term"]:
            return
        segments = self._keep(loadSegments(self.scene, Path(answer["segments"]), "Answer"))
        display = segments.GetDisplayNode()
        display.SetVisibility2DFill(False)
        names = [segments.GetSegmentation().GetNthSegment(i).GetName() for i in range(segments.GetSegmentation().GetNumberOfSegments())]
        for index, name in enumerate(names):
            display.SetSegmentVisibility(segments.GetSegmentation().GetNthSegmentID(index), name == "finding")
        display.SetViewNodeIDs(self.stage.views.ids(COLUMNS))
        if answer["attention"]:
            colors = addColorTable(self.scene, "DGM-VLC attention", SEQUENTIAL, lambda share: f"{share:.2f}")
            heat = self._volume(answer["attention"], "Attention", 0, 1, colors)
            heat.GetDisplayNode().SetApplyThreshold(1)
            heat.GetDisplayNode().SetLowerThreshold(HEAT_FROM)
            heat.GetDisplayNode().SetUpperThreshold(10.0)
            self.stage.views.show(COLUMNS[0], self._case, heat, 0.55)

    def show_mark(self, ras: Point) -> None:
        """A point where the reader clicked; it moves with the next click."""
        if self._mark is None:
            self._mark = self._keep(slicer.vtkMRMLMarkupsFiducialNode())
            self._mark.SetName("Mark")
            self.scene.AddNode(self._mark)
            self._mark.CreateDefaultDisplayNodes()
            self._mark.AddControlPoint(*ras, "")
            self._mark.SetLocked(True)
            display = self._mark.GetDisplayNode()
            display.SetGlyphScale(2.2)
            display.SetPointLabelsVisibility(False)
            display.SetSelectedColor(0.35, 0.75, 1.0)
            display.SetColor(0.35, 0.75, 1.0)
        self._mark.SetNthControlPointPosition(0, *ras)

    @staticmethod
    def in_words(ras: Point) -> str:
        """A place for the panel."""
        return in_words(ras, None, None, None)["place"]
