"""From the abnormality map to candidate regions: outline, size, place, HU against this patient's
own lung, and the findings that fit best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.resample import paste, resize_in_plane
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location, locate
from DGMVLCCore.models.alignment import AlignmentPipeline, Match
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.region import Region
from DGMVLCCore.review.abnormality import VESSEL_MM, Cells

FLOOR, SHARE = 0.1, 0.5  # a candidate's peak; its extent as a share of it
REACH_MM = 60.0  # how far a candidate reaches from its peak
MOST = 8  # candidates of a scan that are measured and shown
SMALLEST_VOXELS = 6
DENSER_HU = 150.0  # less above the lung is no density with a border of its own
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
    """A region that does not fit a clear lung of this patient.

    Args:
        mask: bool (D,H,W) on the scan's grid. score: the map's peak 0..1, for ranking; no
            probability of disease. location: side, zone, centre, size.
        change: HU against the own lung. phrases: findings and clear lung, the best fitting first.
    """

    mask: np.ndarray
    score: float
    location: Location
    change: Change
    phrases: list[Match]


def peaks(
    values: np.ndarray,
    steps: tuple[float, float, float],
    *,
    floor: float = FLOOR,
    share: float = SHARE,
    most: int = MOST,
) -> list[tuple[np.ndarray, float]]:
    """The map's peaks, the highest first, each with the cells around it that reach `share` of it
    and hang together.

    Args:
        values: float32 (D,h,w), 0 where nothing may be. steps: size of a cell (z,y,x) in mm.

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


def outline(cells: np.ndarray, region: Region) -> np.ndarray:
    """Cells (D,h,w) -> the region they mean on the working grid, bool (D,S,T).

    What is denser than the lung gets its own border, halfway between this patient's lung and its
    densest tenth, without the thin vessels it
    touches; what is not keeps the cells' lung.
    """
    lungs = np.isin(region.labels, (2, 3))
    where = np.argwhere(cells)
    box = tuple(
        slice(max(int(a) - 1, 0) * scale, (int(b) + 2) * scale)
        for a, b, scale in zip(where.min(0), where.max(0), (1, PATCH, PATCH))
    )
    blob = (
        cells[tuple(slice(b.start // s, b.stop // s) for b, s in zip(box, (1, PATCH, PATCH)))]
        .repeat(PATCH, 1)
        .repeat(PATCH, 2)
    )
    out, inside = np.zeros(lungs.shape, bool), blob & lungs[box]
    out[box] = inside
    if not inside.any():
        return out
    own, dense = (
        float(np.median(region.hu[lungs])),
        float(np.percentile(region.hu[box][inside], 90)),
    )
    if dense - own < DENSER_HU:
        return out
    near = ndimage.binary_dilation(blob, np.ones((1, 3, 3), bool), iterations=PATCH)
    solid = (region.hu[box] > (own + dense) / 2) & near & lungs[box]
    width = max(int(round(VESSEL_MM / region.spacing[1])), 3)
    thick = ndimage.binary_opening(solid, np.ones((1, width, width), bool))
    solid = thick if (thick & blob).any() else solid
    parts, _ = ndimage.label(solid)
    kept = np.unique(parts[blob & solid])
    grown = np.isin(parts, kept[kept > 0])
    if grown.sum() >= SMALLEST_VOXELS:
        out[box] = ndimage.binary_closing(grown, np.ones((1, 3, 3), bool)) | grown
    return out


def to_scan(mask: np.ndarray, region: Region, shape: tuple[int, int, int]) -> np.ndarray:
    """bool (D,S,T) on the working grid -> bool of the canonical scan's shape, by nearest voxels."""
    y0, y1, x0, x1 = region.box
    values = mask.astype(np.uint8)
    out = np.zeros(shape, np.uint8)
    rows = np.nonzero(mask.any((1, 2)))[0]
    if len(rows):
        part = values[rows[0] : rows[-1] + 1]
        part = part if region.native else resize_in_plane(part, (y1 - y0, x1 - x0), order=0)
        first = region.rows[0] + int(rows[0])
        paste(part, region.box, out[first : first + len(part)])
    return out > 0


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
    pipe: AlignmentPipeline,
    scan: Volume,
    anatomy: Anatomy,
    cells: Cells,
    values: np.ndarray,
    *,
    floor: float = FLOOR,
    most: int = MOST,
) -> list[Candidate]:
    """Candidate regions of a canonical scan, those with the highest peak first.

    Args:
        scan, anatomy: canonical. values: the abnormality map (D,h,w). floor: peaks below it are no
            candidates.
    """
    steps = (scan.spacing[0], PATCH * cells.region.spacing[1], PATCH * cells.region.spacing[2])
    drawn = []
    for cell_mask, peak in peaks(values, steps, floor=floor, most=most):
        mask = to_scan(outline(cell_mask, cells.region), cells.region, scan.shape) & anatomy.lungs
        if mask.sum() >= SMALLEST_VOXELS:
            drawn.append((peak, mask))
    taken = np.zeros(scan.shape, bool)
    for _, mask in drawn:
        taken |= mask
    return [
        Candidate(
            mask,
            peak,
            locate(mask, anatomy, scan),
            change_of(mask, scan.array, anatomy.lungs, taken),
            pipe.explain(scan, anatomy, mask),
        )
        for peak, mask in drawn
    ]
