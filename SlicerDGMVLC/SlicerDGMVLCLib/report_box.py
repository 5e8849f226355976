"""The panel's first section: report, findings, clinical data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import vtk
from slicer.util import VTKObservationMixin
from SlicerDGMVLCPresenters.clinical import clinical_words
from SlicerDGMVLCPresenters.desk import Desk

from .clinical import fillFromRow, given
from .logic import reportText
from .parameters import Parameters
from .tables import FindingsTable

TYPING_PAUSE_MS = 600


class ReportBox(VTKObservationMixin):
    """Keeps text box, text node, the desk's findings and the parameters in step.

    Args:
        ask: has the desk's report read. changed: something for the panel to re-judge. problem:
            shows a sentence.
    """

    def __init__(
        self,
        ui: Any,
        desk: Desk,
        ask: Callable[[], None],
        changed: Callable[[], None],
        problem: Callable[[str], None],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self._ui, self._desk, self._changed, self._problem = ui, desk, changed, problem
        self.parameters: Parameters | None = None
        self._keep = ""  # report whose chosen findings stay chosen when it is read again
        self._taken: Any = None  # findings whose choice was taken over
        self._node: Any = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPING_PAUSE_MS)
        self._timer.connect("timeout()", ask)
        self._table = FindingsTable(ui.findingsTable, self._onChecked)
        ui.reportEdit.connect("textChanged()", self._onTyped)
        ui.fillButton.connect("clicked(bool)", self._onFill)

    def setParameters(self, parameters: Parameters | None) -> None:
        """Show another set of choices; None while the scene closes."""
        self.parameters, self._taken = parameters, None
        self._keep = reportText(parameters) if parameters and parameters.findingNumbers else ""
        self._observe(None)

    def close(self) -> None:
        """Let go of the scene."""
        self._timer.stop()
        self.parameters = None
        self.removeObservers()

    def refresh(self) -> None:
        """Show what the parameters and the desk say."""
        if not self.parameters:
            return
        self._observe(self.parameters.reportNode)
        text = reportText(self.parameters)
        edit = self._ui.reportEdit
        if edit.toPlainText() != text:  # the same text again would move the cursor of who types
            blocked = edit.blockSignals(True)
            edit.setPlainText(text)
            edit.blockSignals(blocked)
        if self._desk.write_report(text):
            self._timer.start(TYPING_PAUSE_MS)
        elif self._desk.must_read() and not self._timer.active:
            self._timer.start(0)
        self._choose()
        self._ui.fillButton.setEnabled(self.parameters.clinicalTable is not None)
        said = clinical_words(given(self.parameters))
        self._ui.clinicalLabel.setText(f"Recorded: {said}." if said else "Nothing recorded.")

    def _choose(self) -> None:
        """The findings that are edited: those kept in the scene, else the desk's choice."""
        case, parameters = self._desk.case, self.parameters
        if parameters and case.raw_findings and self._desk.known:
            if case.raw_findings is not self._taken:
                self._taken = case.raw_findings
                if case.report != self._keep or not parameters.findingNumbers:
                    parameters.findingNumbers = [case.finding] if case.finding else []
                self._keep = case.report
            numbers = [n for n in parameters.findingNumbers if n <= len(case.raw_findings)]
            self._desk.choose_finding(*(numbers or [0]))
        checked = [case.finding, *case.also] if self._desk.known else []
        self._table.fill(self._desk.rows(), checked)

    def askAgain(self) -> None:
        """The worker is another one: what the old one said does not count."""
        self._desk.unread()
        self._timer.start(0)

    def _observe(self, node: Any) -> None:
        if node is self._node:
            return
        if self._node is not None and self.hasObserver(
            self._node, vtk.vtkCommand.ModifiedEvent, self._onNode
        ):
            self.removeObserver(self._node, vtk.vtkCommand.ModifiedEvent, self._onNode)
        self._node = node
        if node is not None:
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onNode)

    def _onNode(self, caller: Any = None, event: Any = None) -> None:
        self._changed()

    def _onTyped(self) -> None:
        if not self.parameters:
            return
        text = self._ui.reportEdit.toPlainText()
        if self.parameters.reportNode:
            self.parameters.reportNode.SetText(text)
        else:
            self.parameters.reportText = text
        self._changed()

    def _onChecked(self, numbers: list[int]) -> None:
        if self.parameters:
            self.parameters.findingNumbers = numbers
            self._changed()

    def _onFill(self, checked: bool = False) -> None:
        if not self.parameters or not self.parameters.clinicalTable:
            return
        try:
            filled = fillFromRow(
                self.parameters, self.parameters.clinicalTable, self.parameters.clinicalRow
            )
        except ValueError as error:
            self._problem(str(error))
            return
        if not filled:
            self._problem(
                f"Row {self.parameters.clinicalRow} gives none of age, sex, smoking, pack_years, "
                "diagnosis; check the table's column names."
            )
