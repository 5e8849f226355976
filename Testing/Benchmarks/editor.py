"""Figures of an editor on validation patients: removal, what stays, two findings, presence.

usage: editor.py SHARDS WEIGHTS OUT.json [--cases 3] [--seed 0] [--steps 4] [--rivals DENOISER]

SHARDS is made of the validation patients for the curve of a training run and for comparing
recipes: build_shards(DATA, SHARDS, "val"); of the test patients once, for the weights that are
shipped. Intervals are over patients. With --rivals the fullest slice of every removal is also made
by classical fills, inverse attenuation, the same editor in one step, and the hole-filling denoiser;
all but the last two are told the lesion's own outline, grown by two pixels.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from DGMVLCCore.editing.clear_density import at_clear_density
from DGMVLCCore.editing.sampler import Text
from DGMVLCCore.editing.see_through import IN_PLANE, STEPS, Answer, EditPredictor, RegionEditor
from DGMVLCCore.models.editor import Editor
from DGMVLCCore.models.region import Region
from DGMVLCCore.simulation.insert import KINDS, Lesion, insert_lesion
from DGMVLCCore.simulation.patch import ScanPatch
from DGMVLCCore.simulation.transplant import transplant
from DGMVLCCore.stats import over_patients
from DGMVLCCore.training.denoising import phrases_at
from DGMVLCCore.training.edit_pairs import EditPairMaker, infected
from DGMVLCCore.training.examples import TrainingScan, clear
from DGMVLCCore.training.masks import random_edit_mask
from editor_rivals import CLASSICAL, HoleFiller

VESSEL_HU = -600.0
REAL = "real nodule"
Rows = dict[str, list[tuple[str, float]]]


class Bench:
    """Cases of the validation patients, drawn by one seed, and the editor they are given to."""

    def __init__(self, shards: Path, weights: Path, steps: int) -> None:
        self.maker = EditPairMaker(shards, 0.0)
        self.scans = self.maker.scans
        paths = sorted(shards.glob("scan-*.npz"))
        names = [path.stem.split("-", 2)[2] for path in paths]
        infectious = [infected(TrainingScan.load(path)) for path in paths]
        self.patients = [name for name, out in zip(names, infectious) if not out]
        self.filler: HoleFiller | None = None
        editor = Editor.from_pretrained(weights, torch_dtype=torch.float32).eval()
        self.predict = EditPredictor(editor)
        self.steps = steps
        self.number = {phrase.text: i for i, phrase in enumerate(self.maker.bank.phrases, 1)}

    def sentence(self, lesion: Lesion, rng: np.random.Generator) -> int:
        """The plain denial of a finding."""
        plain = self.number.get(f"No {lesion.term}.")
        return plain or self.maker.sentences.denies(lesion, rng, alone=True)

    def words(self, text: int) -> Text:
        """A sentence of the bank as the network takes it."""
        return phrases_at(self.maker.bank, np.array([text]))

    @staticmethod
    def region(patch: ScanPatch, hu: np.ndarray, edit: np.ndarray) -> Region:
        """A patch that shows `hu`, with an edit mask."""
        return Region.of_stack(hu, edit, patch.labels, patch.spacing)

    def run(self, patch: ScanPatch, hu: np.ndarray, edit: np.ndarray, text: int) -> Answer:
        """The editor's answer for all slices of a patch that shows `hu`."""
        region = self.region(patch, hu, edit)
        noise = torch.randn(hu.shape, generator=torch.Generator().manual_seed(0))
        answer = RegionEditor(self.predict, region, self.words(text)).edit([noise], self.steps)
        return at_clear_density(answer, region)

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


def fine(hu: np.ndarray) -> np.ndarray:
    """What a Gaussian of one pixel removes, HU (D,H,W)."""
    return hu - ndimage.gaussian_filter(hu, (0, 1, 1))


def grain(hu: np.ndarray, where: np.ndarray) -> float:
    """Standard deviation of what a Gaussian of one pixel removes, HU."""
    return float(fine(hu)[where].std()) if where.sum() > 30 else np.nan


