"""Puts the substitutes in place: `qt`, `ctk`, slicer.app and the Python parts of Slicer that slicer-core lacks."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore
from SlicerDGMVLCLib.headless import HeadlessApplication, startApplication

from . import parameter_node, scripted
from .pythonqt import CLASSES, dress, makeQt, startQt
from .widgets import registerWidgets


class _Application(QtCore.QObject):
    """slicer.app, as far as the module asks it."""

    startupCompleted = QtCore.Signal()
    signatures = {"startupCompleted()": "startupCompleted"}

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.temporaryPath = str(folder / "temporary")
        self._settings = QtCore.QSettings(str(folder / "slicer.ini"), QtCore.QSettings.Format.IniFormat)

    def userSettings(self) -> Any:
        """Settings in a file of the test."""
        return self._settings

    def layoutManager(self) -> None:
        """There are no views."""


def _module(name: str, **content: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
    return module


def install(folder: Path) -> HeadlessApplication:
    """Everything, once a process.

    Args:
        folder: for settings and temporary files.
    """
    startQt()
    application = startApplication()
    sys.modules["qt"] = makeQt()
    registerWidgets()
    _module("ctk", **{name: kind for name, kind in CLASSES.items() if name.startswith("ctk")})
    for name, kind in CLASSES.items():
        if name.startswith("qMRML"):
            setattr(slicer, name, kind)
    slicer.i18n = _module("slicer.i18n", tr=lambda text: text, translate=lambda context, text: text)
    slicer.ScriptedLoadableModule = _module("slicer.ScriptedLoadableModule", **{
        name: getattr(scripted, name) for name in dir(scripted) if name.startswith("ScriptedLoadableModule")})
    slicer.parameterNodeWrapper = _module("slicer.parameterNodeWrapper", parameterNodeWrapper=parameter_node.parameterNodeWrapper,
                                          WithinRange=parameter_node.WithinRange)
    dress(_Application)
    slicer.app = _Application(folder)
    slicer.modules = types.SimpleNamespace(**{name.lower(): types.SimpleNamespace(logic=lambda logic=logic: logic)
                                              for name, logic in application.modules.items()})
    Path(slicer.app.temporaryPath).mkdir(parents=True, exist_ok=True)
    return application
