"""What lies under the cursor: position, HU of the original and of the counterfactual, their
difference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import vtk
from SlicerDGMVLCLib.reading import placeWords
from vtk.util.numpy_support import vtk_to_numpy

Point = tuple[float, float, float]
Action = Callable[[str], None]  # gets the name of the view


def value_at(volume: Any, ras: Point) -> float | None:
    """Value of the voxel that holds `ras` (mm); None outside the volume."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    index = [round(i) for i in matrix.MultiplyPoint((*ras, 1.0))[:3]]
    image = volume.GetImageData()
    if image is None or not all(0 <= i < n for i, n in zip(index, image.GetDimensions())):
        return None
    return float(image.GetScalarComponentAsDouble(*index, 0))


def in_words(
    ras: Point, original: Any | None, counterfactual: Any | None, difference: Any | None
) -> dict[str, str]:
    """Texts of the read-out; an empty one for what is not there."""
    texts = {"place": placeWords(ras)}
    for name, volume, form in (
        ("original", original, "{:.0f}"),
        ("counterfactual", counterfactual, "{:.0f}"),
        ("difference", difference, "{:+.0f}"),
    ):
        value = value_at(volume, ras) if volume is not None else None
        texts[name] = "" if value is None else f"{form.format(value).replace('-', '−')} HU"
    return texts


def under_cursor(view: Any) -> Point:
    """RAS position (mm) of the view's last cursor place, on the slice it shows now."""
    x, y = view.interactor().GetEventPosition()
    return view.get_view_node().GetXYToRAS().MultiplyPoint((float(x), float(y), 0.0, 1.0))[:3]


def voxel_under(view: Any, volume: Any) -> Point:
    """Voxel (z,y,x) of a volume under the view's cursor, with fractions."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    i, j, k = matrix.MultiplyPoint((*under_cursor(view), 1.0))[:3]
    return k, j, i


def place_of(volume: Any, voxel: Point) -> Point:
    """RAS position (mm) of a voxel (z,y,x)."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix.MultiplyPoint((voxel[2], voxel[1], voxel[0], 1.0))[:3]


def plane_of(view: Any, volume: Any) -> int:
    """Axis of the volume's array that the view looks along."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    slice_to_ras = view.get_view_node().GetSliceToRAS()
    normal = [slice_to_ras.GetElement(row, 2) for row in range(3)]
    voxels = np.abs(matrix.MultiplyPoint((*normal, 0.0))[:3])
    return 2 - int(np.argmax(voxels * volume.GetSpacing()))  # mm along each axis


def array_of(volume: Any) -> np.ndarray:
    """The volume's voxels (D,H,W), not copied."""
    image = volume.GetImageData()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def follow_clicks(view: Any, clicked: Callable[[Point], None]) -> None:
    """Call `clicked` with the RAS position (mm) where the left button goes down in the view."""
    view.interactor().AddObserver(
        "LeftButtonPressEvent", lambda *_: clicked(under_cursor(view)), 1.0
    )


def follow_drag(
    view: Any, actions: tuple[Action, Action, Action], called: Callable[..., None], priority: float
) -> None:
    """Call `called` with the first, second or third of `actions` (and what VTK tells) when the left
    button goes down in the view, the mouse moves, the button goes up."""
    events = ("LeftButtonPressEvent", "MouseMoveEvent", "LeftButtonReleaseEvent")
    for event, action in zip(events, actions):
        view.interactor().AddObserver(event, partial(called, action), priority)


def follow_cursor(view: Any, moved: Callable[[Point], None]) -> None:
    """Call `moved` with the RAS position (mm) under the cursor whenever it moves over the view."""
    view.interactor().AddObserver("MouseMoveEvent", lambda *_: moved(under_cursor(view)), 1.0)
