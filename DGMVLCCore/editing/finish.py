"""Changes on the working grid -> a result on the scan's own grid: medoid, mean, spread, layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from DGMVLCCore.editing.compose import compose, feather
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan, Settings
from DGMVLCCore.editing.sampler import Step
from DGMVLCCore.editing.see_through import Answer
from DGMVLCCore.errors import Cancelled
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import box_around, put_back
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.noise import slice_correlation
from DGMVLCCore.models.region import Region

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Place:
    """Where an edit goes back to.

    Args:
        volume: the scan as it was given. scan: canonical. turn: between both. region: on the
            working grid. mask: bool (D,H,W), canonical.
    """

    volume: Volume
    scan: Volume
    turn: Any
    region: Region
    mask: np.ndarray


def finish(
    place: Place,
    deltas: np.ndarray,
    plan: EditPlan,
    settings: Settings,
    draw: int | None = None,
    edited: Answer | None = None,
) -> CounterfactualResult:
    """Compose the medoid of the changes (N,D,S,T) in HU (or the sample `draw`), the mean and
    the spread at native resolution, on the scan's own grid."""
    volume, scan, turn, region, mask = vars(place).values()
    inside = region.mask
    mean = deltas.mean(0)
    settings["medoid"] = int(((deltas - mean)[:, inside] ** 2).sum(1).argmin())
    chosen = settings["shown"] = settings["medoid"] if draw is None else draw
    box = box_around(mask, (0, 1, 1))  # a voxel more, for the feather to end in
    held = mask[box]
    weights = feather(held, scan.spacing)

    def on_scan(values: np.ndarray) -> np.ndarray:
        return region.to_scan(values.astype(np.float32), scan.shape)[box]

    def alone(values: np.ndarray) -> np.ndarray:
        return turn.restore(put_back(values, box, scan.shape))

    def composed(change: np.ndarray) -> np.ndarray:
        out = scan.array.copy()
        out[box] = compose(scan.with_array(out[box]), on_scan(change), weights)
        return turn.restore(out)

    settings["sample_change_hu"] = [  # before rounding
        round(float((on_scan(delta) * weights)[held].mean()), 3) for delta in deltas
    ]
    variance = deltas.var(0)
    if edited is not None:  # what is seen through is uncertain where it is unsure to be asked
        first = edited.first
        asked = (first.target - region.hu) ** 2 * first.change * (1 - first.change)
        variance = np.where(edited.invented, variance, asked * inside)

    result = CounterfactualResult(
        volume,
        volume.with_array(composed(deltas[chosen])),
        composed(mean),
        alone(on_scan(np.sqrt(variance)) * weights),
        turn.restore(mask),
        plan,
        [],
        settings,
    )
    if edited is not None:
        taken = np.maximum(edited.first.change, edited.invented)
        result.change = alone(np.clip(on_scan(taken), 0, 1) * held)
        result.invented = alone((on_scan(edited.invented) > 0.5) & held)
    return result


def described(
    settings: Settings, region: Region, scan: Volume, anatomy: Anatomy, mask: np.ndarray
) -> float:
    """Record how a region is worked on; returns the texture's correlation along z."""
    rows = slice(*region.rows)
    correlation = slice_correlation(scan.array[rows], (anatomy.lungs & ~mask)[rows])
    settings |= {
        "z_correlation": round(correlation, 3),
        "spacing_mm": region.spacing,
        "native": region.native,
    }
    return correlation


def counted(
    total: int, callback: Progress | None, should_cancel: Callable[[], bool] | None
) -> Callable[[int], Step]:
    """For a number of slices, what a sampler calls after each step on them; `total` slice steps are
    the whole edit."""
    done = 0

    def step_of(size: int) -> Step:
        def on_step(step: int, of: int) -> None:
            nonlocal done
            if should_cancel and should_cancel():
                raise Cancelled("Cancelled; nothing was changed.")
            done += size
            if callback:
                callback("editing", done / total)

        return on_step

    return step_of
