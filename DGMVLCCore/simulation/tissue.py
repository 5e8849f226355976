"""What each kind of lesion does to the voxels it covers: HU, vessels kept or hidden, noise
matched."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.simulation.texture import Spacing, random_field, soft_step


def thin(width_mm: float, spacing: Spacing) -> tuple[float, float]:
    """Width and height of a line of half-width `width_mm` as this grid sees it: broader and paler
    when thinner than a voxel."""
    seen = float(np.hypot(width_mm, 0.45 * max(spacing[1:])))
    return seen, width_mm / seen


def _texture(
    shape: tuple[int, ...],
    lengths_mm: tuple[float, ...],
    most: float,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """A factor around 1 with structure of several lengths, each of a strength up to `most`."""
    texture = np.ones(shape, np.float32)
    for length in lengths_mm:
        texture *= 1 + rng.uniform(0, most) * random_field(shape, length, spacing, rng)
    return texture


def _less_air(hu: np.ndarray, share: np.ndarray, noise: np.ndarray, given: float) -> np.ndarray:
    """h' = h (1 - share) for h < 0, so vessels stay visible; `given` of the damped noise is given
    back."""
    lost = np.sqrt(1 - (1 - share) ** 2)
    return np.where(hu < 0, hu * (1 - share) + noise * lost * given, hu)


def _tube(shape: tuple[int, ...], spacing: Spacing, rng: np.random.Generator) -> np.ndarray:
    """0 along winding lines: where two smooth fields, which change by about 0.1 a mm, are both near
    zero."""
    return np.hypot(*(random_field(shape, 9.0, spacing, rng) for _ in range(2)))


def _bronchi(tube: np.ndarray, width_mm: float, spacing: Spacing) -> np.ndarray:
    """How much of each voxel lies in bronchi along a `_tube`, 0..1."""
    seen, height = thin(width_mm, spacing)
    return height * np.exp(-((tube / (0.13 * seen)) ** 2))


def solid(
    hu: np.ndarray,
    soft: np.ndarray,
    level: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Soft tissue of `level` HU; denser vessels and calcium stay as they are."""
    tissue = level + noise + 8 * random_field(hu.shape, 4.0, spacing, rng)
    return hu * (1 - soft) + np.maximum(np.where(hu > 100, hu, tissue), tissue) * soft


