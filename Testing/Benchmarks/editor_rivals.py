"""Other ways to take a lesion away, for the editor's benchmark: fills, inverse attenuation, the
hole-filling denoiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from DGMVLCCore.editing import sampler
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.sampler import Text
from DGMVLCCore.evaluation import baselines, generative
from DGMVLCCore.models.region import Region
from DGMVLCCore.models.units import to_hu, to_units

DENSE_HU = -350.0
Rival = Callable[[np.ndarray, np.ndarray, np.ndarray], "np.ndarray | None"]


def inverse_attenuation(hu: np.ndarray, mask: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Undo h' = h (1 - f): f from the median of the region's tissue against the lung outside it;
    vessels and whatever is denser than `DENSE_HU` scale with it. (D,H,W) HU."""
    tissue, clear = mask & lungs & (hu < DENSE_HU), lungs & ~mask
    if not tissue.any() or not clear.any():
        return hu
    kept = min(float(np.median(hu[tissue]) / np.median(hu[clear])), 1.0)
    return np.where(mask & (hu < 0), np.maximum(hu / max(kept, 0.05), -1024), hu)


CLASSICAL: Mapping[str, Rival] = {
    **baselines.BASELINES,
    "inverse attenuation": inverse_attenuation,
}


class HoleFiller:
    """A hole-filling denoiser on one slice of a region, by its own sampler or RePaint's."""

    def __init__(self, weights: Path) -> None:
        self.pipe = CounterfactualPipeline.from_pretrained(weights)

    def __call__(self, region: Region, row: int, text: Text, *, repaint: bool) -> np.ndarray:
        """The slice (S,T) HU with its mask filled from one noise."""
        cond = region.conditions([row])
        image = torch.from_numpy(to_units(region.hu[[row]]))[:, None]
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
        empty: Text = tuple(torch.zeros_like(x) for x in text)  # type: ignore[assignment]
        if repaint:
            made = generative.repaint(0)(self.pipe.predictor(), image, noise, cond, text, text)
        else:
            made = sampler.replace(self.pipe.predictor(), image, noise, cond, text, empty)
        inside = cond.mask[0, 1].numpy() > 0
        return np.where(inside, to_hu(made[0, 0].numpy()), region.hu[row])
