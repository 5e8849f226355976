"""Seams of an edit along z: how much a removal differs from slice to slice, with and without
`--smooth-z`; and of hole-filling weights, across the borders of their windows.

    python Testing/Benchmarks/seams.py SHARDS [WEIGHTS ...]

SHARDS is made of the validation patients: build_shards(DATA, SHARDS, "val"). Lesions of three kinds
are put into every patient and taken away by the shipped editor; a step is the mean HU difference
between neighbouring slices in the lesion over that of the untouched scan in the same voxels.

For every folder of WEIGHTS that fill holes (a denoiser, or a denoiser of slabs) one lung (in the
slice: both) of one patient is made anew. "blended" is the program's way: overlapping windows under
one noise, blended at every step. "apart" are windows without overlap, each from noise of its own. A
seam is a ratio above 1: mean HU step across the windows' borders over the mean HU step elsewhere,
in the same voxels for the scan itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore import Anatomy, CounterfactualPipeline, Volume
from DGMVLCCore.editing import sampler
from DGMVLCCore.editing.tiles import TiledPredictor, WindowPlan, cut
from DGMVLCCore.evaluation.cases import Case, make_case
from DGMVLCCore.evaluation.hole import removal
from DGMVLCCore.models.noise import slice_correlation, volume_noise
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.models.units import to_hu
from DGMVLCCore.models.volume_denoiser import VolumeDenoiser

PATIENT, TARGET = "lctsc_103", "No nodule. Clear lung."
KINDS, SLICES = ("ground_glass", "consolidation", "spiculated_nodule"), 9
TILE, TILE_OVERLAP, SLAB = 128, 64, 8  # smaller tiles than the program's, for more borders


def lung_region(path: Path, labels: tuple[int, ...], count: int) -> tuple[Region, float]:
    """Lungs of `count` middle slices, and the correlation of their texture along z."""
    with np.load(path) as file:
        scan = {name: file[name] for name in ("hu", "labels", "spacing")}
    dz, dy, dx = scan["spacing"]
    volume, anatomy = (
        Volume(scan["hu"].astype(np.float32), np.diag([dx, dy, dz, 1.0])),
        Anatomy(scan["labels"]),
    )
    middle = int(np.median(np.nonzero(anatomy.lungs.any((1, 2)))[0]))
    rows = (middle - count // 2, middle - count // 2 + count)
    mask = ndimage.binary_dilation(np.isin(anatomy.labels, labels), np.ones((1, 3, 3)))
    return cut_region(volume, anatomy, mask, rows, whole=True), slice_correlation(
        volume.array, anatomy.lungs
    )


def partition(length: int, size: int) -> list[slice]:
    """Windows side by side."""
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


@torch.no_grad()
def edit(
    pipe: CounterfactualPipeline,
    region: Region,
    correlation: float,
    plan: WindowPlan,
    network_depth: int,
    blended: bool,
) -> np.ndarray:
    """The lung made anew, HU (D,S,T)."""
    image, cond = pipe.stack(region, list(range(len(region.hu))))
    predict, text, empty = pipe.predictor(), pipe.text(TARGET), pipe.text("")
    if blended:
        network = WindowPlan(
            plan.depth if network_depth > 1 else 1,
            plan.overlap if network_depth > 1 else 0,
            plan.side,
            plan.side_overlap,
        )
        noise = volume_noise(region.hu.shape, correlation, 0)[:, None]
        made = sampler.replace(
            TiledPredictor(predict, network, 16), image, noise, cond, text, empty
        )
        return to_hu(made[:, 0].numpy())
    made = image.clone()
    stack = region.hu.shape
    windows = [
        (z, y, x)
        for z in partition(stack[0], plan.depth)
        for y in partition(stack[1], plan.side)
        for x in partition(stack[2], plan.side)
    ]
    for seed, (z, y, x) in enumerate(windows, 1):
        part = image[z, :, y, x]
        noise = volume_noise((len(part), *part.shape[2:]), correlation, seed)[:, None]
        depth = len(part) if network_depth > 1 else 1
        made[z, :, y, x] = sampler.replace(
            lambda x_t, t, c, depth=depth: predict(x_t, t, c, depth),
            part,
            noise,
            cut(cond, (z, y, x)),
            text,
            empty,
        )
    return to_hu(made[:, 0].numpy())


def borders(plan: WindowPlan, stack: tuple[int, ...], axis: int, blended: bool) -> list[int]:
    """Indices of the first voxels beyond a window's border along an axis."""
    size = (plan.depth, plan.side, plan.side)[axis]
    windows = [w[axis] for w in plan.windows(stack)] if blended else partition(stack[axis], size)
    return sorted({i for w in windows for i in (w.start, w.stop)} - {0, stack[axis]})


