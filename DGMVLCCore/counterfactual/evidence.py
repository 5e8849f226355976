"""Before an edit: does the network see the finding at all? Denoising error under both sentences, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from DGMVLCCore.counterfactual.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.counterfactual.region import Region

TIMES = (0.35, 0.55, 0.75)


@dataclass(frozen=True)
class Evidence:
    """How much better the source sentence explains the voxels than the target sentence.

    Args:
        value: mean of (error under target − error under source) / error under source, over slices that hold the finding.
        low, high: 95 % interval over noises (Student's t).
    """

    value: float
    low: float
    high: float
    noises: int

    @property
    def absent(self) -> bool:
        """True when the target sentence explains the voxels better, beyond the interval."""
        return self.high < 0


def presence_evidence(pipe: CounterfactualPipeline, region: Region, source: str, target: str, *, noises: int = 6,
                      seed: int = 0, callback: Progress | None = None) -> Evidence:
    """Compare the denoising error of a region's own voxels under two sentences, paired over noises and times.

    The error is that of the predicted clean slice inside the mask (as in diffusion classifiers, Li et al. 2023).
    """
    predict, texts = pipe.predictor(), (pipe.text(source), pipe.text(target))
    rows = np.nonzero(region.mask.any((1, 2)))[0]
    # The fullest slices carry the finding; the mask's caps hold little but margin.
    area = region.mask[rows].sum((1, 2))
    rows = rows[area >= 0.5 * area.max()][:12]
    generator = torch.Generator().manual_seed(seed)
    ratios, done = [], 0
    for _ in range(noises):
        errors = np.zeros(2)
        for t in TIMES:
            for _, image, cond in pipe.batches(region, [int(r) for r in rows]):
                noise = torch.randn(image.shape, generator=generator).to(image.device)
                x_t = (1 - t) * image + t * noise
                hole = cond.mask[:, 1:2]
                for index, text in enumerate(texts):
                    clean, _ = predict(x_t, t, cond.with_text(*text))
                    errors[index] += float((((clean - image) ** 2) * hole).sum() / t**2)
                done += len(image)
                if callback:
                    callback("reading", done / (noises * len(TIMES) * len(rows)))
        ratios.append(errors[1] / errors[0] - 1)
    mean, sem = float(np.mean(ratios)), float(stats.sem(ratios))
    half = float(stats.t.ppf(0.975, noises - 1)) * sem
    return Evidence(mean, mean - half, mean + half, noises)
