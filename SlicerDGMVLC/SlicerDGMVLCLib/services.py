"""What the panel needs of the application, in one place, so that tests can give other ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt
import slicer

from .protocol import WorkerCommand
from .runner import makeProcess


def openSegmentEditor(segmentation: Any, segmentId: str, volume: Any) -> None:
    """Switch to Segment Editor with this segment chosen."""
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.SegmentEditorWidget.editor
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(volume)
    editor.setCurrentSegmentID(segmentId)


def confirm(question: str) -> bool:
    """Ask; True for OK."""
    return bool(slicer.util.confirmOkCancelDisplay(question, windowTitle="DGM-VLC"))


def askScenePath() -> str:
    """Where to save the scene; "" when the user thought better of it."""
    answer = qt.QFileDialog.getSaveFileName(
        slicer.util.mainWindow(), "Save scene with all runs", "DGM-VLC.mrb", "Slicer scene (*.mrb)"
    )
    return str(answer[0] if isinstance(answer, tuple) else answer)


def openFolder(path: Path) -> None:
    """Show a folder in the system's file browser."""
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))


@dataclass
class Services:
    """The application's part. settings: QSettings. temporaryPath: where results go unless the user
    chooses."""

    settings: Any
    temporaryPath: str
    editSegment: Callable[[Any, str, Any], None] = openSegmentEditor
    confirm: Callable[[str], bool] = confirm
    askScenePath: Callable[[], str] = askScenePath
    openFolder: Callable[[Path], None] = openFolder
    statusMessage: Callable[[str], None] = lambda text: slicer.util.showStatusMessage(text, 5000)
    processFactory: Callable[[WorkerCommand], Any] = makeProcess


def applicationServices() -> Services:
    """Those of the running Slicer."""
    return Services(settings=slicer.app.userSettings(), temporaryPath=slicer.app.temporaryPath)
