"""From the abnormality map to candidate regions: outline, size, place, HU against this patient's
own lung, and the findings whose denial asks for most change there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from DGMVLCCore.editing.asked import top_share
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location, locate
from DGMVLCCore.review.abnormality import Looked
from DGMVLCCore.review.crosscheck import Asked
from DGMVLCCore.review.score import strength

FLOOR, SHARE = 0.1, 0.5  # a candidate's peak on a map; its extent as a share of it
REACH_MM = 60.0  # how far a candidate reaches from its peak
CANDIDATES = 14  # peaks of a denial's map that are measured
ALIKE, SHARED = 0.5, 0.5  # IoU of two candidates that are one; share of a region within another
MOST = 8  # regions of a scan that are shown
SMALLEST_VOXELS = 6
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
    """A region where denying a finding asks for a change.

    Args:
        mask: bool (D,H,W) on the scan's grid. score: 0..1, for ranking; no probability of disease.
        location: side, zone, centre, size. change: HU against the own lung.
        phrases: the findings denied, that which asks for most change first.
    """

    mask: np.ndarray
    score: float
    location: Location
    change: Change
    phrases: list[Asked]


def peaks(
    values: np.ndarray,
    steps: tuple[float, float, float],
    *,
    floor: float = FLOOR,
    share: float = SHARE,
    most: int = CANDIDATES,
) -> list[tuple[np.ndarray, float]]:
    """The map's peaks, the highest first, each with the voxels around it that reach `share` of it
    and hang together.

    Args:
        values: float32 (D,h,w), 0 where nothing may be. steps: size of a voxel (z,y,x) in mm.

    Returns:
        bool masks (D,h,w) that do not overlap, and the peaks.
    """
    left = values.copy()
    reach = [max(int(REACH_MM / step), 1) for step in steps]
    found: list[tuple[np.ndarray, float]] = []
    while len(found) < most and left.max(initial=0.0) >= floor:
        top = np.unravel_index(int(left.argmax()), left.shape)
        box = tuple(slice(max(int(t) - r, 0), int(t) + r + 1) for t, r in zip(top, reach))
        parts, _ = ndimage.label(left[box] >= share * left[top])
        inside = parts == parts[tuple(int(t) - b.start for t, b in zip(top, box))]
        mask = np.zeros(left.shape, bool)
        mask[box] = inside
        found.append((mask, float(left[top])))
        # One finding has one peak: what touches it is not asked again.
        left[box][ndimage.binary_dilation(inside)] = 0
    return found


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


def shared_voxels(masks: list[np.ndarray]) -> np.ndarray:
    """(N,N) voxels that each two of N masks share; their sizes on the diagonal."""
    places = [np.flatnonzero(mask) for mask in masks]
    sizes = [len(place) for place in places]
    shape = (len(masks), masks[0].size if masks else 1)
    rows = np.repeat(np.arange(len(masks)), sizes)
    columns = np.concatenate([*places, np.empty(0, np.int64)])
    held = sparse.csr_array((np.ones(len(rows), np.int64), (rows, columns)), shape)
    return np.asarray((held @ held.T).toarray())


def candidates(looked: Looked) -> list[np.ndarray]:
    """Every place where a denial asks for a change, bool (D,S,T) each; a place that two denials ask
    for alike counts once."""
    drawn = [
        (peak, mask)
        for each in looked.asked
        for mask, peak in peaks(each, looked.region.spacing)
        if mask.sum() >= SMALLEST_VOXELS
    ]
    drawn.sort(key=lambda each: -each[0])
    masks = [mask for _, mask in drawn]
    shared, kept = shared_voxels(masks), list[int]()
    for index in range(len(masks)):
        union = shared[index, index] + np.diag(shared) - shared[index]
        if all(shared[index, other] < ALIKE * union[other] for other in kept):
            kept.append(index)
    return [masks[index] for index in kept]


def apart(shared: np.ndarray, scores: np.ndarray) -> list[int]:
    """Which candidates stay, the highest score first: none that lies mostly in, or holds most of,
    a higher one.

    Args:
        shared: as `shared_voxels` gives it. scores: (N,).
    """
    sizes, kept = np.diag(shared), list[int]()
    for index in np.argsort(-scores, kind="stable"):
        if all(shared[index, other] < SHARED * min(sizes[index], sizes[other]) for other in kept):
            kept.append(int(index))
    return kept


def peak_shares(looked: Looked, masks: list[np.ndarray]) -> np.ndarray:
    """(N,K) the most change that each denial asks for in N masks."""
    return np.array([[each[mask].max() for each in looked.asked] for mask in masks], np.float32)


def scored(looked: Looked) -> list[tuple[np.ndarray, float]]:
    """Candidates on the working grid (bool (D,S,T)) and their scores, the highest first."""
    masks = candidates(looked)
    if not masks:
        return []
    values = strength(peak_shares(looked, masks), looked.terms)
    return [(masks[i], float(values[i])) for i in apart(shared_voxels(masks), values)]


def asked_in(looked: Looked, mask: np.ndarray) -> list[Asked]:
    """Which denial asks for how much change in a region (bool (D,S,T)), the most first."""
    found = [Asked(term, top_share(each[mask])) for term, each in zip(looked.terms, looked.asked)]
    return sorted(found, key=lambda each: -each.share)


def find_candidates(
    looked: Looked, scan: Volume, anatomy: Anatomy, shown_from: float, most: int = MOST
) -> list[Candidate]:
    """Regions of a canonical scan worth showing, the highest score first.

    Args:
        scan, anatomy: canonical. shown_from: the lowest score.
    """
    drawn: list[tuple[float, np.ndarray, list[Asked]]] = []
    for region, value in scored(looked):
        if value < shown_from or len(drawn) == most:
            break
        mask = (looked.to_scan(region, scan.shape) > 0.5) & anatomy.lungs
        if mask.sum() >= SMALLEST_VOXELS:
            drawn.append((value, mask, asked_in(looked, region)))
    taken = np.zeros(scan.shape, bool)
    for _, mask, _ in drawn:
        taken |= mask
    return [
        Candidate(
            mask,
            value,
            locate(mask, anatomy, scan),
            change_of(mask, scan.array, anatomy.lungs, taken),
            phrases,
        )
        for value, mask, phrases in drawn
    ]
