"""The panel's results: runs of this session, shown, removed, saved."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SlicerDGMVLCPresenters.desk import Desk

from .arrange import showRun
from .runs import ResultNodes, findRuns, removeRun, runTitle
from .scene import loadResult, readResult, saveMrb
from .services import Services
from .tables import RUN_COLUMNS, RowsTable

SHOWN = ("original", "counterfactual", "difference")


@dataclass
class Run:
    """A finished run. nodes: None until it has been shown and after it was taken out of the scene.
    manifest: None for one that came with a scene file. number: in the desk's case, 0 for one that
    undo does not take back."""

    title: str
    manifest: Path | None
    madeAt: str
    checks: str
    nodes: ResultNodes | None = None
    number: int = 0


class ResultsBox:
    """The list of runs; which one undo takes back is the desk's.

    Args:
        showScan: shows the scan alone. changed: something for the panel to re-judge. problem: shows
            (message, advice).
    """

    def __init__(
        self,
        ui: Any,
        desk: Desk,
        scene: Any,
        services: Services,
        showScan: Callable[[], None],
        changed: Callable[[], None],
        problem: Callable[[str, str], None],
    ) -> None:
        self._ui, self._scene, self._services, self._problem = ui, scene, services, problem
        self._desk, self._showScan, self._changed = desk, showScan, changed
        self.runs: list[Run] = []
        self._aside: dict[int, Run] = {}  # taken back, to be made again
        self._table = RowsTable(ui.resultsTable, RUN_COLUMNS, self.refresh)
        ui.showButton.connect("clicked(bool)", lambda checked=False: self.show())
        ui.removeButton.connect("clicked(bool)", lambda checked=False: self.remove())
        ui.undoButton.connect("clicked(bool)", lambda checked=False: self.undo())
        ui.redoButton.connect("clicked(bool)", lambda checked=False: self.redo())
        ui.saveButton.connect("clicked(bool)", lambda checked=False: self.save())
        ui.folderButton.connect("clicked(bool)", lambda checked=False: self.openFolder())
        self.refresh()

    def add(self, manifest: Path, title: str = "") -> Run | None:
        """Put a finished run on the list; None (and a sentence) when its manifest cannot be
        read."""
        try:
            content = readResult(manifest)
        except (OSError, ValueError) as error:
            self._problem(f"The result {manifest} cannot be read ({error}).", "Run it again.")
            return None
        made = f"{datetime.datetime.now():%H:%M}"
        run = Run(title or content.title, manifest, made, content.checks_words)
        self.runs.append(run)
        self._fill(len(self.runs) - 1)
        return run

    def finished(self, manifest: Path) -> Run | None:
        """A run of the open case is done: it is on the list and undo takes it back; None as
        `add`."""
        run = self.add(manifest)
        if run is not None:
            passed = readResult(manifest).passed
            result = self._desk.add_result(run.title, str(manifest), run.madeAt, passed)
            run.number = result.number
            self._aside.clear()
        return run

    def undo(self) -> None:
        """Take the last run of the open case back, as if it had not been made."""
        result = self._desk.undo_run()
        run = self._of(result.number) if result else None
        if run is not None:
            self._aside[run.number] = run
            self._takeOff(run)
            shown = self._of(*self._desk.case.shown)
            if shown is not None:
                self.show(shown)
            else:
                self._showScan()
        self._changed()

    def redo(self) -> None:
        """The run that was taken back last is there again."""
        result = self._desk.redo_run()
        run = self._aside.pop(result.number, None) if result else None
        if run is not None:
            self.runs.append(run)
            self._fill(len(self.runs) - 1)
            self.show(run)
        self._changed()

    def _of(self, *numbers: int) -> Run | None:
        """The run on the list that the desk knows by one of these numbers."""
        return next((run for run in self.runs if run.number and run.number in numbers), None)

    def offer(self, undo: bool, redo: bool, reason: str) -> None:
        """Whether there is a run to take back or to make again. reason: why neither is possible."""
        self._ui.undoButton.setEnabled(undo and not reason)
        self._ui.redoButton.setEnabled(redo and not reason)

    def adopt(self) -> None:
        """Put the runs that a scene file brought on the list."""
        known = {run.nodes.runId for run in self.runs if run.nodes is not None}
        self.runs += [
            Run(runTitle(self._scene, nodes), None, "saved", "", nodes)
            for nodes in findRuns(self._scene)
            if nodes.runId not in known and set(SHOWN) <= set(nodes.byRole)
        ]
        self._fill(len(self.runs) - 1)

    def show(self, run: Run | None = None) -> None:
        """Show a run, the chosen one by default, side by side."""
        run = run or self.chosen()
        if run is None:
            return
        if run.manifest is None:
            if run.nodes is not None:
                showRun(self._scene, run.nodes)
            return
        self._takeOut(run)
        try:
            run.nodes = loadResult(self._scene, run.manifest)
        except (OSError, ValueError) as error:
            self._problem(str(error), "Run it again.")
        self.refresh()

    def load(self, runs: list[Run]) -> bool:
        """Put several runs into the scene; False (and a sentence) when one cannot be read."""
        for run in runs:
            if run.manifest is None or run.nodes is not None:
                continue
            try:
                run.nodes = loadResult(self._scene, run.manifest)
            except (OSError, ValueError) as error:
                self._problem(str(error), "Run it again.")
                return False
        self.refresh()
        return True

    def remove(self) -> None:
        """Take the chosen run out of scene and list; its folder stays."""
        run = self.chosen()
        if run is not None:
            self._desk.remove_result(run.number)
            self._takeOff(run)
            self._changed()

    def _takeOff(self, run: Run) -> None:
        self._takeOut(run)
        self.runs.remove(run)
        self._fill(len(self.runs) - 1)

    def save(self) -> None:
        """Save the scene as one file."""
        path = self._services.askScenePath()
        if not path:
            return
        try:
            saveMrb(self._scene, path if path.lower().endswith(".mrb") else f"{path}.mrb")
        except OSError as error:
            self._problem(str(error), "")
        else:
            self._services.statusMessage(f"Saved {path}")

    def openFolder(self) -> None:
        """Open the chosen run's folder in the system's file browser."""
        run = self.chosen()
        if run is None or run.manifest is None:
            return
        if run.manifest.parent.is_dir():
            self._services.openFolder(run.manifest.parent)
        else:
            self._problem(f"The folder {run.manifest.parent} is gone.", "")

    def chosen(self) -> Run | None:
        """The run whose row is chosen."""
        row = self._table.current()
        return self.runs[row] if 0 <= row < len(self.runs) else None

    def clear(self) -> None:
        """The scene is gone, and the runs' nodes with it."""
        self.runs = []
        self._aside.clear()
        self._fill(-1)

    def refresh(self) -> None:
        """Show the chosen run's words and what can be done with it."""
        run = self.chosen()
        for button in (
            self._ui.showButton,
            self._ui.removeButton,
            self._ui.saveButton,
            self._ui.folderButton,
        ):
            button.setEnabled(run is not None)
        self._ui.folderButton.setEnabled(run is not None and run.manifest is not None)
        self._ui.resultText.setPlainText(self._words(run) if run else "")

    def _words(self, run: Run) -> str:
        if run.manifest is None:
            return f"{run.title}\nThis run came with the scene file; its folder is not known."
        try:
            return (run.manifest.parent / "explanation.txt").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return f"{run.title}\n{run.manifest.parent}"

    def _takeOut(self, run: Run) -> None:
        nodes, run.nodes = run.nodes, None
        if nodes is not None:
            removeRun(self._scene, nodes)

    def _fill(self, current: int) -> None:
        self._table.fill([(run.title, run.madeAt, run.checks) for run in self.runs], current)
        self.refresh()
