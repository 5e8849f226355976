"""Teach a copy of the generator the sentences of a cohort: a short run of the training loop on its
shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.models.checks import check_weights
from DGMVLCCore.models.networks import WEIGHTS
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.recipe import Recipe

LEARNING_RATE, BATCH, EMA = 4e-4, 8, 0.98


def cohort_recipe(folder: Path, out: Path, weights: Path | None = None, **fields: Any) -> Recipe:
    """The recipe of a run on the shards in `folder`.

    Args:
        weights: to begin with; the shipped ones when None. fields: of the recipe, instead of the
            usual ones.

    Raises:
        WeightsError: no weights to begin with, or altered ones.
    """
    start = weights or resource(WEIGHTS)
    check_weights(start)
    sees = read_json(start / "config.json").get("scan_dim")
    usual = {
        "batch": BATCH,
        "learning_rate": LEARNING_RATE,
        "warmup": 8,
        "ema": EMA,
        "workers": 0,
        "start_from": str(start),
        "vision": str(resource("weights/dgmvlc-dual")) if sees else "",
    }
    return Recipe(str(folder), str(out), task="cohort", **{**usual, **fields})


def fine_tune(
    folder: Path,
    weights: Path | None = None,
    *,
    minutes: float = 5.0,
    steps: int = 0,
    batch: int = BATCH,
    seed: int = 0,
    quiet: bool = True,
) -> Path:
    """Fine-tune a copy of the generator on the shards in `folder`; returns the folder of its
    weights.

    Args:
        weights: to begin with; the shipped ones when None. minutes: budget. steps: instead of the
            budget when given.

    Raises:
        WeightsError: no weights to begin with, or altered ones.
    """
    return train(
        cohort_recipe(
            folder,
            folder / "run",
            weights,
            minutes=minutes,
            steps=steps,
            batch=batch,
            seed=seed,
            checkpoint_every=10**9,
        ),
        quiet=quiet,
    )
