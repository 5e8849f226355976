"""Clear lung that an editor or a finder takes for a finding: hard examples for later training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore.editing.see_through import EditPredictor, RegionEditor
from DGMVLCCore.errors import WeightsError
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.imaging.resample import resize_in_plane
from DGMVLCCore.models.cell_unet import COARSEST
from DGMVLCCore.models.checks import CONFIG, read_facts
from DGMVLCCore.models.editor import Editor
from DGMVLCCore.models.finder import PIXEL_MM, Finder, likeness, load_finder
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.models.region import Region
from DGMVLCCore.training.denoising import phrases_at
from DGMVLCCore.training.edit_pairs import LOOK_ALIKES
from DGMVLCCore.training.edit_phrases import EVERYTHING
from DGMVLCCore.training.examples import PhraseBank, TrainingScan

ASKED = 0.3  # a share of change that is too much where nothing is
APART = 15  # voxels between two places
A_SCAN = 80  # places kept of one scan, the worst first
DENIALS = ("No nodule.", "No consolidation.", EVERYTHING)
MULTIPLE = 16  # sides that the network takes
Place = tuple[float, int, int, int]


def look_alikes(editor: EditPredictor, bank: PhraseBank, scan: TrainingScan) -> Iterator[Place]:
    """(share, z, y, x) of the peaks of the change map over the clear slices of one scan."""
    numbers = [i for i, phrase in enumerate(bank.phrases, 1) if phrase.text in DENIALS]
    h, w = (-n % MULTIPLE for n in scan.hu.shape[1:])
    for z in np.nonzero(~scan.unclear)[0]:
        near = slice(max(z - 1, 0), z + 2)
        hu = np.pad(scan.hu[near], ((0, 0), (0, h), (0, w)), constant_values=-1024)
        labels = np.pad(scan.labels[near], ((0, 0), (0, h), (0, w)))
        lungs = ndimage.binary_dilation(np.isin(labels, (2, 3)), np.ones((1, 9, 9)))
        row = int(z - near.start)
        if lungs[row].sum() < 500:
            continue
        slice_mm, row_mm, column_mm = map(float, scan.spacing)
        spacing = (slice_mm, row_mm, column_mm)
        region = Region.of_stack(hu.astype(np.float32), lungs, labels, spacing)
        asked = np.zeros(hu.shape[1:], np.float32)
        for number in numbers:
            text = phrases_at(bank, np.array([number]))
            asked = np.maximum(asked, RegionEditor(editor, region, text).look([row]).change[row])
        asked = ndimage.gaussian_filter(asked, 1)
        peaks = (asked == ndimage.maximum_filter(asked, APART)) & (asked > ASKED)
        for y, x in np.argwhere(peaks):
            yield float(asked[y, x]), int(z), int(y), int(x)


@torch.inference_mode()
def found_in_clear(finder: Finder, scan: TrainingScan) -> Iterator[Place]:
    """The same of a finder's map."""
    h, w = (
        -(-round(n * scan.spacing[1] / PIXEL_MM) // COARSEST) * COARSEST for n in scan.hu.shape[1:]
    )
    shape, step_mm = scan.hu.shape[1:], float(scan.spacing[0])
    hu = torch.from_numpy(resize_in_plane(scan.hu.astype(np.float32), (h, w)))
    lungs = resize_in_plane(np.isin(scan.labels, (2, 3)).astype(np.uint8), (h, w), order=0) > 0
    inside = torch.from_numpy(lungs)
    for z in np.nonzero(~scan.unclear & lungs.any((1, 2)))[0]:
        share = likeness(finder, hu, inside, [int(z)], step_mm)[0]
        share = ndimage.gaussian_filter(share * lungs[z], 1)
        peaks = (share == ndimage.maximum_filter(share, APART)) & (share > ASKED)
        for y, x in np.argwhere(peaks):
            yield float(share[y, x]), int(z), int(y * shape[0] / h), int(x * shape[1] / w)


def write_look_alikes(weights: Path, shards: Path) -> int:
    """Find the places of every scan of a shard folder, by an editor or a finder, and keep them
    there beside those that are known; returns how many there are.

    Raises:
        WeightsError: the weights are neither's.
    """
    places = _places_by(weights, shards)
    rows = []
    for index, path in enumerate(sorted(shards.glob("scan-*.npz"))):
        found = sorted(places(TrainingScan.load(path)), reverse=True)
        rows += [(index, *at) for _, *at in found[:A_SCAN]]
    known = shards / LOOK_ALIKES
    if known.is_file():
        with np.load(known) as file:
            rows = sorted({*rows, *map(tuple, file["places"].tolist())})
    with whole_file(known) as path, path.open("wb") as file:
        np.savez(file, places=np.array(rows, np.int32).reshape(-1, 4))
    return len(rows)


def _places_by(weights: Path, shards: Path) -> Callable[[TrainingScan], Iterator[Place]]:
    """What finds the places in a scan."""
    if read_facts(weights / CONFIG).get("_class_name") == Finder.__name__:
        finder, _ = load_finder(weights)
        return lambda scan: found_in_clear(finder, scan)
    model, _ = load_generator(weights)
    if not isinstance(model, Editor):
        raise WeightsError(
            f"Look-alikes are found by an editor or a finder, but {weights} holds a "
            f"{type(model).__name__}; give such weights."
        )
    editor, bank = EditPredictor(model.eval(), autocast=True), PhraseBank(shards / "phrases.npz")
    return lambda scan: look_alikes(editor, bank, scan)
