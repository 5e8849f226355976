"""Edit masks: from a lesion, a lung, a zone or the pleura to the region that may change."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy

Spacing = tuple[float, float, float]
MARGIN_MM = 6.0  # of lung around a lesion that an edit takes, too


def dilate_mm(mask: np.ndarray, spacing: Spacing, mm: float) -> np.ndarray:
    """All voxels within `mm` (Euclidean, anisotropic grid) of a mask, bool (D,H,W)."""
    if not mask.any():
        return mask.copy()
    where = np.argwhere(mask)
    pad = [int(np.ceil(mm / s)) + 1 for s in spacing]
    box = tuple(slice(max(a - p, 0), b + p + 1) for a, b, p in zip(where.min(0), where.max(0), pad))
    out = mask.copy()
    out[box] = ndimage.distance_transform_edt(~mask[box], sampling=spacing) <= mm
    return out


def share_near(mask: np.ndarray, other: np.ndarray, spacing: Spacing, mm: float) -> float:
    """Share of a mask's voxels that lie within `mm` of another mask; both bool (D,H,W), the first
    not empty."""
    where = np.argwhere(mask)
    pad = [int(np.ceil(mm / s)) + 1 for s in spacing]
    box = tuple(slice(max(a - p, 0), b + p + 1) for a, b, p in zip(where.min(0), where.max(0), pad))
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
    if not (mask & anatomy.body).any():
        raise UnsuitableInputError("The region lies outside the body; draw it on the patient.")
    grown = dilate_mm(mask, spacing, margin_mm)
    return (grown & anatomy.lungs) | (mask & anatomy.body)


def lung_region(anatomy: Anatomy, side: str | None = None) -> np.ndarray:
    """One lung ("left", "right") or both (None, "bilateral"), bool (D,H,W)."""
    return {"left": anatomy.left, "right": anatomy.right}.get(side or "", anatomy.lungs)


def pleural_band(anatomy: Anatomy, spacing: Spacing, mm: float = 10.0) -> np.ndarray:
    """Lung within `mm` of the pleura, in the slice, bool (D,H,W)."""
    lungs = anatomy.lungs
    flat = (1e6, *spacing[1:])
    return lungs & (ndimage.distance_transform_edt(lungs, sampling=flat) <= mm)


def fullest_rows(mask: np.ndarray, most: int = 12) -> list[int]:
    """Slices of a region's mask (D,S,T) that carry the finding: those at least half as full as the
    fullest one, `most` of them evenly chosen."""
    area = mask.sum((1, 2))
    rows = np.nonzero(2 * area >= max(area.max(), 1))[0]  # the mask's caps hold little but margin
    return [
        int(rows[i])
        for i in np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
    ]
