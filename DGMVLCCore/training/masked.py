"""Examples of the paper's own task: of a slice only the mask of its anatomy is shown, and a
sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from DGMVLCCore.models.units import class_fill, to_units
from DGMVLCCore.training.examples import REGION, Example, ExampleMaker, assemble, crop

SHARE = 0.2  # of the batches


class MaskMaker:
    """Draws clear slices of the training scans as anatomy's mask and a sentence that denies a
    finding."""

    def __init__(self, maker: ExampleMaker) -> None:
        self.scans, self.bank = maker.scans, maker.bank
        self.denied = [
            index
            for index, phrase in enumerate(self.bank.phrases, 1)
            if not phrase.present and not phrase.side and not phrase.zone
        ]

    def example(self, rng: np.random.Generator) -> Example:
        """One slice: the hole is the whole body, and what it shows instead is one value for each
        class of its anatomy."""
        scan = self.scans[rng.integers(len(self.scans))]
        z = int(rng.choice(np.nonzero(~scan.unclear)[0]))
        height, width = scan.hu.shape[1:]
        corner = (
            int(rng.integers(min(0, height - REGION), max(0, height - REGION) + 1)),
            int(rng.integers(min(0, width - REGION), max(0, width - REGION) + 1)),
        )
        rows = slice(max(z - 1, 0), z + 2)
        hu, labels = (
            crop(scan.hu[rows], corner, REGION, -1024).astype(np.float32),
            crop(scan.labels[rows], corner, REGION, 0),
        )
        if rng.random() < 0.5:
            hu, labels = (
                hu[:, :, ::-1].copy(),
                np.array([0, 1, 3, 2, 4], np.uint8)[labels[:, :, ::-1]],
            )
        return self.shown(
            hu,
            labels,
            z - rows.start,
            scan.spacing,
            int(rng.choice(self.denied)) if self.denied else 0,
        )

    @staticmethod
    def shown(
        hu: np.ndarray, labels: np.ndarray, z: int, spacing: np.ndarray, text: int
    ) -> Example:
        """Network inputs of slice `z` of a slab (D,S,S) in which only the labels are shown."""
        flat = class_fill(labels)
        example = assemble(flat, labels, np.zeros(labels.shape, bool), z, spacing)
        body = example["anatomy"][:1] > 0
        near = [min(max(z + step, 0), len(labels) - 1) for step in (-1, 0, 1)]
        example["mask"] = (labels[near] > 0).astype(np.float32)
        example["clean"] = np.where(body, to_units(hu[z])[None], example["context"][1:2])
        example["text"], example["lesion"] = (
            np.array(text),
            np.zeros((1, *hu.shape[1:]), np.float32),
        )
        return example

    def mixed(self, others: Iterator[Example], batch: int, seed: Any) -> Iterator[Example]:
        """Batches of `others`, with `SHARE` of them of this kind."""
        rng = np.random.default_rng(seed)  # a generator is shared with `others`
        for each in others:
            if rng.random() < SHARE:
                examples: list[Example] = []
                while len(examples) < batch:
                    example = self.example(rng)
                    examples += [example] * bool(example["mask"][1].any())
                each = {
                    key: np.stack([example[key] for example in examples]) for key in examples[0]
                }
            yield each
