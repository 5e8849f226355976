"""The piece of a real scan a lesion is put into, and the noise that scan has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class NoiseModel:
    """Noise of one scan: standard deviation in HU and in-plane correlation length (Gaussian sigma)
    in mm."""

    sd_hu: float
    correlation_mm: float


@dataclass(frozen=True, eq=False)
class ScanPatch:
    """A canonical region of a scan.

    Args:
        hu: float32 (D,H,W) HU, z to the head, y to the back, x to the patient's left.
        lungs: uint8 (D,H,W), 0 none, 1 left, 2 right.
        spacing: (z,y,x) mm.
        zone_edges: z index of the lower/middle and of the middle/upper border (may lie outside the
            patch).
        noise: the scan's noise.
    """

    hu: np.ndarray
    lungs: np.ndarray
    spacing: tuple[float, float, float]
    zone_edges: tuple[float, float]
    noise: NoiseModel

    @property
    def labels(self) -> np.ndarray:
        """Anatomy labels uint8 (D,H,W): body, left and right lung; no airway."""
        labels = np.where(self.lungs == 1, 2, np.where(self.lungs == 2, 3, 0)).astype(np.uint8)
        labels[(labels == 0) & (self.hu > -400)] = 1
        return labels


def lungs_of(labels: np.ndarray) -> np.ndarray:
    """Anatomy labels (D,H,W) -> uint8, 0 none, 1 left lung, 2 right lung."""
    return np.where(labels == 2, 1, np.where(labels == 3, 2, 0)).astype(np.uint8)


def estimate_noise(
    hu: np.ndarray, body: np.ndarray, spacing: tuple[float, float, float]
) -> NoiseModel:
    """Measure a scan's noise in its own soft tissue.

    The standard deviation is the robust spread (MAD) of what a Gaussian of 3 mm removes from soft
    tissue (0..120 HU,
    away from edges); the correlation length is the sigma of the Gaussian whose lag-1
    autocorrelation equals it.
    """
    residuals, neighbours = [], []
    for plane, inside in zip(hu[:: max(len(hu) // 8, 1)], body[:: max(len(body) // 8, 1)]):
        sigma = 3.0 / spacing[1]
        smooth = ndimage.gaussian_filter(np.clip(plane, -200, 300), sigma)
        flat = (
            inside
            & (np.abs(smooth - 50) < 60)
            & (ndimage.gaussian_gradient_magnitude(smooth, 1) < 12)
        )
        rest = plane - smooth
        residuals.append(rest[flat])
        pairs = flat[:, 1:] & flat[:, :-1]
        neighbours.append(np.stack([rest[:, 1:][pairs], rest[:, :-1][pairs]]))
    values, pairs = np.concatenate(residuals), np.concatenate(neighbours, 1)
    if values.size < 200:
        return NoiseModel(15.0, 0.6)
    sd = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    lag = float(np.clip(np.corrcoef(np.clip(pairs, -4 * sd - 1, 4 * sd + 1))[0, 1], 0.02, 0.95))
    # White noise blurred with sigma s has the autocorrelation exp(-d^2 / 4 s^2).
    return NoiseModel(max(sd, 2.0), float(spacing[1] / np.sqrt(-4 * np.log(lag))))


def clear(hu: np.ndarray, mask: np.ndarray, lungs: np.ndarray) -> bool:
    """True when the masked lung holds air and vessels only: under a tenth of it denser than -500
    HU. (H,W) or (D,H,W)."""
    cross = ndimage.generate_binary_structure(2, 1)
    inside = mask & ndimage.binary_erosion(
        lungs, cross if lungs.ndim == 2 else cross[None], iterations=2
    )
    return bool(inside.any() and (hu[inside] > -500).mean() < 0.1)
