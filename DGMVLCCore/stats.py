"""Intervals, resampling, ROC areas and false-discovery rates: every figure's statistics, once.

DeLong, DeLong & Clarke-Pearson, Biometrics 44:837 (1988); bootstrap of readers and cases: Beiden,
Wagner & Campbell, Acad Radiol 7:341 (2000); permutation of residuals: Freedman & Lane, J Bus Econ
Stat 1:292 (1983).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special  # scipy.stats takes 20 MB and 0.5 s more, and an edit needs neither

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


def central(samples: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Where the middle 95 % of the samples lie."""
    low, high = np.percentile(samples, (2.5, 97.5))
    return float(low), float(high)


def t_interval(samples: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean (Student's t) of at least two numbers."""
    count = len(samples)
    error = np.std(samples, ddof=1) / np.sqrt(count)
    half = float(special.stdtrit(count - 1, 0.975) * error)
    return float(np.mean(samples)) - half, float(np.mean(samples)) + half


def bootstrap_interval(
    groups: Mapping[str, Sequence[float]], seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """95 % interval of the mean, resampling patients (the keys), not cases."""
    names = sorted(groups)
    sums, counts = (
        np.array([measure(groups[name]) for name in names], float) for measure in (np.sum, len)
    )
    picked = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    return central(sums[picked].sum(1) / counts[picked].sum(1))


@dataclass(frozen=True)
class PatientMean:
    """A mean over cases; `interval` over patients is None with fewer than two of them."""

    value: float
    n: int
    patients: int
    interval: tuple[float, float] | None

    def rounded(self, digits: int = 3) -> dict[str, float | int | list[float] | None]:
        """As a record holds it."""
        return {
            "value": round(self.value, digits),
            "n": self.n,
            "patients": self.patients,
            "ci95": [round(v, digits) for v in self.interval] if self.interval else None,
        }


def over_patients(pairs: Iterable[tuple[str, float | bool | None]]) -> PatientMean | None:
    """Mean of (patient, value) pairs with its interval over patients; None values are left out, and
    nothing left is None."""
    groups: dict[str, list[float]] = {}
    for patient, value in pairs:
        if value is not None:
            groups.setdefault(patient, []).append(float(value))
    values = [value for group in groups.values() for value in group]
    if not values:
        return None
    interval = bootstrap_interval(groups) if len(groups) > 1 else None
    return PatientMean(float(np.mean(values)), len(values), len(groups), interval)


def false_discovery(p: np.ndarray) -> np.ndarray:
    """False-discovery-rate adjusted p (q) of (m,) p-values, NaN kept (Benjamini & Hochberg,
    1995)."""
    from scipy import stats

    adjusted, tested = np.full(len(p), np.nan), np.isfinite(p)
    if tested.any():
        adjusted[tested] = stats.false_discovery_control(p[tested])
    return adjusted


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


@dataclass(frozen=True)
class Compared:
    """Two ROC areas of one reader, their difference (second − first) with 95 % interval and
    two-sided p; p is None when the difference has no variance."""

    first: float
    second: float
    difference: float
    ci95: tuple[float, float]
    p: float | None


@dataclass(frozen=True)
class Paired:
    """Both conditions and their difference (second − first), each with a 95 % interval."""

    first: float
    first_ci95: tuple[float, float]
    second: float
    second_ci95: tuple[float, float]
    difference: float
    ci95: tuple[float, float]


def delong(positive: np.ndarray, negative: np.ndarray) -> Compared:
    """Paired comparison of two ROC areas of one reader.

    Args:
        positive: (2,m), negative: (2,n) scores of the same cases under both conditions.
    """
    areas = roc_area(positive, negative)
    compared = kernel(positive, negative)
    of_positive, of_negative = compared.mean(2), compared.mean(1)
    covariance = np.cov(of_positive) / positive.shape[1] + np.cov(of_negative) / negative.shape[1]
    spread = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    difference = float(areas[1] - areas[0])
    p = float(2 * special.ndtr(-abs(difference) / spread)) if spread > 0 else None
    interval = (difference - 1.96 * spread, difference + 1.96 * spread)
    return Compared(float(areas[0]), float(areas[1]), difference, interval, p)


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


def paired(value: np.ndarray, drawn: np.ndarray) -> Paired:
    """Both conditions and their percentile intervals, rounded; value (2,), drawn (draws,2)."""

    def interval(samples: np.ndarray) -> tuple[float, float]:
        low, high = central(samples)
        return round(low, 4), round(high, 4)

    first, second = float(value[0]), float(value[1])
    return Paired(
        round(first, 4),
        interval(drawn[:, 0]),
        round(second, 4),
        interval(drawn[:, 1]),
        round(second - first, 4),
        interval(drawn[:, 1] - drawn[:, 0]),
    )


def permuted_regression(
    x: np.ndarray, y: np.ndarray, basis: np.ndarray, permutations: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Effect, HC3 standard error, permutation p of each column of y (n,m), and the free dimensions.

    Freedman & Lane (1983): the residuals of the reduced model are permuted, the full model is
    fitted again; the statistic is |t|.
    """
    n, free = len(x), len(x) - basis.shape[1] - 1
    inside = x - basis @ (basis.T @ x)
    rest = y - basis @ (basis.T @ y)
    strength = inside @ inside

    def t_of(residual: np.ndarray) -> np.ndarray:
        slope = inside @ residual / strength
        error = (residual**2).sum(0) - slope**2 * strength
        return np.abs(slope) / np.sqrt(np.maximum(error, 1e-20) / free / strength)

    slope = inside @ rest / strength
    leverage = (basis**2).sum(1) + inside**2 / strength
    error = (rest - np.outer(inside, slope)) / np.maximum(1 - leverage, 1e-6)[:, None]
    spread = np.sqrt(((inside[:, None] * error) ** 2).sum(0)) / strength
    seen = t_of(rest)
    beyond = np.zeros(y.shape[1])
    for _ in range(permutations):
        shuffled = rest[rng.permutation(n)]
        beyond += t_of(shuffled - basis @ (basis.T @ shuffled)) >= seen * (1 - 1e-9)
    return slope, spread, (1 + beyond) / (1 + permutations), free
