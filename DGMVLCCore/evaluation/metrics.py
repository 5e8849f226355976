"""Scores of a counterfactual against the true scan, inside the edit mask."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, stats


def mae(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error in HU inside the mask; arrays (D,H,W)."""
    return float(np.abs(made - true)[mask].mean())


def _gradients(hu: np.ndarray, mask: np.ndarray) -> np.ndarray:
    gy, gx = np.gradient(hu, axis=(1, 2))
    return np.hypot(gy, gx)[mask]


def texture_error(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """How far the texture is from the true one, inside the mask.

    Returns:
        `sd_ratio`: local standard deviation (what a 3-pixel Gaussian removes) relative to the true scan's; 1 is best.
        `gradient_w1`: Wasserstein distance of the gradient histograms, HU a pixel.
    """
    fine = [(hu - ndimage.gaussian_filter(hu, (0, 3, 3)))[mask].std() for hu in (made, true)]
    return {"sd_ratio": float(fine[0] / max(fine[1], 1e-6)),
            "gradient_w1": float(stats.wasserstein_distance(_gradients(made, mask), _gradients(true, mask)))}


def log_spectral_distance(made: np.ndarray, true: np.ndarray, mask: np.ndarray, size: int = 32) -> float | None:
    """RMS difference of the log power spectra (dB, radially averaged) over 32x32 patches that lie inside the mask; None without one."""
    window = np.hanning(size)[:, None] * np.hanning(size)[None]
    radius = np.rint(np.hypot(*np.meshgrid(np.fft.fftfreq(size) * size, np.fft.fftfreq(size) * size))).astype(int)
    distances = []
    for z, plane in enumerate(mask):
        full = ndimage.minimum_filter(plane.astype(np.uint8), size, mode="constant")
        for y, x in np.argwhere(full)[:: size * 4]:
            part = (slice(y - size // 2, y + size // 2), slice(x - size // 2, x + size // 2))
            spectra = []
            for hu in (made, true):
                tile = hu[z][part] - hu[z][part].mean()
                power = np.abs(np.fft.fft2(tile * window)) ** 2
                spectra.append(10 * np.log10(ndimage.mean(power, radius, np.arange(1, size // 2)) + 1e-3))
            distances.append(float(np.sqrt(np.mean((spectra[0] - spectra[1]) ** 2))))
    return float(np.mean(distances)) if distances else None


def pointing_hit(values: np.ndarray, lesion: np.ndarray) -> bool:
    """True when the map's highest voxel lies in the lesion."""
    return bool(lesion.ravel()[values.argmax()]) and values.max() > 0


def contrast_to_noise(values: np.ndarray, lesion: np.ndarray, organ: np.ndarray) -> float:
    """Signed CNR = (mean inside − mean outside) / sqrt(variance inside + variance outside), within the organ."""
    inside, outside = values[lesion], values[organ & ~lesion]
    return float((inside.mean() - outside.mean()) / np.sqrt(inside.var() + outside.var() + 1e-12))


def bootstrap_interval(groups: dict[str, list[float]], seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """95 % interval of the mean, resampling patients (the keys), not cases."""
    names = sorted(groups)
    sums, counts = np.array([np.sum(groups[name]) for name in names], float), np.array([len(groups[name]) for name in names], float)
    picked = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    low, high = np.percentile(sums[picked].sum(1) / counts[picked].sum(1), (2.5, 97.5))
    return float(low), float(high)
