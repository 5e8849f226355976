"""Small doubles of slicer.ScriptedLoadableModule's classes: what the module calls, no more."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import slicer

MODULE_FOLDER = Path(__file__).resolve().parents[3] / "SlicerDGMVLC"


class ScriptedLoadableModule:
    """Keeps its parent, the description that Slicer lists."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """Has a parent widget with a layout."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent
        self.layout = parent.layout()

    def resourcePath(self, name: str) -> str:
        """Path of a file of the module."""
        return str(MODULE_FOLDER / "Resources" / name)

    def setup(self) -> None:
        """Nothing of its own."""


class ScriptedLoadableModuleLogic:
    """Gives the module's singleton parameter node."""

    moduleName = "SlicerDGMVLC"

    def getParameterNode(self) -> Any:
        """The node, made when the scene has none."""
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(self.moduleName)
            node.SetModuleName(self.moduleName)
            node.SetAttribute("ModuleName", self.moduleName)
            node.SetName(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """A test case that needs no application."""

    def delayDisplay(self, message: str, msec: int = 0) -> None:
        """Nothing is displayed."""
