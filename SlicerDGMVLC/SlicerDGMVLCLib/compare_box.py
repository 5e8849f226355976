"""The panel's comparison: hypotheses chosen or typed, one button, N linked columns, and the ranking
in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from .arrange import compareRuns
from .comparison import CLEAR, rankingRow, readComparison, resultPaths, splitWords, whyNotCompare
from .results_box import ResultsBox, Run
from .tables import COMPARE_COLUMNS, RowsTable

LAYERS = (("counterfactual", "counterfactuals"), ("difference", "differences"))


class CompareBox:
    """Which hypotheses, and what came of them.

    Args:
        results: the list of runs; each hypothesis becomes one. start: gets the hypotheses. problem:
            shows (message, advice).
    """

    def __init__(
        self,
        ui: Any,
        scene: Any,
        results: ResultsBox,
        start: Callable[[list[str]], None],
        problem: Callable[[str, str], None],
    ) -> None:
        self._ui, self._scene, self._results, self._start, self._problem = (
            ui,
            scene,
            results,
            start,
            problem,
        )
        self._runs: list[Run] = []
        self._items: list[Any] = []  # the list does not keep Python's references
        self._reason = ""
        self._table = RowsTable(ui.compareTable, COMPARE_COLUMNS)
        for _, words in LAYERS:
            ui.compareLayerCombo.addItem(words)
        ui.compareButton.connect("clicked(bool)", lambda checked=False: self._start(self.chosen()))
        ui.compareList.connect(
            "itemChanged(QListWidgetItem*)", lambda item: self.refresh(self._reason)
        )
        ui.compareEdit.connect("textChanged(QString)", lambda text: self.refresh(self._reason))
        ui.compareLayerCombo.connect("currentIndexChanged(int)", lambda index: self.show())
        self._showWords(None)

    def offer(self, known: tuple[str, ...]) -> None:
        """List the findings the weights know, and clear lung; what was checked stays checked."""
        checked = set(self.chosen())
        blocked = self._ui.compareList.blockSignals(True)
        self._ui.compareList.clear()
        self._items = []
        for name in (*known, CLEAR):
            item = qt.QListWidgetItem(name)
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
            item.setCheckState(qt.Qt.Checked if name in checked else qt.Qt.Unchecked)
            self._items.append(item)
            self._ui.compareList.addItem(item)
        self._ui.compareList.blockSignals(blocked)

    def chosen(self) -> list[str]:
        """The checked hypotheses, then the typed ones."""
        return [
            item.text() for item in self._items if item.checkState() == qt.Qt.Checked
        ] + splitWords(str(self._ui.compareEdit.text))

    def refresh(self, reason: str) -> None:
        """Enable the button when it can be pressed; `reason` is why nothing can be run now."""
        self._reason = reason
        why = reason or whyNotCompare(self.chosen())
        self._ui.compareButton.setEnabled(not why)
        self._ui.compareButton.setToolTip(
            why or "Draw every hypothesis in the region and rank them."
        )
        self._ui.compareLabel.setText("" if reason else why)

    def accept(self, path: str) -> None:
        """Put a finished comparison on the list of runs and show it."""
        try:
            record = readComparison(path)
        except (OSError, ValueError) as error:
            self._problem(str(error), "Compare again.")
            return
        runs = [
            self._results.add(str(manifest), f"{row['rank']}. {row['name']}")
            for row, manifest in zip(record["hypotheses"], resultPaths(path, record))
        ]
        self._runs = [run for run in runs if run is not None]
        self._showWords(record)
        if self._results.load(self._runs):
            self.show()

    def show(self) -> None:
        """The original and every hypothesis side by side, as far as they are still in the scene."""
        nodes = [
            run.nodes for run in self._runs if run.nodes is not None and run in self._results.runs
        ]
        if nodes:
            compareRuns(
                self._scene, nodes, LAYERS[max(self._ui.compareLayerCombo.currentIndex, 0)][0]
            )

    def clear(self) -> None:
        """The scene is gone."""
        self._runs = []
        self._showWords(None)

    def _showWords(self, record: dict[str, Any] | None) -> None:
        self._table.fill([rankingRow(row) for row in record["hypotheses"]] if record else [])
        self._ui.compareText.setPlainText(
            f"{record['ranking']['sentence']}\n{record['ranking']['note']}" if record else ""
        )
        self._ui.compareLayerCombo.setEnabled(record is not None)
