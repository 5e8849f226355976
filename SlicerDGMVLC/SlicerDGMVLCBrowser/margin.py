"""The lungs of the open scan, and the margin around a region that an edit takes, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from SlicerDGMVLCPresenters.region_tools import box_of

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import MARGIN_MM, lesion_region
from DGMVLCCore.imaging.nrrd import read_nrrd

from .segments import make_segment, put_mask
from .views import SCAN, Views

COLOR = (0.45, 0.90, 0.45)  # as the edit mask of a result
SEGMENT = "Margin"


class Margin:
    """Outline of what an edit of the region would change, over the scan.

    Args:
        views: where it is seen. drop: takes a node out of the scene.
    """

    def __init__(self, views: Views, drop: Callable[[Any], None]) -> None:
        self.views, self._drop = views, drop
        self._node: Any | None = None
        self._labels: tuple[str, np.ndarray | None] = ("", None)

    def labels(self, path: str) -> np.ndarray | None:
        """The scan's anatomy, uint8 (D,H,W); None while it is not known."""
        if path != self._labels[0]:
            array = read_nrrd(Path(path)).array if Path(path).is_file() else None
            self._labels = (path, array)
        return self._labels[1]

    def show(self, mask: np.ndarray | None, labels: str, volume: Any) -> None:
        """Outline the margin of a mask (D,H,W) on the volume's grid; none of an empty one."""
        self.hide()
        known = self.labels(labels)
        box = None if mask is None else box_of(mask)
        if mask is None or known is None or box is None or known.shape != mask.shape:
            return
        spacing = volume.GetSpacing()[::-1]
        reach = [int(np.ceil(MARGIN_MM / s)) + 1 for s in spacing]
        near = tuple(slice(max(b.start - r, 0), b.stop + r) for b, r in zip(box, reach))
        whole = np.zeros_like(mask)
        try:
            whole[near] = lesion_region(mask[near], Anatomy(known[near]), spacing)
        except UnsuitableInputError:  # outside the patient: there is nothing to outline
            return
        self._node = make_segment(
            self.views.scene, "Edited margin", SEGMENT, COLOR, self.views.ids(SCAN), fill=0.0
        )
        self._node.GetDisplayNode().SetOpacity2DOutline(0.55)
        put_mask(self._node, SEGMENT, whole, volume)

    def visible(self, visible: bool) -> None:
        """Whether it is seen."""
        if self._node is not None:
            self._node.GetDisplayNode().SetVisibility(visible)

    def hide(self) -> None:
        """There is no region."""
        if self._node is not None:
            self._drop(self._node)
            self._node = None
