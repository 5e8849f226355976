"""Figures of the probe on held-out patients: regions with a simulated lesion against the same
regions without it, and real nodules against clear lung.

python Testing/Benchmarks/probe.py DATA_FOLDER OUT.json [--weights FOLDER] [--part val] [--seeds 2]
python Testing/Benchmarks/probe.py DATA_FOLDER OUT.json --weights FOLDER --part train --calibrate
# writes the offset into FOLDER/config.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from DGMVLCCore.evaluation.cases import make_cases
from DGMVLCCore.models.probe import Probe
from DGMVLCCore.stats import bootstrap_interval, roc_area
from DGMVLCCore.training.probing import ProbeMaker
from DGMVLCCore.training.shards import build_shards

NODULES = 400


def simulated(probe: Probe, shards: Path, seeds: int) -> list[dict[str, Any]]:
    """Score of every case with its lesion and without it."""
    rows = []
    for case in make_cases(shards, seeds=seeds):
        present, absent = (
            probe.score(v.array, case.mask, case.anatomy.lungs, v.spacing)
            for v in (case.scan, case.true)
        )
        rows.append(
            {
                "patient": case.patient,
                "kind": case.lesion.kind,
                "size_mm": round(case.lesion.size_mm, 1),
                "present": present,
                "absent": absent,
            }
        )
    return rows


@torch.no_grad()
def nodules(probe: Probe, shards: Path) -> dict[str, Any]:
    """AUC on real nodules and clear lung beside them."""
    maker, rng, found = ProbeMaker(shards, 1.0), np.random.default_rng(0), []
    while len(found) < NODULES:
        found += maker.nodule_squares(rng)
    logits = (
        probe.model(torch.from_numpy(np.stack([example["square"] for example in found]))).numpy()
        + probe.model.config["offset"]
    )
    label = np.array([example["label"] for example in found]) > 0
    return {
        "auc": round(float(roc_area(logits[label], logits[~label])), 3),
        "sensitivity": round(float((logits[label] > 0).mean()), 3),
        "specificity": round(float((logits[~label] < 0).mean()), 3),
        "n": [int(label.sum()), int((~label).sum())],
        "nodules": len(maker.nodules["hu"]),
        "patients": len(set(maker.nodules["patient"])),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """AUC, sensitivity and specificity at a logit of 0, share of lesions seen that flip when the
    true scan takes their place; by kind and in all."""
    present, absent = (np.array([row[key] for row in rows]) for key in ("present", "absent"))
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row["patient"], []).append(float(row["absent"] < 0))
    return {
        "auc": round(float(roc_area(present, absent)), 3),
        "sensitivity": round(float((present > 0).mean()), 3),
        "specificity": round(float((absent < 0).mean()), 3),
        "specificity_ci95": [round(v, 3) for v in bootstrap_interval(groups)],
        "flip_of_truth": round(float((absent[present > 0] < 0).mean()), 3)
        if (present > 0).any()
        else None,
        "n": len(rows),
        "patients": len(groups),
    }


def even_offset(rows: list[dict[str, Any]], offset: float) -> float:
    """The offset with which as many regions with lesion lie above 0 as regions without it lie
    below."""
    present, absent = (
        np.array([row[key] for row in rows]) - offset for key in ("present", "absent")
    )
    limits = np.sort(np.concatenate([present, absent]))
    return -float(
        limits[
            np.abs(
                [(present > limit).mean() - (absent <= limit).mean() for limit in limits]
            ).argmin()
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--part", default="val", choices=("train", "val", "test"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--calibrate", action="store_true")
    args = parser.parse_args()
    probe = Probe.from_pretrained(args.weights)
    with tempfile.TemporaryDirectory() as folder:
        build_shards(args.data, Path(folder), part=args.part, phrases=40)
        rows = simulated(probe, Path(folder), args.seeds)
        answer = {
            "part": args.part,
            "weights_sha256": probe.weights_sha256,
            "simulated": summary(rows),
            "by kind": {
                kind: summary([row for row in rows if row["kind"] == kind])
                for kind in dict.fromkeys(row["kind"] for row in rows)
            },
            "real nodules": nodules(probe, Path(folder)),
            "rows": rows,
        }
    if args.calibrate:
        config = args.weights / "config.json"
        settings = json.loads(config.read_text(encoding="utf-8")) | {
            "offset": round(even_offset(rows, float(probe.model.config["offset"])), 2)
        }
        config.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(
        json.dumps({name: value for name, value in answer.items() if name != "rows"}, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    main()
