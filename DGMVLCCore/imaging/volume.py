"""A scan: voxels, geometry and what is known of their origin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError


@dataclass(frozen=True)
class Orientation:
    """How a canonical array goes back to the grid it came from.

    Args:
        axes: for each canonical axis (z, y, x) the axis of the original array it was.
        flips: canonical axes that were reversed.
    """

    axes: tuple[int, int, int]
    flips: tuple[int, ...]

    def apply(self, array: np.ndarray) -> np.ndarray:
        """Original (D,H,W) array -> canonical array (a view)."""
        return np.flip(array.transpose(self.axes), self.flips)

    def restore(self, array: np.ndarray) -> np.ndarray:
        """Canonical array -> array on the original grid, contiguous."""
        inverse = np.argsort(self.axes)
        return np.ascontiguousarray(np.flip(array, self.flips).transpose(inverse))


@dataclass(frozen=True, eq=False)
class Volume:
    """A scan on its own grid.

    Args:
        array: float32 (D,H,W); HU for CT, stored units otherwise.
        affine: float64 (4,4), voxel index (x,y,z) -> LPS position in mm.
        modality: "CT", "MR" or "XR".
        stored_dtype: numpy name of the type on disk; integer types are written back as integers.
        metadata: free facts (source path, series UID, ...), never patient names.
    """

    array: np.ndarray
    affine: np.ndarray
    modality: str = "CT"
    stored_dtype: str = "int16"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise UnsuitableInputError(
                f"A volume needs 3 axes (D,H,W), but this one has {self.array.ndim}."
            )
        if (
            self.affine.shape != (4, 4)
            or not np.isfinite(self.affine).all()
            or abs(np.linalg.det(self.affine)) < 1e-12
        ):
            raise UnsuitableInputError(
                "The scan's geometry is not a finite, invertible 4x4 matrix; export it again."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(D,H,W)."""
        return self.array.shape  # type: ignore[return-value]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm as (z,y,x)."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def integer(self) -> bool:
        """True when voxels are whole numbers on disk."""
        return np.issubdtype(np.dtype(self.stored_dtype), np.integer)

    def with_array(self, array: np.ndarray, **changes: Any) -> Volume:
        """Same geometry, other voxels (D,H,W)."""
        return replace(self, array=array, **changes)

    def slab(self, first: int, last: int) -> Volume:
        """Slices [first, last) of the array, at their place in the patient."""
        affine = self.affine.copy()
        affine[:3, 3] += first * affine[:3, 2]
        return self.with_array(self.array[first:last], affine=affine)

    def same_grid(self, other: Volume, tolerance_mm: float = 1e-2) -> bool:
        """True when every corner of both grids lies within `tolerance_mm` of the other's."""
        if self.shape != other.shape:
            return False
        d, h, w = self.shape
        corners = np.array([[x, y, z, 1] for x in (0, w) for y in (0, h) for z in (0, d)], float).T
        return bool(np.abs(self.affine @ corners - other.affine @ corners).max() <= tolerance_mm)

    def orientation(self) -> Orientation:
        """The permutation and flips that bring this grid nearest to axial LPS (z to head, y to
        back, x to left)."""
        direction = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        world_of, remaining = {}, {0, 1, 2}
        # The axis with the clearest direction chooses first, so that oblique grids never use one
        # axis twice.
        for column in np.argsort(-np.abs(direction).max(axis=0)):
            world = max(remaining, key=lambda row: abs(direction[row, column]))
            remaining.discard(world)
            world_of[world] = int(column)
        axes = tuple(2 - world_of[world] for world in (2, 1, 0))
        flips = tuple(
            i for i, world in enumerate((2, 1, 0)) if direction[world, world_of[world]] < 0
        )
        return Orientation(axes, flips)  # type: ignore[arg-type]

    def canonical(self) -> tuple[Volume, Orientation]:
        """This scan as an axial LPS-ordered array (no resampling), and the way back."""
        turn = self.orientation()
        array = np.ascontiguousarray(turn.apply(self.array))
        matrix = np.zeros((4, 4))
        matrix[3, 3] = 1
        origin = np.array([0.0, 0.0, 0.0, 1.0])
        for canonical_axis, original_axis in enumerate(turn.axes):
            column = self.affine[:, 2 - original_axis].copy()
            if canonical_axis in turn.flips:
                origin[2 - original_axis] = self.array.shape[original_axis] - 1
                column = -column
            matrix[:, 2 - canonical_axis] = column
        matrix[:3, 3] = (self.affine @ origin)[:3]
        return replace(self, array=array, affine=matrix), turn
