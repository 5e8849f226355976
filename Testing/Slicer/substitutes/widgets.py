"""Substitutes for the qMRML and ctk widgets of the panel: the properties, slots and signals it
uses, with Slicer's signatures."""

from __future__ import annotations

from typing import Any

import shiboken6
import vtk
from PySide6 import QtCore, QtWidgets

from .pythonqt import CLASSES, dress

Signal = QtCore.Signal


def _kept(kind: Any, name: str, default: Any) -> Any:
    """A Qt property that only remembers its value."""
    hidden = f"_{name}"
    return QtCore.Property(
        kind,
        lambda self: getattr(self, hidden, default),
        lambda self, value: setattr(self, hidden, value),
    )


class qMRMLWidget(QtWidgets.QWidget):
    """Passes the scene on to its children."""

    mrmlSceneChanged = Signal(object)
    signatures = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}

    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene of every connected child."""
        self.mrmlSceneChanged.emit(scene)


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """Lists the scene's nodes of some classes."""

    currentNodeChanged = Signal(object)
    signatures = {"currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged"}
    nodeTypes = _kept("QStringList", "nodeTypes", [])
    showChildNodeTypes = _kept(bool, "showChildNodeTypes", True)
    showHidden = _kept(bool, "showHidden", False)
    noneEnabled = _kept(bool, "noneEnabled", False)
    noneDisplay = _kept(str, "noneDisplay", "None")
    addEnabled = _kept(bool, "addEnabled", True)
    removeEnabled = _kept(bool, "removeEnabled", True)
    renameEnabled = _kept(bool, "renameEnabled", False)
    baseName = _kept(str, "baseName", "")

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._id = ""
        self._attributes: list[tuple[str, str, str]] = []
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._box = QtWidgets.QComboBox()
        self._box.setSizePolicy(
            QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed
        )
        layout.addWidget(self._box)
        self._box.activated.connect(lambda index: self._choose(self._box.itemData(index) or ""))

    def addAttribute(self, nodeType: str, name: str, value: str) -> None:
        """List only nodes of this class that have the attribute."""
        self._attributes.append((nodeType, name, value))
        self._refresh()

    def setMRMLScene(self, scene: Any) -> None:
        """Follow a scene."""
        self._scene = scene
        for event in (
            scene.NodeAddedEvent,
            scene.NodeRemovedEvent,
            scene.EndCloseEvent,
            scene.EndImportEvent,
        ):
            scene.AddObserver(event, self._onScene)
        self._refresh()

    def nodes(self) -> list[Any]:
        """The listed nodes."""
        found = []
        for kind in self.nodeTypes or []:
            for index in range(self._scene.GetNumberOfNodesByClass(kind) if self._scene else 0):
                node = self._scene.GetNthNodeByClass(index, kind)
                wanted = all(
                    node.GetAttribute(name) == value
                    for nodeType, name, value in self._attributes
                    if nodeType == kind
                )
                exact = self.showChildNodeTypes or node.GetClassName() == kind
                if wanted and exact and (self.showHidden or not node.GetHideFromEditors()):
                    found.append(node)
        return found

    def currentNode(self) -> Any:
        """The chosen node or None."""
        return self._scene.GetNodeByID(self._id) if self._scene and self._id else None

    def setCurrentNode(self, node: Any) -> None:
        """Choose a listed node, or none."""
        self._refresh()
        self._choose(node.GetID() if node is not None and node in self.nodes() else "")

    def addNode(self) -> Any:
        """What “Create new” does."""
        node = self._scene.AddNewNodeByClass(self.nodeTypes[0], self.baseName)
        for _, name, value in self._attributes:
            node.SetAttribute(name, value)
        self.setCurrentNode(node)
        return node

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onScene(self, caller: Any, event: str, data: Any = None) -> None:
        if shiboken6.isValid(self):
            self._refresh()

    def _refresh(self) -> None:
        nodes = self.nodes()
        self._box.clear()
        if self.noneEnabled:
            self._box.addItem(self.noneDisplay, "")
        for node in nodes:
            self._box.addItem(node.GetName(), node.GetID())
        ids = [node.GetID() for node in nodes]
        self._choose(self._id if self._id in ids else "" if self.noneEnabled or not ids else ids[0])

    def _choose(self, id: str) -> None:
        self._box.setCurrentIndex(self._box.findData(id))
        if id != self._id:
            self._id = id
            self.currentNodeChanged.emit(self.currentNode())


class ctkCollapsibleButton(QtWidgets.QFrame):
    """A heading over contents that can be hidden."""

    contentsCollapsed = Signal(bool)
    signatures = {"contentsCollapsed(bool)": "contentsCollapsed"}

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._collapsed = False
        self._heading = QtWidgets.QLabel(self)
        self._heading.setStyleSheet(
            "font-weight: 600; background: palette(midlight); border-radius: 3px; padding: 2px 6px;"
        )
        self._heading.move(0, 0)
        self.setContentsMargins(4, 24, 4, 2)

    def _write(self) -> None:
        self._heading.setText(f"{'▸' if self._collapsed else '▾'} {getattr(self, '_text', '')}")
        self.setMaximumHeight(24 if self._collapsed else 16777215)
        for child in self.findChildren(
            QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly
        ):
            if child is not self._heading:
                child.setVisible(not self._collapsed)

    def _setText(self, text: str) -> None:
        self._text = text
        self._write()

    def _setCollapsed(self, collapsed: bool) -> None:
        if collapsed != self._collapsed:
            self._collapsed = collapsed
            self._write()
            self.contentsCollapsed.emit(collapsed)

    text = QtCore.Property(str, lambda self: getattr(self, "_text", ""), _setText)
    collapsed = QtCore.Property(bool, lambda self: self._collapsed, _setCollapsed)

    def childEvent(self, event: Any) -> None:
        """Contents that come later are hidden too."""
        super().childEvent(event)
        if event.added() and event.child().isWidgetType() and hasattr(self, "_heading"):
            QtCore.QTimer.singleShot(0, self, self._write)

    def resizeEvent(self, event: Any) -> None:
        """The heading is as wide as the frame."""
        super().resizeEvent(event)
        self._heading.resize(self.width if isinstance(self.width, int) else self.width(), 22)


class ctkPathLineEdit(QtWidgets.QWidget):
    """A path in a line."""

    currentPathChanged = Signal(str)
    signatures = {"currentPathChanged(QString)": "currentPathChanged"}

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._line = QtWidgets.QLineEdit()
        layout.addWidget(self._line)
        self._line.textChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        """Set the path."""
        self._line.setText(path)

    currentPath = QtCore.Property(str, lambda self: self._line.text(), setCurrentPath)


SUBSTITUTES = (qMRMLWidget, qMRMLNodeComboBox, ctkCollapsibleButton, ctkPathLineEdit)


def registerWidgets() -> None:
    """Make the substitutes known to the .ui loader."""
    for kind in SUBSTITUTES:
        CLASSES[kind.__name__] = dress(kind)
