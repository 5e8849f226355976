"""Is the finding in the region? How much change its denial asks for there, and elsewhere in these
lungs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import fullest_rows, rows_around
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.stats import central

TOP_SHARE = 0.1  # of a region's voxels that speak for it: a lesion fills only part of its region
PLACES, TRIES = 12, 400
OWN_SLICES, PLACE_SLICES = 12, 3
DRAWS = 200
LUNG_SHARE = 0.95  # of a clear place that must lie in the lungs
SEEN = 0.5  # half of the training pairs of a denial hold what it denies: below, more likely clear


@dataclass(frozen=True)
class Evidence:
    """What an editor's change map says of a finding in a region.

    Args:
        value: share of change asked for by the finding's denial, 0..1, mean of the top tenth of
            the region's fullest slices. low, high: 95 % interval over the slices.
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
        """True when the network would rather leave the region as it is."""
        return self.value < SEEN

    @property
    def stands_out(self) -> bool:
        """True when the region asks for more change than this patient's other places."""
        return self.clear_high is None or self.value > self.clear_high


def top_share(change: np.ndarray) -> float:
    """Mean of the highest tenth of the change asked for, (N,) and not empty."""
    values = np.sort(change)
    return float(values[-max(int(np.ceil(TOP_SHARE * values.size)), 1) :].mean())


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


def resampled(slices: list[np.ndarray], rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of `top_share` over slices drawn again with replacement."""
    draws = rng.integers(len(slices), size=(DRAWS, len(slices)))
    return central([top_share(np.concatenate([slices[i] for i in draw])) for draw in draws])


def _places_to_read(
    slab: Volume, labels: Anatomy, mask: np.ndarray, rng: np.random.Generator, others: bool
) -> list[tuple[Region, list[int]]]:
    """The region and `others` of its shape, at one spacing, each with the slices to read."""
    depth = (0, len(mask))
    region = cut_region(slab, labels, mask, depth)
    spacing_mm = None if region.native else region.spacing[1]
    parts = [(region, fullest_rows(mask, OWN_SLICES))]
    for shift in other_places(mask, labels.lungs, rng) if others else ():
        moved = np.roll(mask, shift, (1, 2))
        place = cut_region(slab, labels, moved, depth, spacing_mm=spacing_mm)
        parts.append((place, fullest_rows(mask, PLACE_SLICES)))
    return parts


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
    pipe.require_sight("evidence")
    first, last = rows_around(mask)
    part, slab = mask[first:last], scan.slab(first, last)
    labels = Anatomy(anatomy.labels[first:last], anatomy.origin)
    rng = np.random.default_rng(seed)
    parts = _places_to_read(slab, labels, part, rng, others)
    total, done = sum(len(rows) for _, rows in parts), 0

    def on_slice(count: int) -> None:
        nonlocal done
        done += count
        if callback:
            callback("reading", done / total)

    text, capacity = pipe.text(denial), pipe.capacity(parts[0][0])
    changes = pipe.edit_predictor().changes(parts, text, capacity, on_slice)
    return _seen(changes, parts, rng)


def _seen(
    changes: list[np.ndarray], parts: list[tuple[Region, list[int]]], rng: np.random.Generator
) -> Evidence:
    """What the changes asked for say: of the region first, then of the other places."""
    asked, *others = (
        [each[place.mask[row]] for each, row in zip(change, rows)]
        for change, (place, rows) in zip(changes, parts)
    )
    clear = [top_share(np.concatenate(each)) for each in others]
    low, high = resampled(asked, rng)
    value = top_share(np.concatenate(asked))
    clear_low, clear_high = central(clear) if clear else (None, None)
    whole = Evidence(value, low, high, clear_low, clear_high, len(clear))
    return replace(whole, **{k: round(v, 4) for k, v in vars(whole).items() if v is not None})
