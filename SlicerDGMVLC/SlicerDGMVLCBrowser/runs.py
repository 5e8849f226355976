"""Results in the scene: loaded once, shown in the columns, with their overlays, words and
checks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from SlicerDGMVLCLib.exchange import segmentsOn
from SlicerDGMVLCLib.scene import ResultNodes, loadLayer, loadResult, readResult, removeRun
from SlicerDGMVLCPresenters.outcome import Manifest

from DGMVLCCore.ground.devices import give_back_memory

from .readout import array_of
from .segments import hatched, put_mask
from .views import COLUMNS, HYPOTHESES, ROWS, Views, quiet

ROLES = ("original", "counterfactual", "difference")
NEAR_MM = 1e-6  # what two files of one grid may differ by
PLACES = {
    "attention-segments": ("Original", "OriginalCoronal"),
    "edit-mask": (*COLUMNS, *ROWS),
    "invented": ("Counterfactual", "CounterfactualCoronal"),
}


def _same_grid(volume: Any, other: Any) -> bool:
    """Whether the voxels of two volumes lie at the same places."""
    grids = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(grids[0])
    other.GetIJKToRASMatrix(grids[1])
    near = all(
        abs(grids[0].GetElement(row, column) - grids[1].GetElement(row, column)) < NEAR_MM
        for row in range(4)
        for column in range(4)
    )
    return near and array_of(volume).shape == array_of(other).shape


@dataclass
class Run:
    """One result in the scene.

    Args:
        number: in order of arrival, from 1. path: its `result.json`. nodes: what the scene library
            loaded. name: of a hypothesis.
    """

    number: int
    path: Path
    manifest: Manifest
    nodes: ResultNodes
    name: str = ""

    @property
    def title(self) -> str:
        """Its name, or what was changed, in words."""
        return self.name or self.manifest.title

    @property
    def explanation(self) -> list[str]:
        """The core's conclusion, its sentences on the change, and its notes; the checks stand
        beside it."""
        lines: list[str] = []
        with suppress(OSError):
            for file in self.manifest.of("explanation"):
                text = (self.path.parent / file.name).read_text(encoding="utf-8")
                lines += text.splitlines()[:2]
        return [line for line in (*lines, *self.manifest.notes) if line.strip()]

    @property
    def findings(self) -> list[str]:
        """Those that a heat map was made of."""
        return [file.finding for file in self.manifest.of("attention")]


class Runs:
    """The runs of this session, newest last, and the one that is shown."""

    def __init__(self, views: Views) -> None:
        self.views, self.scene = views, views.scene
        self.all: list[Run] = []
        self.shown: Run | None = None
        self.beside: list[Run] = []  # shown side by side

    def add(self, number: int, path: Path, name: str = "", scan: Any | None = None) -> Run:
        """Load a result as run `number`; raises ValueError with a sentence when it cannot be read,
        and the scene is as it was. What lies over the scans is loaded when it is first shown.

        Args:
            scan: the volume node that was edited; its voxels are neither read nor held twice.
        """
        manifest = readResult(path)
        nodes = loadResult(
            self.scene, path, layers=False, known=lambda nodes: self._original(scan, nodes)
        )
        if "invented" in nodes.byRole:
            self._hatch(nodes)
        run = Run(number, path, manifest, nodes, name)
        self.all.append(run)
        give_back_memory()  # what reading its files took
        return run

    def _original(self, scan: Any | None, nodes: ResultNodes) -> Any | None:
        """A node on the voxels of a scan, if these are what counterfactual and difference leave of
        the original; else None."""
        made, change = nodes.byRole["counterfactual"], nodes.byRole["difference"]
        if scan is None or not _same_grid(scan, made) or not _same_grid(made, change):
            return None
        if not np.array_equal(array_of(scan), array_of(made) - array_of(change)):
            return None
        node = slicer.vtkMRMLScalarVolumeNode()
        node.SetName("Original")
        self.scene.AddNode(node)
        node.CopyOrientation(scan)
        node.SetAndObserveImageData(scan.GetImageData())
        node.CreateDefaultDisplayNodes()
        return node

    def _layer(self, run: Run, role: str, finding: str = "") -> Any | None:
        """A node of `LAYERS`, loaded when it is first asked for; None where the run has none."""
        nodes = run.nodes
        known = nodes.attention.get(finding) if role == "attention" else nodes.byRole.get(role)
        for file in run.manifest.of(role):
            if known is None and file.finding == finding:
                known = loadLayer(self.scene, run.path.parent, file, nodes)
        return known

    def _hatch(self, nodes: ResultNodes) -> None:
        """Stripes over the voxels that were made from noise, so that the picture shows through."""
        node, volume = nodes.byRole["invented"], nodes.byRole["counterfactual"]
        mask = segmentsOn(node, volume)
        if mask is not None and mask.any():
            put_mask(node, node.GetSegmentation().GetNthSegmentID(0), hatched(mask), volume)

    def _only_here(self, run: Run) -> None:
        """Segments are seen in the columns, never over the scan alone."""
        for role, names in PLACES.items():
            if role in run.nodes.byRole:
                run.nodes.byRole[role].GetDisplayNode().SetViewNodeIDs(self.views.ids(names))
        for role, title in (
            ("counterfactual", ""),
            ("difference", "HU"),
        ):  # the corner of the view says the rest
            legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(run.nodes.byRole[role])
            if legend is not None:
                legend.SetTitleText(title)
                legend.SetVisibility(bool(title))

    def get(self, number: int) -> Run | None:
        """The run of this number."""
        return next((run for run in self.all if run.number == number), None)

    def show(self, run: Run, layout: str) -> None:
        """Show a run in the columns, on the slice through its region."""
        self.shown, self.beside = run, []
        self.views.show_layout(layout)
        self._only_here(run)
        self._hide_others([run])
        for names in (COLUMNS, ROWS):
            for name, role in zip(names, ROLES):
                self.views.show(name, run.nodes.byRole[role])
        self.views.fit(COLUMNS + ROWS, run.manifest.centre)

    def show_beside(self, runs: list[Run], names: tuple[str, ...], role: str, layout: str) -> None:
        """The first run's original, then one view a run with its volume of `role`, each with its
        own region's outline."""
        self.shown, self.beside = None, list(runs)
        self.views.show_layout(layout)
        self._hide_others(runs)
        self.views.show(COLUMNS[0], runs[0].nodes.byRole["original"])
        for index, (run, name) in enumerate(zip(runs, names)):
            self._only_here(run)
            self.views.show(name, run.nodes.byRole[role])
            for segments in PLACES:
                if segments in run.nodes.byRole:
                    display = run.nodes.byRole[segments].GetDisplayNode()
                    display.SetViewNodeIDs(
                        self.views.ids((*COLUMNS[:1], name) if index == 0 else (name,))
                    )
                    display.SetVisibility(segments == "edit-mask")
        self.views.fit((*COLUMNS[:1], *names), runs[0].manifest.centre)

    def hide(self) -> None:
        """No run is shown."""
        self.shown, self.beside = None, []
        self._hide_others([])

    def _hide_others(self, runs: list[Run]) -> None:
        """Segments of runs that are not shown."""
        for other in self.all:
            for role in PLACES:
                if role in other.nodes.byRole and other not in runs:
                    other.nodes.byRole[role].GetDisplayNode().SetVisibility(False)

    def remove(self, run: Run) -> None:
        """Take a run out of the scene and of the list."""
        self.all.remove(run)
        if self.shown is run:
            self.shown = None
            for name in (*COLUMNS, *ROWS):
                self.views.show(name, None)
        own = {node.GetID() for node in run.nodes.byRole.values()}
        for name in HYPOTHESES:
            if name in self.views.made and self.views.view(name).get_background_volume_id() in own:
                self.views.show(name, None)
        with quiet():  # its legends are still looked for while it goes
            removeRun(self.scene, run.nodes)

    def overlays(self, state: Any) -> None:
        """Overlays of the shown run as the switches say: attention and heat map on the original,
        uncertainty on the counterfactual; raises ValueError for one that cannot be read."""
        if self.shown is None:
            return
        nodes = self.shown.nodes
        for role, name in (
            ("attention-segments", "attention"),
            ("edit-mask", "mask"),
            ("invented", "invented"),
        ):
            if role in nodes.byRole:
                display, opacity = (
                    nodes.byRole[role].GetDisplayNode(),
                    float(state[f"opacity_{name}"]),
                )
                display.SetVisibility(bool(state[f"show_{name}"]))
                display.SetOpacity2DFill(opacity)
                display.SetOpacity2DOutline(opacity)
        heat, opacity = None, float(state.opacity_heat)
        if state.show_change and self.shown.manifest.of("change"):
            heat, opacity = self._layer(self.shown, "change"), float(state.opacity_change)
        elif state.show_heat:
            heat = self._layer(self.shown, "attention", state.map)
        spread = self._layer(self.shown, "uncertainty") if state.show_uncertainty else None
        for names in (COLUMNS, ROWS):
            self.views.show(names[0], nodes.byRole["original"], heat, opacity)
            self.views.show(
                names[1], nodes.byRole["counterfactual"], spread, float(state.opacity_uncertainty)
            )

    def ct_volumes(self) -> list[Any]:
        """Every volume that holds a CT, to be windowed."""
        return [run.nodes.byRole[role] for run in self.all for role in ROLES[:2]]
