"""Does the border of an edit show? The gradient on the mask's rim against the same rim on untouched
places of the scan."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.gates import gradient, mask_rim
from DGMVLCCore.stats import central

PLACEMENTS, FEWEST = (
    200,
    40,
)  # 40 are the fewest whose 2.5 % percentile is more than the smallest one
INNER = (
    2  # voxels from the lung's border; there the chest wall's edge, not the edit's, is the gradient
)
IN_LUNG = 0.9
TRIES, GLANCE = (
    40,
    64,
)  # draws for each place wanted; points that are looked at first, since most places fail


def inner_rim(mask: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """One voxel on either side of the mask's border in the slice, inside the lungs and off their
    border; bool (D,H,W)."""
    return mask_rim(mask) & _inner(lungs)


def _inner(lungs: np.ndarray) -> np.ndarray:
    return ndimage.binary_erosion(
        lungs, ndimage.generate_binary_structure(2, 1)[None], iterations=INNER
    )


def untouched_rims(
    scan: np.ndarray,
    mask: np.ndarray,
    lungs: np.ndarray,
    seed: int = 0,
    placements: int = PLACEMENTS,
) -> np.ndarray:
    """Mean gradient, HU a voxel, of the mask's rim laid on up to `placements` untouched places of
    the same slices, also mirrored.

    A place counts when nine tenths of the rim lie in the lungs and none of it in or beside the
    mask. Places overlap, so they are not independent.
    """
    rows = mask.any((1, 2))
    scan, mask, lungs = scan[rows], mask[rows], lungs[rows]
    inner, rng, found = _inner(lungs), np.random.default_rng(seed), []
    near = ndimage.binary_dilation(
        mask, np.ones((1, 3, 3)), iterations=2
    )  # a gradient reads one voxel beyond its own
    steep = gradient(scan)
    points, size = np.argwhere(mask_rim(mask) & inner), np.array(mask.shape[1:])
    some = rng.permutation(len(points))[:GLANCE]
    for _ in range(TRIES * placements if len(points) else 0):
        flat = points[:, 1:] - points[:, 1:].min(0)
        span = flat.max(0) + 1
        flat = np.where(rng.integers(0, 2, 2) > 0, span - 1 - flat, flat) + rng.integers(
            0, size - span + 1
        )
        at = (points[:, 0], flat[:, 0], flat[:, 1])
        glance = tuple(a[some] for a in at)
        if near[glance].any() or inner[glance].mean() < IN_LUNG - 0.2:
            continue
        inside = inner[at]
        if inside.mean() > IN_LUNG and not near[at].any():
            found.append(float(steep[at][inside].mean()))
        if len(found) == placements:
            break
    return np.array(found)


def rim_within_range(
    made: np.ndarray, scan: np.ndarray, mask: np.ndarray, lungs: np.ndarray, seed: int = 0
) -> bool | None:
    """Whether the edit's rim gradient lies within the 2.5-97.5 % range of the same rim on untouched
    places of the scan.

    Args:
        made: the edited scan, HU (D,H,W). scan: the scan that was edited. mask, lungs: bool
            (D,H,W). seed: of the places.

    Returns:
        None where fewer than 40 places hold the rim (a mask about as large as the lung), so that
        nothing can be said.
        An untouched rim itself passes 95 times in 100 where places are alike.
    """
    return within_places(made, untouched_rims(scan, mask, lungs, seed), mask, lungs)


def within_places(
    made: np.ndarray, places: np.ndarray, mask: np.ndarray, lungs: np.ndarray
) -> bool | None:
    """`rim_within_range` with the gradients of `untouched_rims` at hand, for several edits under
    one mask."""
    if len(places) < FEWEST:
        return None
    low, high = central(places)
    rows = mask.any((1, 2))
    return bool(low <= gradient(made[rows])[inner_rim(mask[rows], lungs[rows])].mean() <= high)
