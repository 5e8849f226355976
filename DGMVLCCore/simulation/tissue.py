"""What each kind of lesion does to the voxels it covers: HU, vessels kept or hidden, noise matched."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.simulation.texture import Spacing, random_field


def solid(hu: np.ndarray, soft: np.ndarray, level: float, noise: np.ndarray, spacing: Spacing, rng: np.random.Generator) -> np.ndarray:
    """Soft tissue of `level` HU; denser vessels and calcium stay as they are."""
    tissue = level + noise + 8 * random_field(hu.shape, 4.0, spacing, rng)
    return hu * (1 - soft) + np.maximum(np.where(hu > 100, hu, tissue), tissue) * soft


def ground_glass(hu: np.ndarray, soft: np.ndarray, filled: float, noise: np.ndarray, spacing: Spacing,
                 rng: np.random.Generator) -> np.ndarray:
    """Fluid takes a share of the air: h' = h (1 - s f) for h < 0, so vessels stay visible; damped noise is given back."""
    share = soft * filled * np.clip(1 + 0.18 * random_field(hu.shape, 2.5, spacing, rng), 0.4, 1.5)
    share = np.clip(share, 0, 0.92)
    lost = np.sqrt(1 - (1 - share) ** 2)
    return np.where(hu < 0, hu * (1 - share) + noise * lost * 0.9, hu)


def consolidation(hu: np.ndarray, soft: np.ndarray, level: float, noise: np.ndarray, spacing: Spacing,
                  rng: np.random.Generator) -> np.ndarray:
    """Airspaces full of fluid, vessels hidden, some bronchi still holding air."""
    tube = np.abs(random_field(hu.shape, 7.0, spacing, rng)) + np.abs(random_field(hu.shape, 7.0, spacing, rng))
    bronchi = 0.75 * (1 / (1 + np.exp(np.clip((tube - 0.28) * 14, -30, 30))))
    tissue = level + noise + 12 * random_field(hu.shape, 5.0, spacing, rng)
    tissue = tissue * (1 - bronchi) - 820 * bronchi
    dense = np.clip(soft * 1.15, 0, 1)
    return hu * (1 - dense) + np.where(hu > 150, hu, tissue) * dense


def emphysema(hu: np.ndarray, soft: np.ndarray, share: float, noise: np.ndarray, spacing: Spacing,
              rng: np.random.Generator) -> np.ndarray:
    """Clusters of destroyed lung towards -985 HU; vessels are spared."""
    holes = random_field(hu.shape, rng.uniform(2.5, 5.0), spacing, rng)
    holes = 1 / (1 + np.exp(np.clip((0.9 - 1.5 * share - holes) * 5, -30, 30)))
    weight = soft * holes * np.clip((-700 - ndimage.gaussian_filter(hu, (0, 0.6, 0.6))) / 100, 0, 1)
    return hu * (1 - weight) + np.minimum(hu, -983 + 0.6 * noise) * weight


def _ridges(shape: tuple[int, ...], cell_mm: float, width: float, spacing: Spacing, rng: np.random.Generator) -> np.ndarray:
    """A network of thin lines: where two smooth fields pass through zero."""
    lines = np.zeros(shape, np.float32)
    for _ in range(2):
        field = np.abs(random_field(shape, cell_mm, spacing, rng))
        lines = np.maximum(lines, np.exp(-((field / width) ** 2)))
    return lines


def reticulation(hu: np.ndarray, soft: np.ndarray, strength: float, noise: np.ndarray, spacing: Spacing,
                 rng: np.random.Generator) -> np.ndarray:
    """Thickened septa: fine lines of -450..-150 HU over slight haze."""
    lines = _ridges(hu.shape, rng.uniform(3.0, 4.5), 0.22, spacing, rng)
    haze = hu * (1 - 0.15 * soft * strength)
    weight = soft * lines * min(0.55 + 0.4 * strength, 1.0)
    return haze * (1 - weight) + np.maximum(haze, -180 + noise) * weight


def honeycombing(hu: np.ndarray, soft: np.ndarray, strength: float, noise: np.ndarray, spacing: Spacing,
                 rng: np.random.Generator) -> np.ndarray:
    """Stacked cysts of 3-8 mm with shared walls (cells of a random point pattern)."""
    cell = rng.uniform(3.5, 6.5)
    where = np.argwhere(soft > 0.05)
    if not len(where):
        return hu
    low, high = where.min(0), where.max(0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high))
    extent = (high - low) * np.array(spacing)
    points = rng.random((max(int(np.prod(np.maximum(extent, cell)) / cell**3), 4), 3)) * extent
    from scipy.spatial import cKDTree

    grid = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(high - low, spacing)], indexing="ij"), -1)
    inside = soft[box] > 0.05
    near, _ = cKDTree(points).query(grid[inside], k=2)
    wall = np.zeros(inside.shape, np.float32)
    wall[inside] = np.exp(-(((near[:, 1] - near[:, 0]) / 0.9) ** 2))
    cysts = -930 * (1 - wall) + (-120 + 40 * strength) * wall + 0.7 * noise[box]
    out = hu.copy()
    weight = np.clip(soft[box] * 1.2, 0, 1)
    out[box] = hu[box] * (1 - weight) + np.where(hu[box] > 50, hu[box], cysts) * weight
    return out
