"""Edit masks: from a lesion, a lung, a zone or the pleura to the region that may change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy

Spacing = tuple[float, float, float]
Box = tuple[slice, ...]
MARGIN_MM = 6.0  # of lung around a lesion that an edit takes, too


def box_around(mask: np.ndarray, pad: Sequence[int] | None = None) -> Box:
    """The smallest box that holds a mask (not empty), `pad` voxels larger along each axis, within
    the array."""
    box = []
    for axis, (size, more) in enumerate(zip(mask.shape, pad or [0] * mask.ndim)):
        across = tuple(other for other in range(mask.ndim) if other != axis)
        filled = np.flatnonzero(mask.any(across))
        box.append(slice(max(int(filled[0]) - more, 0), min(int(filled[-1]) + 1 + more, size)))
    return tuple(box)


def put_back(part: np.ndarray, box: Box, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a shape that holds `part` in a box and 0 elsewhere."""
    whole = np.zeros(shape, part.dtype)  # pages that are never written take no memory
    whole[box] = part
    return whole


def dilate_mm(mask: np.ndarray, spacing: Spacing, mm: float) -> np.ndarray:
    """All voxels within `mm` (Euclidean, anisotropic grid) of a mask, bool (D,H,W)."""
    if not mask.any():
        return mask.copy()
    box = box_around(mask, [int(np.ceil(mm / s)) + 1 for s in spacing])
    out = mask.copy()
    out[box] = ndimage.distance_transform_edt(~mask[box], sampling=spacing) <= mm
    return out


def share_near(mask: np.ndarray, other: np.ndarray, spacing: Spacing, mm: float) -> float:
    """Share of a mask's voxels that lie within `mm` of another mask; both bool (D,H,W), the first
    not empty."""
    box = box_around(mask, [int(np.ceil(mm / s)) + 1 for s in spacing])
    return float(dilate_mm(other[box], spacing, mm)[mask[box]].mean())


def lesion_region(
    mask: np.ndarray, anatomy: Anatomy, spacing: Spacing, margin_mm: float = MARGIN_MM
) -> np.ndarray:
    """Edit mask of a segmented lesion: dilated, kept inside the lung, the lesion itself always
    included.

    Raises:
        UnsuitableInputError: empty mask, or one outside the body.
    """
    if not mask.any():
        raise UnsuitableInputError("The region is empty; draw or choose one.")
    box = box_around(mask, [int(np.ceil(margin_mm / s)) + 1 for s in spacing])
    lesion, near = mask[box], Anatomy(anatomy.labels[box])
    if not (lesion & near.body).any():
        raise UnsuitableInputError("The region lies outside the body; draw it on the patient.")
    grown = dilate_mm(lesion, spacing, margin_mm)
    return put_back((grown & near.lungs) | (lesion & near.body), box, mask.shape)


def lung_region(anatomy: Anatomy, side: str | None = None) -> np.ndarray:
    """One lung ("left", "right") or both (None, "bilateral"), bool (D,H,W)."""
    return {"left": anatomy.left, "right": anatomy.right}.get(side or "", anatomy.lungs)


def rows_of(mask: np.ndarray) -> list[int]:
    """Slices that hold a part of a mask (D,H,W)."""
    return [int(row) for row in np.nonzero(mask.any((1, 2)))[0]]


def rows_around(mask: np.ndarray) -> tuple[int, int]:
    """[first, last) of the slices that hold a part of a mask (D,H,W), with their neighbours."""
    rows = rows_of(mask)
    return max(rows[0] - 1, 0), min(rows[-1] + 2, len(mask))


def fullest_rows(mask: np.ndarray, most: int = 12, share: float = 0.5) -> list[int]:
    """Slices of a region's mask (D,S,T) that carry the finding: those that hold at least `share`
    of what the fullest one holds, `most` of them evenly chosen."""
    area = mask.sum((1, 2))
    # the mask's caps hold little but margin
    rows = np.nonzero(area >= share * max(area.max(), 1))[0]
    return [
        int(rows[i])
        for i in np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
    ]
