"""What the probe learns: is there a lesion in this mask? Masks are drawn alike with and without
one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.imaging.masks import dilate_mm
from DGMVLCCore.models.probe import OUTSIDE_HU, ProbeNet, parts, square
from DGMVLCCore.simulation.patch import clear
from DGMVLCCore.training.examples import Example, ExampleMaker
from DGMVLCCore.training.loop import Trainer
from DGMVLCCore.training.masks import random_edit_mask
from DGMVLCCore.training.recipe import Recipe

FEWEST_PIXELS = 12
NODULE_SPACING = (2.0, 1.0, 1.0)
SEEN = 0.04  # model units, 30 HU; a lesion that nowhere changes more is not in the slice
FRESH, FIRST, LARGEST = (
    8,
    16,
    4000,
)  # one in how many of a batch is new; drawn before the first; most that are kept of a sort


def _windowed(hu: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H,W) HU, black beyond a random margin around the mask.

    Cut-outs of real nodules are small and centred on the nodule; with margins drawn alike for all,
    what is visible does not tell what it is.
    """
    out = np.full_like(hu, OUTSIDE_HU)
    box = tuple(
        slice(
            max(int(at.min()) - int(rng.integers(2, 11)), 0),
            int(at.max()) + int(rng.integers(3, 12)),
        )
        for at in np.nonzero(mask)
    )
    out[box] = hu[box]
    return out


class ProbeMaker(ExampleMaker):
    """Draws squares with and without a lesion in the mask."""

    def edit_mask(
        self,
        shape: np.ndarray,
        lungs: np.ndarray,
        spacing: tuple[float, float, float],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """A mask (D,H,W) around a shape: mostly a smooth margin as edits have it, else one of the
        generator's training masks; inside the lungs."""
        grown = (
            random_edit_mask(shape, lungs, spacing, rng)
            if rng.random() < 0.25
            else dilate_mm(shape, spacing, float(rng.uniform(3, 9)))
        )
        return grown & lungs

    def simulated_squares(self, rng: np.random.Generator) -> list[Example]:
        """Up to four slices of a patch, each with the lesion and without it under one mask."""
        patch, lesion, rows, _ = self.draw(rng)
        mask = self.edit_mask(lesion.mask, patch.lungs > 0, patch.spacing, rng)
        examples: list[Example] = []
        for z in rng.permutation(rows)[:4]:
            if not mask[z].any():
                continue
            piece = max(
                parts(mask[z], patch.spacing), key=lambda part: (part & lesion.mask[z]).sum()
            )
            if piece.sum() < FEWEST_PIXELS:
                continue
            narrow = int(rng.integers(1 << 30)) if rng.random() < 0.4 else None
            planes = [
                hu if narrow is None else _windowed(hu, piece, np.random.default_rng(narrow))
                for hu in (lesion.hu[z], patch.hu[z])
            ]
            pair = [square(plane, piece, patch.spacing) for plane in planes]
            if np.abs(pair[0] - pair[1]).max() > SEEN:
                examples += [
                    {"square": seen, "label": np.float32(label)}
                    for seen, label in zip(pair, (1, 0))
                ]
        return examples

    def nodule_squares(self, rng: np.random.Generator) -> list[Example]:
        """A real nodule, and clear lung beside it under another nodule's shape."""
        data = self.nodules
        hu, nodule, lungs, _, _ = self.nodule(int(rng.integers(len(data["hu"]))))
        lungs = np.stack([ndimage.binary_fill_holes(plane) for plane in lungs])
        other = np.roll(
            data["mask"][rng.integers(len(data["hu"]))] > 0,
            tuple(int(v) for v in rng.integers(-20, 21, 2)),
            (1, 2),
        )
        examples = []
        for label, shape in ((1, nodule), (0, other)):
            mask = (
                self.edit_mask(shape, lungs, NODULE_SPACING, rng)[1] if shape[1].any() else shape[1]
            )
            beside = (
                (mask & ndimage.binary_dilation(nodule[1], iterations=2)).any()
                if not label
                else False
            )
            if (
                mask.sum() < FEWEST_PIXELS
                or mask.mean() > 0.4
                or beside
                or (not label and not clear(hu[1], mask, lungs[1]))
            ):
                continue
            examples.append(
                {
                    "square": square(_windowed(hu[1], mask, rng), mask, NODULE_SPACING),
                    "label": np.float32(label),
                }
            )
        return examples

    def batches(self, batch: int, seed: int) -> Iterator[Example]:
        """Endless batches of `square` (B,3,96,96) and `label` (B,), with and without a lesion alike
        among simulated ones and nodules.

        An eighth is new; the rest comes from what was drawn before, turned and mirrored, because
        drawing costs more than learning.
        """
        rng, nodules = np.random.default_rng(seed), round(self.nodule_share * batch / 2)
        drawn: dict[tuple[bool, float], list[Example]] = {
            (real, label): [] for real in (True, False) for label in (0.0, 1.0)
        }
        for turn in count(1):
            chosen = []
            for real, make, wanted in (
                (True, self.nodule_squares, nodules),
                (False, self.simulated_squares, batch // 2 - nodules),
            ):
                fewest = max(wanted // FRESH, 1) * turn + FIRST if wanted else 0
                while min(len(drawn[real, 0.0]), len(drawn[real, 1.0])) < min(fewest, LARGEST):
                    for example in make(rng):
                        drawn[real, float(example["label"])].append(example)
                for label in (0.0, 1.0):
                    part = drawn[real, label]
                    chosen += [part[i] for i in rng.integers(len(part), size=wanted)]
            squares = np.stack([_turned(example["square"], rng) for example in chosen])
            yield {"square": squares, "label": np.stack([example["label"] for example in chosen])}


def _turned(planes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(3,S,S) mirrored and turned by right angles."""
    planes = np.rot90(planes, int(rng.integers(4)), (1, 2))
    return planes[:, ::-1] if rng.random() < 0.5 else planes


class ProbeTrainer(Trainer):
    """Trains a `ProbeNet`; its size is fixed, whatever the recipe's widths."""

    def build(self) -> ProbeNet:
        """A new network, or one to begin with."""
        return self.begun(ProbeNet)

    @staticmethod
    def batches(recipe: Recipe, seed: int) -> Iterator[Example]:
        """Endless batches of squares and labels."""
        return ProbeMaker(Path(recipe.shards), recipe.nodule_share).batches(recipe.batch, seed)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy."""
        return {
            "lesion": F.binary_cross_entropy_with_logits(
                self.model(batch["square"]), batch["label"]
            )
        }
