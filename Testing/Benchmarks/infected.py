"""Haze taken and vessels kept in the infected patients of the data, whose truth nobody knows.

usage: infected.py DATA OUT.json [--weights FOLDER] [--slices 8] [--pictures FOLDER]

Regions are the infected side's lung that is denser than the patient's own clear lung; the editor is
told “No ground-glass opacity.” Their infected slices were never trained on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.checks import VESSEL_HU, vessel_contrast
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.training.shards import build_scan

PATIENTS = ("covidctmd_P001", "covidctmd_cap001", "covidctmd_cap002")
TERM = "ground-glass opacity"
HAZE_HU, DENSE_HU, LEAST_VOXELS = 100.0, -350.0, 2000


@dataclass(frozen=True)
class Row:
    """One slice of one patient, HU; `kept` and `likeness` of the vessels' contrast."""

    patient: str
    slice: int
    voxels: int
    haze_hu: float
    taken_hu: float
    kept: float
    likeness: float
    invented: float


def hazy(hu: np.ndarray, lungs: np.ndarray, clear_hu: float) -> np.ndarray:
    """Lung (H,W) that is `HAZE_HU` above clear lung, vessels left out of the mean and specks
    opened."""
    tissue = lungs & (hu < DENSE_HU)
    weight = ndimage.gaussian_filter(tissue.astype(float), 4)
    smooth = ndimage.gaussian_filter(np.where(tissue, hu, 0.0), 4) / np.maximum(weight, 1e-3)
    region = lungs & (weight > 0.3) & (smooth > clear_hu + HAZE_HU)
    return ndimage.binary_opening(region, iterations=3)


def measure(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    row: int,
    region: np.ndarray,
    clear_hu: float,
    patient: str,
) -> tuple[Row, np.ndarray]:
    """Edit one slice's hazy region; returns its figures and the edited slice."""
    mask = np.zeros(scan.shape, bool)
    mask[row] = ndimage.binary_dilation(region, iterations=4) & anatomy.lungs[row]
    plan = EditPlan(mask, "Ground-glass opacity.", f"No {TERM}.", TERM)
    result = pipe(scan, plan, anatomy=anatomy, noises=1)
    before, after = scan.array[row], result.counterfactual.array[row]
    contrast = [vessel_contrast(x[None], scan.spacing)[0] for x in (before, after)]
    vessels = region & (contrast[0] > VESSEL_HU) & (before < 0)
    tissue = region & (before < DENSE_HU) & ~vessels
    kept = float(contrast[1][vessels].mean() / contrast[0][vessels].mean())
    likeness = float(np.corrcoef(contrast[0][region], contrast[1][region])[0, 1])
    haze = float(np.median(before[tissue]) - clear_hu)
    taken = float(np.median(before[tissue]) - np.median(after[tissue]))
    invented = float(result.invented[row][region].mean())
    figures = (kept, likeness, invented)
    made = Row(patient, row, int(region.sum()), haze, taken, *(round(v, 3) for v in figures))
    return made, after


def main() -> None:
    """Run, print and write the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--slices", type=int, default=8, help="of each patient")
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    pipe, rows = CounterfactualPipeline.from_pretrained(args.weights), []
    for patient in PATIENTS:
        folder = args.data / "train" if (args.data / "train").is_dir() else args.data
        with np.load(folder / "volumes" / f"{patient}.npz") as file:
            reference = {key: file[key] for key in file.files if key != "hu"}
        record = build_scan(folder / "native" / f"{patient}.npz", True, reference)
        dz, dy, dx = map(float, record["spacing"])
        scan = Volume(record["hu"].astype(np.float32), np.diag([dx, dy, dz, 1.0]))
        anatomy = Anatomy(record["labels"])
        clear = record["hu"][~record["unclear"]][anatomy.lungs[~record["unclear"]]]
        clear_hu = float(np.median(clear))
        regions = {
            int(row): hazy(scan.array[row], anatomy.lungs[row], clear_hu)
            for row in np.nonzero(record["unclear"])[0]
        }
        large = sorted(regions, key=lambda row: -int(regions[row].sum()))
        for row in [row for row in large if regions[row].sum() > LEAST_VOXELS][: args.slices]:
            made, after = measure(pipe, scan, anatomy, row, regions[row], clear_hu, patient)
            rows.append(made)
            print(made)
            if args.pictures:
                picture(scan.array[row], after, args.pictures / f"{patient}-{row}.png")
    args.out.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


def picture(before: np.ndarray, after: np.ndarray, path: Path) -> None:
    """Original, edited and difference side by side, lung window."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    shown = [np.clip((x + 1000) / 1200, 0, 1) for x in (before, after)]
    shown.append(np.clip((after - before) / 800 + 0.5, 0, 1))
    plt.imsave(path, np.concatenate(shown, axis=1), cmap="gray")


if __name__ == "__main__":
    main()
