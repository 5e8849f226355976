"""What the editor's design is worth: one thing changed at a time, equal minutes, validation.

usage: equal_minutes.py SHARDS VAL_SHARDS START FOLDER [--minutes 10] [--cases 2] [--ways NAME ...]

Every way begins with the weights in START (a hole-filling denoiser or an editor), learns from the
same pairs for the same minutes, and takes the same lesions of the validation patients away. FOLDER
keeps weights and figures; a way that stands there whole is not trained again. Nothing else should
run meanwhile.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from DGMVLCCore.editing.see_through import STEPS, Answer, RegionEditor, opaque_core
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.editor import Edit
from DGMVLCCore.models.units import to_hu, to_units
from DGMVLCCore.results.records import write_text
from DGMVLCCore.simulation.patch import ScanPatch
from DGMVLCCore.training.edit_pairs import EditPairMaker, Pair, shown
from DGMVLCCore.training.editing import EditingTrainer
from DGMVLCCore.training.examples import Example
from DGMVLCCore.training.recipe import Recipe
from editor import Bench, Rows, means, removals

SIGMA = 0.3  # of the bridge's noise half-way, model units (750 HU)
CERTAIN = 20.0  # logit of a change map that is 1
MEANT_HU = 100.0  # a network without a change map asks for a change where its target differs so far
FIGURES = (
    "lesion",
    "lesion, hazy kinds",
    "lesion, solid kinds",
    "rest of the mask",
    "vessels of the mask",
    "clear: mean",
    "clear: median",
    "grain, made over true",
)


class SourcePairs(EditPairMaker):
    """Pairs that bring the source along, also where it is hidden."""

    def pairs(self, *args: Any, **settings: Any) -> Iterator[Pair]:
        """As the maker's, each with one slice to choose from."""
        rng = args[0]
        for pair in super().pairs(*args, **settings):
            if len(pair.rows):
                yield replace(pair, rows=np.array([int(rng.choice(pair.rows))]))


def with_source(pair: Pair, rng: np.random.Generator) -> Example:
    """`shown`, and the source of the slice in model units."""
    return {**shown(pair, rng), "source": to_units(pair.source[[int(pair.rows[0])]])}


class FromNoise(EditingTrainer):
    """The editor as it is."""

    hides, told = True, True

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of simulated pairs."""
        maker, rng = SourcePairs(Path(recipe.shards), 0.0), np.random.default_rng(seed)
        while True:
            examples: list[Example] = []
            while len(examples) < recipe.batch:
                examples += [with_source(pair, rng) for pair in maker.pairs(rng, 4)]
            chosen = examples[: recipe.batch]
            yield {key: np.stack([e[key] for e in chosen]) for key in chosen[0]}

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """With nothing hidden, or no density told, as the way says."""
        if not self.hides:
            source = batch["context"].clone()
            source[:, 1:2] = batch["source"]
            batch = batch | {"context": source, "hidden": torch.zeros_like(batch["hidden"])}
        if not self.told:
            batch = batch | {"density": torch.full_like(batch["density"], float("nan"))}
        return super().losses(batch)


class FromSource(FromNoise):
    """The hidden part begins with the source: a Brownian bridge (Liu et al., 2023, I2SB)."""

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The flow's terms at a place on the bridge between target and source."""
        clean, hidden, source = batch["clean"], batch["hidden"][:, 1:2], batch["source"]
        t = torch.sigmoid(torch.randn(len(clean)))
        t = torch.where(torch.rand(len(clean)) < 0.5, torch.ones_like(t), t)
        t = torch.where(hidden.amax((1, 2, 3)) > 0, t, torch.ones_like(t))
        share = t[:, None, None, None]
        spread = 2 * SIGMA * (share * (1 - share)).sqrt()
        between = (1 - share) * clean + share * source + spread * torch.randn_like(clean)
        with self.accelerator.autocast():
            edit = self.model(torch.where(hidden > 0, between, source), t, self.seen(batch))
        return self.terms(batch, Edit(edit.target.float(), edit.change.float(), edit.attention), t)


class NoChangeMap(FromNoise):
    """The target itself is the answer."""

    def terms(self, batch: dict[str, Tensor], edit: Edit, t: Tensor) -> dict[str, Tensor]:
        """Without those of the change map."""
        everywhere = edit._replace(change=torch.full_like(edit.change, CERTAIN))
        terms = super().terms(batch, everywhere, t)
        return {name: value for name, value in terms.items() if name not in ("change", "overlap")}


class OneStep(NoChangeMap):
    """Plain regression: nothing is hidden, one step, no change map."""

    hides = False


class NoDensity(FromNoise):
    """Not told the patient's own clear-lung density."""

    told = False


