"""The part of Slicer's application a scene needs, for use outside the desktop (slicer-core)."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import slicer
import vtk


@dataclass
class HeadlessApplication:
    """A scene with the logics that the desktop application would have started.

    Args:
        scene: vtkMRMLScene. logic: vtkSlicerApplicationLogic. layout: vtkMRMLLayoutLogic. modules:
            name -> logic.
        cache: folder for what is unpacked from scene files; removed with the application.
    """

    scene: Any
    logic: Any
    layout: Any
    modules: dict[str, Any]
    cache: tempfile.TemporaryDirectory


def startApplication() -> HeadlessApplication:
    """Set up scene, input/output with a cache of its own, colours, module and layout logics, in the
    order Slicer does."""
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    cache = slicer.vtkCacheManager()
    folder = tempfile.TemporaryDirectory(prefix="dgmvlc-scene-", ignore_cleanup_errors=True)
    cache.SetRemoteCacheDirectory(folder.name)
    data = slicer.vtkDataIOManager()
    data.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(data)
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    modules = {}
    for name, kind in (
        ("Volumes", slicer.vtkSlicerVolumesLogic),
        ("Segmentations", slicer.vtkSlicerSegmentationsModuleLogic),
        ("SubjectHierarchy", slicer.vtkSlicerSubjectHierarchyModuleLogic),
    ):
        module = kind()
        module.SetMRMLApplicationLogic(logic)
        module.SetMRMLScene(scene)
        modules[name] = module
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
    layout = slicer.vtkMRMLLayoutLogic()
    layout.SetMRMLScene(scene)
    return HeadlessApplication(scene, logic, layout, modules, folder)
