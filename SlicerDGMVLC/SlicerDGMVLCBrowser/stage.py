"""What stands in the views: the scan, a region over it, a preview, a run; and what the page says
about them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.cases import loadOutline, middle
from SlicerDGMVLCLib.nodes import WINDOWS

from .readout import Point, in_words, under_cursor
from .runs import ROLES, Run, Runs
from .scans import Scan, ScanError, load_volume_node
from .state import EMPTY_READOUT
from .views import COLUMNS, GROUPS, SCAN, Views, start_scene

CORNERS = {
    "Original": "Original",
    "Counterfactual": "Counterfactual · synthetic, research use only",
    "Difference": "Difference · counterfactual − original, HU",
}
AXES = {"ScanAxial": 2, "ScanCoronal": 1, "ScanSagittal": 0}
PAUSE_S = 0.03  # linked views move together, the page is told once


class Stage:
    """The scene and its views.

    Args:
        server: trame server; its state is told what is shown.
    """

    def __init__(self, server: Any) -> None:
        self.state = server.state
        self.app = start_scene()
        self.scene = self.app.scene
        self.views = Views(self.app, server, self._on_moved, self._on_cursor)
        self.runs = Runs(self.views)
        self.scan: Scan | None = None
        self.case: list[Any] = []  # CT volumes of a tab of its own, the one under the cursor first
        self._preview: Any | None = None
        self._region: Any | None = None
        self._hovered = "ScanAxial"
        self._moved: set[str] = set()

    # what is shown ------------------------------------------------------------

    def take_scan(self, scan: Scan) -> None:
        """Show a new scan alone; the one before leaves the scene."""
        old, self.scan = self.scan, scan
        self.forget_region()
        self.window()
        with self.state as state:
            state.readout = EMPTY_READOUT
        self.show_scan()
        if old is not None:
            self.drop(old.node)

    def show_scan(self) -> None:
        """The scan alone, in three planes."""
        self.runs.shown, self.runs.beside, self.case = None, [], []
        self._drop_preview()
        with self.state as state:
            state.shown_run = ""
        self.layout("scan" if self.scan else "empty")
        if self.scan is not None:
            for name in SCAN:
                self.views.show(name, self.scan.node)
            self.views.fit(SCAN, middle(self._region) if self._region else None)

    def show_region(self, path: Path) -> None:
        """Outline a proposed region over the scan and go there; raises ScanError when the file
        cannot be read."""
        self.forget_region()
        try:
            self._region = loadOutline(self.scene, path, "Proposed region")
        except ValueError as error:
            raise ScanError("The proposed region could not be shown; propose it again.") from error
        self.show_scan()
        self._region.GetDisplayNode().SetViewNodeIDs(self.views.ids(SCAN))

    @property
    def has_region(self) -> bool:
        """Whether a proposed region is shown."""
        return self._region is not None

    def forget_region(self) -> None:
        """Take a proposed region away."""
        if self._region is not None:
            self.drop(self._region)
            self._region = None

    def show_preview(self, path: Path, index: int) -> None:
        """The scan beside the preview of one slice; raises ScanError when it cannot be read."""
        if self.scan is None:
            return
        node = load_volume_node(self.scene, path, "Preview (synthetic – research use only)")
        self._drop_preview()
        self._preview = node
        self.window()
        self.runs.shown, self.runs.beside = None, []
        self.layout(
            "pair",
            {"Counterfactual": f"Preview of slice {index + 1} · synthetic, research use only"},
        )
        self.views.show("Original", self.scan.node)
        self.views.show("Counterfactual", node)
        self.views.fit(COLUMNS[:1], middle(node))
        self.views.align("Counterfactual", "Original")

    def add_run(self, path: Path) -> Run:
        """Load a result and show it; raises ValueError or OSError when it cannot be read, and the
        scene is as it was."""
        run = self.runs.add(path)
        self._drop_preview()
        self.window()
        self.show_run(run.number)
        return run

    def show_run(self, number: int, layout: str = "") -> None:
        """Show a run in the columns; `layout` is `columns` or `rows`, as it is when empty."""
        run = self.runs.get(int(number))
        if run is None:
            return
        self.case = []
        layout = layout or (
            self.views.layout if self.views.layout in ("columns", "rows") else "columns"
        )
        self.runs.show(run, layout)
        nodes = run.nodes
        with self.state as state:
            state.shown_run, state.plan, state.explanation, state.gates = (
                run.number,
                run.title,
                run.explanation,
                run.gates,
            )
            state.maps, state.map = list(nodes.attention), next(iter(nodes.attention), "")
            state.has = {
                "attention": "attention-segments" in nodes.byRole,
                "heat": bool(nodes.attention),
                "uncertainty": "uncertainty" in nodes.byRole,
                "mask": "edit-mask" in nodes.byRole,
            }
        self._list_runs()
        self.layout(layout)
        self.runs.overlays(self.state)

    def show_side_by_side(
        self,
        runs: list[Run],
        names: tuple[str, ...],
        role: str,
        layout: str,
        titles: dict[str, str],
    ) -> None:
        """Several runs of one scan beside its original, a view each; `titles` are those of the
        views `names`."""
        self._drop_preview()
        self.runs.show_beside(runs, names, role, layout)
        self.window()
        with self.state as state:
            state.shown_run = ""
        self._list_runs()
        self.layout(layout, titles)

    def remove_run(self, number: int) -> None:
        """Take a run off the list and out of the scene."""
        run = self.runs.get(int(number))
        if run is None:
            return
        shown = self.runs.shown is run or run in self.runs.beside
        self.runs.remove(run)
        self._list_runs()
        if shown and self.runs.all:
            self.show_run(self.runs.all[-1].number)
        elif shown:
            self.show_scan()

    def window(self) -> None:
        """Every CT in the chosen window."""
        preset = self.state.preset if self.state.preset in WINDOWS else "lung"
        own = [
            node
            for node in (self.scan.node if self.scan else None, self._preview, *self.case)
            if node is not None
        ]
        self.views.window(self.runs.ct_volumes() + own, preset)

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

    def _list_runs(self) -> None:
        with self.state as state:
            state.runs = [
                {
                    "number": run.number,
                    "title": run.title,
                    "when": run.arrived,
                    "scan": run.scan_name,
                    "ok": all(gate["passed"] for gate in run.gates),
                }
                for run in reversed(self.runs.all)
            ]

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
            single = (
                "Counterfactual" if self._preview is not None else ""
            )  # a preview has but one slice
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
