"""Slice views on trame-slicer: the scan in three planes before a run, linked columns after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import slicer
import vtk
from trame.widgets import html
from trame_rca.utils import RcaEncoder
from trame_slicer.core import LayoutManager, SlicerApp
from trame_slicer.rca_view import register_rca_factories
from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition, ViewProps, ViewType

from .readout import Point, follow_clicks, follow_cursor

SCAN = ("ScanAxial", "ScanCoronal", "ScanSagittal")
COLUMNS = ("Original", "Counterfactual", "Difference")
ROWS = tuple(f"{name}Coronal" for name in COLUMNS)
HYPOTHESES = tuple(f"Hypothesis{number}" for number in range(1, 7))
ALL = (*SCAN, *COLUMNS, *HYPOTHESES, *ROWS)
COLORS = {"Original": "#f2b134", "Counterfactual": "#4f9dd0", "Difference": "#d0604f"}
GROUPS = {
    **dict.fromkeys((*COLUMNS, *HYPOTHESES), 0),
    **dict.fromkeys(ROWS, 1),
    "ScanAxial": 2,
    "ScanCoronal": 3,
    "ScanSagittal": 4,
}


@contextmanager
def quiet() -> Iterator[None]:
    """Without VTK's warnings: trame-slicer listens to an event that VTK 9.6 calls old."""
    vtk.vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtk.vtkObject.GlobalWarningDisplayOn()


def orientation_of(name: str) -> str:
    """Plane of the view `name`."""
    return next((plane for plane in ("Coronal", "Sagittal") if name.endswith(plane)), "Axial")


def _view(name: str) -> ViewLayoutDefinition:
    color = COLORS.get(name.removesuffix("Coronal"), "#8fa3b0")
    return ViewLayoutDefinition(
        name,
        ViewType.SLICE_VIEW,
        ViewProps(orientation=orientation_of(name), label=name, color=color, group=GROUPS[name]),
    )


def compare_layout(count: int) -> str:
    """Name of the layout for the original and `count` hypotheses."""
    return f"hypotheses{count}"


def _beside(count: int) -> Layout:
    """The original and `count` hypotheses: one row of up to four views, else two rows."""
    names = (COLUMNS[0], *HYPOTHESES[:count])
    if len(names) <= 4:
        return Layout(LayoutDirection.Horizontal, [_view(name) for name in names])
    half = (len(names) + 1) // 2
    rows = [
        Layout(LayoutDirection.Horizontal, [_view(name) for name in part])
        for part in (names[:half], names[half:])
    ]
    return Layout(LayoutDirection.Vertical, rows)


def _layouts() -> dict[str, Layout]:
    row, column = LayoutDirection.Horizontal, LayoutDirection.Vertical
    return {
        "empty": Layout(row, []),
        "scan": Layout(
            row,
            [_view("ScanAxial"), Layout(column, [_view("ScanCoronal"), _view("ScanSagittal")])],
            ["2.2", "1"],
        ),
        "pair": Layout(row, [_view(name) for name in COLUMNS[:2]]),
        "columns": Layout(row, [_view(name) for name in COLUMNS]),
        **{compare_layout(count): _beside(count) for count in range(1, len(HYPOTHESES) + 1)},
        "rows": Layout(
            column,
            [
                Layout(row, [_view(name) for name in COLUMNS]),
                Layout(row, [_view(name) for name in ROWS]),
            ],
        ),
    }


def _corner(server: Any, name: str, view: Any) -> None:
    """Texts over a view: what it shows, where it stands."""
    html.Div(
        "{{ titles." + name + " }}",
        v_show=(f"titles.{name}",),
        classes=f"corner corner-title corner-{name.lower()}",
    )
    low = " corner-low" if name in HYPOTHESES else ""  # in narrow columns a title takes two lines
    html.Div(
        "{{ places." + name + " }}", v_show=(f"places.{name}",), classes=f"corner corner-place{low}"
    )


