"""Random fields in mm on anisotropic grids: lumpy shapes and the scan's own noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.simulation.patch import NoiseModel

Spacing = tuple[float, float, float]


def random_field(
    shape: tuple[int, ...], sigma_mm: float, spacing: Spacing, rng: np.random.Generator
) -> np.ndarray:
    """Smooth Gaussian field (D,H,W), zero mean, unit variance, correlation length `sigma_mm`.

    Drawn on a coarse grid (a node every sigma) and interpolated, so large lengths cost little.
    """
    coarse = [
        max(int(np.ceil(n * s / (0.8 * sigma_mm))) + 3, 4) if s < 0.8 * sigma_mm else n
        for n, s in zip(shape, spacing)
    ]
    nodes = ndimage.gaussian_filter(
        rng.standard_normal(coarse, dtype=np.float32),
        [0.9 if c != n else 0.0 for c, n in zip(coarse, shape)],
    )
    field = nodes
    for axis, (n, c) in enumerate(zip(shape, coarse)):
        if c == n:
            continue
        at = 1 + rng.random() + np.arange(n) * (c - 3) / max(n, 1) * 0.98
        low = at.astype(int)
        share = (at - low).astype(np.float32)
        share = share * share * (3 - 2 * share)
        share = share.reshape([-1 if k == axis else 1 for k in range(3)])
        field = (
            field.take(low, axis) * (1 - share)
            + field.take(np.minimum(low + 1, c - 1), axis) * share
        )
    return (field - field.mean()) / (field.std() + 1e-6)


def scan_noise(
    shape: tuple[int, ...], noise: NoiseModel, spacing: Spacing, rng: np.random.Generator
) -> np.ndarray:
    """Noise in HU (D,H,W) with the scan's standard deviation and in-plane correlation, independent
    between slices."""
    sigma = noise.correlation_mm / spacing[1]
    white = rng.standard_normal(shape, dtype=np.float32)
    blurred = ndimage.gaussian_filter(white, (0, sigma, sigma), truncate=3)
    return blurred * np.float32(noise.sd_hu / (blurred.std() + 1e-6))


def soft_step(distance_mm: np.ndarray, width_mm: float) -> np.ndarray:
    """1 inside (negative distance), 0 outside, smooth over about `width_mm`: the partial volume of
    an edge."""
    return 1 / (1 + np.exp(np.clip(distance_mm * (4 / width_mm), -30, 30)))


def grid_mm(
    shape: tuple[int, ...], centre: tuple[float, float, float], spacing: Spacing
) -> list[np.ndarray]:
    """Open (z,y,x) coordinate axes in mm relative to a centre in voxels."""
    axes = [(np.arange(n, dtype=np.float32) - c) * s for n, c, s in zip(shape, centre, spacing)]
    return list(np.ix_(*axes))