WAYS: dict[str, tuple[type[FromNoise], float]] = {
    "as it is": (FromNoise, 10.0),
    "lesion weight 4": (FromNoise, 4.0),
    "lesion weight 1": (FromNoise, 1.0),
    "from the source": (FromSource, 10.0),
    "no change map": (NoChangeMap, 10.0),
    "one-step regression": (OneStep, 10.0),
    "density not told": (NoDensity, 10.0),
}


class BridgeEditor(RegionEditor):
    """Fills the hidden part along the bridge from the source."""

    def fill(self, rows: list[int], invented: np.ndarray, noise: Tensor, steps: int) -> np.ndarray:
        """HU (B,S,T), by the bridge's posterior at each step."""
        cond = self.seen(rows, invented)
        source = torch.from_numpy(to_units(self.region.hu[rows], self.region.scale))[:, None]
        hidden, x_t = cond.hidden[:, 1:2] > 0, source  # type: ignore[index]
        for index in range(steps):
            now, then = 1 - index / steps, 1 - (index + 1) / steps
            target = self.predict(x_t, now, cond).target
            spread = 2 * SIGMA * (then * (now - then) / now) ** 0.5
            flow = then / now * x_t + (1 - then / now) * target + spread * noise[:, None]
            x_t = torch.where(hidden, flow, source)
        return to_hu(x_t[:, 0].cpu().numpy(), self.region.scale)


class TargetEditor(RegionEditor):
    """The target itself is the answer; hidden is what is opaque and much of it would change."""

    hides = True

    def edit(self, noises: Sequence[Tensor], steps: int = STEPS, **settings: Any) -> Answer:
        """See `RegionEditor.edit`."""
        region, first = self.region, self.look()
        meant = (np.abs(first.target - region.hu) > MEANT_HU) * region.mask.astype(np.float32)
        core = opaque_core(region.hu, region.mask, meant) & self.hides
        made = super().edit(noises, steps, hidden=core).hu
        through = np.where(region.mask, first.target, region.hu)
        return Answer(np.where(core, made, through), core, replace(first, change=meant))


class OneStepEditor(TargetEditor):
    """The target of one step is the answer."""

    hides = False


EDITORS = {FromSource: BridgeEditor, NoChangeMap: TargetEditor, OneStep: OneStepEditor}


class WayBench(Bench):
    """The editor's benchmark with a way's own sampler."""

    def __init__(self, shards: Path, weights: Path, way: type[FromNoise]) -> None:
        super().__init__(shards, weights, STEPS)
        self.way = way

    def ask(self, x_t: Tensor, t: float, cond: Conditions) -> Edit:
        """What the network says when it is told what the way tells."""
        return self.predict(x_t, t, cond if self.way.told else replace(cond, density=None))

    def run(self, patch: ScanPatch, hu: np.ndarray, edit: np.ndarray, text: int) -> Answer:
        """The way's answer for all slices of a patch that shows `hu`."""
        kind = EDITORS.get(self.way, RegionEditor)
        editor = kind(self.ask, self.region(patch, hu, edit), self.words(text))
        noise = torch.randn(hu.shape, generator=torch.Generator().manual_seed(0))
        return editor.edit([noise], self.steps)


def trained(name: str, args: argparse.Namespace) -> Path:
    """The folder of a way's weights; trained unless they stand there whole."""
    way, weight = WAYS[name]
    folder = args.folder / name.replace(" ", "-")
    if not (folder / "done").exists():
        recipe = Recipe(
            shards=str(args.shards),
            out=str(folder),
            task="editor",
            minutes=args.minutes,
            batch=16,
            learning_rate=5e-4,
            start_from=str(args.start),
            lesion_weight=weight,
        )
        trainer = way(recipe)
        trainer.quiet = True
        trainer.run()
        (folder / "done").write_text(f"{trainer.step}\n", encoding="utf-8")
    return folder


def scored(name: str, folder: Path, args: argparse.Namespace) -> dict[str, object]:
    """Figures of a way on the validation patients, intervals over them."""
    bench = WayBench(args.val, folder / "weights", WAYS[name][0])
    rows: Rows = defaultdict(list)
    for scan, patient in enumerate(bench.patients):
        for case in removals(bench, scan, args.cases, 0):
            for figure, value in case.items():
                rows[figure].append((patient, value))
    figures = means(rows)
    steps = int((folder / "done").read_text(encoding="utf-8"))
    return {"steps": steps, **{figure: figures.get(figure) for figure in FIGURES}}


def main() -> None:
    """Train and score each way; print and write the figures."""
    parser = argparse.ArgumentParser()
    for name in ("shards", "val", "start", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--cases", type=int, default=2, help="of each kind in each scan")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / "figures.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in args.ways:
        if name not in found:
            found[name] = scored(name, trained(name, args), args)
            write_text(json.dumps(found, indent=1) + "\n", path)
        print(name, json.dumps(found[name]), flush=True)


if __name__ == "__main__":
    main()
