"""From the abnormality map to candidate regions: outline, size, place, HU against this patient's
own lung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location, locate
from DGMVLCCore.review.abnormality import Looked
from DGMVLCCore.review.crosscheck import Asked
from DGMVLCCore.review.ranking import SMALLEST_VOXELS, Place

PLACES, PROBES, ENOUGH = (
    400,
    1500,
    20,
)  # drawn places, voxels compared in each, places needed for a range
INSIDE = 0.9


@dataclass(frozen=True)
class Change:
    """How a region's HU differ from this patient's own clear lung.

    Args:
        hu: mean of the region minus the median of the means of equally shaped places. low, high:
            the same minus their 97.5th and 2.5th percentile.
        mean_hu: the region's mean. places: how many such places; with fewer than 20 the lung's
            median is used, without a range.
    """

    hu: float
    low: float | None
    high: float | None
    mean_hu: float
    places: int


@dataclass(frozen=True, eq=False)
class Candidate:
    """A region that looks like disease.

    Args:
        mask: bool (D,H,W) on the scan's grid. score: 0..1, for ranking; no probability of disease.
        location: side, zone, centre, size. change: HU against the own lung.
        phrases: findings and how much change denying each asks the editor for there, that which
            asks for most first.
    """

    mask: np.ndarray
    score: float
    location: Location
    change: Change
    phrases: list[Asked]


def change_of(
    mask: np.ndarray, hu: np.ndarray, lungs: np.ndarray, taken: np.ndarray, seed: int = 0
) -> Change:
    """Compare a region's mean HU with the means of places of the same shape elsewhere in this
    patient's lungs.

    Args:
        mask: bool (D,H,W), not empty. hu: (D,H,W) HU. lungs: bool. taken: bool, regions that are no
            clear lung (this one among them).
    """
    rng, where = np.random.default_rng(seed), np.argwhere(mask)
    mean = float(hu[mask].mean())
    probes = where[rng.choice(len(where), min(PROBES, len(where)), replace=False)]
    clear = lungs & ~taken
    centres = np.argwhere(clear)
    means = []
    if len(centres):
        middle = np.rint(where.mean(0)).astype(int)
        for centre in centres[rng.integers(len(centres), size=PLACES)]:
            at = probes + (centre - middle)
            at = at[((at >= 0) & (at < mask.shape)).all(1)]
            inside = at[clear[tuple(at.T)]] if len(at) else at
            if len(inside) >= INSIDE * len(probes):
                means.append(float(hu[tuple(inside.T)].mean()))
    if len(means) < ENOUGH:
        own = hu[clear] if clear.any() else hu[lungs]
        return Change(mean - float(np.median(own)), None, None, mean, len(means))
    low, middle_hu, high = np.percentile(means, (2.5, 50, 97.5))
    return Change(mean - float(middle_hu), mean - float(high), mean - float(low), mean, len(means))


def find_candidates(
    places: Sequence[Place], looked: Looked, scan: Volume, anatomy: Anatomy
) -> list[Candidate]:
    """Places of the map as regions of the scan.

    Args:
        scan, anatomy: canonical.
    """
    drawn: list[tuple[Place, np.ndarray]] = []
    for place in places:
        mask = (looked.to_scan(place.mask, scan.shape) > 0.5) & anatomy.lungs
        if mask.sum() >= SMALLEST_VOXELS:
            drawn.append((place, mask))
    taken = np.zeros(scan.shape, bool)
    for _, mask in drawn:
        taken |= mask
    return [
        Candidate(
            mask,
            place.score,
            locate(mask, anatomy, scan),
            change_of(mask, scan.array, anatomy.lungs, taken),
            place.asked,
        )
        for place, mask in drawn
    ]
