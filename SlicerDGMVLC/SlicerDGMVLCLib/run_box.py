"""The panel's run: its button, its progress, why it is not possible, and what computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.page_fields import Page

from .parameters import Parameters, Quality, Question

AUTOMATIC = "automatic"
BUSY_LOCKED = (
    "inputSelector",
    "sampleButton",
    "reportSelector",
    "reportEdit",
    "regionSelector",
    "parameterSelector",
    "findingsTable",
)


class RunBox:
    """What can be done now, and what is under way.

    Args:
        run: starts a run or stops it. propose: asks for a region. chosen: another device was chosen
            ("" for automatic).
    """

    def __init__(
        self,
        ui: Any,
        desk: Desk,
        run: Callable[[], None],
        propose: Callable[[], None],
        chosen: Callable[[str], None],
    ) -> None:
        self._ui, self._desk, self._chosen = ui, desk, chosen
        self.devices: tuple[str, ...] = ()
        ui.applyButton.connect("clicked(bool)", lambda checked=False: run())
        ui.proposeButton.connect("clicked(bool)", lambda checked=False: propose())
        ui.deviceCombo.connect("currentIndexChanged(int)", self._onDevice)
        ui.progressBar.hide()
        ui.progressLabel.hide()

    def _onDevice(self, index: int) -> None:
        if index >= 0:
            self._chosen(str(self._ui.deviceCombo.itemText(index)) if index else "")

    def offer(self, devices: tuple[str, ...], wanted: str) -> None:
        """List the worker's devices; `wanted` is chosen when it is among them."""
        self.devices, combo = devices, self._ui.deviceCombo
        blocked = combo.blockSignals(True)
        combo.clear()
        for device in (AUTOMATIC, *devices):
            combo.addItem(device)
        combo.setCurrentIndex(devices.index(wanted) + 1 if wanted in devices else 0)
        combo.blockSignals(blocked)

    def refresh(
        self,
        says: Page,
        parameters: Parameters | None,
        unusable: str,
        problem: str,
    ) -> None:
        """Enable what can be done now, and say why the rest cannot.

        Args:
            unusable: why the worker cannot be asked. problem: what went wrong last.
        """
        ui, running = self._ui, says.running
        reason = "" if running else unusable or says.cannot_run
        stop = "Stopping …" if says.cancelling else "Cancel"
        ui.applyButton.setText(stop if running else "Run")
        ui.applyButton.setEnabled(not says.cancelling and not reason)
        hint = reason or "Compute the counterfactual."
        ui.applyButton.setToolTip("Stop the run; nothing is written." if running else hint)
        ui.reasonLabel.setText("" if running else problem or reason)
        ui.proposeButton.setEnabled(not (running or unusable or says.cannot_propose))
        self._showProgress(says)
        for name in BUSY_LOCKED:
            getattr(ui, name).setEnabled(not running)
        ui.targetEdit.setEnabled(bool(parameters and parameters.question is Question.INSTEAD))
        own = bool(parameters and parameters.quality is Quality.CUSTOM)
        ui.noisesSpin.setEnabled(own)
        ui.stepsSpin.setEnabled(own)

    def _showProgress(self, says: Page) -> None:
        ui, running = self._ui, says.running
        ui.progressBar.setVisible(running)
        ui.progressBar.setValue(round(100 * says.share))
        work = (self._desk.work.title, says.stage, says.time_left)
        ui.progressLabel.setText(" · ".join(filter(None, work)) if running else says.preflight)
        ui.progressLabel.setVisible(bool(running or says.preflight))
