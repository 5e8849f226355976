"""What the denoiser learns: a rectified flow inside the hole, and to point at the lesion's
cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from DGMVLCCore.models.denoiser import PATCH, Conditions, Denoiser
from DGMVLCCore.models.dual import EMBEDDING, DualEncoder
from DGMVLCCore.simulation.phrases import TERMS
from DGMVLCCore.training.examples import Example, ExampleMaker, PhraseBank
from DGMVLCCore.training.loop import Trainer
from DGMVLCCore.training.recipe import Recipe

N = TypeVar("N", bound=Denoiser)


def phrases_at(bank: PhraseBank, index: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """States (B,L,T), mask (B,L) and pooled vectors (B,T) of phrases (B,) of the bank."""
    tokens, mask, pooled = (
        torch.from_numpy(x[index]) for x in (bank.tokens, bank.mask, bank.pooled)
    )
    return tokens, mask, pooled


def conditions_of(batch: dict[str, Tensor], bank: PhraseBank, text: Tensor) -> Conditions:
    """Conditions of a batch under the phrases `text` (B,) of the bank."""
    device = batch["clean"].device
    tokens, mask, pooled = (x.to(device) for x in phrases_at(bank, text.cpu().numpy()))
    return Conditions(
        batch["context"], batch["mask"], batch["anatomy"], batch["geometry"], tokens, mask, pooled
    )


def flow_loss(predicted: Tensor, clean: Tensor, t: Tensor, mask: Tensor) -> Tensor:
    """Velocity error inside the hole: |(x_hat - x) / t|^2, t held above 0.15 (rectified flow,
    x-prediction); `mask` weighs pixels."""
    error = ((predicted - clean) / t[:, None, None, None].clamp_min(0.15)) ** 2
    return (error * mask).sum() / mask.sum().clamp_min(1)


def grounding_loss(
    attention: Tensor, lesion: Tensor, t: Tensor, mask: Tensor, spoken: Tensor
) -> Tensor:
    """Cross-entropy between a cell's attention to words (not to the null token) and the lesion's
    share of that cell.

    Counts only cells of the hole, only where the text was not dropped, less as noise hides the
    lesion.
    """
    target = torch.nn.functional.avg_pool2d(lesion, PATCH).flatten(1).clamp(0, 1)
    inside = (torch.nn.functional.avg_pool2d(mask, PATCH).flatten(1) > 0.5).float()
    weight = inside * ((1 - t).clamp_min(0) * spoken)[:, None]
    words = (1 - attention[..., 0]).clamp(1e-4, 1 - 1e-4)
    loss = -(target * words.log() + (1 - target) * (1 - words).log())
    return (loss * weight).sum() / weight.sum().clamp_min(1)


class DenoisingTrainer(Trainer):
    """Trains a `Denoiser`."""

    divisible = True

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        terms = [phrase.term if phrase.present else "" for phrase in self.bank.phrases]
        self.term_of = torch.tensor(
            [-1, *(TERMS.index(term) if term in TERMS else -1 for term in terms)]
        )
        self.vision = (
            DualEncoder.from_pretrained(recipe.vision, torch_dtype=torch.float32).eval()
            if recipe.vision
            else None
        )
        if self.vision is not None:
            self.vision.to(self.accelerator.device).requires_grad_(False)

    def build(self) -> Denoiser:
        """A new network, or one to begin with; what an older one lacks starts as the identity."""
        return self.network(Denoiser)

    def network(self, kind: type[N]) -> N:
        """A network of the class `kind` as the recipe says, with the weights to begin with when it
        names some."""
        recipe = self.recipe
        seen = (
            {
                "scan_dim": EMBEDDING,
                "vision_sha256": DualEncoder.from_pretrained(recipe.vision).scan_sha256(),
            }
            if recipe.vision
            else {}
        )
        if recipe.start_from:
            return kind.from_pretrained(
                recipe.start_from, torch_dtype=torch.float32, low_cpu_mem_usage=False, **seen
            )
        # By keyword: the configuration records only what is named.
        return kind(
            widths=recipe.widths,
            affine_fusion=recipe.affine_fusion,
            cross_attention=recipe.cross_attention,
            anatomy=recipe.anatomy,
            findings=TERMS,
            **seen,
        )

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of holes and true sentences."""
        return ExampleMaker(Path(recipe.shards), recipe.nodule_share).batches(recipe.batch, seed)

    def misread(self, batch: dict[str, Tensor], spoken: Tensor) -> tuple[Tensor, Tensor]:
        """Phrases (B,) with some exchanged for a present finding that is not there, and which ones
        (B,) bool."""
        stated = torch.nonzero(self.term_of >= 0)[:, 0]
        other = stated[torch.randint(len(stated), (len(spoken),))].to(spoken.device)
        term_of = self.term_of.to(spoken.device)
        true = term_of[batch["text"]]
        wrong = (
            spoken
            & (torch.rand(len(spoken), device=spoken.device) < self.recipe.misread)
            & (term_of[other] != true)
        )
        # A denied finding leaves open what else is there, so only a stated one, or a region without
        # lesion, is safe to misread.
        wrong &= (true >= 0) | (batch["lesion"].amax((1, 2, 3)) == 0)
        return torch.where(wrong, other, batch["text"]), wrong

    def seen(self, batch: dict[str, Tensor], text: Tensor) -> Conditions:
        """Conditions of a batch under the phrases (B,), with the scan's embedding dropped as the
        recipe says."""
        cond = conditions_of(batch, self.bank, text)
        if self.vision is not None:
            cond.scan = (
                self.vision.scan_embedding(cond)
                * (torch.rand(len(text), 1, device=text.device) >= self.recipe.scan_dropout).float()
            )
        return cond

    def conditions(self, batch: dict[str, Tensor]) -> tuple[Conditions, Tensor]:
        """Conditions of a batch, text and scan dropped as the recipe says, and the phrases (B,)
        that stayed."""
        spoken = (
            torch.rand(len(batch["text"]), device=batch["text"].device) >= self.recipe.text_dropout
        )
        text = torch.where(spoken, batch["text"], 0)
        return self.seen(batch, text), text

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Flow loss and weighted grounding loss."""
        clean, mask = batch["clean"], batch["mask"][:, 1:2]
        n = len(clean)
        t = torch.sigmoid(torch.randn(n, device=clean.device))
        spoken = (torch.rand(n, device=clean.device) >= self.recipe.text_dropout) & (
            batch["text"] > 0
        )
        text, wrong = self.misread(batch, spoken)
        cond = self.seen(batch, torch.where(spoken, text, 0))
        x_t = (1 - t[:, None, None, None]) * clean + t[:, None, None, None] * torch.randn_like(
            clean
        )
        with self.accelerator.autocast():
            predicted, attention = self.model(x_t, t, cond)
        right = (~wrong).float()[:, None, None, None]
        terms = {"flow": flow_loss(predicted.float(), clean, t, mask * right)}
        if attention is not None:
            terms["grounding"] = self.recipe.grounding * grounding_loss(
                attention, batch["lesion"] * right, t, mask, spoken.float()
            )
        return terms
