"""What the dual encoder learns: which sentences are true of a region, and of which cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.dual import DualEncoder, Look
from DGMVLCCore.simulation.phrases import TERMS, WEAK_TERMS
from DGMVLCCore.training.examples import Example
from DGMVLCCore.training.loop import Trainer
from DGMVLCCore.training.pairs import PairMaker
from DGMVLCCore.training.recipe import Recipe


def balanced(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy in which true and false pairs weigh the same in sum; all of one
    shape."""
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
    true, false = target > 0.5, target <= 0.5
    terms = [(loss * part).sum() / (weight * part).sum().clamp_min(1) for part in (true, false)]
    return (terms[0] + terms[1]) / 2


def region_loss(logits: Tensor, verdict: Tensor) -> Tensor:
    """Pairs (B,K) of regions and sentences; -1 in the verdict counts nothing."""
    return balanced(logits, (verdict == 1).float(), (verdict >= 0).float())


def cell_loss(
    logits: Tensor, soft: Tensor, lungs: Tensor, verdict: Tensor, present: Tensor, trusted: Tensor
) -> Tensor:
    """Where a sentence that names a finding is true.

    Args:
        logits: (B,K,h,w). soft: (B,1,h,w) the lesion's share of a cell. lungs: (B,1,h,w) share of
            lung.
        verdict: (B,K). present: (K,) the sentence says that something is there. trusted: (B,) the
            rest is free of it.
    """
    true = (verdict == 1)[..., None, None]
    target = (soft > 0.3).float() * true
    # The rim of a lesion, half in a cell, teaches neither way.
    sure = ((soft > 0.3) | (soft < 0.05)).float() * ((lungs > 0.5) | (soft > 0.3)).float()
    asked = ((verdict >= 0) & present[None])[..., None, None].float()
    known = torch.where(
        target > 0, torch.ones_like(target), trusted[:, None, None, None].expand_as(target)
    )
    return balanced(logits, target, sure * asked * known)


class AligningTrainer(Trainer):
    """Trains a `DualEncoder`."""

    def build(self) -> DualEncoder:
        """A new network, or one to begin with."""
        return self.begun(DualEncoder, widths=self.recipe.widths, findings=TERMS + WEAK_TERMS)

    @staticmethod
    def batches(recipe: Recipe, seed: int) -> Iterator[Example]:
        """Endless batches of looks and sentences."""
        return PairMaker(Path(recipe.shards), recipe.nodule_share).batches(recipe.batch, seed)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Region loss and cell loss."""
        model = self.accelerator.unwrap_model(self.model)
        look = Look(batch["image"], batch["anatomy"], batch["geometry"], batch["height"])
        pooled = torch.from_numpy(self.bank.pooled[batch["text"].cpu().numpy()]).to(
            look.image.device
        )
        with self.accelerator.autocast():
            cells, regions = self.model(look, batch["region"])
            for_cells, for_regions = model.text(pooled)
        dense = model.logit(torch.einsum("bchw,kc->bkhw", cells, for_cells), 0)
        soft, lungs = (
            F.avg_pool2d(batch["soft"], PATCH),
            F.avg_pool2d(batch["anatomy"][:, 1:3].sum(1, keepdim=True), PATCH),
        )
        return {
            "region": region_loss(model.logit(regions @ for_regions.T, 1), batch["verdict"]),
            "cell": cell_loss(
                dense, soft, lungs, batch["verdict"], batch["present"], batch["trusted"]
            ),
        }
