"""What the denoiser of slabs learns: the same rectified flow, on consecutive slices under one noise
that goes on along z."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from DGMVLCCore.errors import UnreadableError, UsageError
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.dual import EMBEDDING, DualEncoder
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.models.noise import correlated, slice_correlation
from DGMVLCCore.models.volume_denoiser import VolumeDenoiser
from DGMVLCCore.simulation.phrases import TERMS
from DGMVLCCore.training.denoising import DenoisingTrainer, conditions_of, flow_loss, grounding_loss
from DGMVLCCore.training.examples import Example, ExampleMaker, assemble_slab
from DGMVLCCore.training.masks import random_edit_mask
from DGMVLCCore.training.recipe import Recipe

LARGEST_STEP_MM = 5.0  # slices further apart have little in common
SINGLE = 0.1  # share of steps on single slices, for a network without a trained base


class SlabMaker(ExampleMaker):
    """Draws slabs of consecutive slices at the scan's own step; real nodules, of three slices, are
    left to the 2D network.

    Args:
        shards: folder made by `dgmvlc data`. depth: slices of a slab; one more on either side is
            seen by its border slices.

    Raises:
        UnreadableError: no scan of the shards has that many slices close enough together.
    """

    whole = True

    def __init__(self, shards: Path, depth: int) -> None:
        super().__init__(shards, 0.0)
        self.slab = depth + 2
        self.scans = [
            scan
            for scan in self.scans
            if scan.spacing[0] <= LARGEST_STEP_MM and _longest_clear(scan.unclear) >= self.slab
        ]
        if not self.scans:
            raise UnreadableError(
                f"{shards} holds no scan with {self.slab} clear slices in a row at most "
                f"{LARGEST_STEP_MM:g} mm apart; take a smaller depth."
            )

    def slab_example(self, rng: np.random.Generator) -> Example:
        """A slab (depth,...) with or without a lesion, one true phrase for all of it, and its own
        texture's correlation along z."""
        patch, lesion, _, labels = self.draw(rng)
        mask = random_edit_mask(lesion.mask, patch.lungs > 0, patch.spacing, rng)
        present = bool(rng.random() < 0.5)
        inner = list(range(1, self.slab - 1))
        example = assemble_slab(
            lesion.hu if present else patch.hu, labels, mask, inner, np.array(patch.spacing)
        )
        soft = lesion.soft[inner] if present else np.zeros_like(lesion.soft[inner])
        correlation = slice_correlation(patch.hu, patch.lungs > 0)
        return example | {
            "lesion": soft[:, None].astype(np.float32),
            "text": np.full(len(inner), self.bank.choose(lesion, present, rng)),
            "correlation": np.full(len(inner), correlation, np.float32),
        }

    def batches(self, batch: int, seed: Any) -> Iterator[Example]:
        """Endless batches of `batch` slices: slab after slab."""
        rng = np.random.default_rng(seed)
        while True:
            slabs: list[Example] = []
            while len(slabs) * (self.slab - 2) < batch:
                example = self.slab_example(rng)
                if example["mask"][:, 1].any():  # a lesion may lie in the slices that are only seen
                    slabs.append(example)
            yield {key: np.concatenate([slab[key] for slab in slabs]) for key in slabs[0]}


def _longest_clear(unclear: np.ndarray) -> int:
    """Length of the longest run of clear slices."""
    edges = np.nonzero(np.concatenate([[True], unclear, [True]]))[0]
    return int(np.diff(edges).max() - 1)


def slab_noise(clean: Tensor, correlation: Tensor, depth: int) -> Tensor:
    """Noise (slabs*depth,1,H,W) for `clean`, correlated along z within each slab by `correlation`
    (slabs*depth,)."""
    white = torch.randn_like(clean).unflatten(0, (-1, depth)).transpose(0, 1)
    return correlated(white, correlation[::depth, None, None, None]).transpose(0, 1).flatten(0, 1)


