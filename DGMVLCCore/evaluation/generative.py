"""Other ways to let the same network fill the hole: one sample each, without guidance, on the
pipeline's own noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.sampler import Predictor, Text
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.hole import Hole, removal
from DGMVLCCore.imaging.masks import rows_of
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.models.units import to_hu

NOISE_STEPS = 50  # inpainting from noise
SDEDIT_STEPS = 20  # for the whole way; a strength takes its share of them
INVERSION_STEPS = 20  # there, and again back
REPAINT_STEPS, REPAINT_JUMP, REPAINT_TIMES = 20, 5, 3
SEED_STEPS = 10
Sampler = Callable[[Predictor, Tensor, Tensor, Conditions, Text, Text], Tensor]


def velocity(predict: Predictor, z: Tensor, t: float, cond: Conditions) -> Tensor:
    """v = (x_t − x)/t of the rectified flow; (B,1,H,W)."""
    clean, _ = predict(z, t, cond)
    return (z - clean) / t


def euler(predict: Predictor, z: Tensor, times: np.ndarray, cond: Conditions) -> Tensor:
    """Plain Euler integration along falling times."""
    for t, s in zip(times[:-1], times[1:]):
        z = z + float(s - t) * velocity(predict, z, float(t), cond)
    return z


def from_noise(
    predict: Predictor, image: Tensor, noise: Tensor, cond: Conditions, source: Text, target: Text
) -> Tensor:
    """Inpainting from noise by the plain `diffusers` loop (FlowMatchEulerDiscreteScheduler, 50
    steps)."""
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
        FlowMatchEulerDiscreteScheduler,
    )

    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(NOISE_STEPS)
    z, wanted = noise.clone(), cond.with_text(*target)
    for t, sigma in zip(scheduler.timesteps, scheduler.sigmas):
        z = scheduler.step(velocity(predict, z, float(sigma), wanted), t, z).prev_sample
    return z


def sdedit(strength: float) -> Sampler:
    """SDEdit (Meng et al. 2022): noise the scan, lesion and all, to time `strength`, then integrate
    under the target text."""

    def sample(
        predict: Predictor,
        image: Tensor,
        noise: Tensor,
        cond: Conditions,
        source: Text,
        target: Text,
    ) -> Tensor:
        times = np.linspace(strength, 0, round(SDEDIT_STEPS * strength) + 1)
        return euler(
            predict, (1 - strength) * image + strength * noise, times, cond.with_text(*target)
        )

    return sample


def inversion(
    predict: Predictor, image: Tensor, noise: Tensor, cond: Conditions, source: Text, target: Text
) -> Tensor:
    """Flow inversion under the source text, then generation under the target text; uses no noise.

    As in DDIM inversion (Song et al. 2021), the velocity at the lower time is taken at the upper
    one, so t = 0 is never asked for.
    """
    z, said = image.clone(), cond.with_text(*source)
    times = np.linspace(0, 1, INVERSION_STEPS + 1)
    for t, s in zip(times[:-1], times[1:]):
        z = z + float(s - t) * velocity(predict, z, float(s), said)
    return euler(predict, z, times[::-1], cond.with_text(*target))


def repaint_times() -> list[tuple[float, float]]:
    """RePaint's walk (Lugmayr et al. 2022, resampling): pairs (from, to) on the time grid; every
    fifth step is undone twice by noise and done again."""
    grid = np.linspace(1, 0, REPAINT_STEPS + 1)
    walk: list[tuple[float, float]] = []
    for start in range(0, REPAINT_STEPS, REPAINT_JUMP):
        down = [(float(grid[i]), float(grid[i + 1])) for i in range(start, start + REPAINT_JUMP)]
        walk += down
        for _ in range(REPAINT_TIMES - 1):
            walk += [(down[-1][1], down[0][0]), *down]
    return walk


def repaint(seed: int) -> Sampler:
    """RePaint: the surroundings are the scan's own at every time, the hole is walked back and forth
    until both fit."""

    def sample(
        predict: Predictor,
        image: Tensor,
        noise: Tensor,
        cond: Conditions,
        source: Text,
        target: Text,
    ) -> Tensor:
        generator, hole, wanted = (
            torch.Generator().manual_seed(seed),
            cond.mask[:, 1:2] > 0,
            cond.with_text(*target),
        )

        def fresh() -> Tensor:
            return torch.randn(image.shape, generator=generator).to(image.device)

        z = noise.clone()
        for t, s in repaint_times():
            if s > t:
                # Forward from t to s: x_s = a x_t + b n with a = (1−s)/(1−t), so that the noise has
                # variance s² in all.
                a = (1 - s) / (1 - t)
                z = a * z + max(s**2 - (a * t) ** 2, 0.0) ** 0.5 * fresh()
                continue
            z = z + (s - t) * velocity(predict, z, t, wanted)
            z = torch.where(hole, z, (1 - s) * image + s * fresh())
        return z

    return sample


def _fill(pipe: CounterfactualPipeline, case: Case, seed: int, sampler: Sampler) -> np.ndarray:
    """The case's scan with the hole filled by one sample of `sampler`, composed back as every
    edit."""
    hole, plan = Hole.cut(case), removal(case)
    predict, source, target, noise = (
        pipe.predictor(),
        pipe.text(plan.source),
        pipe.text(plan.target),
        hole.noise(seed),
    )
    edited = np.zeros(hole.region.hu.shape, np.float32)
    for rows, image, cond in pipe.batches(hole.region, hole.region.filled):
        made = sampler(predict, image, noise[rows][:, None].to(pipe.device), cond, source, target)
        edited[rows] = made[:, 0].float().cpu().numpy()
    return hole.filled(edited)


def fill_with(sampler: Sampler) -> Callable[[CounterfactualPipeline, Case, int], np.ndarray]:
    """A sampler as a method."""
    return lambda pipe, case, seed: _fill(pipe, case, seed, sampler)


def fill_repaint(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """RePaint as a method."""
    return _fill(pipe, case, seed, repaint(seed))


def two_generations(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """The procedure of arXiv 2410.13823: the lungs generated twice from the same noise, under both
    texts, and subtracted.

    The whole lung is the hole, so nothing in it is the patient's; the difference is then added to
    the scan, in the case's mask.
    """
    hole, plan = Hole.cut(case), removal(case)
    lungs = hole.anatomy.lungs | hole.mask
    region = cut_region(hole.scan, hole.anatomy, lungs, hole.region.rows)
    first = hole.region.rows[0]
    rows = [row - first for row in rows_of(hole.mask)]
    predict, texts, times = (
        pipe.predictor(),
        [pipe.text(plan.source), pipe.text(plan.target)],
        np.linspace(1, 0, SEED_STEPS + 1),
    )
    height, width = region.hu.shape[1:]
    noise, change = hole.noise(seed, (height, width)), np.zeros(region.hu.shape, np.float32)
    for part, _, cond in pipe.batches(region, rows):
        start = noise[part][:, None].to(pipe.device)
        shown = [
            euler(predict, start, times, cond.with_text(*text))[:, 0].float().cpu().numpy()
            for text in texts
        ]
        change[part] = to_hu(shown[1]) - to_hu(shown[0])
    return hole.changed(region.to_scan(change, hole.scan.shape))
