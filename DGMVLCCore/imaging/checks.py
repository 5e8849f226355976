"""Refusals that hold for every scan, whatever its format."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError

SHEAR_DEGREES = 0.5


def check_voxels(array: np.ndarray, name: str) -> None:
    """Refuse voxels (D,H,W) nothing can be made of.

    Raises:
        UnsuitableInputError: NaN, infinite, or constant.
    """
    if not np.isfinite(array).all():
        raise UnsuitableInputError(f"{name} holds NaN or infinite voxels; export it again.")
    if array.min() == array.max():
        raise UnsuitableInputError(
            f"{name} is constant ({array.flat[0]:g} everywhere), so it shows nothing; choose "
            "another scan."
        )


def check_straight(affine: np.ndarray, name: str) -> None:
    """Refuse a sheared grid, as a tilted gantry leaves it.

    Args:
        affine: (4,4), voxel index (x,y,z) -> LPS mm.

    Raises:
        UnsuitableInputError: axes more than 0.5 degrees from square.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosine = np.abs(axes.T @ axes - np.eye(3)).max()
    tilt = float(np.degrees(np.arcsin(min(cosine, 1.0))))
    if tilt > SHEAR_DEGREES:
        raise UnsuitableInputError(
            f"{name} lies on a sheared grid, tilted by {tilt:.1f}° (gantry tilt); resample it to "
            "a straight grid first."
        )
