"""Dice of the classical lungs against expert lungs (LCTSC), patient by patient.

python Testing/Benchmarks/anatomy_dice.py DATA_FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from DGMVLCCore import Volume, load_labels, load_volume, segment_anatomy


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def main() -> None:
    data, scores = Path(sys.argv[1]), {}
    for path in sorted((data / "train" / "volumes").glob("lctsc_*.npz")):
        with np.load(path) as file:
            step = float(np.median(np.diff(file["z_mm"])))
            scan = Volume(file["hu"].astype(np.float32), np.diag([1.6, 1.6, step, 1.0]))
            scores[path.stem] = dice(segment_anatomy(scan).lungs, file["lung"] > 0)
    scan = load_volume(data / "test" / "lctsc201_ct.nrrd")
    expert = load_labels(data / "test" / "lctsc201_lung_expert.nrrd", scan).union()
    scores["lctsc_201"] = dice(segment_anatomy(scan).lungs, expert)
    for name, score in scores.items():
        sys.stdout.write(f"{name:12}{score:.4f}\n")
    sys.stdout.write(
        f"{'mean':12}{np.mean(list(scores.values())):.4f}  n={len(scores)}  lowest "
        f"{min(scores.values()):.4f}\n"
    )
    scan = load_volume(data / "test" / "lidc0001_ct.nrrd")
    nodule = load_labels(data / "test" / "lidc0001_nodule.nrrd", scan).union()
    sys.stdout.write(
        "LIDC-IDRI-0001 nodule inside the lungs: "
        f"{segment_anatomy(scan).lungs[nodule].mean():.4f}\n"
    )


if __name__ == "__main__":
    main()
