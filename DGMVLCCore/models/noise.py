"""One noise field for the volume: white in the slice, correlated along z as the scan's own texture
is."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor


def slice_correlation(hu: np.ndarray, lungs: np.ndarray) -> float:
    """Correlation of the lung's fine texture between neighbouring slices, measured in the scan
    itself.

    Args:
        hu: (D,H,W) HU. lungs: bool (D,H,W), without the edit mask.

    Returns:
        0..0.95; white noise along z would flicker, repeated noise would freeze.
    """
    if len(hu) < 2:
        return 0.0
    fine = np.clip(hu, -1024, -300) - ndimage.gaussian_filter(np.clip(hu, -1024, -300), (0, 3, 3))
    both = lungs[1:] & lungs[:-1]
    if both.sum() < 500:
        return 0.3
    return float(np.clip(np.corrcoef(fine[1:][both], fine[:-1][both])[0, 1], 0.0, 0.95))


def correlated(field: Tensor, correlation: float | Tensor) -> Tensor:
    """White noise (D,...) of unit variance -> the same with first-order correlation along its first
    axis; `correlation` may differ along the others."""
    out = [field[0]]
    for plane in field[1:]:
        out.append(correlation * out[-1] + (1 - correlation**2) ** 0.5 * plane)
    return torch.stack(out)


def volume_noise(shape: tuple[int, int, int], correlation: float, seed: int) -> Tensor:
    """Gaussian noise (D,H,W), unit variance, first-order correlation along z.

    The whole volume's field is drawn from one seed, so a slice gets the same noise whichever slices
    are asked for.
    """
    return correlated(
        torch.randn(shape, generator=torch.Generator().manual_seed(seed)), correlation
    )
