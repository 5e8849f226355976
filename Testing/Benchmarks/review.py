"""Figures of the review on held-out patients: FROC against baselines, false regions in a normal
patient, real nodules, time.

    python Testing/Benchmarks/review.py DATA_FOLDER OUT.json [--weights FOLDER] [--part test]

Lesions are simulated; a patient's own unlabelled disease counts as false regions. Real nodules are
known in 48 mm squares only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from detection import ScanRow, froc, hits, plant
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import Anatomy, segment_anatomy
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.alignment import AlignmentPipeline
from DGMVLCCore.review.abnormality import abnormality, load_score, look_at_cells
from DGMVLCCore.review.analyse import look as review_look
from DGMVLCCore.simulation.insert import KINDS
from DGMVLCCore.stats import bootstrap_interval
from DGMVLCCore.training.examples import ExampleMaker
from DGMVLCCore.training.shards import build_shards
from review_scores import MAPS, Looked, look, map_of_scan, rows_of_map

OURS = "review"
NORMAL = "covidctmd_normal001"  # the one patient certified normal
NODULES = 60


def autoencoder() -> Callable[[Looked], np.ndarray] | None:
    """The denoising autoencoder's residual, when this installation has its weights."""
    try:
        from DGMVLCCore.evaluation.anomaly import anomaly_map, load_anomaly
    except ImportError:
        return None
    model = load_anomaly()
    return lambda looked: map_of_scan(
        looked, anomaly_map(model, looked.planted.scan, looked.planted.anatomy), 200.0
    )


def simulated(pipe: AlignmentPipeline, shards: Path) -> dict[str, list[ScanRow]]:
    """Every method on every scan of the part, with one lesion of each kind."""
    rows: dict[str, list[ScanRow]] = {name: [] for name in (*MAPS, OURS)}
    trained = autoencoder()
    for index, path in enumerate(sorted(shards.glob("scan-native-*.npz"))):
        looked = look(
            pipe,
            plant(
                path,
                [str(kind) for kind in np.random.default_rng([7, index]).permutation(KINDS)],
                7,
            ),
        )
        for name, make in MAPS.items():
            rows[name].append(rows_of_map(looked, make(looked.cells)))
        if trained is not None:
            rows.setdefault("denoising autoencoder", []).append(
                rows_of_map(looked, trained(looked))
            )
        rows[OURS].append(rows_of_map(looked, abnormality(looked.cells, load_score())))
        sys.stderr.write(f"{looked.planted.patient}: {len(looked.lesions)} lesions\n")
    return rows


def by_kind(rows: list[ScanRow], cut: float) -> dict[str, str]:
    """Lesions found at a threshold, of each kind."""
    found: dict[str, list[bool]] = {}
    for row in rows:
        hit = {index for score, which in row.regions if score >= cut for index in which}
        for index, kind in enumerate(row.kinds):
            found.setdefault(kind, []).append(index in hit)
    return {kind: f"{sum(values)} of {len(values)}" for kind, values in sorted(found.items())}


def normal(pipe: AlignmentPipeline, shards: Path) -> dict[str, Any]:
    """Regions shown in the untouched scan of the normal patient: in all, and in sub-volumes of a
    third of the lungs each."""
    path = shards / f"scan-native-{NORMAL}.npz"
    if not path.exists():
        return {"note": f"The part does not hold {NORMAL}."}
    planted = plant(path, (), 0)
    started = time.process_time()
    shown, _, _ = review_look(pipe, planted.scan, planted.anatomy)
    zones = {
        zone: sum(one.location.zone == zone for one in shown)
        for zone in ("lower", "middle", "upper")
    }
    return {
        "patients": 1,
        "regions shown": len(shown),
        "by third of the lungs": zones,
        "scores": [round(one.score, 3) for one in shown],
        "slices": len(planted.scan.array),
        "cpu_s": round(time.process_time() - started, 1),
    }


def nodules(pipe: AlignmentPipeline, shards: Path) -> dict[str, Any]:
    """Real nodules in 48 mm squares: the map's peak lies in the nodule, against a random lung
    pixel, and how often the map there is shown at all."""
    maker, score = ExampleMaker(shards, 0.0), load_score()
    points: dict[str, list[float]] = {}
    chance: list[float] = []
    for index in np.random.default_rng(0).permutation(len(maker.nodules["hu"]))[:NODULES]:
        hu, nodule, lungs, labels, _ = maker.nodule(int(index))
        scan = Volume(hu.astype(np.float32), np.diag([1.0, 1.0, 2.0, 1.0]))
        cells = look_at_cells(pipe, scan, Anatomy(labels.astype(np.uint8)))
        fine = cells.region.to_scan(
            ndimage.zoom(
                abnormality(cells, score), (1, 4, 4), order=1, mode="nearest", grid_mode=True
            ),
            scan.shape,
        )
        plane = fine[1] * lungs[1]
        points.setdefault(str(maker.nodules["patient"][index]), []).append(
            float(nodule[1].ravel()[plane.argmax()])
        )
        chance.append(float(nodule[1].sum() / max(lungs[1].sum(), 1)))
    values = [value for group in points.values() for value in group]
    return {
        "peak in the nodule": round(float(np.mean(values)), 3),
        "ci95": [round(v, 3) for v in bootstrap_interval(points)],
        "n": len(values),
        "patients": len(points),
        "random lung pixel": round(float(np.mean(chance)), 3),
    }


def sample(pipe: AlignmentPipeline) -> dict[str, Any]:
    """The shipped scan with its real nodule: rank of the region that hits it, of how many, and the
    time of a study."""
    folder = resource("sample")
    scan, _ = load_volume(folder / "ct.nrrd").canonical()
    started, cpu = time.monotonic(), time.process_time()
    anatomy = segment_anatomy(scan)
    shown, _, _ = review_look(pipe, scan, anatomy)
    took = {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "slices": len(scan.array),
    }
    truth = load_labels(folder / "nodule.nrrd", scan).union()
    rank = next((number for number, one in enumerate(shown, 1) if hits(one.mask, [truth])), None)
    return {
        "rank of the nodule": rank,
        "regions shown": len(shown),
        **took,
        "cpu_s for 300 slices, by proportion": round(300 * took["cpu_s"] / took["slices"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--part", default="test", choices=("val", "test"))
    args = parser.parse_args()
    pipe, started = AlignmentPipeline.from_pretrained(args.weights), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        shards = Path(name)
        build_shards(args.data, shards, part=args.part, phrases=40)
        rows = simulated(pipe, shards)
        answer: dict[str, Any] = {
            "part": args.part,
            "weights_sha256": pipe.weights_sha256,
            "score fitted with": load_score().weights_sha256,
            "shown_from": load_score().shown_from,
            "sensitivity at false regions a scan": {
                method: froc(each) for method, each in rows.items()
            },
            "as shown": {
                "found of each kind": by_kind(rows[OURS], load_score().shown_from),
                "false regions a scan": round(
                    float(
                        np.mean(
                            [
                                sum(s >= load_score().shown_from and not h for s, h in row.regions)
                                for row in rows[OURS]
                            ]
                        )
                    ),
                    2,
                ),
            },
            "normal patient": normal(pipe, shards),
            "real nodules in 48 mm squares": nodules(pipe, shards),
        }
    answer |= {"sample": sample(pipe), "seconds": round(time.monotonic() - started)}
    args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
