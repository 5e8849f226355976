"""Drawing the region on the page: strokes over the scan's planes, tools, what is seen of it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.exchange import exportSegment, segmentsOn
from SlicerDGMVLCPresenters.case import DRAWN
from SlicerDGMVLCPresenters.region_tools import RegionDrawing, Voxel, locks

from .readout import array_of, follow_drag, plane_of, voxel_under
from .segments import make_segment, put_mask
from .views import SCAN

if TYPE_CHECKING:
    from .app import Viewer

STROKES = ("paint", "erase")
SHAPES = ("ellipse", "draw")
COLOR = (0.95, 0.70, 0.20)
SEGMENT = "Drawn"
NOTHING_THERE = "That changes no voxel of the region."
TELL_S = 0.1  # a stroke is seen and said ten times a second
FIRST = 10.0  # priority of our observers: before the view's own


class Drawing:
    """The region that is drawn on the open case.

    Args:
        viewer: whose scan, views and desk it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.stage = viewer, viewer.state, viewer.stage
        self.region: RegionDrawing | None = None
        self._node: Any | None = None
        self._points: list[Voxel] = []
        self._plane, self._shown = 0, 0.0
        self._followed: set[str] = set()

    # life ---------------------------------------------------------------------------

    def start(self) -> None:
        """Draw on from the region that is chosen, or from nothing."""
        scan = self.stage.scan
        if scan is None or self.viewer.desk.opening:
            return
        self.viewer.desk.show_scan()
        self.stage.render(self.viewer.desk.picture())  # what is outlined now, not before a run
        outlined = self.stage.outlined
        mask = segmentsOn(outlined, scan.node) if outlined is not None else None
        self.drop()
        spacing = tuple(scan.node.GetSpacing()[::-1])
        self.region = RegionDrawing(array_of(scan.node), spacing, mask)
        self.lock()
        self._node = make_segment(
            self.stage.scene, "Drawn region", SEGMENT, COLOR, self.stage.views.ids(SCAN)
        )
        self.viewer.desk.choose_region(DRAWN)
        with self.state as state:
            state.draw_tool = state.draw_tool or "paint"
        self._told()
        self._follow()

    def lock(self, **_: Any) -> None:
        """What the tools leave alone, as the switches say."""
        region, state = self.region, self.state
        if region is not None:
            region.locked = locks(
                region.scan,
                region.spacing,
                self.stage.labels(self.viewer.desk.case.labels),
                bool(state.lock_vessels),
                bool(state.lock_outside),
            )

    def known(self) -> None:
        """The lungs are known now: locks, margin and what is wrong with the region follow."""
        self.lock()
        self._told()

    def drop(self) -> None:
        """The case is closed, or another region is chosen."""
        if self._node is not None:
            self.stage.drop(self._node)
            self.stage.show_margin(None)
        self.region, self._node, self._points = None, None, []

    def show(self, visible: bool) -> None:
        """Whether it is seen now; it is never seen over another case."""
        if self._node is not None:
            self._node.GetDisplayNode().SetVisibility(visible)
            self.stage.margin_visible(visible)

    def store(self) -> None:
        """The drawn region into its file, when it is the one that is chosen."""
        chosen = self.viewer.desk.case.region.origin == DRAWN
        if chosen and self.region is not None and self.region.mask.any():
            self.save()

    def save(self) -> bool:
        """Write it where the worker reads it; False (and a sentence) when that fails."""
        if self._node is None or self.stage.scan is None:
            return False
        path = self.viewer.workspace.new("results", "drawn.seg.nrrd")
        try:
            exportSegment(self._node, SEGMENT, self.stage.scan.node, path)
        except (ValueError, OSError) as error:
            self.viewer.say(str(error))
            return False
        self.viewer.desk.case.region.path = str(path)
        return True

    # what is seen and said ----------------------------------------------------------

    def _told(self) -> None:
        """The voxels into the view, the words onto the page."""
        self._shown = time.monotonic()
        region, node, scan = self.region, self._node, self.stage.scan
        if region is None or node is None or scan is None:
            return
        put_mask(node, SEGMENT, region.mask, scan.node)
        chosen = self.viewer.desk.case.region
        if chosen.origin == DRAWN:
            chosen.path, chosen.note = "", region.words()
            chosen.why_not = region.why_not(self.stage.labels(self.viewer.desk.case.labels))
        if not self._points:  # not while a stroke is under way
            self.stage.show_margin(region.mask, self.viewer.desk.case.labels)
        undo, redo = region.can
        with self.state as state:
            state.draw_undo, state.draw_redo, state.draw_open = undo, redo, bool(self._points)
        self.viewer.refresh()

    # tools --------------------------------------------------------------------------

    def choose(self, what: str) -> None:
        """A tool of the mouse is chosen, or one of the whole region applied."""
        if what in (*STROKES, *SHAPES):
            with self.state as state:
                state.draw_tool = what
            if self.region is None:
                self.start()
        elif self.active:
            self.tool(what)

    def tool(self, name: str) -> None:
        """A tool of the whole region: undo, redo, grow, shrink, threshold, largest, islands, fill,
        clear."""
        region, state = self.region, self.state
        if region is None or self._points:
            return
        mm, low, high = _number(state.draw_mm, 2.0), *self._range()
        tools = {
            "undo": region.undo,
            "redo": region.redo,
            "grow": lambda: region.grow(mm),
            "shrink": lambda: region.grow(-mm),
            "threshold": lambda: region.keep_between(low, high),
            "largest": region.keep_largest,
            "islands": lambda: region.drop_islands(0.1),
            "fill": lambda: region.fill_between_slices(self._plane),
            "clear": region.clear,
        }
        if name in tools:
            if not tools[name]():
                self.viewer.say(NOTHING_THERE, kind="info")
            self._told()

    def _range(self) -> tuple[float, float]:
        return _number(self.state.draw_low, -600.0), _number(self.state.draw_high, 300.0)

    # mouse --------------------------------------------------------------------------

    def _follow(self) -> None:
        for name in SCAN:
            if name in self._followed or name not in self.stage.views.made:
                continue
            self._followed.add(name)
            actions = (self._press, self._move, self._release)
            view = self.stage.views.view(name)
            follow_drag(view, actions, partial(self._on_mouse, name), FIRST)

    @property
    def active(self) -> bool:
        """Whether the mouse draws now."""
        picture, desk = self.stage.picture, self.viewer.desk
        drawn = desk.case.region.origin == DRAWN
        return self.region is not None and drawn and picture.layout == "scan" and desk.tab == "edit"

    def _on_mouse(self, name: str, action: Any, *_: Any) -> None:
        if self.active and not self.viewer.desk.work.busy:
            action(name)

    def _voxel(self, name: str) -> Voxel:
        return voxel_under(self.stage.views.view(name), self._scan)

    @property
    def _scan(self) -> Any:
        return self.stage.scan.node  # type: ignore[union-attr]

    def _press(self, name: str) -> None:
        self._plane = plane_of(self.stage.views.view(name), self._scan)
        self._points = [self._voxel(name)]
        if self.region is not None and self.state.draw_tool in STROKES:
            self.region.begin()
            self._brush(self._points[0], self._points[0])
            self._told()

    def _move(self, name: str) -> None:
        if not self._points:
            return
        self._points.append(self._voxel(name))
        if self.state.draw_tool in STROKES:
            self._brush(*self._points[-2:])
            if time.monotonic() - self._shown >= TELL_S:
                self._told()

    def _brush(self, start: Voxel, stop: Voxel) -> None:
        if self.region is not None:
            self.region.stroke(
                start,
                stop,
                _number(self.state.draw_radius, 5.0),
                self.state.draw_tool == "paint",
                None if self.state.draw_ball else self._plane,
                self._range() if self.state.draw_inside else None,
            )

    def _release(self, name: str) -> None:
        region, points = self.region, self._points
        self._points = []
        if region is None or not points:
            return
        tool = self.state.draw_tool
        if tool in STROKES:
            region.end()
        elif tool == "ellipse":
            region.ellipse(points[0], self._voxel(name), self._plane)
        elif tool == "draw":
            region.outline(points, self._plane)
        self._told()


def _number(text: Any, otherwise: float) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return otherwise
