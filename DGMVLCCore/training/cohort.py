"""Fine-tuning on a cohort: what the lungs look like under the sentence of the patient's clinical
row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.models.checks import COHORT
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.networks import generator_class
from DGMVLCCore.training.denoising import DenoisingTrainer, flow_loss
from DGMVLCCore.training.examples import REGION, Example, assemble, crop, stacked
from DGMVLCCore.training.recipe import Recipe

CELL, DENSITY_WEIGHT, LATE = 16, 10.0, 1.0
WHOLE = 0.15  # share of masks that are the whole region; the others are the lungs, or one lung


class CohortMaker:
    """Draws slices of a cohort's shards: the hole is the lungs, a lung or all of the region, the
    text a true sentence about the patient."""

    def __init__(self, shards: Path) -> None:
        self.scans = []
        for path in sorted(shards.glob("cohort-*.npz")):
            with np.load(path) as file:
                self.scans.append({key: file[key] for key in file.files})

    def example(self, rng: np.random.Generator) -> Example | None:
        """One slice; None where the drawn place shows too little lung. HU and sides are not
        jittered: they may be what an attribute changes."""
        scan = self.scans[rng.integers(len(self.scans))]
        lungs = np.isin(scan["labels"], (2, 3))
        z = int(rng.choice(np.nonzero(lungs.any((1, 2)))[0]))
        points = np.argwhere(lungs[z])
        y, x = points[rng.integers(len(points))] if len(points) > 400 else (0, 0)
        middle = [n // 2 for n in lungs.shape[1:]]
        corner = (
            int(0.5 * (y + middle[0])) - REGION // 2,
            int(0.5 * (x + middle[1])) - REGION // 2,
        )
        rows = slice(max(z - 1, 0), z + 2)
        hu, labels = (
            crop(scan["hu"][rows], corner, REGION, -1024).astype(np.float32),
            crop(scan["labels"][rows], corner, REGION, 0),
        )
        kind = rng.random()
        wanted = (2, 3) if kind < 0.7 else (int(rng.integers(2, 4)),)
        mask = (
            np.ones(labels.shape, bool)
            if kind > 1 - WHOLE
            else ndimage.binary_dilation(np.isin(labels, wanted), np.ones((1, 3, 3)))
        )
        place = z - rows.start
        if np.isin(labels[place], wanted).sum() < 400:
            return None
        example = assemble(hu, labels, mask, place, scan["spacing"])
        example["text"] = np.array(int(rng.choice(scan["texts"])))
        return example

    def batches(self, batch: int, seed: Any) -> Iterator[Example]:
        """Endless batches of stacked examples."""
        return stacked(self.example, batch, seed)


def density_loss(predicted: Tensor, clean: Tensor, t: Tensor, weight: Tensor) -> Tensor:
    """The flow's error after averaging over cells of 16x16 pixels: it has the same optimum, and the
    lung's density is not lost in its texture.

    Args:
        predicted, clean: (B,1,H,W) model units. t: (B,). weight: (B,1,H,W) the pixels that count.
    """
    share = F.avg_pool2d(weight, CELL)
    mean = F.avg_pool2d((predicted - clean) * weight, CELL) / share.clamp_min(1e-3)
    error = (mean / t[:, None, None, None].clamp_min(0.15)) ** 2
    return (error * share).sum() / share.sum().clamp_min(1e-3)


class CohortTrainer(DenoisingTrainer):
    """Fine-tunes a generator that fills whole lungs (an `Editor` with all of them hidden, or a
    `Denoiser`) on the sentences of a cohort's clinical rows."""

    def build(self) -> Denoiser:
        """The network to begin with, which from now on knows the cohort's attributes.

        Raises:
            UnreadableError: the shards are no cohort's.
        """
        try:
            self.cohort = read_json(Path(self.recipe.shards) / COHORT)
        except UnreadableError as error:
            raise UnreadableError(
                f"{self.recipe.shards} holds no shards of a cohort ({COHORT}); make them with "
                "`dgmvlc train --task cohort --cohort FOLDER "
                "--table TABLE`."
            ) from error
        kind: type[Denoiser] = Denoiser
        if self.recipe.start_from:
            kind, _ = generator_class(Path(self.recipe.start_from))
        model = self.network(kind)
        model.register_to_config(attributes=tuple(self.cohort["attributes"]))
        return model

    def write_beside(self, weights: Path) -> None:
        """Which scans the weights learned from: hashes of voxels, no names."""
        known = {name: self.cohort[name] for name in ("attributes", "scans") if name in self.cohort}
        (weights / COHORT).write_text(json.dumps(known, indent=1), encoding="utf-8")

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of holes and true sentences."""
        return CohortMaker(Path(recipe.shards)).batches(recipe.batch, seed)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Flow loss, and the same for the lungs' density."""
        clean, mask = batch["clean"], batch["mask"][:, 1:2]
        # Later times than for lesions: what the slice's own density shows through the noise, no
        # text needs to say.
        t = torch.sigmoid(torch.randn(len(clean), device=clean.device) + LATE)
        cond, _ = self.conditions(batch)
        x_t = (1 - t[:, None, None, None]) * clean + t[:, None, None, None] * torch.randn_like(
            clean
        )
        with self.accelerator.autocast():
            predicted = self.model(x_t, t, cond)[0]
        lungs = batch["anatomy"][:, 1:3].sum(1, keepdim=True)
        return {
            "flow": flow_loss(predicted.float(), clean, t, mask),
            "density": DENSITY_WEIGHT * density_loss(predicted.float(), clean, t, mask * lungs),
        }
