"""Does the uncertainty map say how wrong the counterfactual is?"""

from __future__ import annotations

import numpy as np
from scipy import stats

from DGMVLCCore.evaluation.tables import Calibration

WIDTHS = (1.0, 2.0, 3.0)
BINS = 10
FLOOR_HU = 0.5  # scans are whole HU


def coverage(
    mean: np.ndarray, sd: np.ndarray, true: np.ndarray, mask: np.ndarray
) -> dict[str, float]:
    """Share of the mask's voxels whose true HU lies within mean ± 1, 2, 3 SD; arrays (D,H,W), HU;
    SD below 0.5 HU count as 0.5.

    A Gaussian with the right SD covers 0.683, 0.954 and 0.997.
    """
    off = np.abs(true - mean)[mask] / np.maximum(sd[mask], FLOOR_HU)
    return {f"within_{k:.0f}sd": float((off <= k).mean()) for k in WIDTHS}


def error_curve(
    mean: np.ndarray, sd: np.ndarray, true: np.ndarray, mask: np.ndarray, bins: int = BINS
) -> list[dict[str, float]]:
    """Expected against observed error: voxels in `bins` equally full bins of SD, each with its RMS
    SD and RMS error in HU and its n."""
    spread, error = sd[mask], (true - mean)[mask]
    parts = np.array_split(np.argsort(spread, kind="stable"), min(bins, len(spread)))
    return [
        {
            "expected_hu": float(np.sqrt((spread[part] ** 2).mean())),
            "observed_hu": float(np.sqrt((error[part] ** 2).mean())),
            "n": len(part),
        }
        for part in parts
    ]


def calibration(
    mean: np.ndarray, sd: np.ndarray, true: np.ndarray, mask: np.ndarray
) -> Calibration:
    """All figures of one case inside the mask.

    Args:
        mean: mean over the noises, HU (D,H,W). sd: their standard deviation. true: the true
            counterfactual. mask: bool.

    Returns:
        coverage, `curve`, `spearman` of SD and absolute error (None when either is constant),
        `calibration_error`: mean over the curve's bins of
        |observed − expected| / expected (Levi et al. 2022), and `sd_over_rmse`: RMS SD divided by
        RMS error; 1 is best.
    """
    curve, error, spread = error_curve(mean, sd, true, mask), np.abs(true - mean)[mask], sd[mask]
    varied = np.ptp(spread) > 0 and np.ptp(error) > 0
    off = [
        abs(row["observed_hu"] - row["expected_hu"]) / max(row["expected_hu"], FLOOR_HU)
        for row in curve
    ]
    rms = [float(np.sqrt((values**2).mean())) for values in (spread, error)]
    return {
        **coverage(mean, sd, true, mask),
        "curve": curve,
        "spearman": float(stats.spearmanr(spread, error).statistic) if varied else None,
        "calibration_error": float(np.mean(off)),
        "sd_over_rmse": rms[0] / max(rms[1], FLOOR_HU),
    }
