"""The panel's comparison: hypotheses chosen or typed, one button, N linked columns, and the ranking
in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from SlicerDGMVLCPresenters.comparison import CLEAR, RankingRow, read_comparison, splitWords
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.page_fields import Page

from .arrange import compareRuns
from .results_box import ResultsBox, Run
from .tables import COMPARE_COLUMNS, RowsTable

LAYERS = (("counterfactual", "counterfactuals"), ("difference", "differences"))


class CompareBox:
    """Which hypotheses, and what came of them.

    Args:
        results: the list of runs; each hypothesis becomes one. start: compares the desk's
            hypotheses. changed: other ones were chosen. problem: shows (message, advice).
    """

    def __init__(
        self,
        ui: Any,
        desk: Desk,
        scene: Any,
        results: ResultsBox,
        start: Callable[[], None],
        changed: Callable[[], None],
        problem: Callable[[str, str], None],
    ) -> None:
        self._ui, self._desk, self._scene, self._results = ui, desk, scene, results
        self._problem = problem
        self._runs: list[Run] = []
        self._rows: list[RankingRow] = []
        self._items: list[Any] = []  # the list does not keep Python's references
        self._table = RowsTable(ui.compareTable, COMPARE_COLUMNS)
        for _, words in LAYERS:
            ui.compareLayerCombo.addItem(words)
        ui.compareButton.connect("clicked(bool)", lambda checked=False: start())
        ui.compareList.connect("itemChanged(QListWidgetItem*)", lambda item: changed())
        ui.compareEdit.connect("textChanged(QString)", lambda text: changed())
        ui.compareLayerCombo.connect("currentIndexChanged(int)", lambda index: self.show())

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

    def refresh(self, says: Page, why: str) -> None:
        """Show what the presenters say; `why`: why nothing can be compared now."""
        ui = self._ui
        ui.compareButton.setEnabled(not why)
        ui.compareButton.setToolTip(why or "Draw every hypothesis in the region and rank them.")
        ui.compareLabel.setText(why)
        rows = says.compare_rows
        if rows != self._rows:
            self._rows = rows
            self._table.fill([(row.name, row.asked, row.agreement) for row in rows])
        ui.compareText.setPlainText(f"{says.compare_sentence}\n{says.compare_note}".strip())
        ui.compareLayerCombo.setEnabled(bool(rows))

    def accept(self, path: str) -> None:
        """Put a finished comparison on the list of runs and show it."""
        try:
            record, manifests = read_comparison(Path(path))
        except (OSError, ValueError) as error:
            self._problem(str(error), "Compare again.")
            return
        titles = [each.title for each in record.hypotheses]
        runs = [self._results.add(*each) for each in zip(manifests, titles)]
        self._runs = [run for run in runs if run is not None]
        made = [(run.title, str(run.manifest), run.madeAt) for run in self._runs]
        self._desk.add_comparison(record, made)
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
