"""Maps that claim to show where a finding is: the reading pass, other readings of the same weights,
and baselines without it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage, stats
from torch import Tensor

from DGMVLCCore.editing.find import heat_maps
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.reading import READING_MM, LungsReading, attention_map
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.evaluation.anomaly import AnomalyNet, anomaly_map, load_anomaly
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.hole import removal
from DGMVLCCore.language.prompts import denial_prompt
from DGMVLCCore.models.checks import move
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.models.units import HU_HIGH, HU_LOW

NOISES = 2
TIMES = (0.1, 0.25)  # early ones see small lesions best; chosen on validation patients
SMOOTH_MM = 2.0
Localiser = Callable[[CounterfactualPipeline, Case, int], np.ndarray]
# (image, noisy slice, time, clean slice under the source text, the same under the target text),
# each (B,1,S,T) -> (B,1,S,T)
Compare = Callable[[Tensor, Tensor, float, Tensor, Tensor], Tensor]


def _smooth(values: np.ndarray, inside: np.ndarray, case: Case) -> np.ndarray:
    """Mean over about 2 mm in the slice, of the voxels inside only; (D,H,W), 0 outside."""
    sigma = (0.0, *(SMOOTH_MM / mm for mm in case.scan.canonical()[0].spacing[1:]))
    sums, weights = (
        ndimage.gaussian_filter(x.astype(np.float32), sigma) for x in (values * inside, inside)
    )
    return (np.where(inside, sums / np.maximum(weights, 1e-6), 0)).astype(np.float32)


def reading(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """The attention to the finding's denial, 0..1."""
    plan, denial = removal(case), denial_prompt(case.lesion.term)
    return attention_map(pipe, case.scan, case.anatomy, plan.term, plan.source, denial).values


