"""What the editor learns: to change what the words name, to leave the rest, and to say where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.errors import WeightsError
from DGMVLCCore.models.denoiser import PATCH, Conditions, Denoiser
from DGMVLCCore.models.editor import Edit, Editor, composed
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.models.units import to_units
from DGMVLCCore.simulation.phrases import TERMS
from DGMVLCCore.training.denoising import conditions_of
from DGMVLCCore.training.edit_pairs import EditPairMaker
from DGMVLCCore.training.examples import Example
from DGMVLCCore.training.loop import Trainer
from DGMVLCCore.training.recipe import Recipe

VESSEL_UNITS = float(to_units(-600.0))  # type: ignore[arg-type]
VESSEL_WEIGHT = 2.0  # of voxels denser than that, besides 1
CHANGE_WEIGHT, DICE_WEIGHT, GRADIENT_WEIGHT, HIDDEN_WEIGHT = 0.1, 0.05, 0.5, 0.5
LEAST_TIME = 0.3  # the velocity's error is held where the noise is nearly gone


def weighted(error: Tensor, weight: Tensor) -> Tensor:
    """Mean over each image by its own weights, then over the images that have any."""
    total = weight.sum((1, 2, 3))
    each = (error * weight).sum((1, 2, 3)) / total.clamp_min(1e-6)
    counts = (total > 0).float()
    return (each * counts).sum() / counts.sum().clamp_min(1)


def edges(x: Tensor) -> Tensor:
    """Differences to the next pixel along both axes (B,2,H,W), 0 at the far border."""
    down, right = x.diff(dim=2), x.diff(dim=3)
    return torch.cat([F.pad(down, (0, 0, 0, 1)), F.pad(right, (0, 1))], dim=1)


def change_loss(logit: Tensor, change: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy, each image by its own weights (B,1,H,W)."""
    error = F.binary_cross_entropy_with_logits(logit, change, reduction="none")
    return weighted(error, weight)


def dice_loss(logit: Tensor, change: Tensor, seen: Tensor) -> Tensor:
    """1 - soft Dice of the change map, over the images where something is to be changed."""
    share, wanted = torch.sigmoid(logit) * seen, change * seen
    top, bottom = 2 * (share * wanted).sum((1, 2, 3)), (share + wanted).sum((1, 2, 3))
    asked = (wanted.sum((1, 2, 3)) > 4).float()
    return ((1 - top / bottom.clamp_min(1e-6)) * asked).sum() / asked.sum().clamp_min(1)


def pointing_loss(attention: Tensor, pointed: Tensor, mask: Tensor, spoken: Tensor) -> Tensor:
    """Cross-entropy between a cell's attention to words and the share of it that they name."""
    target = F.avg_pool2d(pointed, PATCH).flatten(1).clamp(0, 1)
    inside = (F.avg_pool2d(mask, PATCH).flatten(1) > 0.5).float() * spoken[:, None]
    words = (1 - attention[..., 0]).clamp(1e-4, 1 - 1e-4)
    loss = -(target * words.log() + (1 - target) * (1 - words).log())
    weight = inside * (1 + 4 * target)
    return (loss * weight).sum() / weight.sum().clamp_min(1)


class EditingTrainer(Trainer):
    """Trains an `Editor`."""

    divisible = True

    def build(self) -> Editor:
        """A new editor, one to go on with, or one on the weights of a hole-filling denoiser."""
        recipe = self.recipe
        if not recipe.start_from:
            return Editor(
                widths=recipe.widths,
                affine_fusion=recipe.affine_fusion,
                cross_attention=recipe.cross_attention,
                anatomy=recipe.anatomy,
                findings=TERMS,
                detail=recipe.detail,
                tissue=recipe.tissue,
            )
        begun, _ = load_generator(Path(recipe.start_from))
        if isinstance(begun, Editor):
            asked = {"detail": recipe.detail, "tissue": recipe.tissue}
            grown = any(asked[name] and not begun.config[name] for name in asked)  # type: ignore[index]
            return Editor.on(begun, **asked) if grown else begun
        if type(begun) is not Denoiser:
            raise WeightsError(
                f"An editor cannot begin with the {type(begun).__name__} in {recipe.start_from}; "
                "give the folder of an editor or of a denoiser of slices."
            )
        return Editor.on(begun)

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of pairs."""
        return EditPairMaker(Path(recipe.shards), recipe.nodule_share).batches(recipe.batch, seed)

    def seen(self, batch: dict[str, Tensor]) -> Conditions:
        """Conditions of a batch."""
        cond = conditions_of(batch, self.bank, batch["text"])
        cond.hidden, cond.density = batch["hidden"], batch["density"]
        return cond

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Terms of the seen part (paint, compose, edges, change), of the hidden part (flow), and of
        the attention."""
        clean, hidden = batch["clean"], batch["hidden"][:, 1:2]
        source, n = batch["context"][:, 1:2], len(batch["clean"])
        times = torch.sigmoid(torch.randn(n, device=clean.device))
        start = torch.rand(n, device=clean.device) < 0.5
        covered = hidden.amax((1, 2, 3)) > 0
        t = torch.where(covered & ~start, times, torch.ones_like(times))
        share = t[:, None, None, None]
        noisy = (1 - share) * clean + share * torch.randn_like(clean)
        x_t = torch.where(hidden > 0, noisy, source)
        with self.accelerator.autocast():
            edit = self.model(x_t, t, self.seen(batch))
        edit = Edit(edit.target.float(), edit.change.float(), edit.attention)
        return self.terms(batch, edit, t)

    def terms(self, batch: dict[str, Tensor], edit: Edit, t: Tensor) -> dict[str, Tensor]:
        """The named terms of an answer."""
        clean, change, known = batch["clean"], batch["change"], batch["known"]
        mask, hidden = batch["mask"][:, 1:2], batch["hidden"][:, 1:2]
        source = batch["context"][:, 1:2]
        seen = mask * (1 - hidden)
        vessels = VESSEL_WEIGHT * (clean > VESSEL_UNITS).float()
        weight = seen * known * (1 + self.recipe.lesion_weight * change + vessels)
        result = composed(edit, source, hidden)
        velocity = (edit.target - clean) / t[:, None, None, None].clamp_min(LEAST_TIME)
        flat = seen * (1 + change)
        terms = {
            "paint": weighted((edit.target - clean).abs(), weight * (0.1 + change)),
            "compose": weighted((result - clean).abs(), weight),
            "edges": GRADIENT_WEIGHT
            * weighted((edges(result) - edges(clean)).abs().sum(1, keepdim=True), weight),
            "change": CHANGE_WEIGHT * change_loss(edit.change, change, flat),
            "overlap": DICE_WEIGHT * dice_loss(edit.change, change, seen),
            "flow": HIDDEN_WEIGHT * weighted(velocity**2, hidden * mask * known),
        }
        if edit.attention is not None:
            spoken = (batch["text"] > 0).float()
            pointing = pointing_loss(edit.attention.float(), batch["pointed"], mask, spoken)
            terms["pointing"] = self.recipe.grounding * pointing
        return terms
