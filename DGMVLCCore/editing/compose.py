"""Put the network's change back into the patient's scan: residual, feathered inward, nothing
outside the mask."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.units import CT_SCALE, Scale, to_hu

FEATHER_MM = 2.0
BORDER_SHARE = 0.02  # of the window; 30 HU for CT


def feather(mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Weights (D,H,W), 0 outside the mask, rising to 1 within 2 mm inside it (in the slice; at
    least one voxel)."""
    weights = np.zeros(mask.shape, np.float32)
    width = max(FEATHER_MM, 1.5 * max(spacing[1:]))
    for z in np.nonzero(mask.any((1, 2)))[0]:
        plane = np.pad(mask[z], 1, mode="edge")
        depth = ndimage.distance_transform_edt(plane, sampling=spacing[1:])[1:-1, 1:-1]
        weights[z] = np.clip(depth / width, 0, 1)
    return weights


def residual(edited: np.ndarray, hu: np.ndarray, scale: Scale = CT_SCALE) -> np.ndarray:
    """What the network changed, in HU (or the stored units of `scale`): its clean slices (model
    units) minus the clipped scan; 0 where both are clipped.

    A voxel beyond the network's window (bone, calcium, metal) that the network leaves at the border
    stays as it is; one that it
    changes gets the whole change.
    """
    made, border = to_hu(edited, scale), BORDER_SHARE * (scale.high - scale.low)
    kept = ((hu >= scale.high) & (made >= scale.high - border)) | (
        (hu <= scale.low) & (made <= scale.low + border)
    )
    return np.where(kept, 0, made - hu).astype(np.float32)


def compose(scan: Volume, change: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """y = x + feather(M) * change (HU), rounded when the scan is stored in integers; bit-identical
    where weights are 0."""
    out = scan.array + weights * change
    if scan.integer:
        limits = np.iinfo(scan.stored_dtype)
        out = np.clip(np.rint(out), limits.min, limits.max)
    return np.where(weights > 0, out, scan.array).astype(np.float32)
