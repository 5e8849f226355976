"""Classical ways to fill a hole, on the same cases."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable

import numpy as np

from DGMVLCCore.models.units import HU_HIGH, HU_LOW, smooth_fill

log = logging.getLogger(__name__)
TELEA_RADIUS = 5  # pixels around a point that its value is drawn from


def mean_lung(hu: np.ndarray, mask: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """The mean of the unmasked lung everywhere in the hole; (D,H,W) HU."""
    return np.where(mask, hu[lungs & ~mask].mean(), hu)


def smooth(hu: np.ndarray, mask: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """The network's own context: two smooth fields, lung and not-lung; H and W are padded to
    multiples of 4."""
    d, h, w = hu.shape
    pad = ((0, -h % 4), (0, -w % 4))
    planes = [
        smooth_fill(np.pad(a, pad, mode="edge"), np.pad(m, pad), np.pad(o, pad))[:h, :w]
        for a, m, o in zip(hu, mask, lungs)
    ]
    return np.stack(planes)


def biharmonic(
    hu: np.ndarray, mask: np.ndarray, lungs: np.ndarray, largest: int = 4000
) -> np.ndarray | None:
    """Biharmonic inpainting, slice by slice; None when a hole has more than `largest` pixels (the
    solver's cost explodes)."""
    from skimage.restoration import inpaint_biharmonic

    if max(plane.sum() for plane in mask) > largest:
        return None
    out = hu.copy()
    for z in np.nonzero(mask.any((1, 2)))[0]:
        ys, xs = np.nonzero(mask[z])
        box = (slice(max(ys.min() - 8, 0), ys.max() + 9), slice(max(xs.min() - 8, 0), xs.max() + 9))
        out[z][box] = inpaint_biharmonic(hu[z][box], mask[z][box])
    return out


def telea(hu: np.ndarray, mask: np.ndarray, lungs: np.ndarray) -> np.ndarray | None:
    """Fast-marching inpainting (Telea 2004) by OpenCV, slice by slice, on float32 HU clipped to
    -1100..400; None where OpenCV is not installed."""
    if importlib.util.find_spec("cv2") is None:
        log.warning(
            "Telea's inpainting is left out: OpenCV is not installed (pip install "
            "'dgmvlc[evaluate]')."
        )
        return None
    import cv2

    out = hu.astype(np.float32)
    for z in np.nonzero(mask.any((1, 2)))[0]:
        plane = np.ascontiguousarray(np.clip(hu[z], HU_LOW, HU_HIGH), np.float32)
        out[z][mask[z]] = cv2.inpaint(
            plane, mask[z].astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA
        )[mask[z]]
    return out


Fill = Callable[[np.ndarray, np.ndarray, np.ndarray], "np.ndarray | None"]
BASELINES: dict[str, Fill] = {
    "mean lung": mean_lung,
    "smooth fill": smooth,
    "biharmonic": biharmonic,
    "Telea": telea,
}
