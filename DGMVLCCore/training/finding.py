"""Training of the finder: slices of clear lung with and without lesions of known place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.imaging.resample import resize_in_plane
from DGMVLCCore.models.finder import PIXEL_MM, SLICES, TERMS, Finder, finder_channels
from DGMVLCCore.simulation.patch import ScanPatch, lungs_of
from DGMVLCCore.training.edit_pairs import EditPairMaker
from DGMVLCCore.training.examples import Example, TrainingScan, crop, stacked
from DGMVLCCore.training.loop import Trainer
from DGMVLCCore.training.recipe import Recipe

SIDE = 96  # pixels
AROUND = 3  # slices on each side that a lesion is put into
WITH_LESION, SECOND, LOOK_ALIKE = 0.62, 0.25, 0.5  # shares of the examples
ZOOM = (0.85, 1.2)
SEEN_HU = 25.0  # a voxel that a lesion changes less is not asked for
TERM_OF = {"part-solid nodule": "nodule"}
HARDEST = 96  # clear pixels of a slice that count once more, the worst ones
LESION_WEIGHT = 3.0


class FinderMaker(EditPairMaker):
    """Draws neighbouring slices around a place, with the lesions put there."""

    def example(self, rng: np.random.Generator) -> Example | None:
        """`hu` float32 (5,96,96), `lungs` bool and `there` int64 (96,96): 0 clear, 1 + the index of
        `TERMS`, -1 not asked; `step` mm between the slices."""
        with_lesion = rng.random() < WITH_LESION
        index, z, y, x = self._place(rng, with_lesion)
        scan = self.scans[index]
        rows = np.arange(z - AROUND, z + AROUND + 1).clip(0, len(scan.hu) - 1)
        pixel = float(scan.spacing[1])
        side = round(SIDE * PIXEL_MM * float(rng.uniform(*ZOOM)) / pixel)
        shift = rng.integers(-side // 4, side // 4 + 1, 2)
        corner = (int(y - side // 2 + shift[0]), int(x - side // 2 + shift[1]))
        hu = crop(scan.hu[rows].astype(np.float32), corner, side, -1024.0)
        labels = crop(scan.labels[rows], corner, side, 0)
        lungs = lungs_of(labels)
        if (lungs[AROUND] > 0).sum() < 0.03 * side**2:
            return None
        there = np.zeros(hu.shape, np.int64)
        if with_lesion:
            hu, there = self._filled(scan, hu, lungs, z, rng)
        middle = slice(AROUND - SLICES // 2, AROUND + SLICES // 2 + 1)
        size = (SIDE, SIDE)
        planes = resize_in_plane(hu[middle], size)
        wanted = resize_in_plane(there[AROUND][None], size, order=0)[0]
        inside = resize_in_plane(lungs[AROUND][None], size, order=0)[0] > 0
        planes = planes * rng.uniform(0.97, 1.03) + rng.normal(0, 12)
        planes += rng.uniform(0, 25) * rng.random() * rng.standard_normal(planes.shape)
        return _turned(planes, inside, wanted, float(scan.spacing[0]), rng)

    def _place(self, rng: np.random.Generator, with_lesion: bool) -> tuple[int, int, int, int]:
        """A scan and a voxel of its clear lung; often one that was taken for a finding."""
        if self.places and not with_lesion and rng.random() < LOOK_ALIKE:
            index, z, y, x = self.places[int(rng.integers(len(self.places)))]
            return index, z, y, x
        while True:
            index = int(rng.integers(len(self.scans)))
            scan = self.scans[index]
            rows = np.nonzero(~scan.unclear)[0]
            z = int(rng.choice(rows))
            points = np.argwhere(np.isin(scan.labels[z], (2, 3)))
            if len(points) > 100:
                y, x = points[rng.integers(len(points))]
                return index, z, int(y), int(x)

    def _filled(
        self,
        scan: TrainingScan,
        hu: np.ndarray,
        lungs: np.ndarray,
        z: int,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The slices with one or two lesions through the middle one, and what is where."""
        dz, dy, dx = map(float, scan.spacing)
        edges = (scan.zone_edges[0] - z + AROUND, scan.zone_edges[1] - z + AROUND)
        there = np.zeros(hu.shape, np.int64)
        for _ in range(1 + int(rng.random() < SECOND)):
            patch = ScanPatch(hu, lungs, (dz, dy, dx), edges, scan.noise)
            points = np.argwhere(lungs[AROUND] > 0)
            row, column = points[rng.integers(len(points))]
            depth = AROUND + float(rng.normal(0, 2.0 / dz))
            made = self.lesion(patch, rng, centre=(depth, float(row), float(column)))
            term = TERMS.index(TERM_OF.get(made.term, made.term)) + 1
            seen = made.mask & (np.abs(made.hu - hu) > SEEN_HU)
            there = np.where(made.mask, np.where(seen, term, -1), there)
            hu = made.hu
        return hu, there

    def batches(self, batch: int, seed: Any) -> Iterator[Example]:
        """Endless batches of stacked examples."""
        return stacked(self.example, batch, seed)


def _turned(
    planes: np.ndarray,
    lungs: np.ndarray,
    there: np.ndarray,
    step_mm: float,
    rng: np.random.Generator,
) -> Example:
    """An example, mirrored and upside down at random."""
    if rng.random() < 0.5:
        planes, lungs, there = planes[..., ::-1], lungs[:, ::-1], there[:, ::-1]
    if rng.random() < 0.3:
        planes, lungs, there = planes[:, ::-1], lungs[::-1], there[::-1]
    if rng.random() < 0.5:
        planes = planes[::-1]
    return {
        "hu": np.ascontiguousarray(planes, np.float32),
        "lungs": np.ascontiguousarray(lungs),
        "there": np.ascontiguousarray(there, np.int64),
        "step": np.float32(step_mm),
    }


def finder_losses(logits: Tensor, lungs: Tensor, there: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of what is there, its worst clear pixels once more, Dice, and the term.

    Args:
        logits: (B,8,H,W). lungs: bool (B,H,W). there: (B,H,W), as the examples have it.
    """
    asked, sick = lungs & (there >= 0), there > 0
    each = F.binary_cross_entropy_with_logits(logits[:, 0], sick.float(), reduction="none")
    weight = asked * (1 + (LESION_WEIGHT - 1) * sick)
    clear = torch.where(asked & ~sick, each, 0.0).flatten(1)
    share = logits[:, 0].sigmoid() * asked
    both = (share * sick).sum((1, 2))
    dice = 1 - (2 * both + 20) / (share.sum((1, 2)) + (sick & asked).sum((1, 2)) + 20)
    named = F.cross_entropy(logits[:, 1:], (there - 1).clamp(0), reduction="none")
    return {
        "place": (each * weight).sum() / weight.sum(),
        "hardest": 0.1 * clear.topk(HARDEST, 1).values.mean(),
        "overlap": 0.3 * dice.mean(),
        "term": 0.1 * (named * sick).sum() / sick.sum().clamp(min=1),
    }


class FinderTrainer(Trainer):
    """Trains a `Finder`; its size is fixed, whatever the recipe's widths."""

    def build(self) -> Finder:
        """A new network, or one to begin with."""
        return self.begun(Finder)

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of slices and what is where in them."""
        return FinderMaker(Path(recipe.shards), 0.0).batches(recipe.batch, seed)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of `finder_losses`."""
        lungs = batch["lungs"]
        planes = finder_channels(batch["hu"], lungs[:, None].float(), batch["step"])
        with self.accelerator.autocast():
            logits = self.model(planes)
        return finder_losses(logits.float(), lungs, batch["there"])
