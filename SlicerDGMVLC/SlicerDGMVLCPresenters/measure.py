"""Measured on the picture: a length, and mean and spread of an area on every image beside it.

Arrays are (D,H,W), spacing is (z,y,x) in mm; a plane is the index of the axis across it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .region_tools import Spacing, Voxel


@dataclass(frozen=True)
class Ellipse:
    """An area in a plane. box: its voxels' place; inside: bool, of the box's shape; cm2: size."""

    box: tuple[slice, ...]
    inside: np.ndarray
    cm2: float


def ellipse(
    shape: tuple[int, ...], spacing: Spacing, corner: Voxel, opposite: Voxel, plane: int
) -> Ellipse | None:
    """The ellipse inside the rectangle of two voxels of a plane; None outside the scan."""
    low = [min(a, b) for a, b in zip(corner, opposite)]
    high = [max(a, b) for a, b in zip(corner, opposite)]
    low[plane] = high[plane] = corner[plane]
    box = tuple(slice(max(round(a), 0), min(round(b) + 1, n)) for a, b, n in zip(low, high, shape))
    if any(part.start >= part.stop for part in box):
        return None
    squared: np.ndarray = np.zeros((1, 1, 1))
    for axis, (a, b) in enumerate(zip(low, high)):
        if axis != plane:
            half = max((b - a) / 2, 0.5)
            along = np.arange(box[axis].start, box[axis].stop)
            place = [-1 if i == axis else 1 for i in range(3)]
            squared = squared + (((along - (a + b) / 2) / half) ** 2).reshape(place)
    inside = np.asarray(squared <= 1.0)
    inside = np.broadcast_to(inside, tuple(part.stop - part.start for part in box))
    pixel = float(np.prod([s for i, s in enumerate(spacing) if i != plane])) / 100
    return Ellipse(box, inside, float(np.count_nonzero(inside)) * pixel)


def area_words(area: Ellipse, images: list[tuple[str, np.ndarray]]) -> str:
    """Size, then mean and standard deviation on each named image, HU."""
    if not area.inside.any():
        return ""
    said = [f"{area.cm2:.1f} cm²"]
    for name, image in images:
        values = image[area.box][area.inside].astype(np.float64)
        said.append(f"{name} {values.mean():.0f} ± {values.std():.0f} HU".replace("-", "\u2212"))
    return " · ".join(said)


def length_words(start: Voxel, stop: Voxel) -> str:
    """Length between two places in mm."""
    return f"{float(np.linalg.norm(np.subtract(start, stop))):.1f} mm"
