"""What is compared: the same U-Net as denoiser, as one-pass generator and in 3D, with either fusion
unit, and what was not trained here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import UsageError
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.generative import two_generations
from DGMVLCCore.evaluation.hole import removal
from DGMVLCCore.training.recipe import TASKS, Recipe

GAN_RATE = 5e-4
SAME_NETWORK = "denoiser-both"  # whose weights the two generations use


@dataclass(frozen=True)
class Variant:
    """One line of the benchmark.

    Args:
        name: on the command line. title: in tables. task: of its recipe, empty when it is not
            trained here.
        affine, cross: the paper's fusion units. note: what tables say of it. learning_rate: of its
            recipe; adversarial training takes a lower one.
    """

    name: str
    title: str
    task: str = ""
    affine: bool = True
    cross: bool = True
    note: str = ""
    learning_rate: float = Recipe.learning_rate

    @property
    def trained(self) -> bool:
        """Trained here, for the same minutes as the others."""
        return bool(self.task)


VARIANTS = (
    Variant("denoiser-affine", "denoiser, affine units", "denoiser", cross=False),
    Variant("denoiser-cross", "denoiser, cross-attention", "denoiser", affine=False),
    Variant(SAME_NETWORK, "denoiser, both units", "denoiser"),
    Variant("denoiser-neither", "denoiser, no text", "denoiser", affine=False, cross=False),
    Variant("gan-affine", "GAN, affine units", "gan", cross=False, learning_rate=GAN_RATE),
    Variant("gan-cross", "GAN, cross-attention", "gan", affine=False, learning_rate=GAN_RATE),
    Variant("gan-both", "GAN, both units", "gan", learning_rate=GAN_RATE),
    Variant("volume-both", "3D denoiser, both units", "volume"),
    Variant(
        "shipped",
        "shipped weights",
        note=(
            "the editor, which sees through the region's own voxels; trained longer than the "
            "others, steps and seconds are those of its last run"
        ),
    ),
    Variant(
        "two-generations",
        "two generations (arXiv 2410.13823)",
        note="the paper's procedure with the network of “denoiser, both units”",
    ),
)


def choose(names: Sequence[str] | None) -> tuple[list[Variant], list[str]]:
    """The variants of these names (all when None), and a line for each that this version cannot
    train.

    Raises:
        UsageError: an unknown name, or nothing is left.
    """
    known = {variant.name: variant for variant in VARIANTS}
    if unknown := [name for name in names or () if name not in known]:
        raise UsageError(f"There is no variant {unknown[0]!r}; choose from {', '.join(known)}.")
    wanted = [known[name] for name in dict.fromkeys(names)] if names else list(VARIANTS)
    kept = [variant for variant in wanted if not variant.trained or variant.task in TASKS]
    left_out = [
        f"{variant.title}: left out, this version has no training task {variant.task!r}."
        for variant in wanted
        if variant not in kept
    ]
    if not kept:
        raise UsageError(
            f"None of the chosen variants can be made by this version: {' '.join(left_out)}"
        )
    return kept, left_out


def edit(
    variant: Variant, pipe: CounterfactualPipeline, case: Case, seed: int, *, denied: bool = True
) -> np.ndarray | None:
    """The case's scan (D,H,W) HU with its hole filled by one sample, as a user gets it.

    Args:
        denied: under the sentence that denies the finding; else under the one that states it, which
            two generations are not asked.
    """
    if variant.name == "two-generations":
        return two_generations(pipe, case, seed) if denied else None
    plan = removal(case)
    if not denied:
        plan = EditPlan(case.mask, plan.target, plan.source, plan.term)
    return pipe(case.scan, plan, anatomy=case.anatomy, noises=1, seed=seed).counterfactual.array
