"""Scores of a counterfactual against the true scan, inside the edit mask, and of a map against a
lesion."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, stats

from DGMVLCCore.models.units import HU_HIGH, HU_LOW

RANGE_HU = HU_HIGH - HU_LOW  # one fixed data range for SSIM and PSNR; no slice is rescaled
PSNR_CAP_DB = 100.0  # identical voxels have no finite PSNR
CHANGED_HU = 20.0
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5)
HIT_DICE = 0.1
SCALE_WEIGHTS = (
    0.0448,
    0.2856,
    0.3001,
)  # the three finest of the five of Wang et al. 2003, used with their sum as 1


def mae(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error in HU inside the mask; arrays (D,H,W)."""
    return float(np.abs(made - true)[mask].mean())


def _windowed(hu: np.ndarray) -> np.ndarray:
    return np.clip(hu, HU_LOW, HU_HIGH).astype(np.float64)


def psnr(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB inside the mask, at most 100; HU cut to -1100..400, which is
    the data range; arrays (D,H,W)."""
    error = float(((_windowed(made) - _windowed(true))[mask] ** 2).mean())
    return min(10 * float(np.log10(RANGE_HU**2 / error)), PSNR_CAP_DB) if error else PSNR_CAP_DB


def ssim(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004; in the slice, Gaussian window of 1.5 pixels), mean
    over the mask's voxels.

    Arrays (D,H,W), slices of 11 x 11 pixels or more; HU cut to -1100..400, which is the data range
    of every slice.
    """
    from skimage.metrics import structural_similarity

    total, reach = 0.0, 8
    for z in np.nonzero(mask.any((1, 2)))[0]:
        ys, xs = np.nonzero(mask[z])
        box = tuple(slice(max(int(a.min()) - reach, 0), int(a.max()) + reach + 1) for a in (ys, xs))
        _, full = structural_similarity(
            _windowed(true[z][box]),
            _windowed(made[z][box]),
            data_range=RANGE_HU,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        total += float(full[mask[z][box]].sum())
    return total / int(mask.sum())


def ms_ssim(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Multi-scale structural similarity (Wang et al. 2003) in the slice, mean over the slices, each
    scale averaged over the mask's own pixels.

    Three scales (Gaussian window of 1.5 pixels, about 11 wide, on whole, halved and quartered
    slices): the usual five need 176 pixels, more than most
    masks and their surroundings have. Arrays (D,H,W), slices of 44 x 44 pixels or more; HU cut to
    -1100..400, which is the data range of every slice.
    """
    rows = np.nonzero(mask.any((1, 2)))[0]
    return float(
        np.mean(
            [
                _ms_ssim_slice(_windowed(made[z]), _windowed(true[z]), mask[z].astype(np.float64))
                for z in rows
            ]
        )
    )


def _ms_ssim_slice(made: np.ndarray, true: np.ndarray, share: np.ndarray) -> float:
    """One slice (H,W), cut 32 pixels around the mask, which is beyond every window's reach."""
    box = tuple(slice(max(int(at.min()) - 32, 0), int(at.max()) + 33) for at in np.nonzero(share))
    made, true, share = made[box], true[box], share[box]
    total, last = 1.0, len(SCALE_WEIGHTS) - 1
    for scale, weight in enumerate(SCALE_WEIGHTS):
        means, similar = _similarity(made, true)
        value = float(((means * similar if scale == last else similar) * share).sum() / share.sum())
        total *= max(value, 0.0) ** (weight / sum(SCALE_WEIGHTS))
        made, true, share = (_halved(plane) for plane in (made, true, share))
    return total


def _similarity(made: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps (H,W) of SSIM's two factors: of the means, and of contrast and structure."""

    def blur(plane: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(plane, 1.5, truncate=3.5)

    small, large = (0.01 * RANGE_HU) ** 2, (0.03 * RANGE_HU) ** 2
    x, y = blur(made), blur(true)
    both, spread = blur(made * true) - x * y, blur(made**2) - x**2 + blur(true**2) - y**2
    return (2 * x * y + small) / (x**2 + y**2 + small), (2 * both + large) / (spread + large)


def _halved(plane: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = (side // 2 for side in plane.shape)
    return plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))


def hu_w1(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Wasserstein-1 distance of the HU histograms inside the mask, HU; 0 for the same voxels in
    another order."""
    return float(stats.wasserstein_distance(made[mask], true[mask]))


def minimality(
    made: np.ndarray, scan: np.ndarray, mask: np.ndarray, threshold_hu: float = CHANGED_HU
) -> float:
    """Share of the mask that the edit changed by more than 20 HU; `scan` is what was edited, arrays
    (D,H,W)."""
    return float((np.abs(made - scan)[mask] > threshold_hu).mean())


def _gradients(hu: np.ndarray, mask: np.ndarray) -> np.ndarray:
    gy, gx = np.gradient(hu, axis=(1, 2))
    return np.hypot(gy, gx)[mask]


def texture_error(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """How far the texture is from the true one, inside the mask.

    Returns:
        `sd_ratio`: local standard deviation (what a 3-pixel Gaussian removes) relative to the true
        scan's; 1 is best.
        `gradient_w1`: Wasserstein distance of the gradient histograms, HU a pixel.
    """
    fine = [(hu - ndimage.gaussian_filter(hu, (0, 3, 3)))[mask].std() for hu in (made, true)]
    return {
        "sd_ratio": float(fine[0] / max(fine[1], 1e-6)),
        "gradient_w1": float(
            stats.wasserstein_distance(_gradients(made, mask), _gradients(true, mask))
        ),
    }


def log_spectral_distance(
    made: np.ndarray, true: np.ndarray, mask: np.ndarray, size: int = 32
) -> float | None:
    """RMS difference of the log power spectra (dB, radially averaged) over 32x32 patches that lie
    inside the mask; None without one."""
    window = np.hanning(size)[:, None] * np.hanning(size)[None]
    radius = np.rint(
        np.hypot(*np.meshgrid(np.fft.fftfreq(size) * size, np.fft.fftfreq(size) * size))
    ).astype(int)
    distances = []
    for z, plane in enumerate(mask):
        full = ndimage.minimum_filter(plane.astype(np.uint8), size, mode="constant")
        for y, x in np.argwhere(full)[:: size * 4]:
            part = (slice(y - size // 2, y + size // 2), slice(x - size // 2, x + size // 2))
            spectra = []
            for hu in (made, true):
                tile = hu[z][part] - hu[z][part].mean()
                power = np.abs(np.fft.fft2(tile * window)) ** 2
                spectra.append(
                    10 * np.log10(ndimage.mean(power, radius, np.arange(1, size // 2)) + 1e-3)
                )
            distances.append(float(np.sqrt(np.mean((spectra[0] - spectra[1]) ** 2))))
    return float(np.mean(distances)) if distances else None


def pointing_hit(values: np.ndarray, lesion: np.ndarray) -> bool:
    """True when the map's highest voxel lies in the lesion."""
    return bool(lesion.ravel()[values.argmax()]) and values.max() > 0


def contrast_to_noise(values: np.ndarray, lesion: np.ndarray, organ: np.ndarray) -> float:
    """Signed CNR = (mean inside − mean outside) / sqrt(variance inside + variance outside), within
    the organ."""
    inside, outside = values[lesion], values[organ & ~lesion]
    return float((inside.mean() - outside.mean()) / np.sqrt(inside.var() + outside.var() + 1e-12))


def iou_at_levels(values: np.ndarray, lesion: np.ndarray, organ: np.ndarray) -> dict[str, float]:
    """IoU of lesion and map at 0.1, 0.2, ... 0.5 of the map's peak in the organ, and their mean;
    (D,H,W).

    Relative to the peak, so that maps of different units compare; a map that is nowhere above 0
    gets 0.
    """
    peak = float(values[organ].max())
    out = {}
    for level in LEVELS:
        hot = (values >= level * peak) & organ & (peak > 0)
        out[f"iou_{level}"] = float((hot & lesion).sum() / max((hot | lesion).sum(), 1))
    return out | {"iou_mean": float(np.mean(list(out.values())))}


def hit(values: np.ndarray, lesion: np.ndarray, organ: np.ndarray) -> bool:
    """True when the map above half its peak in the organ overlaps the lesion with a Dice of 0.1 or
    more."""
    peak = float(values[organ].max())
    hot = (values >= 0.5 * peak) & organ & (peak > 0)
    return bool(2 * (hot & lesion).sum() >= HIT_DICE * max(hot.sum() + lesion.sum(), 1))
