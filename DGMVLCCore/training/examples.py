"""Endless training batches: a region of a real scan, perhaps with a simulated lesion, a hole, and a
sentence that is true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.language.bank import Phrase
from DGMVLCCore.models.units import (
    CT_SCALE,
    Scale,
    anatomy_channels,
    neighbours,
    smooth_fill,
    to_units,
)
from DGMVLCCore.simulation.insert import HELD_OUT_KIND, KINDS, Lesion, insert_lesion
from DGMVLCCore.simulation.patch import NoiseModel, ScanPatch, clear, lungs_of
from DGMVLCCore.simulation.phrases import compatible
from DGMVLCCore.simulation.shapes import Centre
from DGMVLCCore.training.masks import random_edit_mask

REGION, SLAB = 128, 7
TRAIN_KINDS = tuple(kind for kind in KINDS if kind != HELD_OUT_KIND)
Example = dict[str, np.ndarray]


class PhraseBank:
    """Encoded phrases of a shard folder; index 0 is the empty text."""

    def __init__(self, path: Path, length: int = 24) -> None:
        with np.load(path) as file:
            lengths, ragged, self.pooled = (
                file["lengths"],
                file["tokens"].astype(np.float32),
                file["pooled"],
            )
            self.phrases = [Phrase(**json.loads(str(row))) for row in file["phrases"]]
        self.tokens = np.zeros((len(lengths), length, ragged.shape[1]), np.float32)
        self.mask = np.arange(length) < lengths[:, None]
        self.tokens[self.mask] = ragged
        self.pooled = self.pooled.astype(np.float32)
        self.by_meaning: dict[tuple[str, bool], list[int]] = {}
        for index, phrase in enumerate(self.phrases, 1):
            self.by_meaning.setdefault((phrase.term, phrase.present), []).append(index)

    def choose(self, lesion: Lesion, present: bool, rng: np.random.Generator) -> int:
        """A random phrase that is true of this lesion (or of its absence)."""
        options = self.by_meaning[(lesion.term, present)]
        for index in rng.permutation(options):
            if not present or compatible(self.phrases[index - 1], lesion):
                return int(index)
        return 0


@dataclass
class TrainingScan:
    """One shard: a scan and where it is clear."""

    hu: np.ndarray
    labels: np.ndarray
    spacing: np.ndarray
    unclear: np.ndarray
    noise: NoiseModel
    zone_edges: tuple[float, float]
    infected: np.ndarray | None = None
    tumour: np.ndarray | None = None

    @classmethod
    def load(cls, path: Path) -> TrainingScan:
        """From `scan-*.npz`."""
        with np.load(path) as file:
            labels = file["labels"]
            rows = np.nonzero(np.isin(labels, (2, 3)).any((1, 2)))[0]
            third = (rows[-1] - rows[0] + 1) / 3
            edges = (float(rows[0] + third), float(rows[0] + 2 * third))
            return cls(
                file["hu"],
                labels,
                file["spacing"],
                file["unclear"],
                NoiseModel(*map(float, file["noise"])),
                edges,
                *(file[name] if name in file.files else None for name in ("infected", "tumour")),
            )


def stacked(
    draw: Callable[[np.random.Generator], Example | None], batch: int, seed: Any
) -> Iterator[Example]:
    """Endless batches of examples from `draw`, which gives None where it found nothing; `seed` is
    for `np.random.default_rng`."""
    rng = np.random.default_rng(seed)
    while True:
        examples: list[Example] = []
        while len(examples) < batch:
            if (example := draw(rng)) is not None:
                examples.append(example)
        yield {key: np.stack([example[key] for example in examples]) for key in examples[0]}


def crop(array: np.ndarray, corner: tuple[int, int], size: int, outside: float) -> np.ndarray:
    """(D,H,W) -> (D,size,size) from `corner`, padded where it leaves the slice."""
    out = np.full((len(array), size, size), outside, array.dtype)
    (y, x), (h, w) = corner, array.shape[1:]
    y0, y1, x0, x1 = max(y, 0), min(y + size, h), max(x, 0), min(x + size, w)
    out[:, y0 - y : y1 - y, x0 - x : x1 - x] = array[:, y0:y1, x0:x1]
    return out


def assemble_slab(
    hu: np.ndarray,
    labels: np.ndarray,
    mask: np.ndarray,
    rows: list[int],
    spacing: np.ndarray,
    scale: Scale = CT_SCALE,
) -> Example:
    """Network inputs of the slices `rows`, stacked: clean slice, three filled slices, three masks,
    anatomy. hu (in the units of `scale`), labels,
    mask (D,S,S)."""
    near = [neighbours(z, len(hu)) for z in rows]
    lungs = np.isin(labels, (2, 3))
    filled = {
        k: to_units(smooth_fill(hu[k], mask[k], lungs[k], scale), scale)
        for k in sorted({k for triple in near for k in triple})
    }
    return {
        "clean": to_units(hu[rows], scale)[:, None],
        "context": np.stack([np.stack([filled[k] for k in triple]) for triple in near]),
        "mask": np.stack([mask[triple] for triple in near]).astype(np.float32),
        "anatomy": anatomy_channels(labels[rows]),
        "geometry": np.tile(np.array([spacing[2], spacing[0]], np.float32), (len(rows), 1)),
    }


def assemble(
    hu: np.ndarray,
    labels: np.ndarray,
    mask: np.ndarray,
    z: int,
    spacing: np.ndarray,
    scale: Scale = CT_SCALE,
) -> Example:
    """`assemble_slab` of the one slice `z`, not stacked."""
    return {
        name: values[0]
        for name, values in assemble_slab(hu, labels, mask, [z], spacing, scale).items()
    }


class ExampleMaker:
    """Draws examples from a shard folder; the same generator state draws the same examples."""

    slab, whole = SLAB, False  # slices of a patch; whether it must have them all

    def __init__(self, shards: Path, nodule_share: float) -> None:
        self.scans = [TrainingScan.load(path) for path in sorted(shards.glob("scan-*.npz"))]
        self.bank = PhraseBank(shards / "phrases.npz")
        with np.load(shards / "nodules.npz") as file:
            self.nodules = {key: file[key] for key in file.files}
        self.nodule_share = nodule_share

    def patch(self, rng: np.random.Generator) -> ScanPatch | None:
        """A slab of clear slices around a random lung point, jittered in HU, size and side."""
        scan = self.scans[rng.integers(len(self.scans))]
        z = int(rng.choice(np.nonzero(~scan.unclear)[0]))
        points = np.argwhere(np.isin(scan.labels[z], (2, 3)))
        if len(points) < 400:
            return None
        return self.patch_at(scan, (z, *points[rng.integers(len(points))]), rng)[0]

    def patch_at(
        self, scan: TrainingScan, at: tuple[int, int, int], rng: np.random.Generator
    ) -> tuple[ScanPatch | None, Centre]:
        """A slab around a voxel, jittered, and where in it that voxel lies; None if not clear."""
        z, jitter = int(at[0]), rng.integers(-24, 25, 2)
        y, x = np.array(at[1:]) + jitter
        low, high = max(z - self.slab // 2, 0), min(z + (self.slab + 1) // 2, len(scan.hu))
        if (self.whole and high - low < self.slab) or scan.unclear[low:high].any():
            return None, (0.0, 0.0, 0.0)
        size = REGION if rng.random() < 0.6 else int(REGION * rng.uniform(0.8, 1.3))
        corner = (int(y) - size // 2, int(x) - size // 2)
        inside = (np.array(at[1:]) - corner) * REGION / size
        hu = crop(scan.hu[low:high], corner, size, -1024).astype(np.float32)
        labels = crop(scan.labels[low:high], corner, size, 0)
        spacing = scan.spacing.copy()
        if size != REGION:
            zoom = (1, REGION / size, REGION / size)
            hu, labels = ndimage.zoom(hu, zoom, order=1), ndimage.zoom(labels, zoom, order=0)
            spacing[1:] *= size / REGION
        if rng.random() < 0.5:
            hu, labels = (
                hu[:, :, ::-1].copy(),
                np.array([0, 1, 3, 2, 4], np.uint8)[labels[:, :, ::-1]],
            )
            inside[1] = REGION - 1 - inside[1]
        hu += np.isin(labels, (2, 3)) * np.float32(rng.normal(0, 12))
        lungs = lungs_of(labels)
        edges = (scan.zone_edges[0] - low, scan.zone_edges[1] - low)
        dz, dy, dx = map(float, spacing)
        patch = ScanPatch(hu, lungs, (dz, dy, dx), edges, scan.noise)
        return patch, (float(z - low), float(inside[0]), float(inside[1]))

    def draw(self, rng: np.random.Generator) -> tuple[ScanPatch, Lesion, np.ndarray, np.ndarray]:
        """A clear patch, a lesion in it, the slices that hold it, and the patch's labels."""
        while True:
            patch = self.patch(rng)
            if patch is None or (patch.lungs > 0).sum() < 3000:
                continue
            lesion = insert_lesion(patch, str(rng.choice(TRAIN_KINDS)), rng)
            rows = np.nonzero(lesion.mask.sum((1, 2)) > 8)[0]
            if len(rows) and clear(patch.hu[rows], lesion.mask[rows], patch.lungs[rows] > 0):
                break
        labels = patch.labels
        return patch, lesion, rows, labels

    def simulated(self, rng: np.random.Generator) -> list[Example]:
        """Two slices of one patch: with or without the lesion, the mask drawn the same way for
        both."""
        patch, lesion, rows, labels = self.draw(rng)
        mask = random_edit_mask(lesion.mask, patch.lungs > 0, patch.spacing, rng)
        examples = []
        for present in (True, False):
            z = int(rng.choice(rows))
            example = assemble(
                lesion.hu if present else patch.hu, labels, mask, z, np.array(patch.spacing)
            )
            example["text"] = np.array(self.bank.choose(lesion, present, rng))
            example["lesion"] = (lesion.soft[z] if present else np.zeros_like(lesion.soft[z]))[
                None
            ].astype(np.float32)
            examples.append(example)
        return examples

    def nodule(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Lesion]:
        """A real nodule: HU, its mask, lungs, labels (all (3,48,48)), and what its readers said."""
        data = self.nodules
        hu, nodule = data["hu"][index].astype(np.float32), data["mask"][index] > 0
        lungs = ndimage.binary_closing(hu < -500, np.ones((1, 5, 5))) | nodule
        labels = np.where(lungs, 2, 1).astype(np.uint8)
        if data["side"][index] == "right":
            labels[labels == 2] = 3
        kind = str(data["kind"][index])
        term = {
            "ground_glass": "ground-glass opacity",
            "part_solid_nodule": "part-solid nodule",
        }.get(kind, "nodule")
        side = str(data["side"][index]) or None
        words = ("spiculated",) if kind == "spiculated_nodule" else ()
        lesion = Lesion(
            hu=hu,
            soft=nodule.astype(np.float32),
            mask=nodule,
            kind=kind,
            term=term,
            side=side,
            zone=None,
            size_mm=float(data["size_mm"][index]),
            descriptors=words,
        )
        return hu, nodule, lungs, labels, lesion

    def real_nodule(self, rng: np.random.Generator) -> list[Example]:
        """A real nodule with its readers' words, and a clear hole of another nodule's shape beside
        it."""
        data = self.nodules
        hu, nodule, lungs, labels, lesion = self.nodule(int(rng.integers(len(data["hu"]))))
        spacing = (2.0, 1.0, 1.0)
        examples = []
        present_mask = random_edit_mask(nodule, lungs, spacing, rng)
        other = data["mask"][rng.integers(len(data["hu"]))] > 0
        shift = tuple(int(v) for v in rng.integers(-18, 19, 2))
        other = np.roll(other, shift, (1, 2)) & lungs
        absent_mask = random_edit_mask(other, lungs, spacing, rng) & ~ndimage.binary_dilation(
            nodule, iterations=2
        )
        for present, mask in ((True, present_mask), (False, absent_mask)):
            if mask[1].sum() < 12 or (not present and not clear(hu[1], mask[1], lungs[1])):
                continue
            example = assemble(hu, labels, mask, 1, np.array(spacing))
            example["text"] = np.array(self.bank.choose(lesion, present, rng))
            example["lesion"] = (nodule[1] if present else np.zeros_like(nodule[1]))[None].astype(
                np.float32
            )
            examples.append(example)
        return examples

    def batches(self, batch: int, seed: int) -> Iterator[Example]:
        """Endless batches of stacked examples."""
        rng = np.random.default_rng(seed)
        while True:
            nodules = rng.random() < self.nodule_share
            make, size = (self.real_nodule, 4 * batch) if nodules else (self.simulated, batch)
            examples: list[Example] = []
            while len(examples) < size:
                examples += make(rng)
            yield {
                key: np.stack([example[key] for example in examples[:size]]) for key in examples[0]
            }