def ground_glass(
    hu: np.ndarray,
    soft: np.ndarray,
    filled: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Fluid takes a share s f of the air."""
    share = soft * filled * np.clip(1 + 0.14 * random_field(hu.shape, 5.0, spacing, rng), 0.4, 1.5)
    return _less_air(hu, np.clip(share, 0, 0.92), noise, 0.9)


def patchy_haze(
    hu: np.ndarray,
    soft: np.ndarray,
    contrast: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Ground glass with structure of several lengths, at times over thickened septa."""
    filled = float(np.exp(rng.uniform(np.log(0.1), np.log(0.6)))) * min(contrast + 0.3, 1.1)
    texture = _texture(hu.shape, (2.5, 6.0, 15.0), 0.22, spacing, rng)
    share = soft * np.clip(texture, 0.3, 1.8)
    hazy = ground_glass(hu, share, filled, noise * rng.uniform(0.4, 1.2), spacing, rng)
    if rng.random() < 0.25:
        lines = _ridges(hu.shape, rng.uniform(5.0, 10.0), 0.8, spacing, rng)
        weight = soft * lines * rng.uniform(0.1, 0.5)
        hazy = hazy * (1 - weight) + np.maximum(hazy, -250 + noise) * weight
    return hazy


def mixed_opacity(
    hu: np.ndarray,
    soft: np.ndarray,
    filled: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Ground glass that no making tells: any texture and density, dense places, thick septa and
    wide bronchi at times (domain randomisation: Tobin et al., 2017)."""
    texture = _texture(hu.shape, (1.5, 3.0, 7.0, 18.0), 0.3, spacing, rng)
    share = soft * filled * np.clip(texture, 0.2, 2.0)
    if rng.random() < 0.4:
        lumps = random_field(hu.shape, rng.uniform(3, 10), spacing, rng)
        dense = soft * soft_step(rng.uniform(0.6, 1.8) - lumps, 1.0)
        share = np.maximum(share, dense * rng.uniform(0.5, 1.0))
    hazy = _less_air(hu, np.clip(share, 0, 0.98), noise, rng.uniform(0.3, 1.1))
    if rng.random() < 0.4:
        lines = _ridges(hu.shape, rng.uniform(4.0, 10.0), rng.uniform(0.6, 1.5), spacing, rng)
        weight = soft * lines * rng.uniform(0.1, 0.7)
        level = rng.uniform(-400, -50)
        hazy = hazy * (1 - weight) + np.maximum(hazy, level + noise) * weight
    if rng.random() < 0.2:
        tube = _tube(hu.shape, spacing, rng)
        weight = soft * _bronchi(tube, rng.uniform(0.8, 2.5), spacing) * rng.uniform(0.3, 1.0)
        hazy = hazy * (1 - weight) + np.minimum(hazy, -880 + noise) * weight
    return hazy


def consolidation(
    hu: np.ndarray,
    soft: np.ndarray,
    level: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Airspaces full of fluid, vessels hidden, some bronchi still holding air."""
    tube = _tube(hu.shape, spacing, rng)
    bronchi = _bronchi(tube, 1.2, spacing) * np.clip(4 * soft - 2.6, 0, 1)
    tissue = level + noise + 12 * random_field(hu.shape, 5.0, spacing, rng)
    tissue = tissue * (1 - bronchi) - 820 * bronchi
    dense = np.clip(soft * 1.15, 0, 1)
    return hu * (1 - dense) + np.where(hu > 150, hu, tissue) * dense


def emphysema(
    hu: np.ndarray,
    soft: np.ndarray,
    share: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Clusters of destroyed lung towards -985 HU in a region that has lost density; vessels are
    spared."""
    holes = random_field(hu.shape, rng.uniform(2.5, 5.0), spacing, rng)
    holes = 1 / (1 + np.exp(np.clip((0.6 - 1.2 * share - holes) * 5, -30, 30)))
    inside = soft > 0.3
    # What counts as a vessel follows the density of the lung around it: in a shallow breath clear
    # lung is at -700 HU.
    clear = min(float(np.percentile(hu[inside], 35)), -600.0) if inside.any() else -850.0
    spared = np.clip((clear + 200 - ndimage.gaussian_filter(hu, (0, 0.6, 0.6))) / 120, 0, 1)
    weight = soft * (0.25 + 0.7 * holes) * spared
    return hu * (1 - weight) + np.minimum(hu, -983 + 0.6 * noise) * weight


def _ridges(
    shape: tuple[int, ...],
    cell_mm: float,
    width_mm: float,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """A network of thin lines: where two smooth fields pass through zero."""
    lines = np.zeros(shape, np.float32)
    seen, height = thin(width_mm, spacing)
    for _ in range(2):
        field = random_field(shape, cell_mm, spacing, rng)
        lines = np.maximum(lines, height * np.exp(-((field * cell_mm / seen) ** 2)))
    return lines


def reticulation(
    hu: np.ndarray,
    soft: np.ndarray,
    strength: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Thickened septa: fine lines of -450..-150 HU over slight haze."""
    lines = _ridges(hu.shape, rng.uniform(4.0, 6.0), 0.9, spacing, rng)
    haze = hu * (1 - 0.15 * soft * strength)
    weight = soft * lines * min(0.55 + 0.4 * strength, 1.0)
    return haze * (1 - weight) + np.maximum(haze, -180 + noise) * weight


def honeycombing(
    hu: np.ndarray,
    soft: np.ndarray,
    strength: float,
    noise: np.ndarray,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Stacked cysts of 3-8 mm with shared walls (cells of a random point pattern)."""
    cell = max(
        rng.uniform(3.5, 7.0), 3.0 * max(spacing[1:])
    )  # smaller cysts cannot be told apart on this grid
    seen, height = thin(0.8, spacing)
    where = np.argwhere(soft > 0.05)
    if not len(where):
        return hu
    low, high = where.min(0), where.max(0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high))
    extent = (high - low) * np.array(spacing)
    points = rng.random((max(int(np.prod(np.maximum(extent, cell)) / cell**3), 4), 3)) * extent
    from scipy.spatial import cKDTree

    grid = np.stack(
        np.meshgrid(*[np.arange(n) * s for n, s in zip(high - low, spacing)], indexing="ij"), -1
    )
    inside = soft[box] > 0.05
    near, _ = cKDTree(points).query(grid[inside], k=2)
    wall = np.zeros(inside.shape, np.float32)
    wall[inside] = height * np.exp(-(((near[:, 1] - near[:, 0]) / (1.6 * seen)) ** 2))
    cysts = -930 * (1 - wall) + (-80 + 80 * strength) * wall + 0.7 * noise[box]
    out = hu.copy()
    weight = np.clip(soft[box] * 1.2, 0, 1)
    out[box] = hu[box] * (1 - weight) + np.where(hu[box] > 50, hu[box], cysts) * weight
    return out
