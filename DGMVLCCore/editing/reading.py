"""The reading pass: where in the patient's own voxels the network attends to a finding's words."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.result import AttentionMap
from DGMVLCCore.editing.see_through import RegionEditor
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.region import Region, cut_region

# Chosen on validation patients: early times see small lesions best, a little smoothing calms single
# cells.
TIMES = (0.1, 0.25)
SMOOTHING_MM = 2.0
READING_MM = 1.0  # chosen on validation patients: coarser grids lose nodules below 10 mm


def word_attention(attention: torch.Tensor, shape: tuple[int, int]) -> np.ndarray:
    """(B,cells,1+L) -> (B,S/4,T/4): attention that went to words instead of the null token."""
    words = 1 - attention[..., 0]
    return words.float().cpu().numpy().reshape(-1, shape[0] // PATCH, shape[1] // PATCH)


def smoothed(
    values: np.ndarray, lungs: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """(D,H,W) blurred within the lungs: what lies outside neither adds nor takes away."""
    sigma = (0.7 * SMOOTHING_MM / spacing[0], SMOOTHING_MM / spacing[1], SMOOTHING_MM / spacing[2])
    weight = ndimage.gaussian_filter(lungs.astype(np.float32), sigma)
    return ndimage.gaussian_filter(values, sigma) / np.maximum(weight, 0.05) * lungs


def read_region(
    pipe: CounterfactualPipeline,
    region: Region,
    source: str,
    target: str,
    *,
    noises: int = 2,
    seed: int = 0,
    callback: Progress | None = None,
) -> np.ndarray:
    """`reading_pass` on a region that is cut already; float32 (D,S,T) on its grid, every slice with
    a mask is read."""
    pipe.require_times("attention map")
    wanted = [int(r) for r in np.nonzero(region.mask.any((1, 2)))[0]]
    total = np.zeros(
        (len(region.hu), region.hu.shape[1] // PATCH, region.hu.shape[2] // PATCH), np.float32
    )
    predict, texts = pipe.predictor(), (pipe.text(source), pipe.text(target))
    generator = torch.Generator().manual_seed(seed)
    done = 0
    for part, image, cond in pipe.batches(region, wanted):
        for t in TIMES:
            for _ in range(noises):
                x_t = (1 - t) * image + t * torch.randn(image.shape, generator=generator).to(
                    image.device
                )
                for text, sign in zip(texts, (1, -1)):
                    _, attention = predict(x_t, t, cond.with_text(*text))
                    if attention is None:
                        raise UnsuitableInputError(
                            "These weights have no cross-attention, so they give no attention map."
                        )
                    total[part] += np.float32(sign / (noises * len(TIMES))) * word_attention(
                        attention, (image.shape[-2], image.shape[-1])
                    )
                done += len(part)
                if callback:
                    callback("reading", done / (len(wanted) * noises * len(TIMES)))
    return np.stack([enlarged(plane) for plane in total])


def reading_pass(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    source: str,
    target: str,
    *,
    rows: tuple[int, int],
    noises: int = 2,
    seed: int = 0,
    callback: Progress | None = None,
) -> np.ndarray:
    """Raw target-minus-source map of one finding.

    x_t = (1−t)x + t·n of the patient's own voxels, the lungs (never the lesion) as mask; the
    attention under the
    sentence that names the finding, minus that under the sentence that denies it, averaged over
    noises and times.
    Only running sums are kept.

    Args:
        scan: canonical. anatomy: on the same grid. source, target: the finding said and denied.
        rows: slices [first, last) to read.

    Returns:
        float32 (D,H,W) on the canonical grid, about 0..1, 0 outside the lungs and the rows.
    """
    lungs = lungs_in(anatomy, rows)
    region = cut_region(scan, anatomy, lungs, rows, spacing_mm=max(READING_MM, *scan.spacing[1:]))
    fine = read_region(pipe, region, source, target, noises=noises, seed=seed, callback=callback)
    return smoothed(region.to_scan(fine, scan.shape) * lungs, lungs, scan.spacing)


def attention_map(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    term: str,
    source: str,
    target: str,
    *,
    slices: tuple[int, int] | None = None,
    noises: int = 2,
    seed: int = 0,
    callback: Progress | None = None,
) -> AttentionMap:
    """The reading pass of one finding as a map 0..1 on the scan's own grid.

    Values are attention gained by saying the finding, clipped at 0; they are not rescaled to the
    scan's maximum, so a
    weak map stays weak.
    """
    scan, turn = volume.canonical()
    rows = slices or (0, len(scan.array))
    words = tuple(pipe.encoder.encode([source]).words[0][1:-1])
    if pipe.sees:
        own = anatomy.reoriented(turn)
        read, change = look_for(pipe, scan, own, target, rows=rows, callback=callback)
        values, asked = (turn.restore(np.clip(each, 0, 1)) for each in (read, change))
        return AttentionMap(term, values, tokens=words, change=asked)
    raw = reading_pass(
        pipe,
        scan,
        anatomy.reoriented(turn),
        source,
        target,
        rows=rows,
        noises=noises,
        seed=seed,
        callback=callback,
    )
    return AttentionMap(term, turn.restore(np.clip(raw, 0, 1)), tokens=words)


def lungs_in(anatomy: Anatomy, rows: tuple[int, int]) -> np.ndarray:
    """Both lungs in the chosen slices, bool (D,H,W).

    Raises:
        UnsuitableInputError: there is no lung in them.
    """
    lungs = anatomy.lungs.copy()
    lungs[: rows[0]] = False
    lungs[rows[1] :] = False
    if not lungs.any():
        raise UnsuitableInputError(
            "The chosen slices show no lung, so there is nothing to read; choose other slices."
        )
    return lungs


def look_for(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    denial: str,
    *,
    rows: tuple[int, int],
    callback: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One pass of the editor over both lungs under a finding's denial.

    Args:
        scan: canonical. anatomy: on the same grid. rows: slices [first, last) to read.

    Returns:
        attention to the words, and the change that they ask for; float32 (D,H,W), 0..1 in the
        lungs, 0 outside.
    """
    lungs = lungs_in(anatomy, rows)
    region = cut_region(scan, anatomy, lungs, rows, spacing_mm=max(READING_MM, *scan.spacing[1:]))
    total, done = int(region.mask.any((1, 2)).sum()), 0

    def on_slice(count: int) -> None:
        nonlocal done
        done += count
        if callback:
            callback("reading", done / total)

    first = RegionEditor(
        pipe.edit_predictor(),
        region,
        pipe.text(denial),
        capacity=pipe.capacity(region),
        on_slice=on_slice,
    ).look()
    change = region.to_scan(first.change, scan.shape) * lungs
    if first.attention is None:
        raise UnsuitableInputError(
            "These weights have no cross-attention, so they give no attention map."
        )
    fine = np.stack([enlarged(plane) for plane in first.attention])
    return smoothed(region.to_scan(fine, scan.shape) * lungs, lungs, scan.spacing), change


def enlarged(plane: np.ndarray) -> np.ndarray:
    """A field on the token grid (S/4,T/4) -> on the pixels (S,T)."""
    return ndimage.zoom(plane, PATCH, order=1, mode="nearest", grid_mode=True)
