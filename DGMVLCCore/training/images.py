"""Learning pictures of another modality (a demonstration): random holes of random slices, and the
sentence that each picture has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.models.units import Scale
from DGMVLCCore.training.denoising import DenoisingTrainer, flow_loss
from DGMVLCCore.training.examples import REGION, Example, assemble, crop, stacked
from DGMVLCCore.training.masks import random_edit_mask
from DGMVLCCore.training.recipe import Recipe

UNIT_SCALE = Scale(-1.0, 1.0, 0.0, 0.0, -1.0)  # shards are in network units already
RADIUS_PX = (3.0, 28.0)
ZOOM = (0.8, 1.3)
LATE = (
    1.0  # later times than for lesions: on so few pictures the early ones are soon known by heart
)
MIN_CONTRAST = 0.05  # a hole over background alone teaches nothing


class ImageMaker:
    """Draws slices of the pictures in a shard folder; the hole is a ragged ball, a box, or all of
    the region."""

    def __init__(self, shards: Path) -> None:
        self.pictures = []
        for path in sorted(shards.glob("image-*.npz")):
            with np.load(path) as file:
                self.pictures.append({key: file[key] for key in file.files})
        if not self.pictures:
            raise UnreadableError(
                f"{shards} holds no shards of pictures; make them with `dgmvlc train --task "
                "image --images FOLDER --modality MR`."
            )

    def example(self, rng: np.random.Generator) -> Example | None:
        """One slice, jittered in size; None where the drawn hole shows background alone."""
        picture = self.pictures[rng.integers(len(self.pictures))]
        units, spacing = picture["units"], picture["spacing"].copy()
        z = int(rng.integers(len(units)))
        size = int(REGION * rng.uniform(*ZOOM))
        corner = [
            int(rng.integers(-size // 4, max(n - 3 * size // 4, 1 - size // 4)))
            if n > size
            else (n - size) // 2
            for n in units.shape[1:]
        ]
        rows = slice(max(z - 1, 0), z + 2)
        part = crop(units[rows], (corner[0], corner[1]), size, UNIT_SCALE.outside).astype(
            np.float32
        )
        part = np.clip(ndimage.zoom(part, (1, REGION / size, REGION / size), order=1), -1, 1)
        spacing[1:] *= size / REGION
        place = z - rows.start
        mask = random_edit_mask(
            _ball(part.shape, place, spacing, rng), np.zeros(part.shape, bool), tuple(spacing), rng
        )
        if part[place][mask[place]].std() < MIN_CONTRAST:
            return None
        example = assemble(part, np.ones(part.shape, np.uint8), mask, place, spacing, UNIT_SCALE)
        example["text"] = np.array(int(picture["text"]))
        return example

    def batches(self, batch: int, seed: Any) -> Iterator[Example]:
        """Endless batches of stacked examples."""
        return stacked(self.example, batch, seed)


def _ball(
    shape: tuple[int, ...], place: int, spacing: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A ball bool (D,S,S) around a random point of slice `place`, its radius even in log pixels."""
    radius = float(np.exp(rng.uniform(*np.log(RADIUS_PX)))) * float(spacing[1])
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    cy, cx = rng.uniform(0.15, 0.85, 2) * shape[1:]
    return np.asarray(
        ((z - place) * spacing[0]) ** 2
        + ((y - cy) * spacing[1]) ** 2
        + ((x - cx) * spacing[2]) ** 2
        <= radius**2
    )


class ImageTrainer(DenoisingTrainer):
    """Trains a generator that fills holes (an `Editor` or a `Denoiser`) of another modality, from
    weights to begin with or from nothing."""

    def build(self) -> Denoiser:
        """The network; from now on it is for the recipe's modality, and knows no finding and no
        dual encoder."""
        recipe, facts = (
            self.recipe,
            {"modality": self.recipe.modality, "findings": (), "attributes": ()},
        )
        if not recipe.start_from:
            return Denoiser(
                widths=recipe.widths,
                affine_fusion=recipe.affine_fusion,
                cross_attention=recipe.cross_attention,
                anatomy=recipe.anatomy,
                **facts,
            )
        began, _ = load_generator(Path(recipe.start_from))
        kept = {name: value for name, value in began.config.items() if not name.startswith("_")}
        model = type(began).from_config({**kept, **facts, "scan_dim": 0, "vision_sha256": ""})
        model.load_state_dict(
            {
                name: value
                for name, value in began.state_dict().items()
                if not name.startswith("scan.")
            }
        )
        return model  # type: ignore[no-any-return]

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of holes and sentences."""
        return ImageMaker(Path(recipe.shards)).batches(recipe.batch, seed)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Flow loss."""
        clean = batch["clean"]
        t = torch.sigmoid(torch.randn(len(clean), device=clean.device) + LATE)
        cond, _ = self.conditions(batch)
        x_t = (1 - t[:, None, None, None]) * clean + t[:, None, None, None] * torch.randn_like(
            clean
        )
        with self.accelerator.autocast():
            predicted = self.model(x_t, t, cond)[0]
        return {"flow": flow_loss(predicted.float(), clean, t, batch["mask"][:, 1:2])}
