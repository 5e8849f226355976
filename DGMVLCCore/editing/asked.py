"""Is the finding in the region? How much change its denial asks the editor for there, how much the
finder takes the region for disease, and both elsewhere in these lungs.

The editor knows which finding is meant, and takes clear lung for haze; the finder knows haze from
clear lung, and does not know what is meant. On validation patients their mean tells lesions from
clear regions better than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import fullest_rows, rows_around
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.finder import PIXEL_MM, carried_finder, likeness
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.stats import central

TOP_SHARE = 0.1  # of a region's voxels that speak for it: a lesion fills only part of its region
# Of both networks' maps fewer voxels tell better. On validation patients .97 of the lesions and .04
# of the clear regions reach `SEEN` (the editor alone, by its tenth: 1.00 and .17).
EVIDENCE_SHARE, SEEN = 0.05, 0.5
SMOOTH_PIXELS = 1.0  # Gaussian sigma of the finder's map, in-plane
PLACES, TRIES = 12, 400
OWN_SLICES, PLACE_SLICES = 12, 3
DRAWS = 200
LUNG_SHARE = 0.95  # of a clear place that must lie in the lungs
Slice = tuple[np.ndarray, ...]  # the region's values (N,) of each network in one slice


@dataclass(frozen=True)
class Evidence:
    """What editor and finder say of a finding in a region.

    Args:
        value: 0..1, the mean of two shares in the top twentieth of the region's fullest slices: of
            change that the finding's denial asks for, and of likeness to disease. low, high: 95 %
            interval over the slices.
        clear_low, clear_high: where the middle 95 % of the same number lie at other places of the
            same shape in this patient's lungs; None where there is no room.
        places: how many other places.
    """

    value: float
    low: float
    high: float
    clear_low: float | None
    clear_high: float | None
    places: int

    @property
    def absent(self) -> bool:
        """True when the networks would rather leave the region as it is."""
        return self.value < SEEN

    @property
    def sure(self) -> bool:
        """True when the whole interval says that the finding is there."""
        return self.low >= SEEN

    @property
    def stands_out(self) -> bool:
        """True when the region stands above this patient's other places."""
        return self.clear_high is None or self.value > self.clear_high


def top_share(values: np.ndarray, share: float = TOP_SHARE) -> float:
    """Mean of the highest share of the values (N,); 0 of none."""
    values = np.sort(values) if values.size else np.zeros(1)
    return float(values[-max(int(np.ceil(share * values.size)), 1) :].mean())


