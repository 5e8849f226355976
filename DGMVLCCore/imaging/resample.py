"""In-plane resampling with half-pixel centres: what goes to the network and comes back lies where it was."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def resize_in_plane(array: np.ndarray, size: tuple[int, int], order: int = 1) -> np.ndarray:
    """(D,H,W) -> (D,h,w) over the same field of view.

    Args:
        size: (h,w). order: 0 nearest (labels), 1 linear (HU; blurred first where pixels get larger).
    """
    zoom = (1.0, size[0] / array.shape[1], size[1] / array.shape[2])
    if zoom[1:] == (1.0, 1.0):
        return array.copy()
    source = array
    if order:
        sigma = [0.5 * max(1 / z - 1, 0) for z in zoom]
        source = ndimage.gaussian_filter(array.astype(np.float32), sigma) if max(sigma) > 0 else array.astype(np.float32)
    return ndimage.zoom(source, zoom, order=order, mode="nearest", grid_mode=True)
