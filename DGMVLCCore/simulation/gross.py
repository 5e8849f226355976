"""Disease so large that it hides the lung: painted on slices whose lungs are known, for a network
that must find them nevertheless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Generator = np.random.Generator
CENTRAL_MM = 65.0  # from the middle: the medial border of the lungs


@dataclass(frozen=True)
class Slices:
    """Consecutive slices of one scan, canonical.

    Args:
        hu: (D,H,W) HU. lungs: uint8 (D,H,W), 2 left, 3 right, else 0. body: bool (D,H,W).
        spacing: (z,y,x) mm.
    """

    hu: np.ndarray
    lungs: np.ndarray
    body: np.ndarray
    spacing: tuple[float, float, float]


def smooth_noise(shape: tuple[int, ...], pixels: float, rng: Generator) -> np.ndarray:
    """A random field (D,H,W) of unit spread, smooth over `pixels` in-plane, alike from slice to
    slice."""
    field = ndimage.gaussian_filter(
        rng.standard_normal(shape).astype(np.float32), (0.7, pixels, pixels), mode="wrap"
    )
    return field / (field.std() + 1e-6)


def _blend(hu: np.ndarray, soft: np.ndarray, value: np.ndarray | float) -> np.ndarray:
    return hu * (1 - soft) + soft * value


def _grain(shape: tuple[int, ...], mean: float, rng: Generator) -> np.ndarray:
    return mean + rng.uniform(3, 15) * smooth_noise(shape, 0.6, rng)


def _side(slices: Slices, rng: Generator) -> np.ndarray:
    """One lung, or now and then both, bool (D,H,W)."""
    wanted = int(rng.integers(2, 4))
    return slices.lungs > 0 if rng.random() < 0.15 else slices.lungs == wanted


def mass(slices: Slices, rng: Generator) -> np.ndarray:
    """A mass of 10-90 mm in the lung or across its border, into wall, heart and mediastinum; may
    be hollow."""
    lungs = slices.lungs > 0
    rim = lungs & ~ndimage.binary_erosion(lungs, np.ones((1, 5, 5)))
    places = np.argwhere(rim if rng.random() < 0.65 else lungs)
    if not len(places):
        return slices.hu
    centre = _near(places, rng)
    radius = float(np.exp(rng.uniform(np.log(5), np.log(45))))
    return _lump(slices, centre, radius, rng)


def central_mass(slices: Slices, rng: Generator) -> np.ndarray:
    """A mass of 30-100 mm at the hilum or the mediastinum, into both."""
    lungs = slices.lungs > 0
    rim = lungs & ~ndimage.binary_erosion(lungs, np.ones((1, 5, 5)))
    places = np.argwhere(rim)
    if not len(places):
        return slices.hu
    columns = np.nonzero(lungs.any((0, 1)))[0]
    far = np.abs(places[:, 2] - columns.mean()) * slices.spacing[2]
    places = places[far <= max(CENTRAL_MM, far.min())]
    return _lump(slices, _near(places, rng), rng.uniform(15, 50), rng)


def _near(places: np.ndarray, rng: Generator) -> np.ndarray:
    """A voxel of `places` (N,3), some slices up or down."""
    voxel = places[rng.integers(len(places))].astype(float)
    voxel[0] += rng.uniform(-4, 4)
    return voxel


def _lump(slices: Slices, centre: np.ndarray, radius: float, rng: Generator) -> np.ndarray:
    """The slices' HU with a mass of `radius` mm around a voxel."""
    lungs = slices.lungs > 0
    grid = np.ogrid[tuple(slice(0, n) for n in slices.hu.shape)]
    stretch = rng.uniform(0.7, 1.4, 3)
    distance = np.sqrt(
        sum(((g - c) * mm / a) ** 2 for g, c, mm, a in zip(grid, centre, slices.spacing, stretch))
    )
    lumps = (
        smooth_noise(slices.hu.shape, max(radius / 8, 1), rng) * radius * rng.uniform(0.05, 0.25)
    )
    soft = 1 / (1 + np.exp(np.clip((distance + lumps - radius) / rng.uniform(0.8, 2.5), -30, 30)))
    reach = int(rng.integers(0, 12))  # pixels beyond the lung's border
    soft = soft * (ndimage.binary_dilation(lungs, np.ones((1, 3, 3)), iterations=reach + 1))
    inside = _grain(slices.hu.shape, rng.uniform(-20, 110), rng)
    if rng.random() < 0.15 and radius > 15:
        inside = np.where(distance < radius * rng.uniform(0.3, 0.7), -960.0, inside)
    return _blend(
        slices.hu, soft * slices.body, np.where(lungs | (slices.hu < 150), inside, slices.hu)
    )


def effusion(slices: Slices, rng: Generator) -> np.ndarray:
    """Fluid from a rim at the back (prone: the front) to a white lung."""
    lung = _side(slices, rng)
    rows = np.nonzero(lung)[1]
    if not len(rows):
        return slices.hu
    share = rng.uniform(0, 0.97) if rng.random() < 0.8 else 0.0
    y = np.arange(slices.hu.shape[1])[None, :, None]
    x = np.arange(slices.hu.shape[2])[None, None, :]
    surface = (
        y
        + smooth_noise(slices.hu.shape, 6, rng) * rng.uniform(0, 4)
        + (x - slices.hu.shape[2] / 2) * rng.uniform(-0.3, 0.3)
    )
    front = rng.random() < 0.12
    level = np.quantile(surface[lung], 1 - share if front else share)
    fluid = lung & ((surface < level) if front else (surface > level))
    soft = ndimage.gaussian_filter(fluid.astype(np.float32), (0, 0.5, 0.5)) * (fluid | lung)
    return _blend(slices.hu, soft, _grain(slices.hu.shape, rng.uniform(-10, 45), rng))