def change(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """The change that the finding's denial asks for, 0..1."""
    scan, turn = case.scan.canonical()
    anatomy, denial = case.anatomy.reoriented(turn), denial_prompt(case.lesion.term)
    lungs = LungsReading.of(scan, anatomy, (0, len(scan.array)))
    lungs.read.go_on(pipe, denial)
    return turn.restore(lungs.asked())


def _compared(pipe: CounterfactualPipeline, case: Case, seed: int, compare: Compare) -> np.ndarray:
    """Mean of `compare` over noises and times, on the reading pass's grid, with the lungs as mask;
    (D,H,W), 0 outside the lungs."""
    scan, turn = case.scan.canonical()
    anatomy, plan = case.anatomy.reoriented(turn), removal(case)
    region = cut_region(
        scan,
        anatomy,
        anatomy.lungs,
        (0, len(scan.array)),
        spacing_mm=max(READING_MM, *scan.spacing[1:]),
    )
    total, generator = np.zeros(region.hu.shape, np.float32), torch.Generator().manual_seed(seed)
    predict, said, denied = pipe.predictor(), pipe.text(plan.source), pipe.text(plan.target)
    for rows, image, cond in pipe.batches(region, region.filled):
        for t in TIMES:
            for _ in range(NOISES):
                x_t = (1 - t) * image + t * torch.randn(image.shape, generator=generator).to(
                    image.device
                )
                clean = [predict(x_t, t, cond.with_text(*text))[0] for text in (said, denied)]
                total[rows] += compare(image, x_t, t, *clean)[:, 0].float().cpu().numpy() / (
                    NOISES * len(TIMES)
                )
    values = turn.restore(region.to_scan(total, scan.shape))
    return _smooth(values, case.anatomy.lungs, case)


def relevance(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """|v_tgt − v_src| on the same noisy scan: where the sentence changes what the network would
    do."""
    return _compared(
        pipe, case, seed, lambda image, x_t, t, said, denied: (said - denied).abs() / t
    )


def error_difference(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """Denoising error under the denial minus that under the finding, per voxel; signed, above 0
    where the finding explains the scan better."""
    return _compared(
        pipe,
        case,
        seed,
        lambda image, x_t, t, said, denied: ((denied - image) ** 2 - (said - image) ** 2) / t**2,
    )


def gradient(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """Raw-gradient saliency: |gradient of the denoising-error difference with respect to the
    pixels|, one noise at the middle time."""
    scan, turn = case.scan.canonical()
    anatomy, plan, t = case.anatomy.reoriented(turn), removal(case), TIMES[1]
    region = cut_region(
        scan,
        anatomy,
        anatomy.lungs,
        (0, len(scan.array)),
        spacing_mm=max(READING_MM, *scan.spacing[1:]),
    )
    total, generator = np.zeros(region.hu.shape, np.float32), torch.Generator().manual_seed(seed)
    autocast = pipe.predictor().autocast
    for rows, image, cond in pipe.batches(region, region.filled):
        noise = torch.randn(image.shape, generator=generator).to(image.device)
        pixels, times = (
            image.clone().requires_grad_(),
            torch.full((len(image),), t, device=image.device),
        )
        slope = torch.zeros_like(image)
        for text, sign in ((pipe.text(plan.target), 1.0), (pipe.text(plan.source), -1.0)):
            with (
                torch.enable_grad(),
                torch.autocast(image.device.type, torch.bfloat16, enabled=autocast),
            ):
                clean = pipe.model((1 - t) * pixels + t * noise, times, cond.with_text(*text))[0]
                error = (((clean.float() - pixels) ** 2) * cond.mask[:, 1:2]).sum()
            slope += sign * torch.autograd.grad(error, pixels)[0]
        total[rows] = slope.abs()[:, 0].float().cpu().numpy()
    return turn.restore(region.to_scan(total, scan.shape)) * case.anatomy.lungs


def dual_heat(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """The dual encoder's map of the finding's plain sentence, 0..1.

    Raises:
        UnsuitableInputError: the pipeline has no dual encoder.
    """
    if pipe.alignment is None:
        raise UnsuitableInputError(
            "Without a dual encoder there is no heat map; load the pipeline with one."
        )
    return heat_maps(pipe.alignment, case.scan, case.anatomy, [removal(case).source])[0]


def threshold(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """|HU − median HU of this scan's lungs|, HU clipped to -1100..400, mean over about 2 mm."""
    hu, lungs = np.clip(case.scan.array, HU_LOW, HU_HIGH), case.anatomy.lungs
    return _smooth(np.abs(hu - np.median(hu[lungs])), lungs, case)


@lru_cache(maxsize=1)
def _shipped_anomaly() -> AnomalyNet:
    return load_anomaly()


def autoencoder(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """Residual of the denoising autoencoder, HU."""
    model = _shipped_anomaly()
    move(model, pipe.device)
    return anomaly_map(model, case.scan, case.anatomy)


def centre(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """1 at the lungs' centre of mass, falling with the distance in mm."""
    lungs, spacing = case.anatomy.lungs, np.array(case.scan.spacing)
    where = np.argwhere(lungs)
    far = np.linalg.norm((where - where.mean(0)) * spacing, axis=1)
    out = np.zeros(lungs.shape, np.float32)
    out[lungs] = 1 - far / (far.max() + 1e-3)
    return out


def chance(pipe: CounterfactualPipeline, case: Case, seed: int) -> np.ndarray:
    """Uniform noise in the lungs, another for every case and seed."""
    lungs = case.anatomy.lungs
    rng = np.random.default_rng([seed, *case.name.encode()])
    return (rng.random(lungs.shape, np.float32) * lungs).astype(np.float32)


# Maps float32 (D,H,W) on the case's grid, 0 outside the lungs; the lungs are the mask, and the
# sentences name no side or zone.
LOCALISERS: dict[str, Localiser] = {
    "reading pass": reading,
    "change map": change,
    "relevance": relevance,
    "error difference": error_difference,
    "raw gradient": gradient,
    "dual encoder": dual_heat,
    "threshold": threshold,
    "denoising autoencoder": autoencoder,
    "centre": centre,
    "random": chance,
}


def randomised(pipe: CounterfactualPipeline, seed: int) -> CounterfactualPipeline:
    """The pipeline with the values of every weight tensor shuffled, generator and dual encoder
    (Adebayo et al. 2018); `pipe` stays as it is.

    A map that hardly changes shows the image, not what the network learned.
    """
    generator = torch.Generator().manual_seed(seed)

    def shuffled(model: torch.nn.Module) -> torch.nn.Module:
        twin = copy.deepcopy(model)
        with torch.no_grad():
            for value in _weights(twin):
                order = torch.randperm(value.numel(), generator=generator).to(value.device)
                value.copy_(value.flatten()[order].view_as(value))
        return twin

    alignment = copy.copy(pipe.alignment)
    if alignment is not None:
        alignment.model = shuffled(alignment.model)  # type: ignore[assignment]
    model: Denoiser = shuffled(pipe.model)  # type: ignore[assignment]
    name = f"{pipe.weights}, shuffled"
    twin = CounterfactualPipeline(model, pipe.encoder, "", name, alignment)
    return twin.to(pipe.device)


def _weights(model: torch.nn.Module) -> Iterator[Tensor]:
    return (value for _, value in sorted(model.named_parameters()))


def rank_correlation(before: np.ndarray, after: np.ndarray, lungs: np.ndarray) -> float | None:
    """Spearman correlation of two maps over the lungs' voxels; None when one of them is flat. All
    (D,H,W)."""
    a, b = before[lungs], after[lungs]
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(stats.spearmanr(a, b).statistic)
