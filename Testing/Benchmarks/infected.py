"""Haze taken and vessels kept in the infected patients of the data, whose truth nobody knows.

usage: infected.py DATA OUT.json [--weights FOLDER] [--text SENTENCE] [--pictures FOLDER]

Regions are the opacities marked in infected.json where they are denser than the patient's own clear
lung; the editor is told “No ground-glass opacity.” Their infected slices were never trained on.
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
from DGMVLCCore.editing.see_through import OPAQUE_HU
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.training.shards import build_scan

TERM = "ground-glass opacity"
HAZE_HU, LEAST_VOXELS = 100.0, 300
MARKED = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Row:
    """One slice of one patient, HU; `kept` and `likeness` of the vessels' contrast where the scan
    shows them, which is where the tissue around is no denser than `OPAQUE_HU`."""

    patient: str
    slice: int
    voxels: int
    haze_hu: float
    taken_hu: float
    kept: float
    likeness: float
    invented: float


def smoothed(hu: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """HU (H,W) of the lung around each voxel: a Gaussian of 4 pixels within the lungs."""
    weight = ndimage.gaussian_filter(lungs.astype(float), 4)
    return ndimage.gaussian_filter(np.where(lungs, hu, 0.0), 4) / np.maximum(weight, 1e-3)


def marked(boxes: list[list[int]], shape: tuple[int, ...]) -> np.ndarray:
    """What some boxes x0, y0, x1, y1 hold of a slice, bool (H,W)."""
    inside = np.zeros(shape, bool)
    for x0, y0, x1, y1 in boxes:
        inside[y0:y1, x0:x1] = True
    return inside


def measure(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    row: int,
    region: np.ndarray,
    clear_hu: float,
    patient: str,
    text: str,
) -> tuple[Row, np.ndarray]:
    """Edit one slice's opacities; returns its figures and the edited slice."""
    mask = np.zeros(scan.shape, bool)
    mask[row] = ndimage.binary_dilation(region, iterations=4) & anatomy.lungs[row]
    plan = EditPlan(mask, "Ground-glass opacity.", text, TERM)
    result = pipe(scan, plan, anatomy=anatomy, noises=1)
    before, after = scan.array[row], result.counterfactual.array[row]
    around = smoothed(before, anatomy.lungs[row])
    contrast = [vessel_contrast(x[None], scan.spacing)[0] for x in (before, after)]
    hazy = region & (around < OPAQUE_HU)  # what is denser hides its vessels
    vessels = hazy & (contrast[0] > VESSEL_HU) & (before < 0)
    tissue = region & ~vessels
    kept = float(contrast[1][vessels].mean() / contrast[0][vessels].mean())
    likeness = float(np.corrcoef(contrast[0][hazy], contrast[1][hazy])[0, 1])
    haze = float(np.median(before[tissue]) - clear_hu)
    taken = float(np.median(before[tissue]) - np.median(after[tissue]))
    invented = float(result.invented[row][region].mean())
    figures = (kept, likeness, invented)
    made = Row(patient, row, int(region.sum()), haze, taken, *(round(v, 3) for v in figures))
    return made, after


def scan_of(data: Path, patient: str) -> tuple[Volume, Anatomy, float]:
    """A patient's native slices, their anatomy, and the density of clear lung in HU."""
    folder = data / "train" if (data / "train").is_dir() else data
    with np.load(folder / "volumes" / f"{patient}.npz") as file:
        reference = {key: file[key] for key in file.files if key != "hu"}
    record = build_scan(folder / "native" / f"{patient}.npz", True, reference)
    dz, dy, dx = map(float, record["spacing"])
    scan = Volume(record["hu"].astype(np.float32), np.diag([dx, dy, dz, 1.0]))
    anatomy, clear = find_anatomy(scan), ~record["unclear"]
    return scan, anatomy, float(np.median(record["hu"][clear][anatomy.lungs[clear]]))


def main() -> None:
    """Run, print and write the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--text", default=f"No {TERM}.")
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    pipe, rows = CounterfactualPipeline.from_pretrained(args.weights), []
    places = json.loads(MARKED.read_text(encoding="utf-8"))
    for patient in (name for name in places if name != "about"):
        scan, anatomy, clear_hu = scan_of(args.data, patient)
        for row, boxes in ((int(row), boxes) for row, boxes in places[patient].items()):
            lungs = anatomy.lungs[row]
            denser = lungs & (smoothed(scan.array[row], lungs) > clear_hu + HAZE_HU)
            region = ndimage.binary_opening(denser, iterations=3) & marked(boxes, lungs.shape)
            if region.sum() < LEAST_VOXELS:
                continue
            made, after = measure(pipe, scan, anatomy, row, region, clear_hu, patient, args.text)
            rows.append(made)
            print(made)
            if args.pictures:
                picture(scan.array[row], after, args.pictures / f"{patient}-{row}.png")
    summary(rows)
    args.out.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


def summary(rows: list[Row]) -> None:
    """Print the means of all slices, of those with much haze, and of each patient."""
    groups = {"all": rows, "100 HU or more": [row for row in rows if row.haze_hu >= 100]}
    for patient in sorted({row.patient for row in rows}):
        groups[patient] = [row for row in rows if row.patient == patient]
    for name, group in groups.items():
        if group:
            haze, taken, kept, likeness = (
                float(np.mean([getattr(row, field) for row in group]))
                for field in ("haze_hu", "taken_hu", "kept", "likeness")
            )
            print(
                f"{name}: n={len(group)} haze {haze:.0f} taken {taken:.0f} HU, vessels kept "
                f"{kept:.2f}, likeness {likeness:.2f}"
            )


def picture(before: np.ndarray, after: np.ndarray, path: Path) -> None:
    """Original, edited and difference side by side, lung window."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    shown = [np.clip((x + 1000) / 1200, 0, 1) for x in (before, after)]
    shown.append(np.clip((after - before) / 800 + 0.5, 0, 1))
    plt.imsave(path, np.concatenate(shown, axis=1), cmap="gray")


if __name__ == "__main__":
    main()