def core_grain(hu: np.ndarray, invented: np.ndarray) -> float:
    """The same inside what was invented, away from its seam; a median, so vessels count little."""
    core = ndimage.binary_erosion(invented, IN_PLANE, iterations=3)
    if core.sum() < 80:
        return np.nan
    rest = fine(hu)[core]
    return float(np.median(np.abs(rest - np.median(rest))))


HAZY = ("ground_glass", "emphysema", "reticulation", "honeycombing")


def rivals(
    bench: Bench, patch: ScanPatch, lesion: Lesion, edit: np.ndarray, text: int, answer: Answer
) -> dict[str, float]:
    """Error in the lesion at its fullest slice, HU, by every way to take it away."""
    row = int(lesion.mask.sum((1, 2)).argmax())
    one, where = slice(row, row + 1), (edit & (lesion.soft > 0.1))[row]
    outline = ndimage.binary_dilation(lesion.mask[row], iterations=2)[None]
    first = answer.first
    made = {
        "editor": answer.hu[0, row],
        "one step": (lesion.hu + first.change * (first.target - lesion.hu))[row],
        "untouched": lesion.hu[row],
    }
    for name, fill in CLASSICAL.items():
        filled = fill(lesion.hu[one], outline, patch.lungs[one] > 0)
        if filled is not None:
            made[name] = filled[0]
    if bench.filler:
        region, words = bench.region(patch, lesion.hu, edit), bench.words(text)
        made["hole filler"] = bench.filler(region, row, words, repaint=False)
        made["RePaint"] = bench.filler(region, row, words, repaint=True)
    return {name: mean_error(hu, patch.hu[row], where) for name, hu in made.items()}


