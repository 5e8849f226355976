"""Where along the slices a scan was changed: the largest one, and the marks beside the slider."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk

from .readout import array_of, plane_of
from .views import Views

MARK = "242,178,52"


def change_along(values: Any, volume: Any, views: Views, name: str) -> tuple[np.ndarray, int]:
    """How much each slice of the view holds, 0..1, and the number of the fullest one, from 1; 0
    when none holds anything.

    Args:
        values: a volume node, or an array (D,H,W) on the grid of `volume`.
    """
    _, count = views.position(name)
    along = np.zeros(count)
    if not count:
        return along, 0
    array = values if isinstance(values, np.ndarray) else array_of(values)
    plane = plane_of(views.view(name), volume)
    sums = np.array([float(np.abs(part).sum()) for part in np.moveaxis(array, plane, 0)])
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    middle = [(n - 1) / 2 for n in array.shape]
    for index in np.flatnonzero(sums):
        at = [float(index) if axis == plane else m for axis, m in enumerate(middle)]
        ras = matrix.MultiplyPoint((at[2], at[1], at[0], 1.0))[:3]
        along[views.slice_at(name, ras) - 1] += sums[index]
    if not along.any():
        return along, 0
    return along / along.max(), int(along.argmax()) + 1


def strip(along: np.ndarray) -> str:
    """The marks as a CSS background, one band a slice; "" for none."""
    if len(along) < 2 or not along.any():
        return ""
    step = 100 / (len(along) - 1)
    bands = []
    for index in np.flatnonzero(along):
        low, high = max((index - 0.5) * step, 0), min((index + 0.5) * step, 100)
        color = f"rgba({MARK},{0.3 + 0.7 * along[index]:.2f})"
        bands += [f"transparent {low:.2f}%", f"{color} {low:.2f}% {high:.2f}%"]
        bands.append(f"transparent {high:.2f}%")
    return f"linear-gradient(to right, {', '.join(bands)})"
