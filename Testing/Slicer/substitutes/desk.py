"""A panel at work with the fake worker behind it, as tests see it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from SlicerDGMVLCPresenters.case import READING
from SlicerDGMVLCPresenters.findings import Finding

FAKE_WORKER = Path(__file__).resolve().parents[1] / "panel" / "fake_worker.py"
REPORT = "nodule;present;left;33\nconsolidation;uncertain;right\nemphysema;absent\n"


@dataclass
class Desk:
    """A panel at work, and what it asked of the application."""

    widget: Any
    panel: Any
    folder: Path
    behaviourFile: Path
    edited: list[Any] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    opened: list[Path] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)
    scenePath: str = ""
    consent: bool = True
    probe: dict[str, Any] = field(default_factory=dict)
    pipFails: bool = False
    core: bool = False  # the fake worker may import the core

    @property
    def ui(self):
        return self.panel.ui

    @property
    def parameters(self):
        return self.panel.parameters

    @property
    def reason(self) -> str:
        return self.ui.reasonLabel.text

    def behave(self, **how: Any) -> None:
        """Say how the fake worker behaves from now on."""
        whole = self.behaviourFile.with_suffix(".new")  # the worker may be reading it just now
        whole.write_text(json.dumps(how), encoding="utf-8")
        whole.replace(self.behaviourFile)

    def heard(self, kind: str) -> list[Finding]:
        """Messages of this kind the fake worker has got."""
        file = self.behaviourFile.parent / "heard.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [message for message in map(json.loads, lines) if message["type"] == kind]

    def until(self, condition, what: str = "", seconds: float = 240) -> None:
        """Run the event loop until the condition holds; the limit is for a broken test, not a
        measurement."""
        from PySide6 import QtCore

        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (
                f"waited in vain: {what}; the panel says “{self.reason}”; log: "
                f"{self.ui.logText.toPlainText()[-1500:]}"
            )
            QtCore.QCoreApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 20)
            time.sleep(0.001)

    def readReport(self, text: str = REPORT) -> None:
        """Type a report and wait for its findings."""
        self.ui.reportEdit.setPlainText(text)
        self.untilRead()

    @property
    def findings(self) -> list[Finding]:
        """What the report was found to say."""
        return self.panel.desk.case.raw_findings

    def untilRead(self) -> None:
        """Wait for the findings of the report."""
        case = self.panel.desk.case
        self.until(lambda: case.report_note != READING and self.panel.desk.known, "findings")

    def apply(self) -> None:
        assert self.ui.applyButton.enabled, self.reason
        self.ui.applyButton.click()

    def finished(self) -> None:
        self.until(lambda: not self.panel.session.running, "end of the run")

    def makeProcess(self, command: Any) -> Any:
        """The fake worker in place of the worker, a short answer in place of the probe and of
        pip."""
        from SlicerDGMVLCLib.protocol import WorkerCommand
        from SlicerDGMVLCLib.runner import makeProcess

        self.commands.append(command)
        if command.arguments[:1] == ["-c"]:
            arguments = ["-S", "-c", f"print({json.dumps(json.dumps(self.probe))})"]
        elif "pip" in command.arguments:
            arguments = [
                "-S",
                "-c",
                f"print('pip says so'); raise SystemExit({int(self.pipFails)})",
            ]
        else:
            arguments = [
                *([] if self.core else ["-S"]),
                str(FAKE_WORKER),
                str(self.behaviourFile.parent),
            ]
        program = command.program if "nowhere" in command.program else sys.executable
        return makeProcess(WorkerCommand(program, arguments, command.environment))


def addScan(volume, name: str = "scan"):
    """A core Volume as a node of the scene."""
    import slicer
    import slicer.util
    import vtk

    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(name)
    slicer.util.updateVolumeFromArray(node, volume.array.astype(np.int16))
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    matrix = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, ras[row, column])
    node.SetIJKToRASMatrix(matrix)
    node = slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    return node


def paint(segmentation, segmentId, volume, k=(2, 4), i=(40, 50), j=(22, 32)):
    """Fill a box of voxels of the volume's grid."""
    import slicer
    import vtk

    image = slicer.vtkOrientedImageData()
    image.SetExtent(i[0], i[1] - 1, j[0], j[1] - 1, k[0], k[1] - 1)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    image.SetGeometryFromImageToWorldMatrix(matrix)
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
        image, segmentation, segmentId
    )


def running(pid: int) -> bool:
    """True while a process of this number is there."""
    return subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode == 0
