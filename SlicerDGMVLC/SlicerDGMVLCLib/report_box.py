"""The panel's first section: report, findings, clinical data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import vtk
from slicer.util import VTKObservationMixin

from .clinical import fillFromRow, sentence
from .logic import reportText
from .parameters import Parameters
from .tables import FindingsTable

TYPING_PAUSE_MS = 600


class ReportBox(VTKObservationMixin):
    """Keeps text box, text node, parsed findings and parameters in step.

    Args:
        ask: has a text parsed. canAsk: False while no worker can be started. changed: something for
            the panel to re-judge.
        problem: shows a sentence.
    """

    def __init__(
        self,
        ui: Any,
        ask: Callable[[str], None],
        canAsk: Callable[[], bool],
        changed: Callable[[], None],
        problem: Callable[[str], None],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self._ui, self._ask, self._canAsk, self._changed, self._problem = (
            ui,
            ask,
            canAsk,
            changed,
            problem,
        )
        self.parameters: Parameters | None = None
        self.findings: list[dict[str, Any]] | None = None
        self._early: list[dict[str, Any]] | None = None  # findings that came before the weights
        self._asked: str | None = None
        self._keepChoice = False
        self._node: Any = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPING_PAUSE_MS)
        self._timer.connect("timeout()", self.askNow)
        self._table = FindingsTable(ui.findingsTable, self._onChecked)
        ui.reportEdit.connect("textChanged()", self._onTyped)
        ui.fillButton.connect("clicked(bool)", self._onFill)

    def setParameters(self, parameters: Parameters | None) -> None:
        """Show another set of choices; None while the scene closes."""
        self.parameters = parameters
        self._keepChoice = bool(parameters and parameters.findingNumbers)
        self._asked, self.findings = None, None
        self._observe(None)
        if parameters:
            self.refresh()

    def close(self) -> None:
        """Let go of the scene."""
        self._timer.stop()
        self.parameters = None
        self.removeObservers()

    def refresh(self) -> None:
        """Show what the parameters say."""
        if not self.parameters:
            return
        self._observe(self.parameters.reportNode)
        text = reportText(self.parameters)
        if (
            self._ui.reportEdit.toPlainText() != text
        ):  # writing the same text again would move the cursor of who types
            blocked = self._ui.reportEdit.blockSignals(True)
            self._ui.reportEdit.setPlainText(text)
            self._ui.reportEdit.blockSignals(blocked)
        if text != self._asked:
            self._await(text)
        table = self.parameters.clinicalTable
        self._ui.fillButton.setEnabled(table is not None)
        said = sentence(self.parameters)
        self._ui.clinicalLabel.setText(f"Recorded: {said}." if said else "Nothing recorded.")

    def askNow(self) -> None:
        """Have the present text parsed, when there is a worker to do it."""
        self._timer.stop()
        if not self.parameters or not self._canAsk():
            return
        text = reportText(self.parameters)
        if text.strip() and self.findings is None:
            self._asked = text
            self._ask(text)

    def askAgain(self) -> None:
        """The worker is another one: what the old one said does not count."""
        self._asked, self._keepChoice = None, True
        self.refresh()

    def onFindings(self, findings: list[dict[str, Any]], known: tuple[str, ...]) -> None:
        """Show what the worker read, and check the first present finding the weights know.

        Args:
            known: terms the weights know; empty while the worker still loads them, then `onKnown`
                follows.
        """
        if not self.parameters:
            return
        self._early = None if known else findings
        if not known:
            self._table.fill(findings, tuple(finding["term"] for finding in findings), [])
            return
        self.findings = findings
        numbers = [
            number
            for number in self.parameters.findingNumbers
            if self._keepChoice and number <= len(findings)
        ]
        if not numbers:
            usable = [
                number
                for number, finding in enumerate(findings, 1)
                if finding.get("taught_as", finding["term"]) in known
                and finding["presence"] != "absent"
            ]
            numbers = usable[:1]
        self._keepChoice = False
        self.parameters.findingNumbers = numbers
        self._table.fill(findings, known, numbers)
        self._changed()

    def onKnown(self, known: tuple[str, ...]) -> None:
        """The worker has loaded its weights: judge the findings that came before."""
        if self._early is not None:
            self.onFindings(self._early, known)

    def chosen(self) -> list[tuple[int, dict[str, Any]]]:
        """(1-based number, finding) of the checked findings."""
        if not self.parameters or self.findings is None:
            return []
        return [
            (number, self.findings[number - 1])
            for number in self.parameters.findingNumbers
            if 1 <= number <= len(self.findings)
        ]

    def _await(self, text: str) -> None:
        """The text is another: empty the list, and read it when the typing pauses."""
        first = self._asked is None
        self._asked, self._early = text, None
        self.findings = None if text.strip() else []
        self._table.fill([], (), [])
        if text.strip():
            self._timer.start(0 if first else TYPING_PAUSE_MS)
        else:
            self._timer.stop()

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
        self.refresh()
        self._changed()

    def _onTyped(self) -> None:
        if not self.parameters:
            return
        text = self._ui.reportEdit.toPlainText()
        if self.parameters.reportNode:
            self.parameters.reportNode.SetText(text)
        else:
            self.parameters.reportText = text
        self.refresh()
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
