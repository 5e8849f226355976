"""Statistics of paired reader studies: ROC area, DeLong, sensitivity at equal specificity,
bootstrap over readers and cases.

DeLong, DeLong & Clarke-Pearson, Biometrics 44:837 (1988); bootstrap of readers and cases: Beiden,
Wagner & Campbell, Acad Radiol 7:341 (2000).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


def kernel(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """(...,m), (...,n) scores -> (...,m,n): 1 where the positive scores higher, 0.5 for a tie."""
    a, b = positive[..., :, None], negative[..., None, :]
    return (a > b) + 0.5 * (a == b)


def roc_area(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Area under the empirical ROC curve (Mann-Whitney), over the last axes (...,m), (...,n)."""
    return np.asarray(kernel(positive, negative).mean((-2, -1)))


def roc_curve(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates of the empirical curve, both ascending, from (0,0) to (1,1);
    scores (m,), (n,)."""
    cuts = np.concatenate([[np.inf], np.unique(np.concatenate([positive, negative]))[::-1]])
    return np.array([(negative >= c).mean() for c in cuts]), np.array(
        [(positive >= c).mean() for c in cuts]
    )


def sensitivity_at(positive: np.ndarray, negative: np.ndarray, specificity: float) -> np.ndarray:
    """Sensitivity where the curve, joined by straight lines, has this specificity; over the last
    axes (...,m), (...,n)."""
    shape = positive.shape[:-1]
    pairs = zip(positive.reshape(-1, positive.shape[-1]), negative.reshape(-1, negative.shape[-1]))
    out = []
    for p, n in pairs:
        false, true = roc_curve(p, n)
        # A vertical step has one false-positive rate: its top is what the reader reaches without
        # another false alarm.
        tops = {float(x): float(y) for x, y in zip(false, true)}
        out.append(np.interp(1 - specificity, list(tops), list(tops.values())))
    return np.array(out).reshape(shape)


def delong(positive: np.ndarray, negative: np.ndarray) -> dict[str, float | list[float] | None]:
    """Paired comparison of two ROC areas of one reader.

    Args:
        positive: (2,m), negative: (2,n) scores of the same cases under both conditions.

    Returns:
        areas, difference (second − first) with 95 % interval and two-sided p; p is None when the
        difference has no variance.
    """
    areas = roc_area(positive, negative)
    compared = kernel(positive, negative)
    of_positive, of_negative = compared.mean(2), compared.mean(1)
    covariance = np.cov(of_positive) / positive.shape[1] + np.cov(of_negative) / negative.shape[1]
    spread = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    difference = float(areas[1] - areas[0])
    p = float(2 * stats.norm.sf(abs(difference) / spread)) if spread > 0 else None
    interval = [difference - 1.96 * spread, difference + 1.96 * spread]
    return {
        "first": float(areas[0]),
        "second": float(areas[1]),
        "difference": difference,
        "ci95": interval,
        "p": p,
    }


def bootstrap(
    scores: np.ndarray,
    present: np.ndarray,
    statistic: Statistic,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """Resample readers and, within those with and without a finding, cases; both conditions of a
    reading stay together.

    Args:
        scores: (R,2,N) readers, conditions, cases. present: bool (N,). statistic: (R,2,m), (R,2,n)
            -> (R,2).

    Returns:
        (draws,2) mean over readers under each condition. With one reader only cases are resampled.
    """
    rng = np.random.default_rng(seed)
    with_it, without = scores[:, :, present], scores[:, :, ~present]
    out = np.empty((draws, 2))
    for draw in range(draws):
        readers = rng.integers(len(scores), size=len(scores))
        p, n = (
            part[readers][:, :, rng.integers(part.shape[2], size=part.shape[2])]
            for part in (with_it, without)
        )
        out[draw] = statistic(p, n).mean(0)
    return out


def paired(value: np.ndarray, drawn: np.ndarray) -> dict[str, float | list[float]]:
    """Both conditions, their difference (second − first) and 95 % percentile intervals; value (2,),
    drawn (draws,2)."""
    change = drawn[:, 1] - drawn[:, 0]
    intervals = [
        [round(float(v), 4) for v in np.percentile(column, (2.5, 97.5))]
        for column in (drawn[:, 0], drawn[:, 1], change)
    ]
    first, second = float(value[0]), float(value[1])
    return {
        "first": round(first, 4),
        "first_ci95": intervals[0],
        "second": round(second, 4),
        "second_ci95": intervals[1],
        "difference": round(second - first, 4),
        "ci95": intervals[2],
    }
