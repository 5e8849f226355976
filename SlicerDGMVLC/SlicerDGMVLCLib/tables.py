"""The lists of the panel: the report's findings with check boxes, and rows of text for everything
else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
from SlicerDGMVLCPresenters.findings import FindingRow

FINDING_COLUMNS = ("Finding", "Place", "Size", "Certainty", "Words of the report")
RUN_COLUMNS = ("Run", "Made at", "Checks")
COMPARE_COLUMNS = ("Hypothesis", "Change asked beyond the first, 95 % interval", "Agreement")
STUDY_COLUMNS = ("Study", "State", "Not in the report")
REGION_COLUMNS = ("Region", "Decision", "Size", "Place", "Report", "Change", "Comment")
ANSWER_COLUMNS = ("Case", "Right", "What it was")


def _prepare(table: Any, columns: tuple[str, ...]) -> None:
    table.setColumnCount(len(columns))
    table.setHorizontalHeaderLabels(list(columns))
    table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
    table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.setWordWrap(False)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    table.horizontalHeader().setStretchLastSection(True)


def _fillText(table: Any, rows: Sequence[tuple[str, ...]]) -> list[Any]:
    """Show rows of text; returns the items, whose references the table does not keep."""
    items = []
    table.clearContents()
    table.setRowCount(len(rows))
    for row, cells in enumerate(rows):
        for column, text in enumerate(cells):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            items.append(item)
            table.setItem(row, column, item)
    return items


class FindingsTable:
    """The findings of the report, each with a check box.

    Args:
        table: QTableWidget. changed: gets the checked 1-based numbers when the user changes them.
    """

    def __init__(self, table: Any, changed: Callable[[list[int]], None]) -> None:
        self._table, self._changed = table, changed
        self._items: list[Any] = []  # the table does not keep Python's references
        self._filling = False
        self._filled: Any = None
        _prepare(table, FINDING_COLUMNS)
        table.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)

    def fill(self, rows: list[FindingRow], checked: list[int]) -> None:
        """Show the presenters' rows; what the weights were not taught is grey. checked: numbers."""
        if (rows, checked) == self._filled:
            return
        self._filling, self._filled, self._items = True, (rows, checked), []
        self._table.clearContents()
        self._table.setRowCount(len(rows))
        for at, row in enumerate(rows):
            cells = (row.term, row.place, row.size, row.certainty, row.phrase)
            flags = qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled
            for column, text in enumerate(cells):
                item = qt.QTableWidgetItem(text or "–")
                item.setToolTip(row.sentence)
                item.setFlags(flags if row.taught else qt.Qt.NoItemFlags)
                if column == 0:
                    item.setFlags(item.flags() | qt.Qt.ItemIsUserCheckable)
                    on = row.number in checked
                    item.setCheckState(qt.Qt.Checked if on else qt.Qt.Unchecked)
                self._items.append(item)
                self._table.setItem(at, column, item)
        self._table.resizeColumnsToContents()
        self._filling = False

    def checked(self) -> list[int]:
        """1-based numbers of the checked findings."""
        return [
            row + 1
            for row in range(self._table.rowCount)
            if self._table.item(row, 0).checkState() == qt.Qt.Checked
        ]

    def _onItemChanged(self, item: Any) -> None:
        if not self._filling and item.column() == 0:
            self._changed(self.checked())


class RowsTable:
    """A list of rows of text, of which one can be chosen.

    Args:
        table: QTableWidget. columns: its headings. chosen: called when the user chooses another
            row.
    """

    def __init__(
        self, table: Any, columns: tuple[str, ...], chosen: Callable[[], None] = lambda: None
    ) -> None:
        self._table = table
        self._items: list[Any] = []  # the table does not keep Python's references
        _prepare(table, columns)
        table.connect("itemSelectionChanged()", chosen)

    def fill(self, rows: Sequence[tuple[str, ...]], current: int = -1) -> None:
        """Show a row of texts each and choose row `current`; nobody is told of that choice."""
        blocked = self._table.blockSignals(True)
        self._items = _fillText(self._table, rows)
        if 0 <= current < len(rows):
            self._table.selectRow(current)
        self._table.resizeColumnsToContents()
        self._table.blockSignals(blocked)

    def current(self) -> int:
        """Chosen row, −1 for none."""
        return int(self._table.currentRow()) if self._table.rowCount else -1
