"""Largest change outside the edit mask, and of an edit with equal texts, on real scans in all 48
axis orientations.

python Testing/Benchmarks/exactness.py SCAN [SCAN ...]
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

from DGMVLCCore import (
    Anatomy,
    CounterfactualPipeline,
    EditPlan,
    Volume,
    load_volume,
    segment_anatomy,
)
from DGMVLCCore.imaging.volume import Orientation

SOURCE, TARGET = "Nodule.", "No nodule. Clear lung."


def turned(volume: Volume, turn: Orientation) -> Volume:
    """The same canonical scan stored in another order of axes."""
    matrix = np.zeros((4, 4))
    matrix[:, 3] = volume.affine[:, 3]
    for canonical, original in enumerate(turn.axes):
        matrix[:3, 2 - original] = volume.affine[:3, 2 - canonical] * (
            -1 if canonical in turn.flips else 1
        )
    return volume.with_array(turn.restore(volume.array), affine=matrix)


def ball(lungs: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """A region of 12 mm around a lung voxel near the middle."""
    points = np.argwhere(lungs)
    centre = points[len(points) // 2]
    grid = np.ogrid[tuple(slice(n) for n in lungs.shape)]
    return sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, spacing)) <= 12**2


def main() -> None:
    pipe = CounterfactualPipeline.from_pretrained()
    for name in sys.argv[1:]:
        full, _ = load_volume(name).canonical()
        labels = segment_anatomy(full).labels
        middle = int(np.median(np.nonzero(np.isin(labels, (2, 3)).any((1, 2)))[0]))
        part = slice(max(middle - 2, 0), middle + 3)
        scan, labels = full.with_array(full.array[part]), labels[part]
        mask = ball(np.isin(labels, (2, 3)), scan.spacing)
        outside = equal = 0.0
        for axes, mirrored in itertools.product(
            itertools.permutations(range(3)), itertools.product((False, True), repeat=3)
        ):
            turn = Orientation(axes, tuple(i for i, m in enumerate(mirrored) if m))
            volume, anatomy = turned(scan, turn), Anatomy(turn.restore(labels))
            for mode, target in (("replace", TARGET), ("shift", TARGET), ("shift", SOURCE)):
                plan = EditPlan(turn.restore(mask), SOURCE, target, "nodule", mode=mode)
                result = pipe(volume, plan, anatomy=anatomy, noises=1, steps=1)
                outside = max(outside, float(np.abs(result.difference[~result.mask]).max()))
                if target == SOURCE:
                    equal = max(equal, float(np.abs(result.difference).max()))
        sys.stdout.write(
            f"{Path(name).name:42} outside {outside:g} HU   equal texts {equal:g} HU   48 "
            "orientations\n"
        )


if __name__ == "__main__":
    main()