def jump(
    hu: np.ndarray, inside: np.ndarray, axes: tuple[int, ...], at: dict[int, list[int]]
) -> float:
    """Mean HU step at the borders over that elsewhere, both voxels well inside the lung."""
    on, off = [], []
    for axis in axes:
        step = np.abs(np.diff(np.clip(hu, -1000, -300), axis=axis))
        both = np.take(inside, range(1, inside.shape[axis]), axis) & np.take(
            inside, range(inside.shape[axis] - 1), axis
        )
        for index in range(step.shape[axis]):
            values = np.take(step, index, axis)[np.take(both, index, axis)]
            (on if index + 1 in at[axis] else off).append(values)
    return float(np.concatenate(on).mean() / np.concatenate(off).mean())


def compare(
    name: str,
    pipe: CounterfactualPipeline,
    region: Region,
    correlation: float,
    axes: tuple[int, ...],
    plan: WindowPlan,
    depth: int,
) -> None:
    """One line of the table for each way of using the windows."""
    inside = ndimage.binary_erosion(
        region.mask & np.isin(region.labels, (2, 3)), np.ones((1, 3, 3)), iterations=2
    )
    inside &= region.hu < -600  # vessels have gradients of their own
    for way in ("blended", "apart"):
        made = edit(pipe, region, correlation, plan, depth, way == "blended")
        at = {axis: borders(plan, region.hu.shape, axis, way == "blended") for axis in axes}
        ratio, own = jump(made, inside, axes, at), jump(region.hu, inside, axes, at)
        goes_on = (
            f"   along z {slice_correlation(made, inside):.2f} (scan "
            f"{slice_correlation(region.hu, inside):.2f})"
            if 0 in axes
            else ""
        )
        sys.stdout.write(
            f"{name:22} {'z' if 0 in axes else 'in the slice':12} {way:8} borders "
            f"{sum(map(len, at.values())):2}   "
            f"step at border / elsewhere {ratio:.2f} (scan {own:.2f}){goes_on}\n"
        )
        sys.stdout.flush()


def steps_along_z(hu: np.ndarray, lesion: np.ndarray) -> float:
    """Mean HU difference between neighbouring slices where both show the lesion; (D,H,W)."""
    both = lesion[1:] & lesion[:-1]
    return float(np.abs(np.diff(hu, axis=0))[both].mean()) if both.any() else np.nan


def smoothness(pipe: CounterfactualPipeline, case: Case, smooth_z: bool) -> tuple[float, float]:
    """Step along z over the untouched scan's, and the error in the lesion, HU."""
    result = pipe(case.scan, removal(case), anatomy=case.anatomy, noises=1, smooth_z=smooth_z)
    made, true, lesion = result.counterfactual.array, case.true.array, case.lesion.mask
    own = steps_along_z(true, lesion)
    return steps_along_z(made, lesion) / own, float(np.abs(made - true)[lesion].mean())


def report_smoothness(shards: Path) -> None:
    """A line with and one without --smooth-z."""
    pipe = CounterfactualPipeline.from_pretrained()
    paths = sorted(shards.glob("scan-*.npz"))
    cases = [make_case(path, kind, 0, SLICES) for path in paths for kind in KINDS]
    for smooth_z in (False, True):
        found = np.array([smoothness(pipe, case, smooth_z) for case in cases])
        found = found[np.isfinite(found).all(1)]
        sys.stdout.write(
            f"editor{', --smooth-z' if smooth_z else '':12} step along z / scan's own "
            f"{np.median(found[:, 0]):.2f} (quartiles {np.quantile(found[:, 0], 0.25):.2f} to "
            f"{np.quantile(found[:, 0], 0.75):.2f}), error in the lesion {found[:, 1].mean():.0f} "
            f"HU, n={len(found)}\n"
        )
        sys.stdout.flush()


def main() -> None:
    shards, weights = Path(sys.argv[1]), sys.argv[2:]
    report_smoothness(shards)
    slabs, slices = WindowPlan(SLAB, SLAB // 2, 288), WindowPlan(1, 0, TILE, TILE_OVERLAP)
    for folder in weights:
        left, along = lung_region(shards / f"scan-volumes-{PATIENT}.npz", (2,), 2 * SLAB)
        both, between = lung_region(shards / f"scan-native-{PATIENT}.npz", (2, 3), 2)
        pipe = CounterfactualPipeline.from_pretrained(folder)
        deep, name = isinstance(pipe.model, VolumeDenoiser), Path(folder).name
        compare(name, pipe, left, along, (0,), slabs, SLAB if deep else 1)
        if not deep:
            compare(name, pipe, both, between, (1, 2), slices, 1)


if __name__ == "__main__":
    main()
