"""One slice of the counterfactual shown early, over the scan in its axial view, and taken away
again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .nodes import WINDOWS, loadVolume, showWindow
from .runs import removeNode

NAME = "Preview (synthetic – research use only)"


class PreviewLayer:
    """The preview as foreground of the axial view that shows the scan; what was there before comes
    back."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._node: Any = None
        self._path = ""
        self._before: tuple[str, str | None, float] | None = (
            None  # composite id, foreground id, opacity
        )

    def show(self, path: str, volumeId: str) -> bool:
        """Show a preview in place of an earlier one, once; False when its file cannot be read.

        Args:
            path: NRRD on the scan's geometry. volumeId: MRML id of the scan.
        """
        if path == self._path:
            return True
        self.remove()
        self._path = path
        try:
            self._node = loadVolume(self._scene, Path(path), NAME)
        except ValueError:
            return False
        showWindow(self._node, *WINDOWS["lung"], "vtkMRMLColorTableNodeGrey")
        self._cover(volumeId)
        return True

    def remove(self) -> None:
        """Take the preview out of view and scene."""
        if self._before:
            composite = self._scene.GetNodeByID(self._before[0])
            if (
                composite is not None
                and self._node is not None
                and composite.GetForegroundVolumeID() == self._node.GetID()
            ):
                composite.SetForegroundVolumeID(self._before[1])
                composite.SetForegroundOpacity(self._before[2])
        if self._node is not None:
            removeNode(self._scene, self._node)
        self.forget()

    def forget(self) -> None:
        """The scene is gone, and the preview with it."""
        self._node, self._before, self._path = None, None, ""

    def _cover(self, volumeId: str) -> None:
        scene = self._scene
        views = {}
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
            view = scene.GetNthNodeByClass(index, "vtkMRMLSliceNode")
            if view.GetOrientation() == "Axial":
                views[view.GetLayoutName()] = view
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
            composite = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
            view = views.get(composite.GetLayoutName())
            if view is not None and composite.GetBackgroundVolumeID() == volumeId:
                self._before = (
                    composite.GetID(),
                    composite.GetForegroundVolumeID(),
                    composite.GetForegroundOpacity(),
                )
                composite.SetForegroundVolumeID(self._node.GetID())
                composite.SetForegroundOpacity(1.0)
                bounds = [0.0] * 6
                self._node.GetRASBounds(bounds)
                view.SetSliceOffset((bounds[4] + bounds[5]) / 2)
                return