def consolidation(slices: Slices, rng: Generator) -> np.ndarray:
    """Filled or collapsed lung: haze to solid, by a lobe-like cut or in clouds, with open airways
    here and there."""
    lung = _side(slices, rng)
    if not lung.any():
        return slices.hu
    shape = slices.hu.shape
    y, x = np.arange(shape[1])[None, :, None], np.arange(shape[2])[None, None, :]
    angle = rng.uniform(0, 2 * np.pi)
    field = (
        (np.cos(angle) * x + np.sin(angle) * y) / 12 + 0.3 * smooth_noise(shape, 5, rng)
        if rng.random() < 0.5
        else smooth_noise(shape, float(rng.uniform(3, 12)), rng)
    )
    filled = lung & (field > np.quantile(field[lung], rng.uniform(0, 0.9)))
    strength = rng.uniform(0.8, 1) if rng.random() < 0.6 else rng.uniform(0.2, 0.8)
    soft = ndimage.gaussian_filter(filled.astype(np.float32), (0, 0.7, 0.7)) * lung * strength
    if rng.random() < 0.5:
        soft = soft * ~((slices.hu < -930) & (smooth_noise(shape, 1.0, rng) > 0.5))
    tissue = _grain(shape, rng.uniform(10, 90), rng)
    return slices.hu + soft * np.maximum(tissue - slices.hu, 0)


def fibrosis(slices: Slices, rng: Generator) -> np.ndarray:
    """Honeycombs and strands along the border."""
    lung = _side(slices, rng)
    depth = np.stack([ndimage.distance_transform_edt(plane) for plane in lung])
    band = lung & (depth < rng.uniform(2, 9) + 2 * smooth_noise(slices.hu.shape, 4, rng))
    walls = smooth_noise(slices.hu.shape, float(rng.uniform(0.6, 1.5)), rng)
    comb = np.where(walls > rng.uniform(-0.4, 0.8), rng.uniform(-350, 50), rng.uniform(-960, -700))
    soft = ndimage.gaussian_filter(band.astype(np.float32), (0, 0.6, 0.6)) * lung
    return _blend(slices.hu, soft * rng.uniform(0.5, 1), np.maximum(comb, slices.hu - 250))


def _air(slices: Slices, region: np.ndarray, rng: Generator) -> np.ndarray:
    soft = ndimage.gaussian_filter(region.astype(np.float32), (0, 0.5, 0.5)) * (slices.lungs > 0)
    return _blend(slices.hu, soft, _grain(slices.hu.shape, rng.uniform(-1000, -960), rng))


def pneumothorax(slices: Slices, rng: Generator) -> np.ndarray:
    """Free air at the front of a lung, or all around a shrunken one."""
    lung = _side(slices, rng)
    rows = np.nonzero(lung)[1]
    if not len(rows):
        return slices.hu
    y = np.arange(slices.hu.shape[1])[None, :, None] + 0 * slices.hu
    if rng.random() < 0.6:
        return _air(slices, lung & (y < np.quantile(rows, rng.uniform(0.05, 0.7))), rng)
    depth = np.stack([ndimage.distance_transform_edt(plane) for plane in lung])
    shrunken = depth > depth.max() * rng.uniform(0.2, 0.7)
    dense = np.where(shrunken, np.maximum(slices.hu, rng.uniform(-700, 40)), slices.hu)
    part = Slices(dense, slices.lungs, slices.body, slices.spacing)
    return _air(part, lung & ~shrunken, rng)


def bullae(slices: Slices, rng: Generator) -> np.ndarray:
    """Big thin-walled air spaces."""
    lungs = slices.lungs > 0
    places, region = np.argwhere(lungs), np.zeros(lungs.shape, bool)
    if not len(places):
        return slices.hu
    grid = np.ogrid[tuple(slice(0, n) for n in lungs.shape)]
    for _ in range(int(rng.integers(1, 6))):
        centre, radius = places[rng.integers(len(places))], rng.uniform(6, 40)
        distance = sum(((g - c) * mm) ** 2 for g, c, mm in zip(grid, centre, slices.spacing))
        region |= lungs & (distance < radius**2)
    return _air(slices, region, rng)


KINDS: dict[str, tuple[float, Callable[[Slices, Generator], np.ndarray]]] = {
    "mass": (0.28, mass),
    "effusion": (0.19, effusion),
    "consolidation": (0.18, consolidation),
    "fibrosis": (0.06, fibrosis),
    "pneumothorax": (0.05, pneumothorax),
    "bullae": (0.05, bullae),
    "central mass": (0.19, central_mass),
}


def paint(slices: Slices, kind: str, rng: Generator) -> np.ndarray:
    """The slices' HU with one disease of `KINDS`; float32 (D,H,W)."""
    return np.asarray(KINDS[kind][1](slices, rng), np.float32)


def paint_some(slices: Slices, rng: Generator) -> np.ndarray:
    """The slices' HU with none to three diseases, kinds by their shares."""
    names, shares = list(KINDS), [share for share, _ in KINDS.values()]
    for kind in rng.choice(names, size=int(rng.choice(4, p=(0.2, 0.4, 0.28, 0.12))), p=shares):
        hu = paint(slices, str(kind), rng)
        slices = Slices(hu, slices.lungs, slices.body, slices.spacing)
    return slices.hu
