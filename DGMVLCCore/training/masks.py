"""Edit masks for training: one distribution for clear lung and for lesions, so that a mask never
gives the finding away."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from DGMVLCCore.imaging.masks import box_around

COARSE = 12  # pixels between two draws of a mask's ragged border


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
    coarse = [lesion.shape[0], *(max(n // COARSE, 2) for n in lesion.shape[1:])]
    field = torch.from_numpy(rng.normal(0, margin / 3, coarse))[None]
    ragged = F.interpolate(field, lesion.shape[1:], mode="bilinear", align_corners=True)[0].numpy()
    reach = np.maximum(margin + ragged, 1.0)
    mask = lesion.copy()
    for z in np.nonzero(lesion.any((1, 2)))[0]:
        around = [int(reach[z].max() / mm) + 1 for mm in spacing[1:]]
        near = box_around(lesion[z], around)
        distance = ndimage.distance_transform_edt(~lesion[z][near], sampling=spacing[1:])
        mask[z][near] |= distance <= reach[z][near]
    return mask
