"""Pairs for the editor: a source, a sentence, and the scan as the sentence says, truly known.

Every pair comes from one clear patch and one or two lesions put into it: *remove*, *insert*,
*exchange* one for the other, take *one of two*, and *empty* and *stay* where nothing is to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.models.units import anatomy_channels, neighbours, smooth_fill, to_units
from DGMVLCCore.simulation.insert import (
    INFILTRATE,
    MASS,
    OPACITY,
    PATCHY_HAZE,
    Lesion,
    insert_lesion,
)
from DGMVLCCore.simulation.patch import ScanPatch
from DGMVLCCore.simulation.shapes import blot
from DGMVLCCore.simulation.transplant import RealNodule, transplant
from DGMVLCCore.training.edit_phrases import EditPhrases
from DGMVLCCore.training.examples import (
    TRAIN_KINDS,
    Example,
    ExampleMaker,
    TrainingScan,
    clear,
)
from DGMVLCCore.training.masks import random_edit_mask

# *Empty* is *remove* where nothing was put in: else a denial alone would tell of a lesion.
ROLES = {
    "remove": 0.38,
    "empty": 0.16,
    "insert": 0.08,
    "exchange": 0.05,
    "one of two": 0.16,
    "stay": 0.17,
}
DRAWN_KINDS = (*TRAIN_KINDS, MASS, INFILTRATE, *3 * (PATCHY_HAZE,), *5 * (OPACITY,))
CONTRAST = (0.35, 1.1)  # real haze is often subtler than the simulation's own
OPAQUE_HU = -450.0  # denser, and what lies behind cannot be seen
LOOK_ALIKES = "look-alikes.npz"  # of a shard folder, made by `training.look_alikes`
LOOK_ALIKE_SHARE = 0.2  # of the patches, where such places are known
PAIRS_A_PATCH = 2  # inserting lesions costs more than showing a slice
SATURATION = 3.0  # a third of a lesion's membership already asks for the whole change
IN_PLANE = ndimage.generate_binary_structure(2, 1)[None]


@dataclass(eq=False)
class Pair:
    """One source, what is asked of it, and the answer.

    Args:
        source, target: float32 (D,S,S) HU. edit, hidden: bool alike. change: 0..1.
        pointed: float32 (D,S,S), membership of what the words name in the source.
        known: bool (D,S,S), where the target is the truth. rows: slices worth showing.
        text: number of the phrase in the bank. labels: uint8 (D,S,S) anatomy. spacing: (z,y,x) mm.
    """

    source: np.ndarray
    target: np.ndarray
    edit: np.ndarray
    hidden: np.ndarray
    change: np.ndarray
    pointed: np.ndarray
    known: np.ndarray
    rows: np.ndarray
    text: int
    labels: np.ndarray
    spacing: tuple[float, float, float]


def infected(scan: TrainingScan) -> bool:
    """True for a scan with slices that are labelled infected."""
    return scan.infected is not None and bool((scan.infected == 1).any())


class EditPairMaker(ExampleMaker):
    """Draws pairs from a shard folder; the same generator state draws the same pairs.

    Args:
        shards: folder made by `dgmvlc data`. nodule_share: of the batches that show real nodules in
            their own patient. transplanted: share of lesions that are real nodules of others.
    """

    def __init__(self, shards: Path, nodule_share: float, transplanted: float = 0.3) -> None:
        super().__init__(shards, nodule_share)
        self.sentences = EditPhrases(self.bank)
        self.transplanted = transplanted if len(self.nodules["hu"]) else 0.0
        # Between the marked slices of an infected patient lies haze that nobody marked.
        kept = [i for i, scan in enumerate(self.scans) if not infected(scan)]
        self.places: list[tuple[int, int, int, int]] = []
        if (shards / LOOK_ALIKES).is_file():
            with np.load(shards / LOOK_ALIKES) as file:
                rows = file["places"].tolist()
            self.places = [(kept.index(scan), *at) for scan, *at in rows if scan in kept]
        self.scans = [self.scans[i] for i in kept]

    def lesion(
        self,
        patch: ScanPatch,
        rng: np.random.Generator,
        without: str = "",
        centre: tuple[float, float, float] | None = None,
    ) -> Lesion:
        """A simulated or transplanted lesion, of another finding than `without`."""
        while True:
            if rng.random() < self.transplanted:
                made = transplant(
                    patch, self.real(int(rng.integers(len(self.nodules["hu"])))), rng, centre=centre
                )
            else:
                kind, contrast = str(rng.choice(DRAWN_KINDS)), float(rng.uniform(*CONTRAST))
                made = insert_lesion(patch, kind, rng, centre=centre, contrast=contrast)
            if made.term != without:
                return made

    def real(self, index: int) -> RealNodule:
        """A real nodule of the shards."""
        data, kind = self.nodules, str(self.nodules["kind"][index])
        words = ("spiculated",) if kind == "spiculated_nodule" else ()
        return RealNodule(
            data["hu"][index].astype(np.float32),
            data["mask"][index] > 0,
            kind,
            float(data["size_mm"][index]),
            words,
        )

    def clear_patch(self, rng: np.random.Generator) -> ScanPatch:
        """A patch of clear slices with some lung in it."""
        while True:
            patch = self.patch(rng)
            if patch is not None and (patch.lungs > 0).sum() > 3000:
                return patch

    def pairs(self, rng: np.random.Generator, count: int) -> Iterator[Pair]:
        """`count` pairs of one patch and one draw of lesions."""
        if self.places and rng.random() < LOOK_ALIKE_SHARE:
            yield from self.spared(rng, count)
            return
        patch = self.clear_patch(rng)
        first = self.lesion(patch, rng)
        rows = np.nonzero(first.mask.sum((1, 2)) > 8)[0]
        # Half of the lesions lie at vessels and the hilum too, where nothing is clear by density.
        if not len(rows) or (
            rng.random() < 0.5
            and not clear(patch.hu[rows], first.mask[rows], patch.lungs[rows] > 0)
        ):
            return
        for role in rng.choice(list(ROLES), count, p=list(ROLES.values())):
            yield getattr(self, str(role).replace(" ", "_"))(patch, first, rng)

    def spared(self, rng: np.random.Generator, count: int) -> Iterator[Pair]:
        """Clear places that an editor once took for a finding, and their denial -> untouched."""
        scan, *at = self.places[rng.integers(len(self.places))]
        patch, centre = self.patch_at(self.scans[scan], tuple(at), rng)  # type: ignore[arg-type]
        if patch is None:
            return
        radius = float(np.exp(rng.uniform(np.log(3), np.log(20))))
        place = blot(patch.hu.shape, centre, radius, patch.spacing, rng) > 0.5
        place &= ndimage.binary_dilation(patch.lungs > 0, IN_PLANE, iterations=4)
        if place[round(centre[0])].sum() < 9:
            return
        for _ in range(count):
            edit = random_edit_mask(place, patch.lungs > 0, patch.spacing, rng)
            text = self.sentences.denies_any(rng)
            pair = self.pair(patch, patch.hu, patch.hu, edit, [], [], text, rng)
            yield replace(pair, rows=np.array([round(centre[0])]))

    def remove(self, patch: ScanPatch, first: Lesion, rng: np.random.Generator) -> Pair:
        """With the lesion, its absence -> untouched."""
        text = self.sentences.denies(first, rng)
        edit = random_edit_mask(first.mask, patch.lungs > 0, patch.spacing, rng)
        return self.pair(patch, first.hu, patch.hu, edit, [first], [first], text, rng)

    def empty(self, patch: ScanPatch, first: Lesion, rng: np.random.Generator) -> Pair:
        """Untouched, the same denial as for a removal, there or around vessels -> untouched."""
        text = self.sentences.denies(first, rng)
        somewhere = first.mask if rng.random() < 0.5 else self.look_alike(patch, first, rng)
        edit = random_edit_mask(somewhere, patch.lungs > 0, patch.spacing, rng)
        return self.pair(patch, patch.hu, patch.hu, edit, [], [], text, rng)

    def insert(self, patch: ScanPatch, first: Lesion, rng: np.random.Generator) -> Pair:
        """Untouched, the finding -> with the lesion; the mask says where, so it is tight."""
        edit = ndimage.binary_dilation(first.mask, IN_PLANE, iterations=int(rng.integers(1, 5)))
        text = self.sentences.states(first, rng)
        return self.pair(patch, patch.hu, first.hu, edit, [first], [], text, rng)

    def exchange(self, patch: ScanPatch, first: Lesion, rng: np.random.Generator) -> Pair:
        """One lesion, another finding -> that one at the place."""
        z, y, x = map(float, ndimage.center_of_mass(first.soft))
        second = self.lesion(patch, rng, first.term, (z, y, x))
        edit = ndimage.binary_dilation(first.mask | second.mask, IN_PLANE, iterations=2)
        text = self.sentences.states(second, rng)
        return self.pair(patch, first.hu, second.hu, edit, [first, second], [], text, rng)

    def one_of_two(self, patch: ScanPatch, first: Lesion, rng: np.random.Generator) -> Pair:
        """Two findings, one denied -> the other stays; sometimes both denied, or neither."""
        state = rng.bit_generator.state
        both = self.lesion(replace(patch, hu=first.hu), rng, first.term)
        rng.bit_generator.state = state
        second = self.lesion(patch, rng, first.term)  # the same draw, without the first lesion
        edit = random_edit_mask(first.mask | second.mask, patch.lungs > 0, patch.spacing, rng)
        turn = rng.random()
        if turn < 0.6:
            text = self.sentences.denies(first, rng, alone=True)
            return self.pair(patch, both.hu, second.hu, edit, [first], [first], text, rng)
        if turn < 0.8:
            text = self.sentences.everything
            two = [first, second]
            return self.pair(patch, both.hu, patch.hu, edit, two, two, text, rng)
        text = self.sentences.denies_other({first.term, second.term}, rng)
        return self.pair(patch, both.hu, both.hu, edit, [], [], text, rng)

    def stay(self, patch: ScanPatch, first: Lesion, rng: np.random.Generator) -> Pair:
        """Clear and a denial; a lesion and its presence; a denial of what, or where, it is not."""
        turn = rng.random()
        if turn < 0.55:
            somewhere = self.look_alike(patch, first, rng)
            edit = random_edit_mask(somewhere, patch.lungs > 0, patch.spacing, rng)
            text = self.sentences.denies_any(rng)
            return self.pair(patch, patch.hu, patch.hu, edit, [], [], text, rng)
        edit = random_edit_mask(first.mask, patch.lungs > 0, patch.spacing, rng)
        if turn < 0.75:
            text = self.sentences.states(first, rng)
            return self.pair(patch, first.hu, first.hu, edit, [], [first], text, rng)
        text = 0 if turn > 0.95 else self.sentences.denies_other({first.term}, rng)
        if turn < 0.83:
            text = self.sentences.denies(first, rng, here=False)
        return self.pair(patch, first.hu, first.hu, edit, [], [], text, rng)

    @staticmethod
    def look_alike(patch: ScanPatch, first: Lesion, rng: np.random.Generator) -> np.ndarray:
        """A clear place (D,S,S) bool: that of the lesion, or one around vessels, hilum or wall."""
        lungs = patch.lungs > 0
        near = ndimage.binary_dilation(lungs, IN_PLANE, iterations=4)
        dense = np.argwhere(near & (patch.hu > -500))
        if rng.random() < 0.4 or not len(dense):
            return first.mask
        centre = tuple(map(float, dense[rng.integers(len(dense))]))
        radius = float(np.exp(rng.uniform(np.log(3), np.log(25))))
        soft = blot(patch.hu.shape, centre, radius, patch.spacing, rng)  # type: ignore[arg-type]
        return (soft > 0.5) & near if ((soft > 0.5) & near).any() else first.mask

    def pair(
        self,
        patch: ScanPatch,
        source: np.ndarray,
        target: np.ndarray,
        edit: np.ndarray,
        changed: list[Lesion],
        pointed: list[Lesion],
        text: int,
        rng: np.random.Generator,
    ) -> Pair:
        """The pair of these voxels; without words nothing is asked for."""
        zero = np.zeros(source.shape, np.float32)
        if text == 0:
            target, changed, pointed = source, [], []
        change, member = (
            np.clip(SATURATION * np.max([each.soft for each in lesions], axis=0), 0, 1)
            if lesions
            else zero
            for lesions in (changed, pointed)
        )
        dense = (source > OPAQUE_HU) | (target > OPAQUE_HU)
        hidden = self.hidden(patch, edit, (change > 0.9) & dense, rng)
        rows = np.nonzero((edit & (change > 0.3)).sum((1, 2)) > 8)[0]
        if not len(rows):
            rows = np.nonzero(edit.sum((1, 2)) > 8)[0]
        labels = patch.labels
        known = np.ones(source.shape, bool)
        return Pair(
            source, target, edit, hidden, change, member, known, rows, text, labels, patch.spacing
        )

    @staticmethod
    def hidden(
        patch: ScanPatch, edit: np.ndarray, core: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """What is hidden of the source, (D,S,S) bool: opaque cores, a random blob, rarely all."""
        turn = rng.random()
        if turn < 0.04:
            return edit
        if core.any() and turn < 0.5:
            grown = ndimage.binary_dilation(core, IN_PLANE, iterations=int(rng.integers(1, 3)))
            return grown & edit
        points = np.argwhere(edit & (patch.lungs > 0))
        if core.any() or turn > 0.25 or not len(points):
            return np.zeros_like(edit)
        z, y, x = map(float, points[rng.integers(len(points))])
        radius = float(rng.uniform(3, 14))
        return (blot(edit.shape, (z, y, x), radius, patch.spacing, rng) > 0.5) & edit

    def real_pairs(self, rng: np.random.Generator) -> Iterator[Pair]:
        """A real nodule in its own patient: what lies behind it is not known, where it is, is."""
        index = int(rng.integers(len(self.nodules["hu"])))
        hu, nodule, lungs, labels, lesion = self.nodule(index)
        edit = random_edit_mask(nodule, lungs, (2.0, 1.0, 1.0), rng)
        dark = ndimage.binary_dilation(nodule, IN_PLANE, iterations=2)
        nothing, none = np.zeros_like(edit), np.zeros(hu.shape, np.float32)
        soft = ndimage.gaussian_filter(lesion.soft, (0, 0.7, 0.7))
        member = np.clip(SATURATION * soft, 0, 1)
        spacing = (2.0, 1.0, 1.0)
        shows = Pair(
            hu,
            hu,
            edit,
            nothing,
            none,
            member,
            ~nothing,
            np.array([1]),
            self.sentences.states(lesion, rng),
            labels,
            spacing,
        )
        denied = self.sentences.denies(lesion, rng)
        yield shows
        yield replace(shows, change=member, known=~dark, text=denied)
        solid = {lesion.term, "nodule", "part-solid nodule"}
        yield replace(shows, pointed=none, text=self.sentences.denies_other(solid, rng))
        if (away := edit & ~dark)[1].sum() > 30:
            denied = self.sentences.denies_any(rng)
            yield replace(shows, pointed=none, edit=away, text=denied)

    def batches(self, batch: int, seed: Any) -> Iterator[Example]:
        """Endless batches of stacked examples."""
        rng = np.random.default_rng(seed)
        while True:
            examples: list[Example] = []
            if rng.random() < self.nodule_share:
                while len(examples) < 4 * batch:
                    examples += [shown(pair, rng) for pair in self.real_pairs(rng)]
                examples = examples[: 4 * batch]
            while len(examples) < batch:
                drawn = self.pairs(rng, PAIRS_A_PATCH)
                examples += [shown(pair, rng) for pair in drawn if len(pair.rows)]
            size = 4 * batch if len(examples) >= 4 * batch else batch
            yield {key: np.stack([e[key] for e in examples[:size]]) for key in examples[0]}


def shown(pair: Pair, rng: np.random.Generator) -> Example:
    """The network's inputs and answers for one slice of a pair, in model units."""
    z = int(rng.choice(pair.rows))
    near = neighbours(z, len(pair.source))
    lungs = np.isin(pair.labels, (2, 3))
    seen = {
        k: to_units(smooth_fill(pair.source[k], pair.hidden[k], lungs[k])) for k in sorted({*near})
    }
    healthy = lungs & ~pair.edit & (pair.change == 0) & (pair.pointed == 0)
    told = healthy.sum() > 400 and rng.random() > 0.15
    density = to_units(np.median(pair.source[healthy])) if told else np.float32(np.nan)
    return {
        "clean": to_units(pair.target[[z]]),
        "context": np.stack([seen[k] for k in near]),
        "mask": pair.edit[near].astype(np.float32),
        "hidden": pair.hidden[near].astype(np.float32),
        "anatomy": anatomy_channels(pair.labels[z]),
        "geometry": np.array([pair.spacing[2], pair.spacing[0]], np.float32),
        "density": np.asarray(density, np.float32),
        "text": np.array(pair.text),
        "change": pair.change[[z]],
        "pointed": pair.pointed[[z]].astype(np.float32),
        "known": pair.known[[z]].astype(np.float32),
    }
