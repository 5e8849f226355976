"""Batches of looks and true or false sentences for the dual encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from DGMVLCCore.imaging.anatomy import LEFT, RIGHT
from DGMVLCCore.imaging.masks import rows_of
from DGMVLCCore.imaging.zones import height
from DGMVLCCore.language.bank import Phrase
from DGMVLCCore.models.units import anatomy_channels, neighbours, to_units
from DGMVLCCore.simulation.insert import Lesion
from DGMVLCCore.simulation.patch import clear
from DGMVLCCore.simulation.phrases import SIZES_MM
from DGMVLCCore.training.examples import REGION, Example, ExampleMaker, TrainingScan, crop
from DGMVLCCore.training.masks import random_edit_mask

TRUE, FALSE, UNSAID = 1, 0, -1
WEAK_SHARE = 0.08  # batches of labelled slices, lobes and tumours
EXTRA_PHRASES = 32  # sentences of the bank a batch is compared with, besides its own


class Pair(NamedTuple):
    """A look, what is known of its region (None: clear lung), and the one term that is known about,
    None for all."""

    example: Example
    lesion: Lesion | None
    about: str | None = None


def verdict(phrase: Phrase, lesion: Lesion | None, about: str | None = None) -> int:
    """Whether a sentence is true, false or neither of a region; None stands for clear lung.

    Neighbouring sizes, unknown sides or zones, and terms that nobody looked for count as neither.
    """
    if about is not None and phrase.term != about:
        return UNSAID
    if lesion is None:
        return FALSE if phrase.present else TRUE
    if not phrase.present:
        if phrase.term != lesion.term:
            return FALSE if "clear" in phrase.text.lower() else UNSAID
        return (
            FALSE
            if phrase.side in (None, lesion.side) and phrase.zone in (None, lesion.zone)
            else UNSAID
        )
    if phrase.term != lesion.term:
        return FALSE
    answers = []
    for said, known in ((phrase.side, lesion.side), (phrase.zone, lesion.zone)):
        answers.append(
            TRUE
            if said in (None, known)
            else UNSAID
            if known is None or "bilateral" in (said, known)
            else FALSE
        )
    if phrase.size_mm is not None:
        steps = [
            int(np.argmin([abs(s - size) for s in SIZES_MM]))
            for size in (phrase.size_mm, lesion.size_mm)
        ]
        answers.append(
            TRUE if steps[0] == steps[1] else UNSAID if abs(steps[0] - steps[1]) == 1 else FALSE
        )
    if not set(phrase.words) <= set(lesion.descriptors):
        answers.append(FALSE)
    return FALSE if FALSE in answers else UNSAID if UNSAID in answers else TRUE


class PairMaker(ExampleMaker):
    """Draws looks with a region and what is known of it."""

    def __init__(self, shards: Path, nodule_share: float) -> None:
        super().__init__(shards, nodule_share)
        self.weak = [
            (scan, z, side)
            for scan in self.scans
            if scan.infected is not None
            for z, row in enumerate(scan.infected)
            for side in (0, 1)
            if row[side] >= 0
        ]
        self.tumours = [
            (scan, z)
            for scan in self.scans
            if scan.tumour is not None
            for z in rows_of(scan.tumour)
        ]

    def pair(
        self,
        hu: np.ndarray,
        labels: np.ndarray,
        z: int,
        spacing: np.ndarray,
        place: float,
        region: np.ndarray,
        lesion: Lesion | None,
        soft: np.ndarray,
        rng: np.random.Generator,
        trusted: bool = True,
        about: str | None = None,
    ) -> Pair:
        """One look. region, soft: (H,W). trusted: the cells outside `soft` are known to be free of
        the finding."""
        example = {
            "image": to_units(hu[neighbours(z, len(hu))]),
            "anatomy": anatomy_channels(labels[z]),
            "geometry": np.array([spacing[2], spacing[0]], np.float32),
            "height": np.float32(-1 if rng.random() < 0.15 else place),
            "region": region[None].astype(np.float32),
            "soft": soft[None].astype(np.float32),
            "trusted": np.float32(trusted),
        }
        return Pair(example, lesion, about)

    def simulated_pairs(self, rng: np.random.Generator) -> list[Pair]:
        """One patch with a lesion and without it."""
        patch, lesion, rows, labels = self.draw(rng)
        mask = random_edit_mask(lesion.mask, patch.lungs > 0, patch.spacing, rng)
        pairs = []
        for present in (True, False):
            z = int(rng.choice(rows))
            soft = lesion.soft[z] if present else np.zeros_like(lesion.soft[z])
            pairs.append(
                self.pair(
                    lesion.hu if present else patch.hu,
                    labels,
                    z,
                    np.array(patch.spacing),
                    height(patch.zone_edges, z),
                    mask[z],
                    lesion if present else None,
                    soft,
                    rng,
                )
            )
        return pairs

    def nodule_pairs(self, rng: np.random.Generator) -> list[Pair]:
        """A real nodule with its readers' words, and a clear region beside it."""
        hu, nodule, lungs, labels, lesion = self.nodule(int(rng.integers(len(self.nodules["hu"]))))
        spacing, pairs = np.array([2.0, 1.0, 1.0]), []
        here = random_edit_mask(nodule, lungs, tuple(spacing), rng)
        pairs.append(self.pair(hu, labels, 1, spacing, -1, here[1], lesion, nodule[1], rng))
        shift = tuple(int(v) for v in rng.integers(-18, 19, 2))
        beside = random_edit_mask(
            np.roll(nodule, shift, (1, 2)) & lungs, lungs, tuple(spacing), rng
        )[1] & ~ndimage.binary_dilation(nodule[1], iterations=2)
        if beside.sum() > 12 and clear(hu[1], beside, lungs[1]):
            pairs.append(
                self.pair(hu, labels, 1, spacing, -1, beside, None, nodule[1], rng, trusted=False)
            )
        return pairs

    def infection_pairs(self, rng: np.random.Generator) -> list[Pair]:
        """One lung of a slice that readers called infected or not: true as a whole, nothing known
        of its cells."""
        scan, z, side = self.weak[rng.integers(len(self.weak))]
        here = scan.labels[z] == (LEFT, RIGHT)[side]
        if here.sum() < 400:
            return []
        hu, labels, region = self.around(scan, z, here, rng)
        infected = scan.infected is not None and scan.infected[z][side] > 0
        zero, name = np.zeros(region.shape, np.float32), "pneumonia"
        lesion = (
            Lesion(hu, zero, region, name, name, ("left", "right")[side], None, 0.0)
            if infected
            else None
        )
        return [
            self.pair(
                hu,
                labels,
                min(z, 1),
                scan.spacing,
                height(scan.zone_edges, z),
                region,
                lesion,
                zero,
                rng,
                trusted=False,
                about=name,
            )
        ]

    def tumour_pairs(self, rng: np.random.Generator) -> list[Pair]:
        """A tumour that readers outlined or boxed."""
        scan, z = self.tumours[rng.integers(len(self.tumours))]
        if scan.tumour is None or scan.tumour[z].sum() < 20:
            return []
        hu, labels, shape = self.around(scan, z, scan.tumour[z], rng)
        region = random_edit_mask(
            shape[None], np.isin(labels[min(z, 1)], (LEFT, RIGHT))[None], tuple(scan.spacing), rng
        )[0]
        size = 2 * float(np.sqrt(shape.sum() * scan.spacing[1] * scan.spacing[2] / np.pi))
        soft = shape.astype(np.float32)
        lesion = Lesion(hu, soft, shape, "tumour", "nodule", None, None, size)
        return [
            self.pair(
                hu,
                labels,
                min(z, 1),
                scan.spacing,
                height(scan.zone_edges, z),
                region,
                lesion,
                soft,
                rng,
                trusted=False,
                about="nodule",
            )
        ]

    @staticmethod
    def around(
        scan: TrainingScan, z: int, here: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """HU and labels (up to 3,S,S) of the slices at z, and `here` (S,S), cropped around its
        centre."""
        y, x = (int(v) + int(rng.integers(-12, 13)) for v in ndimage.center_of_mass(here))
        corner, rows = (y - REGION // 2, x - REGION // 2), slice(max(z - 1, 0), z + 2)
        return (
            crop(scan.hu[rows], corner, REGION, -1024).astype(np.float32),
            crop(scan.labels[rows], corner, REGION, 0),
            crop(here[None], corner, REGION, False)[0],
        )

    def batches(self, batch: int, seed: int) -> Iterator[Example]:
        """Endless batches: looks (B,...), `text` (K,) phrase numbers, `verdict` (B,K)."""
        rng = np.random.default_rng(seed)
        while True:
            turn = rng.random()
            make = self.nodule_pairs if turn < self.nodule_share else self.simulated_pairs
            if turn > 1 - WEAK_SHARE and (self.weak or self.tumours):
                make = (
                    self.infection_pairs
                    if self.weak and (turn > 1 - 0.6 * WEAK_SHARE or not self.tumours)
                    else self.tumour_pairs
                )
            size = 4 * batch if make == self.nodule_pairs else batch
            pairs: list[Pair] = []
            while len(pairs) < size:
                pairs += make(rng)
            pairs = pairs[:size]
            stacked = {
                key: np.stack([pair.example[key] for pair in pairs]) for key in pairs[0].example
            }
            yield stacked | self.sentences(pairs, rng)

    def sentences(self, pairs: list[Pair], rng: np.random.Generator) -> Example:
        """For each finding a sentence that states and one that denies it, more from the bank, and
        which is true of which."""
        chosen = {
            int(i)
            for i in rng.choice(
                len(self.bank.phrases), min(EXTRA_PHRASES, len(self.bank.phrases)), replace=False
            )
            + 1
        }
        for pair in pairs:
            if pair.lesion is not None:
                chosen |= {self.bank.choose(pair.lesion, present, rng) for present in (True, False)}
        numbers = sorted(chosen - {0})
        said = [self.bank.phrases[i - 1] for i in numbers]
        return {
            "text": np.array(numbers),
            "verdict": np.array(
                [[verdict(phrase, pair.lesion, pair.about) for phrase in said] for pair in pairs],
                np.int8,
            ),
            "present": np.array([phrase.present for phrase in said]),
        }
