"""Forth and back: how far is a scan from itself after an edit and the edit that undoes it?"""

from __future__ import annotations

from dataclasses import replace

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.evaluation.metrics import mae
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume


def reversibility(
    pipe: CounterfactualPipeline,
    volume: Volume,
    plan: EditPlan,
    anatomy: Anatomy,
    *,
    noises: int = 1,
    steps: int = 10,
    seed: int = 0,
) -> dict[str, float]:
    """L1 in HU inside the mask between a scan and back(forth(scan)), and between the scan and
    forth(scan).

    Forth is the plan; back takes the same mode with source and target sentence exchanged and the
    next seed, since nobody who undoes an edit has
    its noise. *Replace* forgets what was in the hole, so that its way back puts another lesion
    there; *shift* starts from the voxels and returns
    nearer.
    """
    forth = pipe(
        volume, plan, anatomy=anatomy, noises=noises, steps=steps, seed=seed
    ).counterfactual
    undo = replace(plan, source=plan.target, target=plan.source, removes=not plan.removes)
    back = pipe(
        forth, undo, anatomy=anatomy, noises=noises, steps=steps, seed=seed + 1
    ).counterfactual
    return {
        "back_hu": mae(back.array, volume.array, plan.mask),
        "forth_hu": mae(forth.array, volume.array, plan.mask),
    }
