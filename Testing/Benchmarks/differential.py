"""Are hypotheses ranked rightly? Simulated lesions, the same regions untouched, and real nodules,
each with a known answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignment_scores import see_nodules
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import WeightsError
from DGMVLCCore.evaluation.cases import MARGIN_MM, Case
from DGMVLCCore.imaging.masks import dilate_mm
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.jobs.ranking import change_asked, order
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.review.hypotheses import Hypothesis, beside, clear_lung, hypothesis
from DGMVLCCore.simulation.phrases import TERMS
from DGMVLCCore.stats import over_patients
from DGMVLCCore.training.examples import ExampleMaker

SETS = 20  # differentials drawn a case; all that hold the truth when there are fewer
SOLID = (0, 1, 2)  # nodule, part-solid nodule, ground-glass opacity
HYPOTHESES: tuple[Hypothesis, ...] = tuple(
    beside([*(hypothesis(term) for term in TERMS), clear_lung()])
)


@dataclass(frozen=True, eq=False)
class Scored:
    """A region with a known answer: change asked for (readings,9) and logits (9,) of every
    hypothesis.

    Args:
        source: "simulated", "clear" or "real". truth: index into `HYPOTHESES`.
    """

    name: str
    patient: str
    source: str
    truth: int
    asked: np.ndarray
    logits: np.ndarray


def _look(pipe: CounterfactualPipeline) -> AlignmentPipeline:
    if pipe.alignment is None:
        raise WeightsError(
            "The ranking is measured with a dual encoder, and these weights have none; give both "
            "from one release."
        )
    return pipe.alignment


@torch.no_grad()
def _logits(look: AlignmentPipeline, vector: torch.Tensor) -> np.ndarray:
    _, texts = look.text([each.sentence for each in HYPOTHESES])
    return look.model.logit(texts @ vector, 1).float().cpu().numpy()


def _asked(pipe: CounterfactualPipeline, region: Region) -> np.ndarray:
    return change_asked(pipe, region, [each.sentence for each in HYPOTHESES], most_slices=1)


def score_case(
    pipe: CounterfactualPipeline, case: Case, *, clear: bool = False, seed: int = 0
) -> Scored:
    """A simulated lesion, or (clear) the same region of the untouched scan."""
    volume: Volume = case.true if clear else case.scan
    area = case.mask.sum((1, 2))
    row = int(area.argmax())
    region = cut_region(volume, case.anatomy, case.mask, (max(row - 1, 0), min(row + 2, len(area))))
    look = _look(pipe)
    logits = _logits(look, look.region_vector(volume, case.anatomy, case.mask))
    truth = len(TERMS) if clear else TERMS.index(case.lesion.term)
    return Scored(
        case.name,
        case.patient,
        "clear" if clear else "simulated",
        truth,
        _asked(pipe, region),
        logits,
    )


def score_nodules(
    pipe: CounterfactualPipeline,
    shards: Path,
    *,
    solid: int = 40,
    seed: int = 0,
    done: Callable[[Scored], None] | None = None,
) -> list[Scored]:
    """Every non-solid real nodule of the shards and some solid ones (squares of 48 mm, the middle
    slice)."""
    maker, seen, rows, taken = (
        ExampleMaker(shards, 0.0),
        see_nodules(_look(pipe), shards, seed),
        [],
        0,
    )
    for index in np.random.default_rng(seed).permutation(len(seen)):
        hu, nodule, lungs, labels, lesion = maker.nodule(int(index))
        taken += lesion.term == TERMS[0]
        if lesion.term == TERMS[0] and taken > solid:
            continue
        mask = np.zeros_like(nodule)
        mask[1] = ((dilate_mm(nodule, (2.0, 1.0, 1.0), MARGIN_MM) & lungs) | nodule)[1]
        region = Region.of_stack(
            np.maximum(hu, -1024).astype(np.float32), mask, labels, (2.0, 1.0, 1.0)
        )
        rows.append(
            Scored(
                f"nodule-{index}",
                seen[index].patient,
                "real",
                TERMS.index(lesion.term),
                _asked(pipe, region),
                _logits(_look(pipe), seen[index].vector),
            )
        )
        if done:
            done(rows[-1])
    return rows


def _sets(truth: int, size: int, rng: np.random.Generator) -> list[list[int]]:
    """Differentials of `size` hypotheses that hold the truth, each shuffled."""
    others = [index for index in range(len(HYPOTHESES)) if index != truth]
    return [
        list(rng.permutation([truth, *rng.choice(others, size - 1, replace=False)]))
        for _ in range(SETS)
    ]


def _ask(row: Scored, among: Sequence[int]) -> tuple[int, int, bool]:
    """First, second and whether the first is claimed to be told apart from all others."""
    ranking = order([HYPOTHESES[i] for i in among], row.asked[:, among], row.logits[list(among)])
    places = {each.name: index for index, each in enumerate(HYPOTHESES)}
    first, second = (places[each.hypothesis.name] for each in ranking.ranked[:2])
    return first, second, ranking.distinguishable


def _mean(rows: Iterable[tuple[str, float]]) -> dict[str, Any]:
    mean = over_patients(rows)
    return mean.rounded() if mean else {"value": None, "n": 0, "patients": 0, "ci95": None}


def accuracy(rows: list[Scored], size: int, seed: int = 0) -> dict[str, Any]:
    """Top-1, top-2, how often a first one is claimed, and how often that claim is right, over
    differentials drawn for each region.

    `n` counts regions (claims for the last), intervals resample patients.
    """
    rng, top1, top2, claimed, right = np.random.default_rng(seed), [], [], [], []
    for row in rows:
        asked = [_ask(row, among) for among in _sets(row.truth, size, rng)]
        top1.append((row.patient, np.mean([first == row.truth for first, *_ in asked])))
        top2.append(
            (row.patient, np.mean([row.truth in (first, second) for first, second, _ in asked]))
        )
        claimed.append((row.patient, np.mean([claim for *_, claim in asked])))
        right += [(row.patient, first == row.truth) for first, _, claim in asked if claim]
    found: dict[str, list[tuple[str, Any]]] = {
        "top1": top1,
        "top2": top2,
        "claimed": claimed,
        "claims right": right,
    }
    return {"regions": len(rows), "chance": round(1 / size, 3)} | {
        name: _mean(values) for name, values in found.items()
    }


def solid_or_not(rows: list[Scored]) -> dict[str, Any]:
    """Real nodules: solid (“nodule”) against non-solid (“part-solid nodule” or “ground-glass
    opacity”), by the first of those three."""
    answers = [(row, *_ask(row, SOLID)) for row in rows if row.truth in SOLID]
    hit = [
        (row, float((first == 0) == (row.truth == 0)), claim) for row, first, _, claim in answers
    ]
    parts = {
        "solid": [(r.patient, v) for r, v, _ in hit if r.truth == 0],
        "non-solid": [(r.patient, v) for r, v, _ in hit if r.truth != 0],
    }
    return {name: _mean(values) for name, values in parts.items()} | {
        "exact kind, top1": _mean((row.patient, first == row.truth) for row, first, *_ in answers),
        "exact kind, top2": _mean(
            (row.patient, row.truth in (first, second)) for row, first, second, _ in answers
        ),
        "claimed": _mean((r.patient, claim) for r, _, claim in hit),
        "claims right": _mean((r.patient, v) for r, v, claim in hit if claim),
    }


def effect(pipe: CounterfactualPipeline, case: Case, *, steps: int = 6) -> dict[str, float]:
    """Mean |Δ| (HU, inside the mask) between counterfactuals of different hypotheses, and between
    two seeds of one; one slice."""
    truth = TERMS.index(case.lesion.term)
    asked = [HYPOTHESES[i] for i in (truth, (truth + 2) % len(TERMS), len(TERMS))]
    row = int(case.mask.sum((1, 2)).argmax())
    made = {}
    for index, each in enumerate(asked):
        for seed in (0, 1):
            plan = EditPlan(case.mask, "", each.sentence, each.term or TERMS[0], each.term is None)
            result = pipe(
                case.scan,
                plan,
                anatomy=case.anatomy,
                noises=1,
                steps=steps,
                seed=seed,
                slices=(row, row + 1),
            )
            made[index, seed] = result.counterfactual.array[result.mask]
    pairs = [(0, 1), (0, 2), (1, 2)]
    return {
        "between": float(
            np.mean([np.abs(made[i, s] - made[j, s]).mean() for i, j in pairs for s in (0, 1)])
        ),
        "within": float(np.mean([np.abs(made[i, 0] - made[i, 1]).mean() for i in range(3)])),
    }
