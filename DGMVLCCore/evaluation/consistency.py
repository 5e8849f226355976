"""Does the edit go on from slice to slice as the scan does?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

FEWEST_PAIRS = 100


def z_autocorrelation(hu: np.ndarray, where: np.ndarray) -> float | None:
    """Lag-1 autocorrelation along z of the lung's fine structure (what a Gaussian of 3 pixels in
    the slice removes, HU cut to -1024..-300).

    Args:
        hu: (D,H,W) HU. where: bool (D,H,W); pairs of neighbouring slices count where both voxels
            lie in it.

    Returns:
        -1..1, not cut off; None with fewer than 100 pairs or nothing fine in them.
    """
    lung = np.clip(hu, -1024, -300)
    fine, both = lung - ndimage.gaussian_filter(lung, (0, 3, 3)), where[1:] & where[:-1]
    if both.sum() < FEWEST_PAIRS or min(fine[1:][both].std(), fine[:-1][both].std()) < 1e-6:
        return None
    return float(np.corrcoef(fine[1:][both], fine[:-1][both])[0, 1])


def z_consistency(
    made: np.ndarray, true: np.ndarray, mask: np.ndarray, lungs: np.ndarray
) -> dict[str, float | None]:
    """Autocorrelation along z inside the mask (`inside`), of the true scan there (`true`), and of
    the lung outside it (`outside`).

    White noise from slice to slice flickers (inside far below true); noise repeated in every slice
    freezes (far above). Arrays (D,H,W).
    """
    return {
        "inside": z_autocorrelation(made, mask & lungs),
        "true": z_autocorrelation(true, mask & lungs),
        "outside": z_autocorrelation(made, lungs & ~mask),
    }
