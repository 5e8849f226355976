"""Which hypothesis fits a region's own voxels best: how much its words ask to change them, and
agreement; with intervals, never a probability of disease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.see_through import RegionEditor
from DGMVLCCore.imaging.masks import fullest_rows
from DGMVLCCore.models.region import Region
from DGMVLCCore.review.hypotheses import Hypothesis
from DGMVLCCore.stats import t_interval

MOST_SLICES = 6
# Of the fullest slice's mask: where the margin passes the finding's ends, naming the finding asks
# to put it in, and says nothing of whether it fits.
FULL = 0.8
FEW_SLICES = 4  # fewer give no narrow interval, so each is read at several places of the grid
SHIFTS = ((0, 0), (0, 2), (2, 0), (2, 2))  # pixels, against the network's cells of four
# Chosen on validation patients (`Testing/Benchmarks/compare.py DATA OUT.json --part val`): what a
# factor in the change asked for weighs against the dual encoder's logit, below which change it
# says nothing more, and the smallest lead with which at least 90 % of the claims were right for
# every size of differential.
CHANGE_WEIGHT = 1.0
FLOOR_HU = 20.0
MIN_LEAD = 3.0
NOTE = (
    "The order says how well the words fit the voxels to two networks; it is no probability of "
    "disease. Research use only; not a medical device."
)


@dataclass(frozen=True)
class Ranked:
    """A hypothesis and how it fits the voxels beside the first one.

    Args:
        asked_hu: mean change of a voxel of the region that its words ask for, HU; 0 where the
            voxels are what the words say. more_hu: that much more than the first one's, 0 for the
            first. low, high: its 95 % interval (Student's t, paired over slices; of fewer than four
            also over places of the network's grid).
        agreement: the dual encoder's, 0..1, None without one. lead: by how much the first one's
            support is larger, 0 for the first.
        apart: True when it can be told apart from the first.
    """

    hypothesis: Hypothesis
    asked_hu: float
    more_hu: float
    low: float
    high: float
    agreement: float | None
    lead: float
    apart: bool


@dataclass(frozen=True)
class Ranking:
    """Hypotheses of a region, the best fitting one first.

    Args:
        distinguishable: True when the first can be told apart from every other. readings, slices:
            how many were made, and of how many slices.
        sentence: that in words.
    """

    ranked: tuple[Ranked, ...]
    distinguishable: bool
    readings: int
    slices: int
    sentence: str


def change_asked(
    pipe: CounterfactualPipeline,
    region: Region,
    sentences: Sequence[str],
    *,
    most_slices: int = MOST_SLICES,
    callback: Progress | None = None,
) -> np.ndarray:
    """Mean absolute change of the region's voxels that each sentence asks for: float64
    (readings,K), HU. A reading is a slice; fewer than four slices are read four times each, at
    other places of the network's grid.

    Args:
        callback: gets ("reading", share done).

    Raises:
        UnsuitableInputError: the weights are no editor's.
    """
    pipe.require_sight("ranking")
    rows = fullest_rows(region.mask, most_slices, FULL)
    shifts = SHIFTS if len(rows) < FEW_SLICES else SHIFTS[:1]
    asked = np.zeros((len(rows) * len(shifts), len(sentences)))
    predict, capacity = pipe.edit_predictor(), pipe.capacity(region)
    for column, sentence in enumerate(sentences):
        text = pipe.text(sentence)
        for index, shift in enumerate(shifts):
            moved = replace(
                region,
                **{n: np.roll(getattr(region, n), shift, (1, 2)) for n in ("hu", "mask", "labels")},
            )
            first = RegionEditor(predict, moved, text, capacity=capacity).look(rows)
            change = np.abs(first.change * (first.target - moved.hu))
            for place, row in enumerate(rows):
                asked[index * len(rows) + place, column] = change[row][moved.mask[row]].mean()
        if callback:
            callback("reading", (column + 1) / len(sentences))
    return asked


def support(asked: np.ndarray, logits: np.ndarray | None) -> np.ndarray:
    """Support (K,) of hypotheses: the dual encoder's logit − ln of the change that their words ask
    for; the second alone without a dual encoder.

    Args:
        asked: (readings,K) HU. logits: (K,) or None.
    """
    return (0 if logits is None else logits) - CHANGE_WEIGHT * np.log(FLOOR_HU + asked.mean(0))


def order(
    hypotheses: Sequence[Hypothesis],
    asked: np.ndarray,
    logits: np.ndarray | None,
    *,
    slices: int = 1,
) -> Ranking:
    """Rank hypotheses.

    One is told apart from the first when both networks say so: the interval of the change that it
    asks for beyond the first's lies above 0, and the first leads by `MIN_LEAD`.

    Args:
        asked: (readings,K) as `change_asked` gives it; two readings or more. logits: (K,) of the
            dual encoder.
    """
    supports = support(asked, logits)
    sequence, ranked = np.argsort(-supports, kind="stable"), []
    first = sequence[0]
    for place, index in enumerate(sequence):
        more = asked[:, index] - asked[:, first]
        low, high = t_interval(more) if place else (0.0, 0.0)
        lead = float(supports[first] - supports[index])
        # Without a dual encoder the lead is in the change alone, so the interval decides.
        apart = place > 0 and low > 0 and (logits is None or lead >= MIN_LEAD)
        ranked.append(
            Ranked(
                hypotheses[index],
                float(asked[:, index].mean()),
                float(more.mean()),
                float(low),
                float(high),
                None if logits is None else float(1 / (1 + np.exp(-logits[index]))),
                lead,
                bool(apart),
            )
        )
    distinguishable = all(each.apart for each in ranked[1:])
    said = _sentence(ranked, distinguishable)
    return Ranking(tuple(ranked), distinguishable, len(asked), slices, said)


def _sentence(ranked: Sequence[Ranked], distinguishable: bool) -> str:
    first, second = ranked[0], ranked[1]
    if distinguishable:
        return (
            f"“{first.hypothesis.name}” fits these voxels best; the words of the next one, "
            f"“{second.hypothesis.name}”, ask to change them by {second.more_hu:.0f} HU more "
            f"(95 % interval {second.low:.0f} to {second.high:.0f})."
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
    callback: Progress | None = None,
) -> Ranking:
    """Rank hypotheses for a region's own voxels.

    Args:
        region: from `cut_region`. logits: (K,) agreement of the region with each sentence from the
            dual encoder; None without one.
    """
    asked = change_asked(pipe, region, [each.sentence for each in hypotheses], callback=callback)
    slices = len(fullest_rows(region.mask, MOST_SLICES, FULL))
    return order(hypotheses, asked, logits, slices=slices)
