"""What stands in the views: the scan, a region over it, a preview, a run; and what the page says
about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from SlicerDGMVLCLib.cases import loadOutline, middle
from SlicerDGMVLCLib.exchange import segmentsOn
from SlicerDGMVLCLib.nodes import WINDOWS
from SlicerDGMVLCPresenters.picture import Picture

from .margin import Margin
from .profile import change_along, strip
from .readout import Point, in_words, under_cursor
from .runs import ROLES, Run, Runs
from .scans import Scan, ScanError, load_volume_node
from .state import EMPTY_READOUT
from .views import COLUMNS, GROUPS, HYPOTHESES, SCAN, Views, compare_layout, start_scene

CORNERS = {
    "Original": "Original",
    "Counterfactual": "Counterfactual · synthetic, research use only",
    "Difference": "Difference · counterfactual − original, HU",
}
SIDE = {
    "counterfactual": "synthetic, research use only",
    "difference": "difference, HU · synthetic, research use only",
}
PREVIEW = "Preview (synthetic – research use only)"
PAUSE_S = 0.1  # linked views move together; words follow the pictures ten times a second


class Stage:
    """The scene and its views, which show the desk's picture and nothing else.

    Args:
        server: trame server; its state is told what is shown. problem: gets a sentence when a file
            cannot be shown.
    """

    def __init__(self, server: Any, problem: Callable[[str], None] = lambda sentence: None) -> None:
        self.state, self._problem = server.state, problem
        self.app = start_scene()
        self.scene = self.app.scene
        self.views = Views(self.app, server, self._on_moved, self._on_cursor)
        self.runs = Runs(self.views)
        self.scan: Scan | None = None
        self.case: list[Any] = []  # CT volumes of a tab of its own, the one under the cursor first
        self.picture = Picture()
        self.margin = Margin(self.views, self.drop)
        self.levels: tuple[float, float] | None = None  # HU shown, when no preset says
        self.labels_path = ""  # the open case's anatomy
        self._preview: Any | None = None
        self._without: Any | None = None
        self._region: Any | None = None
        self._outlined = ""  # its file
        self._hovered = "ScanAxial"
        self._moved: set[str] = set()

    # what is shown ------------------------------------------------------------

    def take_scan(self, scan: Scan) -> None:
        """A new scan; everything of the one before leaves the scene."""
        self.close()
        self.scan = scan

    def close(self) -> None:
        """Everything of the open scan leaves the scene."""
        old, self.scan = self.scan, None
        self._blank()
        for run in list(self.runs.all):
            self.runs.remove(run)
        if old is not None:
            self.drop(old.node)
        self.labels_path, self.levels = "", None
        self.views.crosshair(None)
        with self.state as state:
            state.changes, state.peak, state.measured = "", 0, ""
            state.readout, state.plan, state.explanation, state.gates = EMPTY_READOUT, "", [], []
            state.maps, state.map = [], ""

    def _blank(self) -> None:
        """Nothing stands in the views."""
        self._clear()
        self.picture = Picture()
        self.layout("empty")

    def labels(self, path: str) -> np.ndarray | None:
        """The open scan's anatomy on its grid; None while it is not known."""
        self.labels_path = path
        return self.margin.labels(path)

    def show_margin(self, mask: np.ndarray | None, labels: str = "") -> None:
        """Outline what an edit of this mask would change."""
        self.margin.show(mask, labels, self.scan.node if self.scan else None)

    def margin_visible(self, visible: bool) -> None:
        """Whether the margin is seen."""
        self.margin.visible(visible)

    def _clear(self) -> None:
        """Take everything out of the views; the layout stays."""
        self._forget_region()
        self._drop_preview()
        if self._without is not None:
            self._show_without("")
        self.runs.hide()
        self.case = []
        for name in self.views.made:
            self.views.show(name, None)

    def render(self, picture: Picture, quiz: Callable[[], None] = lambda: None) -> None:
        """Bring the views to the picture; `quiz` shows a quiz's case again."""
        if picture == self.picture:
            return
        before, self.picture = self.picture, picture
        if picture.layout == "empty":
            self._blank()
        elif picture.layout == "quiz":
            self._clear()
            quiz()
        elif picture.layout == "scan":
            self._show_scan(picture, before)
        elif picture.layout == "pair" and picture.preview:
            self._show_preview(*picture.preview)
        elif picture.layout == "side":
            self._show_side_by_side(picture)
        else:
            self._show_run(picture.results[0], picture.layout)

    def _show_scan(self, picture: Picture, before: Picture) -> None:
        """The scan in three planes, with the outline of a region."""
        with self.state as state:
            state.changes, state.peak = "", 0
        if self._without is not None:
            self._show_without("")
        self._drop_preview()
        self.runs.hide()
        self.case = []
        outlined = self._outline(picture.outline)
        if before.layout != "scan" or before.case != picture.case:
            self.window()
            self.layout("scan")
            for name in SCAN:
                self.views.show(name, self.scan.node if self.scan else None)
            self.views.fit(SCAN, middle(self._region) if self._region else None)
        elif self._region is not None and outlined:
            self.views.fit(SCAN, middle(self._region))

    def _outline(self, path: str) -> bool:
        """Outline a file's region over the scan; True when it is another one than before."""
        if path == self._outlined:
            self._only_over_scan()
            return False
        self._forget_region()
        if not path:
            return True
        try:
            self._region = loadOutline(self.scene, Path(path), "Region")
        except ValueError:
            self._problem(f"The region {Path(path).name} cannot be outlined; check the file.")
            return True
        self._outlined = path
        self._only_over_scan()
        self.outline_margin()
        return True

    def outline_margin(self) -> None:
        """The margin of the outlined region, and its slices along the slider."""
        if self._region is None or self.scan is None:
            return
        mask = segmentsOn(self._region, self.scan.node)
        if mask is None or not mask.any():
            return
        self.show_margin(mask, self.labels_path)
        if "ScanAxial" in self.views.made:
            along, _ = change_along(mask, self.scan.node, self.views, "ScanAxial")
            with self.state as state:
                state.changes = strip(along)

    def _only_over_scan(self) -> None:
        if self._region is not None:
            self.views.make("scan")
            self._region.GetDisplayNode().SetViewNodeIDs(self.views.ids(SCAN))

    @property
    def outlined(self) -> Any | None:
        """The segmentation that is outlined over the scan."""
        return self._region

    def _forget_region(self) -> None:
        if self._region is not None:
            self.drop(self._region)
            self._region, self._outlined = None, ""
            self.margin.hide()

    def _show_preview(self, path: str, index: int) -> None:
        """The scan beside the preview of one slice."""
        if self.scan is None:
            return
        try:
            node = load_volume_node(self.scene, Path(path), PREVIEW)
        except ScanError as error:
            self._problem(str(error))
            return
        self._drop_preview()
        self._preview = node
        self.window()
        self.runs.hide()
        corner = f"Preview of slice {index + 1} · synthetic, research use only"
        self.layout("pair", {"Counterfactual": corner})
        self.views.show("Original", self.scan.node)
        self.views.show("Counterfactual", node)
        self.views.fit(COLUMNS[:1], middle(node))
        self.views.align("Counterfactual", "Original")

    def load_run(self, number: int, path: Path, name: str = "") -> Run:
        """Load a result; ValueError or OSError when it cannot be read, the scene as it was."""
        return self.runs.add(number, path, name, self.scan.node if self.scan else None)

    def _show_run(self, number: int, layout: str) -> None:
        """A run in the columns."""
        run = self.runs.get(number)
        if run is None:
            return
        self._drop_preview()
        self.window()
        self.case = []
        self.runs.show(run, layout)
        nodes = run.nodes
        with self.state as state:
            state.plan, state.explanation = run.title, run.explanation
            state.gates = [asdict(check) for check in run.manifest.checks]
            state.maps, state.map = run.findings, next(iter(run.findings), "")
            state.has = {
                "attention": "attention-segments" in nodes.byRole,
                "heat": bool(run.findings),
                "change": bool(run.manifest.of("change")),
                "invented": "invented" in nodes.byRole,
                "uncertainty": bool(run.manifest.of("uncertainty")),
                "mask": "edit-mask" in nodes.byRole,
            }
        self.layout(layout)
        self.overlays()
        difference = nodes.byRole["difference"]
        along, peak = change_along(difference, difference, self.views, COLUMNS[0])
        with self.state as state:
            state.changes, state.peak = strip(along), peak
        self.to_change()

    def to_change(self) -> None:
        """Go to the slice that was changed most."""
        if self.state.peak and COLUMNS[0] in self.views.visible:
            self.views.go(COLUMNS[0], int(self.state.peak))

    def swap(self, original: bool) -> None:
        """Show the original in the place of the counterfactual, and back; over a flagged region,
        the scan without it, and back."""
        if self.picture.layout == "scan":
            self._show_without(self.picture.without if original else "")
            return
        run = self.runs.shown
        if run is not None:
            role = "original" if original else "counterfactual"
            for name in (COLUMNS[1], f"{COLUMNS[1]}Coronal"):
                self.views.show(name, run.nodes.byRole[role])
            if not original:
                self.overlays()

    def overlays(self) -> None:
        """What lies over the shown run, as the switches of the page say."""
        try:
            self.runs.overlays(self.state)
        except ValueError as error:
            self._problem(str(error))

    def _show_side_by_side(self, picture: Picture) -> None:
        """Several runs of one scan beside its original, a view each."""
        runs = [run for run in map(self.runs.get, picture.results) if run is not None]
        if not runs:
            return
        self._drop_preview()
        names = HYPOTHESES[: len(runs)]
        titles = {name: f"{run.title} · {SIDE[picture.role]}" for name, run in zip(names, runs)}
        layout = compare_layout(len(runs))
        self.runs.show_beside(runs, names, picture.role, layout)
        self.window()
        self.layout(layout, titles)

    def _show_without(self, path: str) -> None:
        """Lay the scan without the flagged region over it; "" takes it away."""
        if self._without is not None:
            self.drop(self._without)
            self._without = None
        if path:
            title = "Without the region (synthetic – research use only)"
            try:
                self._without = load_volume_node(self.scene, Path(path), title)
            except ScanError as error:
                self._problem(str(error))
                return
            self.window()
        for name in SCAN:
            own = self.scan.node if self.scan else None
            self.views.show(name, own, self._without, 1.0 if path else 0.0)
        mark = {"ScanAxial": "Axial · without the region: synthetic, research use only"}
        with self.state as state:
            state.titles = {**state.titles, **(mark if path else {"ScanAxial": "Axial"})}

    def remove_run(self, number: int) -> None:
        """Take a run out of the scene."""
        run = self.runs.get(number)
        if run is not None:
            self.runs.remove(run)

    def fit(self) -> None:
        """Every view at its whole slice again, on the slice it shows."""
        self.views.refit()

    def window(self) -> None:
        """Every CT in the chosen window."""
        preset = self.state.preset if self.state.preset in WINDOWS else "lung"
        scan = self.scan.node if self.scan else None
        shown = (scan, self._preview, self._without, *self.case)
        own = [node for node in shown if node is not None]
        low, high = self.levels or WINDOWS[preset]
        self.views.window(self.runs.ct_volumes() + own, low, high)
        with self.state as state:
            state.window_words = f"W {high - low:.0f} L {(high + low) / 2:.0f}".replace("-", "−")

    def layout(self, layout: str, titles: dict[str, str] | None = None) -> None:
        """Switch the layout and tell the page; `titles` replace those of single views."""
        self.views.show_layout(layout)
        with self.state as state:
            state.layout = layout
            state.titles = {
                **CORNERS,
                **{f"{name}Coronal": title for name, title in CORNERS.items()},
                **dict(zip(SCAN, ("Axial", "Coronal", "Sagittal"))),
                **(titles or {}),
            }
        for name in self.views.visible:
            self._on_moved(name)

    def drop(self, node: Any) -> None:
        """Take a node and what belongs to it out of the scene."""
        for own in (node.GetStorageNode(), node.GetDisplayNode(), node):
            if own is not None:
                self.scene.RemoveNode(own)

    def _drop_preview(self) -> None:
        if self._preview is not None:
            self.drop(self._preview)
            self._preview = None

    # slices and cursor ----------------------------------------------------------

    @property
    def _main(self) -> str:
        return "ScanAxial" if self.views.layout == "scan" else "Original"

    def _on_moved(self, name: str) -> None:
        if not self._moved:
            with suppress(RuntimeError):  # before the server runs there is nobody to tell
                asyncio.get_running_loop().call_later(PAUSE_S, self._tell_places)
        self._moved.add(name)

    def _tell_places(self) -> None:
        self._moved.clear()
        visible = self.views.visible
        positions = {name: self.views.position(name) for name in visible}
        with self.state as state:
            # A preview has but one slice.
            single = "Counterfactual" if self._preview is not None else ""
            state.places = {
                name: f"{now} / {count}" if count and name != single else ""
                for name, (now, count) in positions.items()
            }
            state.slice, state.slices_of = positions.get(self._main, (0, 0))
        if self._hovered in visible and self.state.readout["place"]:
            self._on_cursor(self._hovered, under_cursor(self.views.view(self._hovered)))

    def on_slider(self, slice: Any, **_: Any) -> None:
        """Go to the slice of the slider."""
        if (
            self._main in self.views.visible
            and isinstance(slice, int)
            and slice
            and slice != self.views.position(self._main)[0]
        ):
            self.views.go(self._main, slice)

    def scroll(self, steps: int) -> None:
        """Move the view under the cursor, and those linked with it, by slices."""
        visible = self.views.visible
        name = self._hovered if self._hovered in visible else next(iter(visible), "")
        if name:
            self.views.go(name, self.views.position(name)[0] + int(steps))

    def _on_cursor(self, name: str, ras: Point) -> None:
        self._hovered = name
        run = self.runs.shown
        if self.case:
            texts = in_words(ras, self.case[0], None, None)
        elif run is not None and GROUPS[name] < GROUPS["ScanAxial"]:
            texts = in_words(ras, *(run.nodes.byRole[role] for role in ROLES))
        elif self.scan is not None:
            texts = in_words(ras, self.scan.node, None, None)
        else:
            return
        if texts != self.state.readout:
            with self.state as state:
                state.readout = texts
