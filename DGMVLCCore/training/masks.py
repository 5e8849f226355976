"""Edit masks for training: one distribution for clear lung and for lesions, so that a mask never
gives the finding away."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def random_edit_mask(
    lesion: np.ndarray,
    lungs: np.ndarray,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """A mask (D,H,W) bool that covers `lesion`: dilated by 2-10 mm and ragged; sometimes the lungs,
    the box or all.

    The same call is made whether or not the lesion is then put there.
    """
    kind = rng.random()
    if kind < 0.05:
        return np.ones_like(lesion)
    if kind < 0.30:
        return ndimage.binary_dilation(lungs, np.ones((1, 3, 3))) | lesion
    if kind < 0.38:
        box = np.zeros_like(lesion)
        low, high = (
            (np.argwhere(lesion).min(0), np.argwhere(lesion).max(0) + 1)
            if lesion.any()
            else ([0] * 3, [1] * 3)
        )
        pad = int(rng.integers(3, 12))
        box[
            low[0] : high[0],
            max(low[1] - pad, 0) : high[1] + pad,
            max(low[2] - pad, 0) : high[2] + pad,
        ] = True
        return box
    margin = rng.uniform(2, 10)
    distance = np.full(lesion.shape, np.inf, np.float32)
    for z in np.nonzero(lesion.any((1, 2)))[0]:
        distance[z] = ndimage.distance_transform_edt(~lesion[z], sampling=spacing[1:])
    ragged = ndimage.zoom(
        rng.normal(0, margin / 3, [lesion.shape[0], *(max(n // 12, 2) for n in lesion.shape[1:])]),
        [1, *(n / max(n // 12, 2) for n in lesion.shape[1:])],
        order=1,
    )
    return (distance <= np.maximum(margin + ragged, 1.0)) | lesion