class VolumeTrainer(DenoisingTrainer):
    """Trains a `VolumeDenoiser`: all of it, or only its layers along z on a trained 2D network."""

    divisible = False  # a slab stays whole

    def __init__(self, recipe: Recipe) -> None:
        if recipe.depth < 2 or recipe.batch % recipe.depth:
            raise UsageError(
                f"A slab needs 2 slices or more and a batch whole slabs; {recipe.batch} slices "
                f"are no multiple of the depth {recipe.depth}."
            )
        super().__init__(recipe)
        self.whole = not self.accelerator.unwrap_model(self.model).config.base

    def build(self) -> VolumeDenoiser:
        """A new network, one to go on with, or new layers along z on a 2D network, which then stays
        as it is."""
        recipe = self.recipe
        if not recipe.start_from:
            seen = (
                {
                    "scan_dim": EMBEDDING,
                    "vision_sha256": DualEncoder.from_pretrained(recipe.vision).scan_sha256(),
                }
                if recipe.vision
                else {}
            )
            return VolumeDenoiser(
                widths=recipe.widths,
                affine_fusion=recipe.affine_fusion,
                cross_attention=recipe.cross_attention,
                anatomy=recipe.anatomy,
                findings=TERMS,
                depth=recipe.depth,
                **seen,
            )
        begun: Denoiser
        begun, sha256 = load_generator(Path(recipe.start_from))
        model = (
            begun
            if isinstance(begun, VolumeDenoiser)
            else VolumeDenoiser.on(
                begun, Path(recipe.start_from).resolve().name, sha256, recipe.depth
            )
        )
        if model.config.base:
            model.freeze_base()
        return model

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of slabs."""
        return SlabMaker(Path(recipe.shards), recipe.depth).batches(recipe.batch, seed)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The flow loss of slabs; a network without a base also learns to point, and now and then
        single slices."""
        if not self.whole:
            return self.slab_losses(batch)
        if torch.rand(()) < SINGLE:
            return self.single_losses(batch)
        return self.slab_losses(batch)

    def single_losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The 2D network's losses; a slice that the slab's lesion does not reach is not said to
        show it."""
        elsewhere = (self.term_of.to(batch["text"].device)[batch["text"]] >= 0) & (
            batch["lesion"].amax((1, 2, 3)) == 0
        )
        terms = super().losses({**batch, "text": torch.where(elsewhere, 0, batch["text"])})
        idle = self.accelerator.unwrap_model(self.model).along_z.parameters()
        return terms | {
            "flow": terms["flow"] + 0 * sum(p.sum() for p in idle)
        }  # distributed training waits for a gradient of every weight

    def slab_losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """One time, one text and one noise for each slab."""
        depth, device = self.recipe.depth, batch["clean"].device
        clean, mask = batch["clean"], batch["mask"][:, 1:2]
        slabs = len(clean) // depth
        t = torch.sigmoid(torch.randn(slabs, device=device)).repeat_interleave(depth)
        spoken = (torch.rand(slabs, device=device) >= self.recipe.text_dropout).repeat_interleave(
            depth
        ) & (batch["text"] > 0)
        cond = conditions_of(batch, self.bank, torch.where(spoken, batch["text"], 0))
        if self.vision is not None:
            seen = (
                (torch.rand(slabs, 1, device=device) >= self.recipe.scan_dropout)
                .float()
                .repeat_interleave(depth, 0)
            )
            cond.scan = self.vision.scan_embedding(cond) * seen
        share = t[:, None, None, None]
        x_t = (1 - share) * clean + share * slab_noise(clean, batch["correlation"], depth)
        with self.accelerator.autocast():
            predicted, attention = self.model(x_t, t, cond, depth=depth)
        terms = {"flow": flow_loss(predicted.float(), clean, t, mask)}
        if self.whole and attention is not None:
            terms["grounding"] = self.recipe.grounding * grounding_loss(
                attention, batch["lesion"], t, mask, spoken.float()
            )
        return terms
