"""Figures of an editor on validation patients: removal, what stays, two findings, presence.

usage: editor.py SHARDS WEIGHTS OUT.json [--cases 3] [--seed 0] [--steps 4]

SHARDS is made of the validation patients: build_shards(DATA, SHARDS, "val"). For the curve of a
training run and for comparing recipes; the test patients are for `dgmvlc evaluate` alone.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from DGMVLCCore.editing.sampler import Text
from DGMVLCCore.editing.see_through import Answer, EditPredictor, RegionEditor
from DGMVLCCore.models.editor import Editor
from DGMVLCCore.models.region import Region
from DGMVLCCore.simulation.insert import KINDS, Lesion, insert_lesion
from DGMVLCCore.simulation.patch import ScanPatch
from DGMVLCCore.simulation.transplant import transplant
from DGMVLCCore.training.edit_pairs import EditPairMaker
from DGMVLCCore.training.examples import clear
from DGMVLCCore.training.masks import random_edit_mask

VESSEL_HU = -600.0
REAL = "real nodule"
Rows = dict[str, list[float]]


class Bench:
    """Cases of the validation patients, drawn by one seed, and the editor they are given to."""

    def __init__(self, shards: Path, weights: Path, steps: int) -> None:
        self.maker = EditPairMaker(shards, 0.0)
        self.scans = self.maker.scans
        editor = Editor.from_pretrained(weights, torch_dtype=torch.float32).eval()
        self.predict = EditPredictor(editor)
        self.steps = steps
        self.number = {phrase.text: i for i, phrase in enumerate(self.maker.bank.phrases, 1)}

    def sentence(self, lesion: Lesion, rng: np.random.Generator) -> int:
        """The plain denial of a finding."""
        plain = self.number.get(f"No {lesion.term}.")
        return plain or self.maker.sentences.denies(lesion, rng, alone=True)

    def run(self, patch: ScanPatch, hu: np.ndarray, edit: np.ndarray, text: int) -> Answer:
        """The editor's answer for all slices of a patch that shows `hu`."""
        labels = patch.labels
        size, bank = hu.shape, self.maker.bank
        region = Region(
            hu, edit, labels, patch.spacing, (0, size[0]), (0, size[1], 0, size[2]), True
        )
        words: Text = tuple(
            torch.from_numpy(x[[text]]) for x in (bank.tokens, bank.mask, bank.pooled)
        )
        noise = torch.randn(size, generator=torch.Generator().manual_seed(0))
        return RegionEditor(self.predict, region, words).edit([noise], self.steps)

    def lesion(self, patch: ScanPatch, kind: str, rng: np.random.Generator) -> Lesion:
        """A lesion of a kind; a real one of another validation patient for `REAL`."""
        if kind != REAL:
            return insert_lesion(patch, kind, rng)
        return transplant(
            patch, self.maker.real(int(rng.integers(len(self.maker.nodules["hu"])))), rng
        )

    def draw(self, scan: int, kind: str, rng: np.random.Generator) -> tuple[ScanPatch, Lesion]:
        """A clear patch of one scan with a lesion of one kind."""
        self.maker.scans = [self.scans[scan]]
        while True:
            patch = self.maker.clear_patch(rng)
            lesion = self.lesion(patch, kind, rng)
            rows = np.nonzero(lesion.mask.sum((1, 2)) > 8)[0]
            if len(rows) and clear(patch.hu[rows], lesion.mask[rows], patch.lungs[rows] > 0):
                return patch, lesion


def mean_error(made: np.ndarray, true: np.ndarray, where: np.ndarray) -> float:
    """Mean absolute error in HU."""
    return float(np.abs(made - true)[where].mean()) if where.any() else np.nan


def grain(hu: np.ndarray, where: np.ndarray) -> float:
    """Standard deviation of what a Gaussian of one pixel removes, HU."""
    rest = hu - ndimage.gaussian_filter(hu, (0, 1, 1))
    return float(rest[where].std()) if where.sum() > 30 else np.nan


