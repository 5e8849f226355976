"""Where in the patient's own voxels the network attends to a finding's words, and what it would
change there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.result import AttentionMap
from DGMVLCCore.editing.see_through import RegionEditor
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import box_around, put_back
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.region import Region, cut_region

SMOOTHING_MM = 2.0
TRUNCATE = 4.0  # standard deviations, where the blur ends
READING_MM = 1.0  # chosen on validation patients: coarser grids lose nodules below 10 mm


def smoothed(
    values: np.ndarray, lungs: np.ndarray, sigma: tuple[float, float, float]
) -> np.ndarray:
    """(D,H,W) blurred within the lungs, sigma in voxels: what lies outside neither adds nor takes
    away."""
    with ThreadPoolExecutor(2) as pool:
        blurred, weight = pool.map(
            lambda field: ndimage.gaussian_filter(field, sigma, truncate=TRUNCATE),
            (values, lungs.astype(np.float32)),
        )
    return blurred / np.maximum(weight, 0.05) * lungs


def attention_map(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    term: str,
    source: str,
    target: str,
    *,
    slices: tuple[int, int] | None = None,
    callback: Progress | None = None,
) -> AttentionMap:
    """Where the network attends to a finding's denial, as a map 0..1 on the scan's own grid.

    Values are not rescaled to the scan's maximum, so a weak map stays weak.

    Args:
        source, target: the finding said and denied.

    Raises:
        UnsuitableInputError: the weights are no editor's, or have no cross-attention.
    """
    pipe.require_sight("attention map")
    scan, turn = volume.canonical()
    rows = slices or (0, len(scan.array))
    words = tuple(pipe.encoder.encode([source]).words[0][1:-1])
    own = anatomy.reoriented(turn)
    read, change = look_for(pipe, scan, own, target, rows=rows, callback=callback)
    return AttentionMap(term, turn.restore(read), tokens=words, change=turn.restore(change))


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


def read_region(
    pipe: CounterfactualPipeline,
    region: Region,
    denial: str,
    callback: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One pass of the editor over a region under a finding's denial: attention to the words, and
    the change that they ask for; float32 (D,S,T), 0..1, every slice with a mask is read.

    Raises:
        UnsuitableInputError: the weights are no editor's, or have no cross-attention.
    """
    pipe.require_sight("attention map")
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
    if first.attention is None:
        raise UnsuitableInputError(
            "These weights have no cross-attention, so they give no attention map."
        )
    return np.stack([enlarged(plane) for plane in first.attention]), first.change


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
    fine, asked = read_region(pipe, region, denial, callback)
    dz, dy, dx = scan.spacing
    sigma = (0.7 * SMOOTHING_MM / dz, SMOOTHING_MM / dy, SMOOTHING_MM / dx)
    box = box_around(lungs, [int(TRUNCATE * each + 0.5) for each in sigma])
    inside = lungs[box]
    read, change = (region.to_scan(values, scan.shape)[box] * inside for values in (fine, asked))
    maps = (np.clip(each, 0, 1) for each in (smoothed(read, inside, sigma), change))
    return tuple(put_back(each, box, scan.shape) for each in maps)  # type: ignore[return-value]


def enlarged(plane: np.ndarray) -> np.ndarray:
    """A field on the token grid (S/4,T/4) -> on the pixels (S,T)."""
    return ndimage.zoom(plane, PATCH, order=1, mode="nearest", grid_mode=True)
