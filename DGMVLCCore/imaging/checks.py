"""Refusals that hold for every scan, whatever its format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError

SHEAR_DEGREES = 0.5
SMALLEST_MM, LARGEST_MM, FARTHEST_MM = 0.05, 50.0, 1e5
MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3}  # names of lengths
UNTILT = "add --untilt to read it resampled to a straight grid"


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


def shear_degrees(affine: np.ndarray) -> float:
    """How far the axes of an affine (4,4) are from square, in degrees."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosine = np.abs(axes.T @ axes - np.eye(3)).max()
    return float(np.degrees(np.arcsin(min(cosine, 1.0))))


def nearest_straight(axes: np.ndarray) -> np.ndarray:
    """The orthonormal axes (3,3) nearest to given ones (Schoenemann 1966)."""
    left, _, right = np.linalg.svd(axes)
    return left @ right


def check_straight(affine: np.ndarray, name: str) -> None:
    """Refuse a sheared grid, as a tilted gantry leaves it.

    Args:
        affine: (4,4), voxel index (x,y,z) -> LPS mm.

    Raises:
        UnsuitableInputError: axes more than 0.5 degrees from square.
    """
    tilt = shear_degrees(affine)
    if tilt > SHEAR_DEGREES:
        raise UnsuitableInputError(
            f"{name} lies on a sheared grid, tilted by {tilt:.1f}° (gantry tilt); {UNTILT}.",
            "untilt",
        )


def check_plausible(affine: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Refuse a grid (D,H,W) that no scanner makes.

    Raises:
        UnsuitableInputError: voxels below 0.05 or above 50 mm, or far from any patient.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    thick = spacing[: 3 if shape[0] > 1 else 2]
    if not (
        np.isfinite(affine).all()
        and thick.min() >= SMALLEST_MM
        and thick.max() <= LARGEST_MM
        and np.abs(affine[:3, 3]).max() <= FARTHEST_MM
    ):
        size = " x ".join(f"{mm:.4g}" for mm in spacing)
        origin = ", ".join(f"{mm:.4g}" for mm in affine[:3, 3])
        raise UnsuitableInputError(
            f"{name} gives voxels of {size} mm from ({origin}) mm, which no scan of a patient has "
            f"({SMALLEST_MM:g} to {LARGEST_MM:g} mm); its header is wrong, export it again."
        )


def check_sides(known: bool, depth: int, name: str) -> None:
    """Refuse a scan that does not say which side is the patient's left; a single picture may.

    Raises:
        UnsuitableInputError: the side would have to be guessed.
    """
    if not known and depth > 1:
        raise UnsuitableInputError(
            f"{name} does not say which side of it is the patient's left, and a side is never "
            "guessed; export it again from DICOM, or say how its axes run: --orientation LPS (x to "
            "the patient's left, y to the back, z to the head), RAS, LAS …",
            "orientation",
        )


def check_file(path: Path) -> None:
    """Refuse what is no readable, non-empty file.

    Raises:
        UnreadableError: with the reason.
    """
    if not path.exists():
        raise UnreadableError(f"{path} does not exist; check the path.")
    if not path.is_file():
        what = "a folder" if path.is_dir() else "a device or a pipe"
        raise UnreadableError(f"{path} is {what}, not an image file; give a file.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise UnreadableError(
            f"{path} may not be read ({error.strerror}); check its permissions."
        ) from error
    if empty:
        raise UnreadableError(f"{path} is empty; copy or export it again.")
