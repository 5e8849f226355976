"""What is measured of a candidate region, so that vessels and the hilum can be told from findings:
what the denials ask for, size, density, how it goes on around it, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DGMVLCCore.imaging.anatomy import LEFT, RIGHT
from DGMVLCCore.models.region import Region
from DGMVLCCore.review.abnormality import Looked

RING_MM = (1.5, 6.0)  # around a candidate, where its surroundings are measured
VESSEL_HU = -600.0  # denser: vessel, wall or disease
FAR_MM = 80.0
PERCENT = 90


def feature_names(terms: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the features, in order, when these findings are denied."""
    return (
        *(f"{term}: peak" for term in terms),
        *(f"{term}: mean" for term in terms),
        "log volume",
        "log axial size",
        "log height",
        "elongation",
        "flatness",
        "mean HU against the lung",
        "dense HU against the lung",
        "contrast to its ring",
        "ring that is dense",
        "dense above and below",
        "depth under the pleura",
        "distance to the mediastinum",
        "place along the lungs",
        "step between slices",
    )


def mediastinum(labels: np.ndarray) -> np.ndarray:
    """bool (D,S,T): what is no lung and has the right lung on one side of its row and the left one
    on the other."""
    between = np.zeros(labels.shape, bool)
    for first, second in ((RIGHT, LEFT), (LEFT, RIGHT)):
        before = np.maximum.accumulate(labels == first, axis=2)
        after = np.maximum.accumulate((labels == second)[..., ::-1], axis=2)[..., ::-1]
        between |= before & after
    return between & ~np.isin(labels, (LEFT, RIGHT))


@dataclass(eq=False)
class Surroundings:
    """What the features of every candidate of a scan share.

    Args:
        lung_hu: median of the lungs. depth, hilum: float32 (D,S,T), mm to the lungs' border and to
            the mediastinum, in the slice. heights: (D,), 0 base to 1 apex.
    """

    region: Region
    lung_hu: float
    depth: np.ndarray
    hilum: np.ndarray
    heights: np.ndarray

    @classmethod
    def of(cls, region: Region) -> Surroundings:
        """Measured once of the working region."""
        lungs, middle = region.lungs, mediastinum(region.labels)
        pixel = region.spacing[1:]
        depth, hilum = (np.full(lungs.shape, FAR_MM, np.float32) for _ in range(2))
        for z in np.nonzero(lungs.any((1, 2)))[0]:
            depth[z] = ndimage.distance_transform_edt(lungs[z], sampling=pixel)
            if middle[z].any():
                hilum[z] = ndimage.distance_transform_edt(~middle[z], sampling=pixel)
        rows = np.nonzero(lungs.any((1, 2)))[0]
        heights = (np.arange(len(lungs)) - rows[0]) / max(np.ptp(rows), 1)
        return cls(region, float(np.median(region.hu[lungs])), depth, hilum, heights)


def _shape(points: np.ndarray) -> tuple[float, float]:
    """How long and how flat points (N,3) in mm are: shares of the first and last principal axis."""
    if len(points) < 4:
        return 0.0, 0.0
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)).clip(1e-3))
    return float(np.log(spread[2] / spread[1])), float(np.log(spread[1] / spread[0]))


def _goes_on(hu: np.ndarray, mask: np.ndarray, level: float) -> float:
    """Share of a candidate's footprint that is dense just above or below it, the larger."""
    filled = np.nonzero(mask.any((1, 2)))[0]
    shares = []
    for row, step in ((filled[0], -1), (filled[-1], 1)):
        beyond = row + step
        if 0 <= beyond < len(hu):
            shares.append(float((hu[beyond][mask[row]] > level).mean()))
    return max(shares, default=0.0)


def measure(looked: Looked, around: Surroundings, mask: np.ndarray) -> np.ndarray:
    """(F,) features of a candidate, bool (D,S,T) on the working grid and not empty."""
    where = np.argwhere(mask)
    pixel = float(looked.region.spacing[1])
    grow = [1, *(int(RING_MM[1] / pixel) + 2,) * 2]
    low = np.maximum(where.min(0) - grow, 0)
    box = tuple(slice(int(a), int(b) + g + 1) for a, b, g in zip(low, where.max(0), grow))
    inside, hu = mask[box], np.clip(around.region.hu[box], -1024, 200)
    lungs = around.region.lungs[box]
    asked = looked.asked[(slice(None), *box)][:, inside]
    away = np.stack([ndimage.distance_transform_edt(~plane) * pixel for plane in inside])
    ring = (away > RING_MM[0]) & (away <= RING_MM[1]) & inside.any((1, 2))[:, None, None]
    outside = hu[ring & lungs] if (ring & lungs).any() else np.array([around.lung_hu])
    values = hu[inside]
    dense = float(np.percentile(values, PERCENT))
    spacing = np.array(looked.region.spacing)
    long, flat = _shape(where * spacing)
    sides = np.ptp(where, axis=0) * spacing + spacing
    centre = tuple(np.rint(where.mean(0)).astype(int))
    return np.array(
        [
            *asked.max(1),
            *asked.mean(1),
            np.log(len(where) * np.prod(spacing)),
            np.log(max(sides[1:])),
            np.log(sides[0]),
            long,
            flat,
            (values.mean() - around.lung_hu) / 100,
            (dense - around.lung_hu) / 100,
            (values.mean() - np.median(outside)) / 100,
            float((hu[ring] > VESSEL_HU).mean()) if ring.any() else 0.0,
            _goes_on(hu, inside, (dense + around.lung_hu) / 2),
            min(float(around.depth[mask].mean()), 40.0) / 10,
            min(float(around.hilum[mask].min()), FAR_MM) / 10,
            float(around.heights[centre[0]]),
            np.log(spacing[0]),
        ],
        np.float32,
    )
