"""The sample scan that the extension carries: loaded from its files, nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

from .nodes import WINDOWS

NAME = "LIDC-IDRI-0001"
CATEGORY = "DGM-VLC"


def sampleFolder() -> Path:
    """Folder with ct.nrrd, nodule.nrrd and report.txt: beside the installed module, or in the
    checkout.

    Raises:
        FileNotFoundError: this copy of the extension lacks it.
    """
    module = Path(__file__).resolve().parents[1]
    for folder in (module / "Resources" / "Sample", module.parent / "Resources" / "sample"):
        if (folder / "ct.nrrd").is_file():
            return folder
    raise FileNotFoundError(
        "This copy of the extension lacks its sample scan; install the extension again."
    )


def _read(scene: Any, node: Any, storageClass: str, path: Path, name: str) -> Any:
    """Read a file into a node that has no file name of its own afterwards, so that saving the scene
    never writes into the extension."""
    storage = getattr(slicer, storageClass)()
    storage.SetFileName(str(path))
    node.SetName(scene.GenerateUniqueName(name))
    scene.AddNode(node)
    if not storage.ReadData(node):
        scene.RemoveNode(node)
        raise OSError(f"{path.name} of the sample could not be read; install the extension again.")
    return node


def loadSample(scene: Any) -> tuple[Any, Any, Any]:
    """Load scan, nodule and report.

    Returns:
        (vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTextNode)

    Raises:
        OSError: a file is missing or unreadable.
    """
    folder = sampleFolder()
    volume = _read(
        scene,
        slicer.vtkMRMLScalarVolumeNode(),
        "vtkMRMLVolumeArchetypeStorageNode",
        folder / "ct.nrrd",
        NAME,
    )
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(*WINDOWS["lung"])
    return volume, _readNodule(scene, folder, volume), _readReport(scene, folder)


def _readNodule(scene: Any, folder: Path, volume: Any) -> Any:
    """The outlined nodule as a segmentation on the scan's grid."""
    labels = _read(
        scene,
        slicer.vtkMRMLLabelMapVolumeNode(),
        "vtkMRMLVolumeArchetypeStorageNode",
        folder / "nodule.nrrd",
        f"{NAME} nodule labels",
    )
    region = slicer.vtkMRMLSegmentationNode()
    region.SetName(scene.GenerateUniqueName(f"{NAME} nodule"))
    scene.AddNode(region)
    region.CreateDefaultDisplayNodes()
    region.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(labels, region)
    scene.RemoveNode(labels)
    region.GetSegmentation().GetNthSegment(0).SetName("nodule")
    return region


def _readReport(scene: Any, folder: Path) -> Any:
    report = slicer.vtkMRMLTextNode()
    report.SetName(scene.GenerateUniqueName(f"{NAME} report"))
    report.SetText((folder / "report.txt").read_text(encoding="utf-8"))
    scene.AddNode(report)
    return report
