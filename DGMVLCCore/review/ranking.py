"""Which hypothesis fits a region's own voxels best: denoising error and agreement, with intervals;
never a probability of disease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DGMVLCCore.editing.evidence import (
    TIMES,
    denoising_errors,
    fullest_rows,
    paired_interval,
)
from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.errors import UsageError
from DGMVLCCore.models.region import Region
from DGMVLCCore.review.hypotheses import Hypothesis

NOISES = 6
MOST_SLICES = 6
# Both chosen on validation patients: what a factor in the error weighs against the dual encoder's
# logit, and the smallest whole lead with which at least
# 90 % of the claims were right for every size of differential (`Testing/Benchmarks/compare.py DATA
# OUT.json --part val`).
ERROR_WEIGHT = 2.0
MIN_LEAD = 3.0
NOTE = (
    "The order says how well the words fit the voxels to two networks; it is no probability of "
    "disease. Research use only; not a medical device."
)


@dataclass(frozen=True)
class Ranked:
    """A hypothesis and how it fits the voxels beside the first one.

    Args:
        error: velocity error a voxel, model units, mean over noises and times. excess: mean of
            (error − first's) / first's over noises, 0 for the
            first. low, high: its 95 % interval (Student's t, paired over noises).
        agreement: the dual encoder's, 0..1, None without one. lead: by how much the first one's
            support is larger, 0 for the first.
        apart: True when it can be told apart from the first.
    """

    hypothesis: Hypothesis
    error: float
    excess: float
    low: float
    high: float
    agreement: float | None
    lead: float
    apart: bool


@dataclass(frozen=True)
class Ranking:
    """Hypotheses of a region, the best fitting one first.

    Args:
        distinguishable: True when the first can be told apart from every other. noises, slices: how
            many were looked at.
        sentence: that in words.
    """

    ranked: tuple[Ranked, ...]
    distinguishable: bool
    noises: int
    slices: int
    sentence: str


def support(errors: np.ndarray, logits: np.ndarray | None) -> np.ndarray:
    """Support (K,) of hypotheses: the dual encoder's logit − 2 ln of the mean denoising error; the
    second alone without a dual encoder.

    Args:
        errors: (noises, K). logits: (K,) or None.
    """
    return (0 if logits is None else logits) - ERROR_WEIGHT * np.log(errors.mean(0))


def order(
    hypotheses: Sequence[Hypothesis],
    errors: np.ndarray,
    logits: np.ndarray | None,
    *,
    voxels: int = 1,
    slices: int = 1,
) -> Ranking:
    """Rank hypotheses.

    One is told apart from the first when both networks say so: the interval of its excess error
    lies above 0, and the first leads by `MIN_LEAD`.

    Args:
        errors: (noises, K) as `denoising_errors` gives them, all under the same noises; two noises
            or more. logits: (K,) of the dual encoder.
        voxels: of the mask in the slices looked at, times the times.
    """
    supports = support(errors, logits)
    sequence = np.argsort(-supports, kind="stable")
    first = sequence[0]
    ranked = []
    for place, index in enumerate(sequence):
        excess, low, high = (
            paired_interval(errors[:, index] / errors[:, first] - 1) if place else (0.0, 0.0, 0.0)
        )
        lead = float(supports[first] - supports[index])
        agreement = None if logits is None else float(1 / (1 + np.exp(-logits[index])))
        # Without a dual encoder the lead is in the error alone, so the interval decides.
        apart = place > 0 and low > 0 and (logits is None or lead >= MIN_LEAD)
        ranked.append(
            Ranked(
                hypotheses[index],
                float(errors[:, index].mean()) / max(voxels, 1),
                excess,
                low,
                high,
                agreement,
                lead,
                apart,
            )
        )
    distinguishable = all(each.apart for each in ranked[1:])
    return Ranking(
        tuple(ranked), distinguishable, len(errors), slices, _sentence(ranked, distinguishable)
    )


def _sentence(ranked: Sequence[Ranked], distinguishable: bool) -> str:
    first, second = ranked[0], ranked[1]
    if distinguishable:
        return (
            f"“{first.hypothesis.name}” fits these voxels best; the denoising error under the "
            f"next one, “{second.hypothesis.name}”, is "
            f"{second.excess:.1%} higher (95 % interval {second.low:.1%} to {second.high:.1%})."
        )
    alike = [f"“{each.hypothesis.name}”" for each in ranked if not each.apart]
    others = [f"“{each.hypothesis.name}”" for each in ranked if each.apart]
    words = f"{', '.join(alike[:-1])} and {alike[-1]} cannot be told apart here"
    return (
        f"{words}; {' and '.join(others)} {'fits' if len(others) == 1 else 'fit'} the voxels "
        "less well."
        if others
        else f"{words}."
    )


def rank(
    pipe: CounterfactualPipeline,
    region: Region,
    hypotheses: Sequence[Hypothesis],
    logits: np.ndarray | None,
    *,
    noises: int = NOISES,
    seed: int = 0,
    callback: Progress | None = None,
) -> Ranking:
    """Rank hypotheses for a region's own voxels.

    Args:
        region: from `cut_region`. logits: (K,) agreement of the region with each sentence from the
            dual encoder; None without one.
        noises: two or more; every hypothesis sees the same ones.

    Raises:
        UsageError: fewer than two noises, from which there is no interval.
    """
    if noises < 2:
        raise UsageError(f"A ranking needs two noises or more for its interval, not {noises}.")
    errors = denoising_errors(
        pipe,
        region,
        [each.sentence for each in hypotheses],
        noises=noises,
        seed=seed,
        most_slices=MOST_SLICES,
        callback=callback,
    )
    rows = fullest_rows(region.mask, MOST_SLICES)
    return order(
        hypotheses,
        errors,
        logits,
        voxels=int(region.mask[rows].sum()) * len(TIMES),
        slices=len(rows),
    )
