"""Figures of the review on held-out patients: FROC against baselines, regions shown, false regions
in a normal patient, time by the number of slices.

    python Testing/Benchmarks/review.py SHARDS OUT.json [--weights FOLDER] [--speed]

The shards are those of `dgmvlc data` for the part (val or test). Lesions are simulated, and real
nodules of other patients of the part; a patient's own unlabelled disease counts as false regions.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from detection import ScanRow, froc, hits, plant, real_nodules
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.evaluation.anomaly import load_anomaly
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.review.analyse import find_regions
from DGMVLCCore.review.score import load_shown
from DGMVLCCore.review.without import without
from DGMVLCCore.simulation.insert import KINDS
from review_scores import (
    MAPS,
    autoencoder,
    regions_of_map,
    regions_of_review,
    row_of,
    see,
)

OURS = "review"
NORMAL = "covidctmd_normal001"  # the one patient certified normal
SEED, REAL = 7, 4  # transplanted nodules a scan
SLICES = (75, 150, 300, 600)


def planted_rows(pipe: CounterfactualPipeline, shards: Path) -> dict[str, list[ScanRow]]:
    """Every method on every scan of the part, at the scan's own pixels, with one lesion of each
    kind and real nodules."""
    maps = {**MAPS, "denoising autoencoder": autoencoder(load_anomaly())}
    rows: dict[str, list[ScanRow]] = {name: [] for name in (OURS, *maps)}
    pool = real_nodules(shards)
    for index, path in enumerate(sorted(shards.glob("scan-native-*.npz"))):
        rng = np.random.default_rng([SEED, index])
        drawn = [*KINDS, *(pool[int(i)] for i in rng.integers(len(pool), size=REAL))]
        seen = see(plant(path, [drawn[i] for i in rng.permutation(len(drawn))], SEED))
        rows[OURS].append(row_of(seen, regions_of_review(pipe, seen)))
        for name, make in maps.items():
            rows[name].append(row_of(seen, regions_of_map(seen, make(seen))))
        sys.stderr.write(f"{seen.planted.patient}: {len(seen.lesions)} lesions\n")
    return rows


def by_kind(rows: list[ScanRow], cut: float) -> dict[str, str]:
    """Lesions found at a threshold, of each kind."""
    found: dict[str, list[bool]] = {}
    for row in rows:
        hit = {index for score, which in row.regions if score >= cut for index in which}
        for index, kind in enumerate(row.kinds):
            found.setdefault(kind, []).append(index in hit)
    return {kind: f"{sum(values)} of {len(values)}" for kind, values in sorted(found.items())}


def untouched(pipe: CounterfactualPipeline, shards: Path) -> dict[str, Any]:
    """Regions shown in each untouched scan of the part, outside labelled disease: a patient's own
    unlabelled disease counts."""
    shown = {}
    for path in sorted(shards.glob("scan-native-*.npz")):
        planted = plant(path, (), 0)
        found, _ = find_regions(pipe, planted.scan, planted.anatomy)
        outside = [one for one in found if planted.unclear[one.mask.any((1, 2))].mean() <= 0.5]
        shown[planted.patient] = [
            f"{one.phrases[0].term} {one.location.diameter_mm:.0f} mm, {one.score:.2f}"
            for one in outside
        ]
    return {
        "shown": shown,
        "mean a scan": round(float(np.mean([len(each) for each in shown.values()])), 2),
        "normal patient": len(shown[NORMAL]) if NORMAL in shown else None,
    }


def speed(pipe: CounterfactualPipeline) -> dict[str, str]:
    """Seconds for the sample stretched over a chest of 300 mm in so many slices of 512 x 512:
    lungs, map and regions, and each region's counterfactual."""
    scan, _ = load_volume(resource("sample") / "ct.nrrd").canonical()
    zoom = [1, *(512 / n for n in scan.shape[1:])]
    took = {}
    for count in SLICES:
        rows = np.linspace(0, len(scan.array) - 1, count).round().astype(int)
        hu = np.ascontiguousarray(ndimage.zoom(scan.array, zoom, order=1)[rows])
        affine = np.diag([0.7, 0.7, 300 / count, 1.0])
        big = Volume(hu, affine)
        started = time.monotonic()
        anatomy = find_anatomy(big)
        lungs = time.monotonic()
        found, _ = find_regions(pipe, big, anatomy)
        regions = time.monotonic()
        for one in found:
            without(pipe, big, anatomy, one)
        took[str(count)] = (
            f"lungs {lungs - started:.1f}, regions {regions - lungs:.1f}, "
            f"{len(found)} counterfactuals {time.monotonic() - regions:.1f}"
        )
    return took


def sample(pipe: CounterfactualPipeline) -> dict[str, Any]:
    """The shipped scan with its real nodule: rank of the region that hits it, of how many."""
    folder = resource("sample")
    scan, _ = load_volume(folder / "ct.nrrd").canonical()
    shown, _ = find_regions(pipe, scan, find_anatomy(scan))
    truth = load_labels(folder / "nodule.nrrd", scan).union()
    rank = next((number for number, one in enumerate(shown, 1) if hits(one.mask, [truth])), None)
    return {"rank of the nodule": rank, "regions shown": len(shown)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--speed", action="store_true", help="only the seconds by slices")
    args = parser.parse_args()
    pipe, started = CounterfactualPipeline.from_pretrained(args.weights), time.monotonic()
    answer: dict[str, Any]
    if args.speed:
        answer = {"seconds by slices": speed(pipe)}
    else:
        rows, cut = planted_rows(pipe, args.shards), load_shown().shown_from
        false = [sum(s >= cut and not hit for s, hit in row.regions) for row in rows[OURS]]
        answer = {
            "weights_sha256": pipe.weights_sha256,
            "operating point set with": load_shown().weights_sha256,
            "shown_from": cut,
            "sensitivity at false regions a scan": {
                method: froc(each) for method, each in rows.items()
            },
            "as shown": {
                "found of each kind": by_kind(rows[OURS], cut),
                "false regions a scan": round(float(np.mean(false)), 2),
            },
            "untouched scans": untouched(pipe, args.shards),
            "sample": sample(pipe),
        }
    answer["seconds"] = round(time.monotonic() - started)
    args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
