"""Seams of an edit made in windows, across their borders along z and in the slice, and how a
texture goes on along z.

    python Testing/Benchmarks/seams.py DATA [VOLUME_WEIGHTS]

DATA holds train/volumes and train/native; the scan is that of a validation patient, and one lung
(in the slice: both) is made anew with
the shipped 2D network and, if given, a network of slabs. "blended" is the program's way:
overlapping windows under one noise, blended at
every step. "apart" are windows without overlap, each from noise of its own. A seam is a ratio above
1: mean HU step across the windows'
borders over the mean HU step elsewhere, in the same voxels for the scan itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore import Anatomy, CounterfactualPipeline, Volume
from DGMVLCCore.editing import sampler
from DGMVLCCore.editing.noise import slice_correlation, volume_noise
from DGMVLCCore.editing.tiles import TiledPredictor, WindowPlan, cut
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.models.units import to_hu
from DGMVLCCore.training.shards import build_scan

PATIENT, TARGET = "lctsc_103", "No nodule. Clear lung."
TILE, TILE_OVERLAP, SLAB = 128, 64, 8  # smaller tiles than the program's, for more borders


def lung_region(
    path: Path, native: bool, labels: tuple[int, ...], count: int
) -> tuple[Region, float]:
    """Lungs of `count` middle slices, and the correlation of their texture along z."""
    scan = build_scan(path, native)
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


def main() -> None:
    data, weights = Path(sys.argv[1]), sys.argv[2:]
    slabs, slices = WindowPlan(SLAB, SLAB // 2, 288), WindowPlan(1, 0, TILE, TILE_OVERLAP)
    left, along = lung_region(data / f"train/volumes/{PATIENT}.npz", False, (2,), 2 * SLAB)
    both, between = lung_region(data / f"train/native/{PATIENT}.npz", True, (2, 3), 2)
    for depth, folder in [(1, None), *((SLAB, folder) for folder in weights)]:
        pipe = CounterfactualPipeline.from_pretrained(folder)
        name = "2D" if folder is None else Path(folder).name
        compare(name, pipe, left, along, (0,), slabs, depth)
        if folder is None:
            compare(name, pipe, both, between, (1, 2), slices, 1)


if __name__ == "__main__":
    main()