class Views:
    """The views of the page and what they show.

    Args:
        app: trame-slicer's application. server: trame server. moved: called when a view shows
            another slice. hovered: called with the RAS
            position (mm) under the cursor.
    """

    def __init__(
        self,
        app: SlicerApp,
        server: Any,
        moved: Callable[[str], None],
        hovered: Callable[[str, Point], None],
    ) -> None:
        self.app, self.scene = app, app.scene
        register_rca_factories(
            app.view_manager,
            server,
            slice_view_ui_f=_corner,
            rca_encoder=RcaEncoder.JPEG,
            target_fps=30,
            blur_fps=30,
            interactive_quality=70,
        )
        self.layouts = LayoutManager(app.scene, app.view_manager, server)
        self.layouts.register_layout_dict(
            _layouts(), lazy_initialization=True
        )  # a view costs up to a second without a graphics card
        self.made: list[str] = []
        self._sizes: dict[str, tuple[int, ...]] = {}
        self._slab = 0.0
        self._follow: list[Callable[[str], None]] = []
        self._moved, self._hovered = moved, hovered
        self._clicked: list[Callable[[str, Point], None]] = []
        self.show_layout("empty")

    def view(self, name: str) -> Any:
        """trame-slicer's view of this name."""
        return self.app.view_manager.get_view(name)

    @property
    def visible(self) -> list[str]:
        """Names of the views on the page."""
        shown = set(self.app.view_manager.get_current_view_ids())
        return [name for name in ALL if name in shown]

    def show_layout(self, layout: str) -> None:
        """Switch to `empty`, `scan`, `pair`, `columns`, `rows` or a layout of hypotheses."""
        self.layout = layout
        self.make(layout)
        self.layouts.set_layout(layout)
        shown = self.visible
        for name in self.made:
            self.view(name).set_mapped_in_layout(name in shown)

    def make(self, layout: str) -> None:
        """Make those views of a layout that are not there yet."""
        for definition in self.layouts.get_layout(layout).get_views(is_recursive=True):
            name = definition.singleton_tag
            if name not in self.made:
                with quiet():
                    self.app.view_manager.create_view(definition)
                self.made.append(name)
                # A slice is the same without smoothed edges, and drawn in a sixth of the time.
                self.view(name).render_window().SetMultiSamples(0)
                self.view(name).get_view_node().AddObserver(
                    "ModifiedEvent", lambda *_, name=name: self._on_modified(name)
                )
                follow_cursor(self.view(name), partial(self._hovered, name))
                follow_clicks(self.view(name), partial(self._on_click, name))
                for follow in self._follow:
                    follow(name)
                if self._slab:
                    self.slab(self._slab)

    def on_made(self, follow: Callable[[str], None]) -> None:
        """Call `follow` with the name of each view that is made, and of those that are there."""
        self._follow.append(follow)
        for name in self.made:
            follow(name)

    def on_click(self, clicked: Callable[[str, Point], None]) -> None:
        """Call `clicked` with a view's name and the RAS position (mm) of each left click."""
        self._clicked.append(clicked)

    def _on_click(self, name: str, ras: Point) -> None:
        for clicked in self._clicked:
            clicked(name, ras)

    def _on_modified(self, name: str) -> None:
        size = tuple(self.view(name).get_view_node().GetDimensions()[:2])
        if self._sizes.get(name) != size:
            self._sizes[name] = size
            with suppress(RuntimeError):  # without a running server nobody resizes
                asyncio.get_running_loop().call_soon(
                    self._refit, name
                )  # MRML is still at work on the new size
        self._moved(name)

    def refit(self) -> None:
        """Fit the visible views, on the slices they show."""
        for name in self.visible:
            self._refit(name)

    def _refit(self, name: str) -> None:
        """Fit a resized view again, on the slice it shows."""
        view = self.view(name)
        if view.get_background_volume_id() is not None:
            here = view.get_slice_value()
            view.fit_view_to_content()
            view.set_slice_value(here)

    def ids(self, names: tuple[str, ...]) -> list[str]:
        """MRML identifiers of those views that have been made."""
        return [self.view(name).get_view_node_id() for name in names if name in self.made]

    def show(
        self, name: str, volume: Any | None, overlay: Any | None = None, opacity: float = 0.0
    ) -> None:
        """Put a volume, and one over it, into a view; nothing when the view has not been made."""
        if name not in self.made:
            return
        composite = self.view(name)._logic.GetSliceCompositeNode()
        composite.SetDoPropagateVolumeSelection(0)
        composite.SetBackgroundVolumeID(volume.GetID() if volume else None)
        composite.SetForegroundVolumeID(overlay.GetID() if overlay else None)
        composite.SetForegroundOpacity(opacity)
        linked = int(name not in SCAN)
        composite.SetLinkedControl(linked)
        composite.SetHotLinkedControl(linked)

    def fit(self, names: tuple[str, ...], ras: Point | None = None) -> None:
        """Fit views to their volume; `ras` (mm) is the place they stand at, the volume's middle
        when None."""
        for name in filter(self.made.__contains__, names):
            view = self.view(name)
            node = view.get_view_node()
            node.SetOrientation(orientation_of(name))
            view.fit_view_to_content()
            if ras is not None:
                view.set_slice_value(self._along(name, ras))
            view._logic.SnapSliceOffsetToIJK()

    def align(self, name: str, other: str) -> None:
        """Show in the view `name` the plane and the field that `other` shows."""
        source, node = self.view(other).get_view_node(), self.view(name).get_view_node()
        node.SetFieldOfView(*source.GetFieldOfView())
        node.GetSliceToRAS().DeepCopy(source.GetSliceToRAS())
        node.UpdateMatrices()

    def position(self, name: str) -> tuple[int, int]:
        """Slice shown in the view (from 1; axial ones count from the feet) and how many there are;
        (0, 0) without a volume."""
        view = self.view(name)
        if view.get_background_volume_id() is None:
            return 0, 0
        low, high = view.get_slice_range()
        step = view.get_slice_step() or 1.0
        count = round((high - low) / step) + 1
        return min(max(round((view.get_slice_value() - low) / step) + 1, 1), count), count

    def go(self, name: str, index: int) -> None:
        """Show slice `index` (from 1) in the view and in all that are linked with it."""
        _, count = self.position(name)
        if not count:
            return
        view = self.view(name)
        low, _ = view.get_slice_range()
        offset = low + (min(max(index, 1), count) - 1) * view.get_slice_step()
        for other in self.visible:
            if GROUPS[other] == GROUPS[name]:
                self.view(other).set_slice_value(offset)

    def slice_at(self, name: str, ras: Point) -> int:
        """Number of the view's slice nearest to a place, from 1."""
        low, _ = self.view(name).get_slice_range()
        _, count = self.position(name)
        step = self.view(name).get_slice_step() or 1.0
        return min(max(round((self._along(name, ras) - low) / step) + 1, 1), count)

    def _along(self, name: str, ras: Point) -> float:
        """A place along a view's normal, mm; it points to the left in sagittal views."""
        to_ras = self.view(name).get_view_node().GetSliceToRAS()
        return float(sum(to_ras.GetElement(axis, 2) * ras[axis] for axis in range(3)))

    def link(self, name: str, ras: Point) -> None:
        """A place was pointed at in a view: the other planes go there, and it is marked."""
        for other in self.visible:
            if GROUPS[other] != GROUPS[name] and self.position(other)[1]:
                self.view(other).set_slice_value(self._along(other, ras))
                self.view(other)._logic.SnapSliceOffsetToIJK()
        self.crosshair(ras)

    def crosshair(self, ras: Point | None) -> None:
        """Mark a place in every view; None takes the mark away."""
        node = slicer.vtkMRMLCrosshairDisplayableManager().FindCrosshairNode(self.scene)
        if node is None:
            return
        shown = node.ShowSmallBasic if ras is not None else node.NoCrosshair
        node.SetCrosshairMode(shown)
        if ras is not None:
            node.SetCrosshairRAS(*ras)

    def slab(self, mm: float) -> None:
        """Show the highest HU of a slab of so many mm instead of a slice; 0 for the slice."""
        self._slab = mm
        for name in self.made:
            node = self.view(name).get_view_node()
            node.SetSlabReconstructionThickness(max(mm, 1.0))
            node.SetSlabReconstructionType(vtk.VTK_IMAGE_SLAB_MAX)
            node.SetSlabReconstructionEnabled(mm > 0)

    def window(self, volumes: list[Any], low: float, high: float) -> None:
        """Show CT volumes between two HU."""
        for volume in volumes:
            display = volume.GetDisplayNode()
            display.AutoWindowLevelOff()
            display.SetWindowLevelMinMax(low, high)
            display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")


def start_scene() -> SlicerApp:
    """trame-slicer's application with the layout node that the scene library needs."""
    app = SlicerApp()
    slicer.mrmlScene = app.scene
    app.dgmvlc_layout = slicer.vtkMRMLLayoutLogic()
    app.dgmvlc_layout.SetMRMLScene(app.scene)
    app.scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
    return app
