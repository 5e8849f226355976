"""Thirds of the lung, and where a region lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import box_around, lung_region
from DGMVLCCore.imaging.volume import Volume

ZONES = ("lower", "middle", "upper")
MIN_THIRDS_MM = 60.0  # with less lung in view there are no honest thirds


@dataclass(frozen=True)
class Location:
    """Where a region lies: side, zone, centre (LPS mm), volume, largest axial diameter."""

    side: str | None
    zone: str | None
    centre_mm: tuple[float, float, float]
    volume_ml: float
    diameter_mm: float


def zone_edges(lungs: np.ndarray) -> tuple[float, float]:
    """Canonical z indices between lower and middle, and middle and upper third of the lung that is
    in view."""
    rows = np.nonzero(lungs.any((1, 2)))[0]
    if not len(rows):
        return 0.0, 0.0
    third = (rows[-1] - rows[0] + 1) / 3
    return float(rows[0] + third), float(rows[0] + 2 * third)


def thirds_in_view(edges: tuple[float, float], step_mm: float) -> bool:
    """True when enough lung is in view for its thirds to mean something; edges from `zone_edges`,
    step between slices."""
    return 3 * (edges[1] - edges[0]) * step_mm >= MIN_THIRDS_MM


def height(edges: tuple[float, float], z: Any) -> Any:
    """Place of a slice (or of an array of slices) along the lungs, 0 = base, 1 = apex, from the
    borders of their thirds."""
    low, high = edges
    return np.clip((z - 2 * low + high) / (3 * (high - low) + 1e-6), 0, 1)


def zone_region(anatomy: Anatomy, volume: Volume, side: str | None, zone: str | None) -> np.ndarray:
    """A lung's upper, middle or lower third, bool (D,H,W) on the scan's own grid; the whole lung
    where too little is in view for thirds."""
    scan, turn = volume.canonical()
    mask = turn.apply(lung_region(anatomy, side)).copy()
    low, high = zone_edges(turn.apply(anatomy.lungs))
    if zone in ZONES and thirds_in_view((low, high), scan.spacing[0]):
        index = np.arange(len(mask))
        keep = {
            "lower": index < low,
            "middle": (index >= low) & (index < high),
            "upper": index >= high,
        }[zone]
        mask[~keep] = False
    return turn.restore(mask)


def axial_diameter(region: np.ndarray, spacing: tuple[float, float, float]) -> float:
    """Longest side in mm, along x or y, that a region (canonical, bool (D,H,W), not empty) has in
    any slice."""
    where = np.argwhere(region[box_around(region)])
    sides = [
        np.ptp(where[where[:, 0] == z][:, 1:] * spacing[1:], axis=0) for z in np.unique(where[:, 0])
    ]
    return float(np.max(sides) + spacing[1])


def locate(mask: np.ndarray, anatomy: Anatomy, volume: Volume) -> Location:
    """Describe a region (bool (D,H,W) on the scan's grid) by side, zone, centre and size."""
    scan, turn = volume.canonical()
    region, labels = turn.apply(mask), turn.apply(anatomy.labels)
    left, right = int((labels[region] == 2).sum()), int((labels[region] == 3).sum())
    side = (
        None
        if not left + right
        else "left"
        if left > 4 * right
        else "right"
        if right > 4 * left
        else "bilateral"
    )
    box = box_around(region)
    where = np.argwhere(region[box]) + [side.start for side in box]
    low, high = zone_edges(Anatomy(labels).lungs)
    middle = float(where[:, 0].mean())
    zone: str | None = "lower" if middle < low else "middle" if middle < high else "upper"
    if not thirds_in_view((low, high), scan.spacing[0]):
        zone = None
    x, y, z = (float(c) for c in (scan.affine @ np.append(where.mean(0)[::-1], 1.0))[:3])
    volume_ml = len(where) * float(np.prod(scan.spacing)) / 1000
    return Location(side, zone, (x, y, z), volume_ml, axial_diameter(region, scan.spacing))
