"""Changes on the working grid -> a result on the scan's own grid: medoid, mean, spread, layers."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.editing.compose import compose, feather
from DGMVLCCore.editing.result import CounterfactualResult
from DGMVLCCore.editing.see_through import Answer
from DGMVLCCore.editing.work import Work
from DGMVLCCore.imaging.masks import box_around, put_back
from DGMVLCCore.imaging.volume import Volume


class _WayBack:
    """From a region's working grid to the scan's, inside the box around the mask."""

    def __init__(self, volume: Volume, work: Work) -> None:
        self.scan, self.region, self.turn = work.scan, work.region, volume.orientation()
        self.box = box_around(work.mask, (0, 1, 1))  # a voxel more, for the feather to end in
        self.held = work.mask[self.box]
        self.weights = feather(self.held, work.scan.spacing)

    def on_scan(self, values: np.ndarray) -> np.ndarray:
        """(D,S,T) of the region at native spacing, in the box."""
        return self.region.to_box(values.astype(np.float32), self.box)

    def alone(self, values: np.ndarray) -> np.ndarray:
        """Values of the box on the scan as it was given, 0 elsewhere."""
        return self.turn.restore(put_back(values, self.box, self.scan.shape))

    def composed(self, change: np.ndarray) -> np.ndarray:
        """The scan as it was given with a region's change (D,S,T), HU."""
        out = self.scan.array.copy()
        part = self.scan.with_array(out[self.box])
        out[self.box] = compose(part, self.on_scan(change), self.weights)
        return self.turn.restore(out)


def _variance(work: Work, deltas: np.ndarray, edited: Answer | None) -> np.ndarray:
    """Variance (D,S,T) of the samples, HU²; what is seen through is uncertain where it is unsure to
    be asked."""
    variance = deltas.var(0)
    if edited is None:
        return variance
    first = edited.first
    asked = (first.target - work.region.hu) ** 2 * first.change * (1 - first.change)
    return np.where(edited.invented, variance, asked * work.region.mask)


def finish(
    volume: Volume,
    work: Work,
    deltas: np.ndarray,
    draw: int | None = None,
    edited: Answer | None = None,
) -> CounterfactualResult:
    """Compose the medoid of the changes (N,D,S,T) in HU (or the sample `draw`), the mean and
    the spread at native resolution, on the grid of `volume`, the scan as it was given."""
    back, settings, mean = _WayBack(volume, work), work.settings, deltas.mean(0)
    settings["medoid"] = int(((deltas - mean)[:, work.region.mask] ** 2).sum(1).argmin())
    settings["shown"] = settings["medoid"] if draw is None else draw
    settings["sample_change_hu"] = [  # before rounding
        round(float((back.on_scan(delta) * back.weights)[back.held].mean()), 3) for delta in deltas
    ]
    spread = np.sqrt(_variance(work, deltas, edited))
    result = CounterfactualResult(
        volume,
        volume.with_array(back.composed(deltas[settings["shown"]])),
        lambda: back.composed(mean),
        back.alone(back.on_scan(spread) * back.weights),
        back.turn.restore(work.mask),
        work.plan,
        [],
        settings,
    )
    if edited is not None:
        taken = np.maximum(edited.first.change, edited.invented)
        result.change = back.alone(np.clip(back.on_scan(taken), 0, 1) * back.held)
        result.invented = back.alone((back.on_scan(edited.invented) > 0.5) & back.held)
    return result
