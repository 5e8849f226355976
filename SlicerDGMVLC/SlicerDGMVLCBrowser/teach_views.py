"""Cases in the views: the scan with a mark, and the reveal with difference, outline and
attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.cases import (
    HEAT_OPACITY,
    MARK,
    keyCentre,
    keyTitles,
    loadDifference,
    loadKey,
    loadScan,
    makeMark,
    middle,
)
from SlicerDGMVLCPresenters.lesson_records import Aid, Point, Revealed

from .stage import Stage
from .views import COLUMNS, SCAN

UNSURE = 50  # where the confidence of a reading begins


class TeachViews:
    """What the tab “Teach” puts into the scene, and takes away again."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.scene = stage, stage.scene
        self._nodes: list[Any] = []
        self._case: Any | None = None
        self._mark: Any | None = None
        self._again: Callable[[], None] = lambda: None

    def clear(self) -> None:
        """Take everything away."""
        for node in reversed(self._nodes):
            self.stage.drop(node)
        self._nodes, self._case, self._mark, self._again = [], None, None, lambda: None

    def _keep(self, node: Any) -> Any:
        self._nodes.append(node)
        return node

    def hide(self) -> None:
        """Another tab is shown: no mark or outline of this one may lie over it."""
        self._set_visible(False)

    def again(self) -> None:
        """Show the case as it stands."""
        self._set_visible(True)
        self._again()

    def _set_visible(self, visible: bool) -> None:
        for node in self._nodes:
            if node.IsA("vtkMRMLMarkupsNode") or node.IsA("vtkMRMLSegmentationNode"):
                node.GetDisplayNode().SetVisibility(visible)

    def show_case(self, path: Path, title: str, aid: Aid | None = None) -> None:
        """A case in three planes; beside the counterfactual and the difference when a reader gets
        them.

        Raises:
            ValueError: a file cannot be read.
        """
        self.clear()
        self.stage.state.teach_confidence = UNSURE
        self._case = case = self._keep(loadScan(self.scene, path, title))
        if aid is None:
            self._again = lambda: self._planes(title)
            return
        made = (
            self._keep(loadScan(self.scene, aid.counterfactual, "Counterfactual")),
            self._keep(loadDifference(self.scene, aid.difference)),
        )
        titles = (title, f"Counterfactual · {MARK}", "Difference · counterfactual − scan, HU")
        self._again = lambda: self._columns((case, *made), titles, middle(case))

    def _planes(self, title: str) -> None:
        stage = self.stage
        stage.case = [self._case]
        stage.window()
        stage.layout(
            "scan", {"ScanAxial": f"{title} · may hold a synthetic finding, research use only"}
        )
        for name in SCAN:
            stage.views.show(name, self._case)
        stage.views.fit(SCAN)

    def _columns(
        self, volumes: tuple[Any, Any, Any], titles: tuple[str, str, str], at: Point
    ) -> None:
        self.stage.case = list(volumes[:2])
        self.stage.layout("columns", dict(zip(COLUMNS, titles)))
        self.stage.window()
        for name, volume in zip(COLUMNS, volumes):
            self.stage.views.show(name, volume)
        self.stage.views.fit(COLUMNS, at)

    def show_key(self, shown: Revealed) -> None:
        """The case beside the scan before the finding came in, and their difference; outline and
        attention over the case.

        Raises:
            ValueError: a file cannot be read.
        """
        key = loadKey(self.scene, shown)
        for node in key.all:
            self._keep(node)
        volumes = (self._case, key.before, key.difference)

        def show() -> None:
            self._columns(volumes, keyTitles(shown), keyCentre(shown, self._case))
            if key.outline is not None:
                key.outline.GetDisplayNode().SetViewNodeIDs(self.stage.views.ids(COLUMNS))
            if key.attention is not None:
                self.stage.views.show(COLUMNS[0], self._case, key.attention, HEAT_OPACITY)

        self._again = show

    def show_mark(self, ras: Point) -> None:
        """A point where the reader clicked; it moves with the next click."""
        if self._mark is None:
            self._mark = self._keep(makeMark(self.scene))
            self._mark.AddControlPoint(*ras, "")
            self._mark.SetLocked(True)
        self._mark.SetNthControlPointPosition(0, *ras)
