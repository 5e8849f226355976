"""Every variant trained for the same minutes on the same shards with the same widths; a run that
was broken off goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from DGMVLCCore.errors import UnreadableError, UsageError
from DGMVLCCore.evaluation.benchmark import jobs
from DGMVLCCore.evaluation.benchmark.records import Json, TrainingFacts
from DGMVLCCore.evaluation.benchmark.variants import Variant
from DGMVLCCore.results.records import write_text
from DGMVLCCore.training.recipe import Recipe

PEAK, RECIPE = "peak.json", "recipe.json"
PATHS = ("shards", "out")
NEARLY = 0.98  # of the minutes; the clock stops between two steps


@dataclass(frozen=True)
class Budget:
    """What every variant gets.

    Args:
        minutes: of training on one thread. steps: in their place, where a fixed number is wanted.
        widths: channels of the U-Net. batch: slices a step.
    """

    minutes: float = 30.0
    steps: int = 0
    widths: tuple[int, int, int] = (64, 112, 176)
    batch: int = 16
    seed: int = 0


def recipe_of(variant: Variant, budget: Budget, shards: Path, out: Path) -> Recipe:
    """The variant's recipe; examples are made in the same process, so that one thread does all."""
    return Recipe(
        str(shards),
        str(out),
        task=variant.task,
        minutes=budget.minutes,
        steps=budget.steps,
        batch=budget.batch,
        widths=budget.widths,
        workers=0,
        seed=budget.seed,
        learning_rate=variant.learning_rate,
        affine_fusion=variant.affine,
        cross_attention=variant.cross,
        checkpoint_every=100,
    )


def facts_of(weights: Path) -> TrainingFacts:
    """Steps and seconds that a weights folder records of its training.

    Raises:
        UnreadableError: there is no such record.
    """
    try:
        facts = json.loads((weights / "training.json").read_text(encoding="utf-8"))
        return {"steps": int(facts["steps"]), "seconds": float(facts["seconds"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableError(
            f"{weights} holds no readable training.json; train the variant again."
        ) from error


def finished(variant: Variant, budget: Budget, trained: Path) -> bool:
    """True when the variant's run in the folder is over.

    Raises:
        UsageError: the folder holds a run of another recipe.
    """
    folder = trained / variant.name
    try:
        found = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = json.loads(json.dumps(asdict(recipe_of(variant, budget, Path(), Path()))))
    if differs := sorted(
        key for key in {*found, *wanted} - {*PATHS} if found.get(key) != wanted.get(key)
    ):
        raise UsageError(
            f"{folder} holds a run with other {', '.join(differs)}; give the same options or "
            "another folder with --trained."
        )
    if not (folder / PEAK).exists() or not (folder / "weights" / "training.json").exists():
        return False
    facts = facts_of(folder / "weights")
    return (
        facts["steps"] >= budget.steps
        if budget.steps
        else facts["seconds"] >= NEARLY * 60 * budget.minutes - 1
    )


def train_variant(variant: Variant, budget: Budget, shards: Path, trained: Path) -> None:
    """Train or go on training in a process of its own; nothing when it is done.

    Raises:
        UnreadableError: no training shards. DGMVLCError: what the training raised.
    """
    if finished(variant, budget, trained):
        return
    if not (shards / "phrases.npz").is_file():
        raise UnreadableError(
            f"{shards} holds no training shards; make them with: dgmvlc data -i FOLDER -o {shards}."
        )
    folder = trained / variant.name
    folder.mkdir(parents=True, exist_ok=True)
    answer = jobs.call("train", asdict(recipe_of(variant, budget, shards, folder)))
    before = (
        json.loads((folder / PEAK).read_text(encoding="utf-8"))["peak_mb"]
        if (folder / PEAK).exists()
        else 0.0
    )
    write_text(json.dumps({"peak_mb": max(before, answer["peak_mb"])}), folder / PEAK)


def train_job(spec: Json) -> dict[str, float]:
    """One run of `training.loop.train`; the answer is the process's peak memory."""
    from DGMVLCCore.evaluation.benchmark.measuring import peak_mb
    from DGMVLCCore.training.loop import train

    train(
        Recipe(**{**spec, "widths": tuple(spec["widths"]), "frozen": tuple(spec["frozen"])}),
        quiet=True,
    )
    return {"peak_mb": peak_mb()}
