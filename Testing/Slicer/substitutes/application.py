"""Puts the substitutes in place: `qt`, `ctk`, slicer.app and the Python parts of Slicer that
slicer-core lacks."""

from __future__ import annotations

import importlib
import os
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
        self.settings = self.userSettings
        self._settings = QtCore.QSettings(
            str(folder / "slicer.ini"), QtCore.QSettings.Format.IniFormat
        )

    def userSettings(self) -> Any:
        """Settings in a file of the test."""
        return self._settings

    def layoutManager(self) -> None:
        """There are no views."""

    def moduleManager(self) -> Any:
        """Says when a module is unloaded, which happens to none here."""
        return _Manager()


class _Manager:
    """slicer.app.moduleManager(), mute."""

    def connect(self, signature: str, slot: Any) -> None:
        """Nothing is ever said."""

    disconnect = connect


def _module(name: str, **content: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
    return module


def _useSlicersOwn(source: Path) -> None:
    """Slicer's own ScriptedLoadableModule and parameterNodeWrapper, from a checkout of its
    sources."""
    for name in (
        "qMRMLSliderWidget",
        "qMRMLSpinBox",
        "qMRMLRangeWidget",
        "qMRMLSubjectHierarchyTreeView",
    ):  # named there, not used here
        setattr(slicer, name, type(name, (), {}))
    sys.modules["ctk"].__getattr__ = lambda name: type(name, (), {})  # type: ignore[method-assign]
    slicer.__path__.append(str(source / "Base" / "Python" / "slicer"))
    slicer.util.modulePath = lambda name: str(scripted.MODULE_FOLDER / f"{name}.py")
    slicer.ScriptedLoadableModule = importlib.import_module("slicer.ScriptedLoadableModule")
    slicer.parameterNodeWrapper = importlib.import_module("slicer.parameterNodeWrapper")


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
    dress(_Application)
    slicer.app = _Application(folder)
    if source := os.environ.get("SLICER_SOURCE_DIR"):
        _useSlicersOwn(Path(source))
    else:
        slicer.ScriptedLoadableModule = _module(
            "slicer.ScriptedLoadableModule",
            **{
                name: getattr(scripted, name)
                for name in dir(scripted)
                if name.startswith("ScriptedLoadableModule")
            },
        )
        slicer.parameterNodeWrapper = _module(
            "slicer.parameterNodeWrapper",
            parameterNodeWrapper=parameter_node.parameterNodeWrapper,
            WithinRange=parameter_node.WithinRange,
        )
    slicer.modules = types.SimpleNamespace(
        **{
            name.lower(): types.SimpleNamespace(logic=lambda logic=logic: logic)
            for name, logic in application.modules.items()
        }
    )
    Path(slicer.app.temporaryPath).mkdir(parents=True, exist_ok=True)
    return application
