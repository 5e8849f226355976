"""The panel's set-up section: which Python, what it has, and its installation after consent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .environment import Environment, Found

OWN, OTHER = 0, 1
CONSENT = (
    "The core of DGM-VLC and the libraries it needs are installed into {python} (up to several "
    "GB are downloaded for PyTorch). "
    "These commands are run:\n\n{commands}\n\nGo on?"
)


class SetupBox:
    """Shows and changes the environment.

    Args:
        confirm: asks the user. changed: called when another Python counts now, or the same one has
            become usable.
    """

    def __init__(
        self,
        ui: Any,
        environment: Environment,
        confirm: Callable[[str], bool],
        changed: Callable[[], None],
    ) -> None:
        self._ui, self._environment, self._confirm, self._changed = (
            ui,
            environment,
            confirm,
            changed,
        )
        self.found: Found | None = None
        self._checks = 0
        self._locked = False
        ui.pythonCombo.addItem("Slicer's own")
        ui.pythonCombo.addItem("another one")
        ui.pythonCombo.setCurrentIndex(OTHER if environment.chosen else OWN)
        ui.pythonPath.setCurrentPath(environment.chosen)
        ui.pythonCombo.connect("currentIndexChanged(int)", self._onKind)
        ui.pythonPath.connect("currentPathChanged(QString)", self._onPath)
        ui.checkButton.connect("clicked(bool)", lambda checked=False: self.check())
        ui.installButton.connect("clicked(bool)", self._onInstall)
        ui.hintButton.connect("clicked(bool)", self._onHint)
        self._show()

    @property
    def problem(self) -> str:
        """Why the chosen Python cannot run the core; "" when it can."""
        if self._environment.busy:
            return "The set-up is at work …"
        return self.found.problem if self.found else "The set-up has not been checked yet."

    @property
    def usable(self) -> bool:
        """True when a worker can be started."""
        return not self.problem

    def check(self) -> None:
        """Look what the chosen Python has."""
        if self._environment.busy:
            self._environment.stop()
        self.found = None
        self._checks += 1
        mine = self._checks

        def done(found: Found) -> None:
            if mine == self._checks:
                self.found = found
                self._show()
                self._changed()

        self._environment.check(done)
        self._show()

    def lock(self, locked: bool) -> None:
        """Keep everything as it is while a run goes on."""
        if locked != self._locked:
            self._locked = locked
            self._show()

    def close(self) -> None:
        """End what runs."""
        self._checks += 1
        self._environment.stop()

    def _show(self) -> None:
        found, busy = self.found, self._environment.busy
        if busy:
            words = "At work …"
        elif found is None:
            words = "Not checked yet."
        elif found.problem:
            words = found.problem
        else:
            words = f"Ready: dgmvlc {found.version}, PyTorch {found.torch}, in {found.python}."
        self._ui.setupLabel.setText(words)
        self._ui.hintLabel.setText(words)
        self._ui.hintFrame.setVisible(bool(found and found.problem) and not busy)
        free = not busy and not self._locked
        for widget in (self._ui.pythonCombo, self._ui.checkButton, self._ui.installButton):
            widget.setEnabled(free)
        self._ui.pythonPath.setEnabled(free and self._ui.pythonCombo.currentIndex == OTHER)
        try:
            self._ui.commandText.setPlainText("\n".join(self._environment.commands()))
        except FileNotFoundError as error:
            self._ui.commandText.setPlainText(str(error))
            self._ui.installButton.setEnabled(False)

    def _onHint(self, checked: bool = False) -> None:
        self._ui.setupSection.setProperty("collapsed", False)

    def _onKind(self, index: int) -> None:
        self._show()
        self._choose(str(self._ui.pythonPath.currentPath) if index == OTHER else "")

    def _onPath(self, path: str) -> None:
        if self._ui.pythonCombo.currentIndex == OTHER:
            self._choose(path)

    def _choose(self, path: str) -> None:
        if path != self._environment.chosen:
            self._environment.chosen = path
            self.check()
            self._changed()

    def _onInstall(self, checked: bool = False) -> None:
        try:
            commands = self._environment.commands()
            if not self._confirm(
                CONSENT.format(python=self._environment.python, commands="\n\n".join(commands))
            ):
                return
            self._environment.install(self._onInstalled)
        except FileNotFoundError as error:
            self._onInstalled(str(error))
            return
        self._show()
        self._changed()

    def _onInstalled(self, problem: str) -> None:
        if problem:
            version = self.found.version if self.found else ""
            self.found = Found(self._environment.python, version, problem=problem)
            self._show()
            self._changed()
        else:
            self.check()
