"""How well sentences explain a region's own voxels: the error of denoising them under each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.sampler import Predictor
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.region import Region
from DGMVLCCore.stats import t_interval

TIMES = (0.35, 0.55, 0.75)


def fullest_rows(mask: np.ndarray, most: int = 12) -> list[int]:
    """Slices of a region's mask (D,S,T) that carry the finding: those at least half as full as the
    fullest one, `most` of them evenly chosen."""
    area = mask.sum((1, 2))
    rows = np.nonzero(2 * area >= max(area.max(), 1))[0]  # the mask's caps hold little but margin
    return [
        int(rows[i])
        for i in np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
    ]


def _errors_at(
    predict: Predictor,
    image: Tensor,
    x_t: Tensor,
    t: float,
    cond: Conditions,
    texts: Sequence[Tensor],
    capacity: int,
) -> np.ndarray:
    """Squared error (K,) inside the mask of the clean slices (B,1,S,T) predicted under each of K
    texts; several texts share a batch."""
    n, count = len(image), len(texts[0])
    group, out = max(capacity // n, 1), np.zeros(count)
    for start in range(0, count, group):
        size = min(group, count - start)
        index = torch.arange(n, device=image.device).repeat(size)
        many = cond.map(lambda value, index=index: value[index])  # type: ignore[misc]
        said = [text[start : start + size].repeat_interleave(n, 0) for text in texts]
        clean, _ = predict(x_t[index], t, many.with_text(*said))
        error = ((clean.view(size, *image.shape) - image) ** 2 * cond.mask[:, 1:2]).sum(
            (1, 2, 3, 4)
        )
        out[start : start + size] = error.double().cpu().numpy()
    return out


def denoising_errors(
    pipe: CounterfactualPipeline,
    region: Region,
    sentences: Sequence[str],
    *,
    noises: int = 6,
    seed: int = 0,
    most_slices: int = 12,
    callback: Progress | None = None,
) -> np.ndarray:
    """Denoising error of a region's own voxels under each sentence, all under the same noises and
    times.

    The error is that of the predicted clean slice inside the mask (as in diffusion classifiers, Li
    et al. 2023), divided by t².

    Args:
        callback: gets ("reading", share done).

    Returns:
        float64 (noises, sentences): squared error, model units, summed over the fullest slices and
        over `TIMES`.

    Raises:
        UnsuitableInputError: a one-pass network, which has no denoising error.
    """
    pipe.require_times("evidence")
    predict, states = pipe.predictor(), pipe.encoder.encode(list(sentences))
    texts = [
        torch.from_numpy(x).to(pipe.device) for x in (states.tokens, states.mask, states.pooled)
    ]
    rows = fullest_rows(region.mask, most_slices)
    generator = torch.Generator().manual_seed(seed)
    errors, done = np.zeros((noises, len(sentences))), 0
    for draw in range(noises):
        for t in TIMES:
            for _, image, cond in pipe.batches(region, rows):
                noise = torch.randn(image.shape, generator=generator).to(image.device)
                errors[draw] += (
                    _errors_at(
                        predict,
                        image,
                        (1 - t) * image + t * noise,
                        t,
                        cond,
                        texts,
                        pipe.capacity(region),
                    )
                    / t**2
                )
                done += len(image)
                if callback:
                    callback("reading", done / (noises * len(TIMES) * len(rows)))
    return errors


def paired_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and 95 % interval (Student's t) of paired differences over noises (two or more)."""
    return float(np.mean(values)), *t_interval(values)
