"""Places of clear lung that an editor takes for a finding: hard examples for its next training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.see_through import EditPredictor, RegionEditor
from DGMVLCCore.errors import WeightsError
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.models.editor import Editor
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


def write_look_alikes(weights: Path, shards: Path) -> int:
    """Find the places of every scan of a shard folder and keep them there; returns how many.

    Raises:
        WeightsError: the weights are not an editor's.
    """
    model, _ = load_generator(weights)
    if not isinstance(model, Editor):
        raise WeightsError(
            f"Look-alikes are found by an editor, but {weights} holds a {type(model).__name__}; "
            "give an editor's weights."
        )
    editor = EditPredictor(model.eval(), autocast=True)
    bank = PhraseBank(shards / "phrases.npz")
    rows = []
    for index, path in enumerate(sorted(shards.glob("scan-*.npz"))):
        places = sorted(look_alikes(editor, bank, TrainingScan.load(path)), reverse=True)
        rows += [(index, *at) for _, *at in places[:A_SCAN]]
    with whole_file(shards / LOOK_ALIKES) as path, path.open("wb") as file:
        np.savez(file, places=np.array(rows, np.int32).reshape(-1, 4))
    return len(rows)
