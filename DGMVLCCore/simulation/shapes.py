"""Where each kind of lesion is: soft membership 0..1 on the patch, defined in mm."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.simulation.texture import Spacing, grid_mm, random_field, soft_step

Centre = tuple[float, float, float]


def _ellipsoid(
    shape: tuple[int, ...], centre: Centre, spacing: Spacing, rng: np.random.Generator
) -> tuple[np.ndarray, list]:
    """Radius field (mm) of a slightly squashed, turned ball, and the coordinate axes."""
    z, y, x = grid_mm(shape, centre, spacing)
    turn = rng.uniform(0, np.pi)
    a, b, c = rng.uniform(0.82, 1.2, 3)
    u, v = np.cos(turn) * x + np.sin(turn) * y, -np.sin(turn) * x + np.cos(turn) * y
    return np.sqrt((z / c) ** 2 + (u / a) ** 2 + (v / b) ** 2), [z, y, x]


def smooth_nodule(
    shape: tuple[int, ...],
    centre: Centre,
    radius: float,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """A round nodule with a slightly uneven border."""
    distance, _ = _ellipsoid(shape, centre, spacing, rng)
    uneven = random_field(shape, max(radius * 0.7, 2), spacing, rng) * 0.07 * radius
    return soft_step(distance + uneven - radius, rng.uniform(1.0, 2.0))


def lobulated_nodule(
    shape: tuple[int, ...],
    centre: Centre,
    radius: float,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """Several balls grown together."""
    distance, _ = _ellipsoid(shape, centre, spacing, rng)
    soft = soft_step(distance - radius * 0.78, 1.4)
    count, start = int(rng.integers(5, 9)), rng.uniform(0, 2 * np.pi)
    for k in range(count):
        angle, height = (
            start + 2 * np.pi * (k + rng.uniform(-0.25, 0.25)) / count,
            rng.uniform(-0.6, 0.6),
        )
        way = (
            np.array([height, *(np.sqrt(1 - height**2) * np.array([np.sin(angle), np.cos(angle)]))])
            * rng.uniform(0.56, 0.68)
            * radius
        )
        part = tuple(c + w / s for c, w, s in zip(centre, way, spacing))
        distance, _ = _ellipsoid(shape, part, spacing, rng)  # type: ignore[arg-type]
        soft = np.maximum(soft, soft_step(distance - radius * rng.uniform(0.42, 0.54), 1.4))
    return soft


def spiculated_nodule(
    shape: tuple[int, ...],
    centre: Centre,
    radius: float,
    spacing: Spacing,
    rng: np.random.Generator,
) -> np.ndarray:
    """An uneven core with thin strands into the lung."""
    distance, (z, y, x) = _ellipsoid(shape, centre, spacing, rng)
    uneven = random_field(shape, max(radius * 0.4, 1.8), spacing, rng) * 0.14 * radius
    soft = soft_step(distance + uneven - radius * 0.95, 1.6)
    for _ in range(int(rng.integers(9, 20))):
        way = rng.standard_normal(3) * (0.6, 1, 1)
        way /= np.linalg.norm(way)
        along = z * way[0] + y * way[1] + x * way[2]
        across = np.sqrt(np.maximum(z * z + y * y + x * x - along * along, 0))
        length = radius * rng.uniform(1.25, 1.9)
        width = np.maximum(rng.uniform(0.5, 1.0) * (1 - along / length), 0) + 0.25
        # Thinner than a voxel a strand is a broader, paler line, not a row of dots.
        seen = np.hypot(width, 0.45 * max(spacing[1:]))
        strand = (
            width
            / seen
            * np.exp(-((across / (1.2 * seen)) ** 2))
            * (along > 0)
            * soft_step(along - length, 1.5)
        )
        soft = np.maximum(soft, strand)
    return soft


def blot(
    shape: tuple[int, ...],
    centre: Centre,
    radius: float,
    spacing: Spacing,
    rng: np.random.Generator,
    *,
    uneven: float = 0.35,
    edge_mm: float = 6.0,
) -> np.ndarray:
    """An irregular cloud, for ground glass, consolidation and emphysema."""
    distance, _ = _ellipsoid(shape, centre, spacing, rng)
    lumps = random_field(shape, max(radius * 0.45, 4), spacing, rng) * uneven * radius
    fine = random_field(shape, 3.0, spacing, rng) * 1.2
    return soft_step(distance + lumps + fine - radius, edge_mm)


def patches(
    lungs: np.ndarray, centre: Centre, radius: float, spacing: Spacing, rng: np.random.Generator
) -> np.ndarray:
    """One to five clouds around `centre` with borders of 2 to 25 mm, at times fading inwards."""
    soft = np.zeros(lungs.shape, np.float32)
    for _ in range(int(rng.integers(1, 6))):
        way = rng.normal(0, 0.5, 3) * radius / np.array(spacing)
        part: Centre = tuple(np.array(centre) + way)  # type: ignore[assignment]
        size, edge = radius * rng.uniform(0.3, 0.9), float(np.exp(rng.uniform(0.7, 3.2)))
        uneven = rng.uniform(0.15, 0.6)
        cloud = blot(lungs.shape, part, size, spacing, rng, uneven=uneven, edge_mm=edge)
        soft = np.maximum(soft, cloud * rng.uniform(0.4, 1.0))
    if rng.random() < 0.4:
        soft *= soft_step(wall_distance(lungs, spacing) - rng.uniform(8, 40), 20.0)
    return soft


def opacity(
    lungs: np.ndarray, centre: Centre, radius: float, spacing: Spacing, rng: np.random.Generator
) -> np.ndarray:
    """A ragged area around `centre` with structure of every length, borders of 1.5 to 25 mm, at
    times a band along the wall, the dependent part of the lung, or plateaus like lobules."""
    shape = lungs.shape
    lumps, power = np.zeros(shape, np.float32), rng.uniform(0.0, 0.9)
    for length in (2.5, 5.0, 10.0, 20.0, 40.0):
        lumps += (length / 40.0) ** power * random_field(shape, length, spacing, rng)
    lumps /= lumps.std() + 1e-6
    beyond = _ellipsoid(shape, centre, spacing, rng)[0] - radius
    turn = rng.random()
    if turn < 0.35:
        beyond = np.maximum(beyond, wall_distance(lungs, spacing) - rng.uniform(6, 35))
    elif turn < 0.55:
        y = grid_mm(shape, centre, spacing)[1]
        beyond = np.maximum(beyond, -y * rng.uniform(0.5, 2.0))
    uneven, edge_mm = radius * rng.uniform(0.1, 0.6), float(np.exp(rng.uniform(0.4, 3.2)))
    soft = soft_step(beyond + uneven * lumps, edge_mm)
    if rng.random() < 0.3:
        lobules = np.floor(2 * random_field(shape, rng.uniform(6, 16), spacing, rng))
        soft = soft * np.clip(rng.uniform(0.5, 1.0) + 0.3 * lobules, 0, 1)
    return soft


def wall_distance(lungs: np.ndarray, spacing: Spacing) -> np.ndarray:
    """In-plane distance (mm) of each lung voxel to the lung's border, 0 outside; patch borders do
    not count as border."""
    padded = np.pad(lungs, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return np.stack(
        [
            ndimage.distance_transform_edt(plane, sampling=spacing[1:])[1:-1, 1:-1]
            for plane in padded
        ]
    ).astype(np.float32)


def subpleural(
    lungs: np.ndarray, centre: Centre, radius: float, spacing: Spacing, rng: np.random.Generator
) -> np.ndarray:
    """A band along the pleura around `centre`, fading towards the hilum."""
    depth = wall_distance(lungs, spacing)
    reach = rng.uniform(10, 22) * (1 + 0.25 * random_field(lungs.shape, 12, spacing, rng))
    cloud = blot(lungs.shape, centre, radius * 1.2, spacing, rng, uneven=0.2)
    return cloud * soft_step(depth - reach, 6.0) * (depth > 0)


def effusion_depth(
    lungs: np.ndarray, spacing: Spacing, thickness: float, rng: np.random.Generator
) -> np.ndarray:
    """Fluid behind the lung of a patient lying on the back: deepest at the lowest point, a meniscus
    along the wall."""
    soft = np.zeros(lungs.shape, np.float32)
    tilt = rng.uniform(-0.25, 0.25)
    for z in range(len(lungs)):
        ys, xs = np.nonzero(lungs[z])
        if len(ys) < 30:
            continue
        columns = np.arange(lungs.shape[2])
        back = np.full(lungs.shape[2], -1)
        np.maximum.at(back, xs, ys)
        # Columns beside the lung take their neighbour's wall, so that smoothing does not thin the
        # fluid at the sides.
        back = np.interp(columns, np.flatnonzero(back >= 0), back[back >= 0])
        rear = float(ys.max())
        y = np.arange(lungs.shape[1])[:, None]
        level = (rear - y) * spacing[1]  # height above the lowest point, mm
        meniscus = 1.5 * np.exp(-np.abs(columns - xs.mean()) / 40)[None]
        wall = (back[None] - y) * spacing[1]
        depth = (
            np.minimum(level, wall * 0.8 + meniscus)
            + tilt * (columns - xs.mean())[None] * spacing[2] * 0.2
        )
        soft[z] = soft_step(depth - thickness, 2.0)
    return ndimage.gaussian_filter(soft, (0.4, 1.2, 1.2), mode="nearest")