def removal(bench: Bench, scan: int, kind: str, rng: np.random.Generator, rows: Rows) -> None:
    """Take a lesion away; look at its place, the rest of the mask, vessels, and the clear scan."""
    patch, lesion = bench.draw(scan, kind, rng)
    edit = random_edit_mask(lesion.mask, patch.lungs > 0, patch.spacing, rng)
    text = bench.sentence(lesion, rng)
    answer = bench.run(patch, lesion.hu, edit, text)
    made, touched = answer.hu[0], edit & (lesion.soft > 0.1)
    rest = edit & (lesion.soft < 0.02)
    rows[f"lesion: {kind}"].append(mean_error(made, patch.hu, touched))
    rows[f"seen: {kind}"].append(mean_error(lesion.hu, patch.hu, touched))
    rows["lesion"].append(rows[f"lesion: {kind}"][-1])
    rows["bias in the lesion"].append(float((made - patch.hu)[touched].mean()))
    rows["rest of the mask"].append(mean_error(made, patch.hu, rest))
    vessels = edit & (patch.hu > VESSEL_HU) & (patch.lungs > 0)
    rows["vessels of the mask"].append(mean_error(made, patch.hu, vessels))
    rows["vessels in the lesion"].append(mean_error(made, patch.hu, vessels & touched))
    rows["grain, made over true"].append(grain(made, touched) / grain(patch.hu, touched))
    rows["invented share of the lesion"].append(float(answer.invented[touched].mean()))
    inside = answer.first.change * edit
    best = inside == inside.max()
    rows["change map's peak in the lesion"].append(float((lesion.soft[best] > 0.1).any()))
    untouched = bench.run(patch, patch.hu, edit, text)
    error = np.abs(untouched.hu[0] - patch.hu)[edit]
    rows["clear: mean"].append(float(error.mean()))
    rows["clear: median"].append(float(np.median(error)))
    rows["change, lesion"].append(float(np.sort(inside.ravel())[-60:].mean()))
    rows["change, clear"].append(float(np.sort(untouched.first.change.ravel())[-60:].mean()))
    words = answer.first.attention
    if words is not None:
        inside = words.repeat(4, 1).repeat(4, 2) * (patch.lungs > 0) * edit
        at = np.unravel_index(inside.argmax(), edit.shape)
        cell = tuple(slice(k // 4 * 4, k // 4 * 4 + 4) for k in at[1:])
        rows["attention's peak in the lesion"].append(float((lesion.soft[at[0]][cell] > 0.1).any()))


def one_of_two(bench: Bench, scan: int, rng: np.random.Generator, rows: Rows) -> None:
    """Two findings, one denied: how much of each goes."""
    kinds = [str(kind) for kind in rng.choice(KINDS, 2, replace=False)]
    patch, first = bench.draw(scan, kinds[0], rng)
    second = bench.lesion(replace(patch, hu=first.hu), kinds[1], rng)
    apart = (first.mask & second.mask).sum() < 0.1 * min(first.mask.sum(), second.mask.sum())
    if second.term == first.term or not apart or second.mask.sum() < 30:
        return
    edit = random_edit_mask(first.mask | second.mask, patch.lungs > 0, patch.spacing, rng)
    made = bench.run(patch, second.hu, edit, bench.sentence(first, rng)).hu[0]
    here = (first.soft > 0.3) & (second.soft < 0.02)
    there = (second.soft > 0.3) & (first.soft < 0.02)
    if min(here.sum(), there.sum()) < 30:
        return
    asked = mean_error(second.hu, patch.hu, here)
    rows["denied: share of the difference gone"].append(
        1 - mean_error(made, patch.hu, here) / max(asked, 1e-6)
    )
    kept = mean_error(made, second.hu, there) / max(mean_error(second.hu, first.hu, there), 1e-6)
    rows["not denied: share of the difference kept"].append(1 - kept)


def main() -> None:
    """Draw the cases, run them, print and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shards", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=3, help="of each kind in each scan")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    bench = Bench(args.shards, args.weights, args.steps)
    rows: Rows = defaultdict(list)
    for scan in range(len(bench.scans)):
        for k, kind in enumerate((*KINDS, REAL)):
            rng = np.random.default_rng([args.seed, scan, k])
            for _ in range(args.cases):
                removal(bench, scan, kind, rng, rows)
        for turn in range(3 * args.cases):
            one_of_two(bench, scan, np.random.default_rng([args.seed, scan, 100 + turn]), rows)
    figures = {
        name: {"mean": round(float(np.nanmean(values)), 3), "n": int(np.isfinite(values).sum())}
        for name, values in rows.items()
    }
    lesion, untouched = rows["change, lesion"], rows["change, clear"]
    truth = [1] * len(lesion) + [0] * len(untouched)
    auc = roc_auc_score(truth, lesion + untouched)
    figures["presence: AUC"] = {"mean": round(float(auc), 3), "n": len(truth)}
    for name, value in figures.items():
        print(f"{name:45s} {value['mean']:9.3f}  n={value['n']}")
    args.out.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
