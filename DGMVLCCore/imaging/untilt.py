"""What a user may say of how a scan lies: its series, its axes, and that a tilt be taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError, UsageError, quoted
from DGMVLCCore.imaging.checks import SHEAR_DEGREES, check_straight, shear_degrees
from DGMVLCCore.imaging.volume import Volume

AXES = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
STEEPEST_DEGREES = 45.0
AIR_HU = -1024.0


@dataclass(frozen=True)
class Reading:
    """How a scan is read.

    Args:
        series: of a DICOM folder, from 1. untilt: resample a tilted scan to a straight grid.
        orientation: where x, y and z run to ("LPS"), for a file that does not say it.
    """

    series: int | None = None
    untilt: bool = False
    orientation: str | None = None


AS_IT_IS = Reading()


@dataclass(frozen=True, eq=False)
class Tilt:
    """The tilted grid that a scan was resampled from: affine (4,4) and size (D,H,W)."""

    affine: np.ndarray
    shape: tuple[int, int, int]


def oriented(affine: np.ndarray, orientation: str) -> np.ndarray:
    """An affine of unknown sides, (4,4), with its voxel sizes along the axes that are said.

    Raises:
        UsageError: no such orientation.
    """
    letters = orientation.upper()
    if len(letters) != 3 or sorted(AXES.get(c, (9, 0))[0] for c in letters) != [0, 1, 2]:
        raise UsageError(
            f"An orientation is three letters, one each of L/R, P/A and S/I, for example LPS, not "
            f"{quoted(orientation)}."
        )
    turned = np.eye(4)
    turned[:3, :3] = 0
    for column, letter in enumerate(letters):
        axis, sign = AXES[letter]
        turned[axis, column] = sign * np.linalg.norm(affine[:3, column])
    turned[:3, 3] = affine[:3, 3]
    return turned


def _drift(affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (x,y) that each slice lies aside of the one before, and the step along the normal.

    Raises:
        UnsuitableInputError: the slices themselves are sheared.
    """
    x, y, z = affine[:3, :3].T
    normal = np.cross(x, y)
    normal /= np.linalg.norm(normal)
    flat = np.eye(4)
    flat[:3, :3] = np.stack([x, y, normal], axis=1)
    check_straight(flat, "A slice of the scan")
    step = normal * float(z @ normal)
    aside = z - step
    return np.array([aside @ x / (x @ x), aside @ y / (y @ y)]), step


def _straight_grid(
    affine: np.ndarray, shape: tuple[int, int, int]
) -> tuple[np.ndarray, tuple[int, int], np.ndarray]:
    """Affine and in-plane size (H,W) of the straight grid that holds every slice whole, and each
    slice's place (D,2) on it in pixels (x,y)."""
    drift, step = _drift(affine)
    places = np.outer(np.arange(shape[0]), drift)
    low = np.floor(places.min(axis=0) + 1e-6)
    extra = np.ceil((places - low).max(axis=0) - 1e-6).astype(int)
    straight = affine.copy()
    straight[:3, 2] = step
    straight[:3, 3] += affine[:3, 0] * low[0] + affine[:3, 1] * low[1]
    return straight, (shape[1] + int(extra[1]), shape[2] + int(extra[0])), places - low


def untilted(volume: Volume) -> Volume:
    """The scan with each slice moved within its plane to where it was taken (linear), on a straight
    grid that is large enough; a straight scan comes back as it is.

    Raises:
        UnsuitableInputError: tilted by more than 45 degrees, or sheared within its slices.
    """
    tilt = shear_degrees(volume.affine)
    if tilt <= SHEAR_DEGREES:
        return volume
    if tilt > STEEPEST_DEGREES:
        raise UnsuitableInputError(
            f"{volume.metadata.get('source', 'The scan')} is tilted by {tilt:.1f}°, more than the "
            f"{STEEPEST_DEGREES:g}° that are resampled; export the original series."
        )
    outside = AIR_HU if volume.modality == "CT" else float(volume.array.min())
    affine, size, places = _straight_grid(volume.affine, volume.shape)
    moved = _moved(volume.array, size, places, order=1, outside=outside)
    note = (
        f"The gantry was tilted by {tilt:.1f}°; the slices were resampled (linear) to a straight "
        "grid, so voxels are not those of the file."
    )
    facts = {
        **volume.metadata,
        "tilt": Tilt(volume.affine, volume.shape),
        "notes": (*volume.metadata.get("notes", ()), note),
    }
    return Volume(
        np.rint(moved) if volume.integer else moved,
        affine,
        volume.modality,
        volume.stored_dtype,
        facts,
    )


def untilted_labels(labels: np.ndarray, tilt: Tilt) -> np.ndarray:
    """Labels (L,D,H,W) of a tilted grid on the straight grid of its scan; nearest neighbour."""
    _, size, places = _straight_grid(tilt.affine, tilt.shape)
    return np.stack([_moved(layer, size, places, order=0, outside=0) for layer in labels])


def _moved(
    array: np.ndarray, size: tuple[int, int], places: np.ndarray, *, order: int, outside: float
) -> np.ndarray:
    """Slices (D,h,w) put at `places` (x,y) of a larger plane (H,W)."""
    out = np.empty((len(array), *size), array.dtype)
    for plane, (x, y), target in zip(array, places, out):
        ndimage.affine_transform(
            plane, np.ones(2), (-y, -x), size, target, order, mode="constant", cval=outside
        )
    return out