def removal(bench: Bench, scan: int, kind: str, rng: np.random.Generator) -> dict[str, float]:
    """Take a lesion away; look at its place, the rest of the mask, vessels, and the clear scan."""
    rows: dict[str, float] = {}
    patch, lesion = bench.draw(scan, kind, rng)
    edit = random_edit_mask(lesion.mask, patch.lungs > 0, patch.spacing, rng)
    text = bench.sentence(lesion, rng)
    answer = bench.run(patch, lesion.hu, edit, text)
    made, touched = answer.hu[0], edit & (lesion.soft > 0.1)
    rest = edit & (lesion.soft < 0.02)
    rows[f"lesion: {kind}"] = mean_error(made, patch.hu, touched)
    rows[f"seen: {kind}"] = mean_error(lesion.hu, patch.hu, touched)
    rows["lesion"] = rows[f"lesion: {kind}"]
    group = "hazy" if kind in HAZY else "solid"
    rows[f"lesion, {group} kinds"] = rows["lesion"]
    rows["bias in the lesion"] = float((made - patch.hu)[touched].mean())
    rows["rest of the mask"] = mean_error(made, patch.hu, rest)
    vessels = edit & (patch.hu > VESSEL_HU) & (patch.lungs > 0)
    rows["vessels of the mask"] = mean_error(made, patch.hu, vessels)
    rows["vessels in the lesion"] = mean_error(made, patch.hu, vessels & touched)
    rows["grain, made over true"] = grain(made, touched) / grain(patch.hu, touched)
    cores = [core_grain(hu, answer.invented) for hu in (made, patch.hu)]
    rows["grain of the invented core, made over true"] = cores[0] / cores[1]
    rows["invented share of the lesion"] = float(answer.invented[touched].mean())
    inside = answer.first.change * edit
    best = inside == inside.max()
    rows["change map's peak in the lesion"] = float((lesion.soft[best] > 0.1).any())
    untouched = bench.run(patch, patch.hu, edit, text)
    error = np.abs(untouched.hu[0] - patch.hu)[edit]
    rows["clear: mean"] = float(error.mean())
    rows["clear: median"] = float(np.median(error))
    rows["change, lesion"] = float(np.sort(inside.ravel())[-60:].mean())
    rows["change, clear"] = float(np.sort(untouched.first.change.ravel())[-60:].mean())
    words = answer.first.attention
    if words is not None:
        inside = words.repeat(4, 1).repeat(4, 2) * (patch.lungs > 0) * edit
        at = np.unravel_index(inside.argmax(), edit.shape)
        cell = tuple(slice(k // 4 * 4, k // 4 * 4 + 4) for k in at[1:])
        rows["attention's peak in the lesion"] = float((lesion.soft[at[0]][cell] > 0.1).any())
    if bench.filler:
        others = rivals(bench, patch, lesion, edit, text, answer)
        for name, error in others.items():
            rows[f"fullest slice, {group}: {name}"] = error
    return rows


def removals(bench: Bench, scan: int, cases: int, seed: int) -> list[dict[str, float]]:
    """So many of every kind taken out of one scan."""
    found = []
    for k, kind in enumerate((*KINDS, REAL)):
        rng = np.random.default_rng([seed, scan, k])
        found += [removal(bench, scan, kind, rng) for _ in range(cases)]
    return found


def one_of_two(bench: Bench, scan: int, rng: np.random.Generator) -> dict[str, float]:
    """Two findings, one denied: how much of each goes."""
    kinds = [str(kind) for kind in rng.choice(KINDS, 2, replace=False)]
    patch, first = bench.draw(scan, kinds[0], rng)
    second = bench.lesion(replace(patch, hu=first.hu), kinds[1], rng)
    apart = (first.mask & second.mask).sum() < 0.1 * min(first.mask.sum(), second.mask.sum())
    if second.term == first.term or not apart or second.mask.sum() < 30:
        return {}
    edit = random_edit_mask(first.mask | second.mask, patch.lungs > 0, patch.spacing, rng)
    made = bench.run(patch, second.hu, edit, bench.sentence(first, rng)).hu[0]
    here = (first.soft > 0.3) & (second.soft < 0.02)
    there = (second.soft > 0.3) & (first.soft < 0.02)
    if min(here.sum(), there.sum()) < 30:
        return {}
    asked = mean_error(second.hu, patch.hu, here)
    gone = 1 - mean_error(made, patch.hu, here) / max(asked, 1e-6)
    kept = mean_error(made, second.hu, there) / max(mean_error(second.hu, first.hu, there), 1e-6)
    return {
        "denied: share of the difference gone": gone,
        "not denied: share of the difference kept": 1 - kept,
    }


def main() -> None:
    """Draw the cases, run them, print and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shards", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=3, help="of each kind in each scan")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument(
        "--rivals", type=Path, help="other ways, on the same cases; weights that fill holes"
    )
    args = parser.parse_args()
    bench = Bench(args.shards, args.weights, args.steps)
    bench.filler = HoleFiller(args.rivals) if args.rivals else None
    rows: Rows = defaultdict(list)
    for scan, patient in enumerate(bench.patients):
        found = removals(bench, scan, args.cases, args.seed)
        for turn in range(3 * args.cases):
            found.append(
                one_of_two(bench, scan, np.random.default_rng([args.seed, scan, 100 + turn]))
            )
        for case in found:
            for name, value in case.items():
                rows[name].append((patient, value))
    write(rows, args.out)


def means(rows: Rows) -> dict[str, dict[str, Any]]:
    """The mean of each figure with its interval over patients; none of one that no case has."""
    figures = {}
    for name, pairs in rows.items():
        mean = over_patients((patient, value) for patient, value in pairs if np.isfinite(value))
        if mean is not None:
            figures[name] = mean.rounded()
    return figures


def write(rows: Rows, out: Path) -> None:
    """Print and write the means with their intervals over patients."""
    figures = means(rows)
    shares = [[value for _, value in rows[f"change, {place}"]] for place in ("lesion", "clear")]
    truth = [1] * len(shares[0]) + [0] * len(shares[1])
    auc = roc_auc_score(truth, shares[0] + shares[1])
    figures["presence: AUC"] = {"value": round(float(auc), 3), "n": len(truth)}
    for name, row in figures.items():
        print(f"{name:45s} {row['value']:9.3f}  n={row['n']}  {row.get('ci95') or ''}")
    out.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
