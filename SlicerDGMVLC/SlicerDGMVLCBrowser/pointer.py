"""The left button in the views: window and level, a ruler, an area; a click links the planes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.nodes import WINDOWS
from SlicerDGMVLCPresenters.measure import area_words, ellipse, length_words
from SlicerDGMVLCPresenters.region_tools import Voxel

from .readout import Point, array_of, follow_drag, place_of, plane_of, under_cursor, voxel_under
from .views import COLUMNS, GROUPS, ROWS, SCAN

if TYPE_CHECKING:
    from .app import Viewer

WINDOW, RULER, AREA = "window", "ruler", "area"
PIXELS = 4  # the button moved less than this is a click
HU_A_PIXEL = 3.0
NARROWEST = 10.0  # HU
FIRST = 9.0  # priority of our observers: after drawing, before the view's own
COLOR = (1.0, 0.85, 0.3)
AROUND = 48  # points of an ellipse


class Pointer:
    """What the left button does when no region is drawn.

    Args:
        viewer: whose scan, views and desk it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.stage = viewer, viewer.state, viewer.stage
        self._pressed: tuple[float, float] | None = None
        self._levels = (0.0, 0.0)
        self._voxel: Voxel = (0.0, 0.0, 0.0)
        self._ras: Point = (0.0, 0.0, 0.0)
        self._moved = False
        self._node: Any | None = None
        self._shown = viewer.stage.picture
        viewer.stage.views.on_made(self._follow)

    def _follow(self, name: str) -> None:
        actions = (self._press, self._move, self._release)
        view = self.stage.views.view(name)
        follow_drag(view, actions, partial(self._on_mouse, name), FIRST)

    def _on_mouse(self, name: str, action: Any, *_: Any) -> None:
        if not self.viewer.drawing.active and self._volume(name) is not None:
            action(name)

    def _volume(self, name: str) -> Any | None:
        """The volume that a view stands on."""
        stage = self.stage
        if stage.case:
            return stage.case[0]
        run = stage.runs.shown
        if run is not None and name not in SCAN:
            return run.nodes.byRole["original"]
        return stage.scan.node if stage.scan else None

    def _at(self, name: str) -> tuple[float, float]:
        x, y = self.stage.views.view(name).interactor().GetEventPosition()
        return float(x), float(y)

    # the button -----------------------------------------------------------------------

    def _press(self, name: str) -> None:
        view, volume = self.stage.views.view(name), self._volume(name)
        self._pressed, self._moved = self._at(name), False
        self._levels = self.stage.levels or WINDOWS[str(self.state.preset)]
        self._voxel, self._ras = voxel_under(view, volume), under_cursor(view)

    def _move(self, name: str) -> None:
        if self._pressed is None:
            return
        right, up = (now - then for now, then in zip(self._at(name), self._pressed))
        if not self._moved and math.hypot(right, up) < PIXELS:
            return
        self._moved = True
        if self.state.pointer == WINDOW:
            self._window(right, up)
        elif self.state.pointer == RULER:
            self._draw_line(name)
        elif self.state.pointer == AREA:
            self._draw_ellipse(name)

    def _release(self, name: str) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is None:
            return
        if not self._moved:
            if str(self.state.tab) != "teach":  # there a click marks the finding
                self.stage.views.link(name, self._ras)
        elif self.state.pointer == RULER:
            self._say(length_words(self._ras, under_cursor(self.stage.views.view(name))))
        elif self.state.pointer == AREA:
            self._say(self._area_words(name))

    def _say(self, words: str) -> None:
        with self.state as state:
            state.measured = words

    # what it does -----------------------------------------------------------------------

    def _window(self, right: float, up: float) -> None:
        """To the right wider, up darker, as readers know it."""
        low, high = self._levels
        width = max(high - low + HU_A_PIXEL * right, NARROWEST)
        level = (low + high) / 2 + HU_A_PIXEL * up
        self.stage.levels = (level - width / 2, level + width / 2)
        self.stage.window()

    def preset(self, **_: Any) -> None:
        """A preset counts again."""
        self.stage.levels = None
        self.stage.window()

    def _draw_line(self, name: str) -> None:
        node = self._fresh("vtkMRMLMarkupsLineNode", name)
        node.AddControlPoint(*self._ras)
        node.AddControlPoint(*under_cursor(self.stage.views.view(name)))

    def _draw_ellipse(self, name: str) -> None:
        volume, view = self._volume(name), self.stage.views.view(name)
        stop, plane = voxel_under(view, volume), plane_of(view, volume)
        node = self._fresh("vtkMRMLMarkupsClosedCurveNode", name)
        first, second = (axis for axis in range(3) if axis != plane)
        for step in range(AROUND):
            turn = 2 * math.pi * step / AROUND
            at = list(self._voxel)
            for axis, share in ((first, math.cos(turn)), (second, math.sin(turn))):
                a, b = self._voxel[axis], stop[axis]
                at[axis] = (a + b) / 2 + share * (b - a) / 2
            node.AddControlPoint(*place_of(volume, (at[0], at[1], at[2])))

    def _area_words(self, name: str) -> str:
        volume: Any = self._volume(name)
        view = self.stage.views.view(name)
        original, spacing = array_of(volume), tuple(volume.GetSpacing()[::-1])
        stop = voxel_under(view, volume)
        area = ellipse(original.shape, spacing, self._voxel, stop, plane_of(view, volume))
        images = [("original" if GROUPS[name] < 2 else "", original)]
        run = self.stage.runs.shown
        if run is not None and name in (*COLUMNS, *ROWS):
            images.append(("counterfactual", array_of(run.nodes.byRole["counterfactual"])))
        return area_words(area, images) if area else ""

    def _fresh(self, kind: str, name: str) -> Any:
        """A new mark in the place of the one before."""
        self.forget()
        self._node = node = self.stage.scene.AddNewNodeByClass(kind)
        node.SetName("Measured")
        node.CreateDefaultDisplayNodes()
        node.SetLocked(True)
        display = node.GetDisplayNode()
        display.SetSelectedColor(*COLOR)
        display.SetColor(*COLOR)
        display.SetPropertiesLabelVisibility(False)
        display.SetPointLabelsVisibility(False)
        display.SetUseGlyphScale(False)
        display.SetGlyphSize(0.6)
        beside = [n for n in self.stage.views.visible if GROUPS[n] == GROUPS[name]]
        display.SetViewNodeIDs(self.stage.views.ids(tuple(beside)))
        return node

    def forget(self) -> None:
        """Nothing is measured any more."""
        if self._node is not None:
            self.stage.drop(self._node)
            self._node = None
            self._say("")

    def rendered(self) -> None:
        """Another picture stands in the views: what was measured was on the one before."""
        if self.stage.picture != self._shown:
            self._shown = self.stage.picture
            self.forget()
