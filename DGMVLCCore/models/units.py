"""The map between a scan's stored units and the network's (for CT one fixed map of HU), and the
smooth fill of a hole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DGMVLCCore.imaging.profiles import PROFILES
from DGMVLCCore.imaging.volume import Volume

HU_LOW, HU_HIGH = -1100.0, 400.0
HU_SCALE = 750.0
LUNG_DEFAULT, TISSUE_DEFAULT = (
    -860.0,
    20.0,
)  # only where a slice shows no unmasked voxel of that class
CLASS_HU = np.array(
    [-1000, TISSUE_DEFAULT, LUNG_DEFAULT, LUNG_DEFAULT, -980], np.float32
)  # outside, body, left lung, right lung, airway


@dataclass(frozen=True)
class Scale:
    """How stored units become network units, and what stands for what is not seen.

    Args:
        low, high: stored values that become -1 and 1; beyond them values are clipped.
        lung, tissue: fill of a hole whose slice shows no other voxel of that class. outside: value
            beyond the scan's border.
    """

    low: float
    high: float
    lung: float
    tissue: float
    outside: float

    @property
    def centre(self) -> float:
        """The stored value that is 0."""
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        """Stored units in one network unit."""
        return (self.high - self.low) / 2


CT_SCALE = Scale(HU_LOW, HU_HIGH, LUNG_DEFAULT, TISSUE_DEFAULT, -1024.0)


def scale_of(scan: Volume) -> Scale:
    """The fixed scale of HU for CT; for other modalities between the 1st and 99th percentile of the
    scan (its profile's window)."""
    if scan.modality == "CT":
        return CT_SCALE
    low, high = PROFILES[scan.modality].window(scan.array)
    return Scale(low, high, (low + high) / 2, (low + high) / 2, low)


def to_units(values: np.ndarray, scale: Scale = CT_SCALE) -> np.ndarray:
    """Stored units -> network units in [-1, 1]; for CT what is outside -1100..400 HU is clipped."""
    return ((np.clip(values, scale.low, scale.high) - scale.centre) / scale.half).astype(np.float32)


def to_hu(units: np.ndarray, scale: Scale = CT_SCALE) -> np.ndarray:
    """Network units -> stored units (HU for CT)."""
    return (units * scale.half + scale.centre).astype(np.float32)


def anatomy_channels(labels: np.ndarray) -> np.ndarray:
    """Anatomy labels (...,H,W) -> float32 (...,4,H,W): body, left lung, right lung, airway."""
    return np.stack([labels > 0, labels == 2, labels == 3, labels == 4], axis=-3).astype(np.float32)


def class_fill(labels: np.ndarray) -> np.ndarray:
    """Anatomy labels (...,H,W) -> float32 HU of the same shape, one value a class: all that a mask
    says of a scan."""
    return CLASS_HU[labels]


def neighbours(z: int, depth: int) -> list[int]:
    """The slice below, this slice, the slice above; the border slice stands in for one that is not
    there."""
    return [min(max(z + step, 0), depth - 1) for step in (-1, 0, 1)]


def _smooth_mean(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Normalised blur of `values` where `weights`, ever wider where the hole is wide; also the
    plain mean."""
    total = float(weights.sum())
    if total < 1e-6:
        return np.zeros_like(values), total
    mean = float((values * weights).sum() / total)
    top, bottom = np.zeros_like(values), np.full_like(values, 1e-7)
    top += 1e-7 * mean
    for sigma, share in ((1.5, 1.0), (4.0, 3e-2), (12.0, 1e-3)):
        top += share * ndimage.gaussian_filter(values * weights, sigma, mode="nearest", truncate=3)
        bottom += share * ndimage.gaussian_filter(weights, sigma, mode="nearest", truncate=3)
    return top / bottom, total


def smooth_fill(
    hu: np.ndarray, mask: np.ndarray, lungs: np.ndarray, scale: Scale = CT_SCALE
) -> np.ndarray:
    """Fill the hole of a slice smoothly from around it, lung and not-lung apart, blended at the
    pleura.

    Args:
        hu: (H,W) HU, or the stored units of `scale`. mask: (H,W) bool, the hole. lungs: (H,W) bool.
            H and W multiples of 4.

    Returns:
        (H,W) float32 in the same units, identical to `hu` outside the hole.
    """
    if not mask.any():
        return hu.astype(np.float32)
    hu = hu.astype(np.float32)
    h, w = hu.shape

    def coarse(x: np.ndarray) -> np.ndarray:
        return x.reshape(h // 4, 4, w // 4, 4).mean((1, 3), dtype=np.float32)

    clipped = np.clip(hu, scale.low, scale.high)
    fills = []
    for organ, default in ((lungs, scale.lung), (~lungs, scale.tissue)):
        known = (organ & ~mask).astype(np.float32)
        weights = coarse(known)
        values = coarse(clipped * known) / np.maximum(weights, 1e-6)
        field, total = _smooth_mean(values, weights)
        fills.append(upsample4(field) if total > 1 else np.full_like(hu, default))
    share = ndimage.gaussian_filter(lungs.astype(np.float32), 0.8)
    out = hu.copy()
    out[mask] = (share * fills[0] + (1 - share) * fills[1])[mask]
    return out


def upsample4(coarse: np.ndarray) -> np.ndarray:
    """Bilinear upsampling of a (h,w) field by four, cell centres aligned."""
    for axis in (0, 1):
        n = coarse.shape[axis]
        at = np.clip((np.arange(4 * n) + 0.5) / 4 - 0.5, 0, n - 1)
        low = np.minimum(at.astype(int), max(n - 2, 0))
        share = (at - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None]
        high = np.minimum(low + 1, n - 1)
        coarse = coarse.take(low, axis) * (1 - share) + coarse.take(high, axis) * share
    return coarse
