"""Every way to fill the hole of a case, by name: this project's, classical ones, and other samplers
of the same network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.see_through import STEPS
from DGMVLCCore.evaluation import baselines, generative
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.hole import Hole, removal

Make = Callable[[CounterfactualPipeline, Case, int], "np.ndarray | None"]
NOISES = 8


@dataclass(frozen=True)
class Method:
    """A way to fill the hole of a case.

    Args:
        name: as tables call it. family: "ours", "classical" or "generative".
        make: pipeline, case and seed -> HU (D,H,W) on the case's grid with the hole of `case.mask`
            filled; None where the method does not apply.
        passes: network passes a slice of the hole. note: what is not plain from the name.

    All but the means are one sample; all are put back by the same composition, so that only the
    filling differs.
    """

    name: str
    family: str
    make: Make
    passes: int = 0
    note: str = ""


def _ours(mode: str, noises: int) -> Make:
    """The pipeline's own edit, averaged over `noises`."""

    def make(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
        hole = Hole.cut(case)
        return hole.filled(
            *hole.samples(pipe, removal(case, mode), seed, noises=noises, steps=STEPS)
        )

    return make


def _classical(fill: baselines.Fill) -> Make:
    """A classical fill, which needs no network and no seed."""

    def make(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray | None:
        hole = Hole.cut(case)
        filled = fill(hole.scan.array, hole.mask, hole.anatomy.lungs)
        return None if filled is None else hole.changed(filled - hole.scan.array)

    return make


METHODS: tuple[Method, ...] = (
    Method(
        "replace, one noise",
        "ours",
        _ours("replace", 1),
        1 + STEPS,
        "one pass through the region's voxels; what is too dense for it in a few steps",
    ),
    Method(
        "replace, mean of 8",
        "ours",
        _ours("replace", NOISES),
        1 + STEPS * NOISES,
        "the mean over noises, no sample",
    ),
    Method(
        "shift, one noise",
        "ours",
        _ours("shift", 1),
        2 * (1 + STEPS),
        "what the answers under both sentences differ by",
    ),
    *(Method(name, "classical", _classical(fill)) for name, fill in baselines.BASELINES.items()),
    Method(
        "inpainting from noise",
        "generative",
        generative.fill_with(generative.from_noise),
        generative.NOISE_STEPS,
        "plain diffusers loop, no guidance",
    ),
    *(
        Method(
            f"SDEdit {strength}",
            "generative",
            generative.fill_with(generative.sdedit(strength)),
            round(generative.SDEDIT_STEPS * strength),
            "starts from the noised scan",
        )
        for strength in (0.3, 0.5, 0.7)
    ),
    Method(
        "flow inversion",
        "generative",
        generative.fill_with(generative.inversion),
        2 * generative.INVERSION_STEPS,
        "inverted under the source text",
    ),
    Method(
        "RePaint",
        "generative",
        generative.fill_repaint,
        sum(s < t for t, s in generative.repaint_times()),
        "jumps of 5 steps, each done three times",
    ),
    Method(
        "two generations",
        "generative",
        generative.two_generations,
        2 * generative.SEED_STEPS,
        "arXiv 2410.13823: lungs generated under both texts and subtracted; its slices hold up "
        "to five times the pixels",
    ),
)
