"""`qt` as PythonQt offers it, made of PySide6: properties are attributes, `connect` takes a
signature, a wrong one is an error."""

from __future__ import annotations

import sys
import types
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

OVERRIDABLE = {
    "sizeHint",
    "minimumSizeHint",
    "singleShot",
}  # virtual functions of C++ and a static one; not to be hidden by an attribute
CLASSES: dict[str, type] = {}
errors: list[BaseException] = []  # raised in slots, which Qt swallows


def _attribute(name: str) -> property:
    return property(
        lambda self: self.property(name), lambda self, value: self.setProperty(name, value)
    )


def connect(self: Any, signature: str, slot: Callable[..., Any]) -> bool:
    """`object.connect("clicked(bool)", slot)`; ValueError where PythonQt would quietly return
    False."""
    own = getattr(type(self), "signatures", {})
    if signature in own:
        getattr(self, own[signature]).connect(slot)
        return True
    normal = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
    if self.metaObject().indexOfSignal(normal) < 0:
        raise ValueError(f"{type(self).__name__} has no signal {signature}")
    QtCore.QObject.connect(self, QtCore.SIGNAL(normal), slot)
    return True


def disconnect(self: Any, signature: str, slot: Callable[..., Any]) -> bool:
    """The opposite of `connect`."""
    own = getattr(type(self), "signatures", {})
    if signature in own:
        getattr(self, own[signature]).disconnect(slot)
        return True
    return bool(QtCore.QObject.disconnect(self, QtCore.SIGNAL(signature), slot))


def dress(kind: type) -> type:
    """Give a QObject class PythonQt's manners, in place."""
    meta = kind.staticMetaObject  # type: ignore[attr-defined]
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        if name not in OVERRIDABLE and name not in vars(kind):
            setattr(kind, name, _attribute(name))
    kind.name = _attribute("objectName")  # type: ignore[attr-defined]
    kind.className = lambda self: type(self).__name__  # type: ignore[attr-defined]
    kind.connect, kind.disconnect = connect, disconnect  # type: ignore[attr-defined]
    return kind


class UiLoader(QtUiTools.QUiLoader):
    """Loads .ui files with the substitutes in place of Slicer's widgets; an unknown class is an
    error."""

    def createWidget(self, className: str, parent: Any = None, name: str = "") -> Any:
        """A widget of that class."""
        if className not in CLASSES:
            raise ValueError(f"The .ui file uses {className}, for which there is no substitute")
        widget = CLASSES[className](parent)
        widget.setObjectName(name)
        return widget

    def load(self, file: Any, parent: Any = None) -> Any:
        """The widget tree; connections that pass the scene on are made as Slicer makes them."""
        root = ET.fromstring(bytes(file.readAll().data()))
        wires = root.find("connections")
        found = list(wires or [])
        if wires is not None:
            root.remove(wires)
        for widget in root.iter("widget"):
            for setting in widget.findall(
                "property[@name='filters']"
            ):  # of ctkPathLineEdit; an enumeration the loader cannot read
                widget.remove(setting)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parent)
        for wire in found:
            if (wire.findtext("signal"), wire.findtext("slot")) != (
                "mrmlSceneChanged(vtkMRMLScene*)",
                "setMRMLScene(vtkMRMLScene*)",
            ):
                raise ValueError(
                    f"The .ui file connects {wire.findtext('signal')}, which no substitute knows"
                )
            receiver = widget.findChild(QtWidgets.QWidget, wire.findtext("receiver"))
            widget.mrmlSceneChanged.connect(receiver.setMRMLScene)
        return widget


def makeQt() -> types.ModuleType:
    """The module `qt`, with every widget class, QObject, QTimer, QProcess and QShortcut in
    PythonQt's manner."""
    module = types.ModuleType("qt")
    for library in (QtCore, QtGui, QtWidgets):
        for name in dir(library):
            value = getattr(library, name)
            if name.startswith("_"):
                continue
            widget = isinstance(value, type) and issubclass(value, QtWidgets.QWidget)
            if widget or name in ("QObject", "QTimer", "QProcess", "QAction", "QShortcut"):
                value = CLASSES.setdefault(name, dress(type(name, (value,), {})))
            setattr(module, name, value)
    module.QUiLoader = UiLoader  # type: ignore[attr-defined]
    return module


def startQt() -> Any:
    """The application; exceptions in slots are collected in `errors`."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["substitutes"])
    sys.excepthook = lambda kind, value, trace: (
        errors.append(value),
        sys.__excepthook__(kind, value, trace),
    )  # type: ignore[assignment,func-returns-value]
    return application
