"""Put a lesion of known shape, size and place into a real scan; the untouched scan is the true
counterfactual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.simulation import shapes, tissue
from DGMVLCCore.simulation.patch import ScanPatch
from DGMVLCCore.simulation.texture import scan_noise

TERM_OF_KIND = {
    "smooth_nodule": "nodule",
    "lobulated_nodule": "nodule",
    "spiculated_nodule": "nodule",
    "part_solid_nodule": "part-solid nodule",
    "ground_glass": "ground-glass opacity",
    "consolidation": "consolidation",
    "emphysema": "emphysema",
    "reticulation": "reticulation",
    "honeycombing": "honeycombing",
    "effusion": "pleural effusion",
}
KINDS = tuple(TERM_OF_KIND)
# For training alone: haze of many patches and textures, so that none is told by its making.
PATCHY_HAZE = "patchy_haze"
OPACITY, INFILTRATE = "opacity", "infiltrate"  # as those, hazy and dense, of any shape besides
MASS = "mass"  # for training alone, too: larger than the nodules, of any border that is taught
TERMS_OF_ALL = {
    **TERM_OF_KIND,
    PATCHY_HAZE: "ground-glass opacity",
    OPACITY: "ground-glass opacity",
    INFILTRATE: "consolidation",
    MASS: "nodule",
}
HELD_OUT_KIND = "lobulated_nodule"
FILLED = {OPACITY: (0.1, 0.55), INFILTRATE: (0.55, 1.0)}  # share of the air that is taken
MASS_SHAPES = ("smooth_nodule", "spiculated_nodule")
NODULES = ("smooth_nodule", "lobulated_nodule", "spiculated_nodule", "part_solid_nodule")
SIZE_MM = {
    **dict.fromkeys(NODULES, (4.0, 35.0)),
    "part_solid_nodule": (8.0, 32.0),
    "effusion": (10.0, 45.0),
    **dict.fromkeys((PATCHY_HAZE, OPACITY, INFILTRATE), (15.0, 110.0)),
    MASS: (30.0, 90.0),
}
DIFFUSE_SIZE_MM = (18.0, 65.0)


@dataclass(frozen=True, eq=False)
class Lesion:
    """A lesion and all that is known of it.

    Args:
        hu: float32 (D,H,W), the patch with the lesion; equal to the patch where `soft` is 0.
        soft: float32 (D,H,W) membership 0..1. mask: bool, soft > 0.1.
        kind: one of `KINDS`. term: the finding it is called. size_mm: diameter (effusion: depth).
    """

    hu: np.ndarray
    soft: np.ndarray
    mask: np.ndarray
    kind: str
    term: str
    side: str | None
    zone: str | None
    size_mm: float
    descriptors: tuple[str, ...] = ()


def draw_size(kind: str, rng: np.random.Generator) -> float:
    """Diameter in mm, log-uniform over the kind's range."""
    low, high = SIZE_MM.get(kind, DIFFUSE_SIZE_MM)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_centre(
    patch: ScanPatch, kind: str, size: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """A lung voxel deep enough for a small nodule; subpleural kinds near the wall."""
    depth = shapes.wall_distance(patch.lungs > 0, patch.spacing)
    subpleural = kind in ("reticulation", "honeycombing", "effusion")
    wanted = (depth > 1) & (depth < 12) if subpleural else depth > min(size / 3, 6)
    points = np.argwhere(wanted if wanted.any() else patch.lungs > 0)
    if not len(points):
        raise UnsuitableInputError(
            "The patch shows no lung, so no lesion can be put there; choose a slice through the "
            "lungs."
        )
    z, y, x = points[rng.integers(len(points))] + rng.uniform(-0.3, 0.3, 3)
    return float(z), float(y), float(x)


def _make(
    patch: ScanPatch,
    kind: str,
    centre: tuple[float, float, float],
    size: float,
    contrast: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Voxels with the lesion (before the lung limits it) and its soft membership."""
    hu, spacing, shape = patch.hu, patch.spacing, patch.hu.shape
    noise = scan_noise(shape, patch.noise, spacing, rng)
    radius = size / 2
    if kind == MASS:
        kind, contrast = str(rng.choice(MASS_SHAPES)), max(contrast, 0.8)
    if kind in ("smooth_nodule", "lobulated_nodule", "spiculated_nodule"):
        soft = getattr(shapes, kind)(shape, centre, radius, spacing, rng)
        density = rng.uniform(-10, 60) * contrast - 250 * (1 - contrast)
        return tissue.solid(hu, soft, density, noise, spacing, rng), soft
    if kind == "part_solid_nodule":
        return _part_solid(patch, centre, radius, contrast, noise, rng)
    if kind == "effusion":
        at = tuple(int(round(c)) for c in np.clip(centre, 0, np.array(shape) - 1))
        lung = (patch.lungs == patch.lungs[at]) & (patch.lungs > 0)
        soft = shapes.effusion_depth(lung, spacing, size, rng)
        return hu * (1 - soft) + (rng.uniform(3, 22) + noise) * soft, soft
    if kind in ("reticulation", "honeycombing"):
        soft = shapes.subpleural(patch.lungs > 0, centre, radius, spacing, rng)
        strength = rng.uniform(0.5, 1.0) * contrast
        return getattr(tissue, kind)(hu, soft, strength, noise, spacing, rng), soft
    if kind == PATCHY_HAZE:
        soft = shapes.patches(patch.lungs > 0, centre, radius, spacing, rng)
        return tissue.patchy_haze(hu, soft, contrast, noise, spacing, rng), soft
    if kind in FILLED:
        soft = shapes.opacity(patch.lungs > 0, centre, radius, spacing, rng)
        filled = float(np.exp(rng.uniform(*np.log(FILLED[kind])))) * min(contrast + 0.3, 1.1)
        return tissue.mixed_opacity(hu, soft, filled, noise, spacing, rng), soft
    recipe: dict[str, tuple[Callable[..., np.ndarray], float]] = {
        "ground_glass": (tissue.ground_glass, rng.uniform(0.28, 0.55) * contrast),
        "consolidation": (tissue.consolidation, rng.uniform(15, 65)),
        "emphysema": (tissue.emphysema, rng.uniform(0.4, 1.0) * contrast),
    }
    make, strength = recipe[kind]
    soft = shapes.blot(shape, centre, radius, spacing, rng)
    return make(hu, soft, strength, noise, spacing, rng), soft


def _part_solid(
    patch: ScanPatch,
    centre: tuple[float, float, float],
    radius: float,
    contrast: float,
    noise: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A solid core in a hazy halo: its voxels and its soft membership."""
    hu, spacing, shape = patch.hu, patch.spacing, patch.hu.shape
    halo = shapes.blot(shape, centre, radius, spacing, rng, uneven=0.08, edge_mm=2.0)
    core = shapes.smooth_nodule(shape, centre, radius * rng.uniform(0.35, 0.6), spacing, rng)
    hazy = tissue.ground_glass(hu, halo, rng.uniform(0.3, 0.5) * contrast, noise, spacing, rng)
    solid = tissue.solid(hazy, core, rng.uniform(-10, 50), noise, spacing, rng)
    return solid, np.maximum(halo, core)


def _box(
    patch: ScanPatch, kind: str, centre: tuple[float, float, float], size: float
) -> tuple[slice, slice, slice]:
    """In-plane box that holds the lesion; all slices, because they are few. Fluid follows the whole
    lung."""
    if kind == "effusion":
        return slice(None), slice(None), slice(None)
    reach = 1.1 * size + 14 if kind in ("reticulation", "honeycombing") else 0.95 * size + 10
    cut = [slice(None)]
    for c, s, n in zip(centre[1:], patch.spacing[1:], patch.hu.shape[1:]):
        low = int(np.clip(np.floor(c - reach / s), 0, n - 2))
        cut.append(slice(low, max(int(np.ceil(c + reach / s)) + 1, low + 2)))
    return cut[0], cut[1], cut[2]


def lung_limit(patch: ScanPatch, kind: str) -> np.ndarray:
    """How far a lesion may change each voxel: 1 in the lung and in its half-air rim, 0 in the chest
    wall."""
    inside = patch.lungs > 0
    limit = np.clip(2 * ndimage.gaussian_filter(inside.astype(np.float32), (0, 0.7, 0.7)), 0, 1)
    if kind in ("emphysema", "reticulation", "honeycombing"):
        return limit * inside
    # A lung mask ends a voxel or two early; unfilled, that rim stays as a dark line between the
    # lesion and the wall.
    steps = max(int(round(2.0 / patch.spacing[1])), 1)
    rim = (
        ndimage.binary_dilation(
            inside, ndimage.generate_binary_structure(2, 1)[None], iterations=steps
        )
        & ~inside
    )
    return np.where(
        rim, np.clip((-20 - patch.hu) / 150, 0, 1) * (patch.hu > -750), np.where(inside, 1, 0)
    ).astype(np.float32)


def insert_lesion(
    patch: ScanPatch,
    kind: str,
    rng: np.random.Generator,
    *,
    centre: tuple[float, float, float] | None = None,
    size_mm: float | None = None,
    contrast: float | None = None,
) -> Lesion:
    """Insert one lesion in 3D.

    Args:
        patch: region of a real scan, HU.
        kind: one of `KINDS` or of those for training alone. rng: all randomness comes from here.
        centre: (z,y,x) in voxels; drawn inside the lung when None. size_mm: diameter; drawn when
            None.
        contrast: 1 is typical, lower is subtler; drawn in 0.6..1.1 when None.

    Raises:
        UsageError: unknown kind. UnsuitableInputError: no lung in the patch.
    """
    if kind not in TERMS_OF_ALL:
        raise UsageError(f"There is no lesion kind {kind!r}; choose one of {', '.join(KINDS)}.")
    size = draw_size(kind, rng) if size_mm is None else float(size_mm)
    place = draw_centre(patch, kind, size, rng) if centre is None else centre
    strength = float(rng.uniform(0.6, 1.1)) if contrast is None else float(contrast)
    box = _box(patch, kind, place, size)
    part = replace(patch, hu=patch.hu[box], lungs=patch.lungs[box])
    start = (place[0], place[1] - (box[1].start or 0), place[2] - (box[2].start or 0))
    changed, member = _make(part, kind, start, size, strength, rng)
    limit = lung_limit(part, kind)
    weight = limit * np.clip((member - 0.02) / 0.05, 0, 1)
    hu, soft = patch.hu.copy(), np.zeros(patch.hu.shape, np.float32)
    hu[box] += (changed - part.hu) * weight
    soft[box] = np.where(weight > 0, member * limit, 0)
    descriptors = ("spiculated",) if kind == "spiculated_nodule" else ()
    return lesion_in(patch, hu, soft, kind, TERMS_OF_ALL[kind], size, descriptors)


def lesion_in(
    patch: ScanPatch,
    hu: np.ndarray,
    soft: np.ndarray,
    kind: str,
    term: str,
    size_mm: float,
    descriptors: tuple[str, ...],
) -> Lesion:
    """A lesion put into a patch, with its mask and where in the lungs that lies; `hu` and `soft`
    (membership) are on the patch's grid."""
    mask = (soft > 0.1) & (patch.lungs > 0)
    side, zone = side_of(patch, mask), zone_of(patch, mask)
    return Lesion(hu, soft, mask, kind, term, side, zone, size_mm, descriptors)


def side_of(patch: ScanPatch, mask: np.ndarray) -> str | None:
    left, right = int((patch.lungs[mask] == 1).sum()), int((patch.lungs[mask] == 2).sum())
    if not left + right:
        return None
    return "left" if left > 4 * right else "right" if right > 4 * left else "bilateral"


def zone_of(patch: ScanPatch, mask: np.ndarray) -> str | None:
    rows = np.nonzero(mask.any((1, 2)))[0]
    if not len(rows):
        return None
    low, high = patch.zone_edges
    middle = float(np.average(rows, weights=mask.sum((1, 2))[rows]))
    return "lower" if middle < low else "middle" if middle < high else "upper"