def other_places(
    mask: np.ndarray, lungs: np.ndarray, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """In-slice shifts (y, x) that lay a mask (D,H,W) into the lungs, clear of where it was."""
    here = np.asarray(mask.any(0))
    shifts: list[tuple[int, int]] = []
    height, width = here.shape
    reach = np.array(here.shape) // 2
    z, y, x = np.nonzero(mask)
    for _ in range(TRIES):
        down, right = (int(v) for v in rng.integers(-reach, reach + 1))
        rows, columns = (y + down) % height, (x + right) % width
        if not here[rows, columns].any() and lungs[z, rows, columns].mean() >= LUNG_SHARE:
            shifts.append((down, right))
        if len(shifts) == PLACES:
            break
    return shifts


def evidence_of(slices: Sequence[Slice]) -> float:
    """Mean over the networks of `top_share` over some slices."""
    return float(
        np.mean([top_share(np.concatenate(each), EVIDENCE_SHARE) for each in zip(*slices)])
    )


def resampled(slices: Sequence[Slice], rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of `evidence_of` over slices drawn again with replacement."""
    draws = rng.integers(len(slices), size=(DRAWS, len(slices)))
    return central([evidence_of([slices[i] for i in draw]) for draw in draws])


def _cut(
    slab: Volume, labels: Anatomy, masks: list[np.ndarray], spacing_mm: float | None
) -> list[Region]:
    """A region around each mask, all at one spacing: the first one's when None."""
    regions: list[Region] = []
    for mask in masks:
        region = cut_region(slab, labels, mask, (0, len(mask)), spacing_mm=spacing_mm)
        if not regions and not region.native:
            spacing_mm = region.spacing[1]
        regions.append(region)
    return regions


def _likeness(pipe: CounterfactualPipeline, region: Region, rows: list[int]) -> np.ndarray:
    """How much slices of a region at the finder's spacing look like disease, (len(rows),S,T)."""
    hu, lungs = torch.from_numpy(region.hu), torch.from_numpy(region.lungs)
    model = carried_finder().to(pipe.device)  # type: ignore[arg-type]
    with torch.inference_mode():
        found = likeness(model, hu, lungs, rows, region.spacing[0], pipe.device)
    smooth = ndimage.gaussian_filter(found, (0, SMOOTH_PIXELS, SMOOTH_PIXELS))
    return smooth * region.lungs[rows]


def read_places(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    mask: np.ndarray,
    denial: str,
    rng: np.random.Generator,
    *,
    others: bool = True,
    callback: Progress | None = None,
) -> list[list[Slice]]:
    """What both networks say of a region, then of other places of its shape, slice by slice; the
    editor first, and alone in other modalities than CT. Arguments and errors as
    `change_evidence`."""
    pipe.require_sight("evidence")
    first, last = rows_around(mask)
    part, slab = mask[first:last], scan.slab(first, last)
    labels = Anatomy(anatomy.labels[first:last], anatomy.origin)
    shifts = other_places(part, labels.lungs, rng) if others else []
    masks = [part, *(np.roll(part, shift, (1, 2)) for shift in shifts)]
    rows = [fullest_rows(part, OWN_SLICES), *[fullest_rows(part, PLACE_SLICES)] * len(shifts)]
    total, done = sum(map(len, rows)), 0

    def on_slice(count: int) -> None:
        nonlocal done
        done += count
        if callback:
            callback("reading", done / total)

    regions = _cut(slab, labels, masks, None)
    text, capacity = pipe.text(denial), pipe.capacity(regions[0])
    parts = list(zip(regions, rows))
    said = [_inside(parts, pipe.edit_predictor().changes(parts, text, capacity, on_slice))]
    if pipe.modality == "CT":
        parts = list(zip(_cut(slab, labels, masks, max(PIXEL_MM, *scan.spacing[1:])), rows))
        said.append(_inside(parts, [_likeness(pipe, *each) for each in parts]))
    return [list(zip(*place)) for place in zip(*said)]


def _inside(
    parts: list[tuple[Region, list[int]]], values: list[np.ndarray]
) -> list[list[np.ndarray]]:
    """One network's values in each place's mask, slice by slice."""
    return [
        [plane[region.mask[row]] for plane, row in zip(each, rows)]
        for (region, rows), each in zip(parts, values)
    ]


def change_evidence(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    mask: np.ndarray,
    denial: str,
    *,
    others: bool = True,
    seed: int = 0,
    callback: Progress | None = None,
) -> Evidence:
    """Read a region and other places of the same shape under a finding's denial.

    Args:
        others: whether other places are read to compare with, or the region alone.
        scan: canonical. anatomy, mask (bool (D,H,W), not empty): on the same grid.
        callback: gets ("reading", share done).

    Raises:
        UnsuitableInputError: the weights are no editor's.
    """
    rng, asked = np.random.default_rng(seed), (scan, anatomy, mask, denial)
    own, *elsewhere = read_places(pipe, *asked, rng, others=others, callback=callback)
    clear = [evidence_of(each) for each in elsewhere]
    low, high = resampled(own, rng)
    clear_low, clear_high = central(clear) if clear else (None, None)
    whole = Evidence(evidence_of(own), low, high, clear_low, clear_high, len(clear))
    return replace(whole, **{k: round(v, 4) for k, v in vars(whole).items() if v is not None})
