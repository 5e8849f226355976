"""Training of the lungs' network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.imaging.anatomy import LEFT, RIGHT
from DGMVLCCore.models.lungs import LungNet
from DGMVLCCore.training.examples import Example
from DGMVLCCore.training.loop import Trainer
from DGMVLCCore.training.lung_slices import LungMaker
from DGMVLCCore.training.recipe import Recipe


def lung_dice_loss(logits: Tensor, label: Tensor) -> Tensor:
    """One minus the soft Dice of left and right lung over the batch; logits (B,5,H,W), label
    (B,H,W)."""
    shares = logits.softmax(1)[:, LEFT : RIGHT + 1]
    truth = torch.stack([label == LEFT, label == RIGHT], 1).float()
    both = (shares * truth).sum((0, 2, 3))
    return 1 - ((2 * both + 1) / (shares.sum((0, 2, 3)) + truth.sum((0, 2, 3)) + 1)).mean()


class LungTrainer(Trainer):
    """Trains a `LungNet`; its size is fixed, whatever the recipe's widths."""

    def build(self) -> LungNet:
        """A new network, or one to begin with."""
        return self.begun(LungNet)

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of slices and labels."""
        return LungMaker(Path(recipe.shards)).batches(recipe.batch, seed)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy and Dice of the lungs."""
        with self.accelerator.autocast():
            logits = self.model(batch["planes"])
        logits = logits.float()
        return {
            "classes": F.cross_entropy(logits, batch["label"]),
            "lungs": lung_dice_loss(logits, batch["label"]),
        }
