"""Average precision of a nodule detector with few real nodules only, and with synthetic ones added,
on held-out patients.

python Testing/Benchmarks/synthesize.py DATA_FOLDER OUT.json [--part test] [--seeds 5] [--shots 12]
[--each 4] [--steps 200]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from augmentation import (
    ARMS,
    added,
    average_precision,
    detections,
    load_patches,
    paired_difference,
    train_detector,
)
from DGMVLCCore import CounterfactualPipeline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", default="test", choices=("val", "test"))
    parser.add_argument("--weights", type=Path)
    for name, value in (("seeds", 5), ("shots", 12), ("each", 4), ("steps", 200), ("most", 200)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(1)
    started, pipe = time.monotonic(), CounterfactualPipeline.from_pretrained(args.weights)
    train, held_out = load_patches(args.data, "train"), load_patches(args.data, args.part)
    keep = np.random.default_rng(0).permutation(len(held_out))[: args.most]
    held_out = [held_out[i] for i in keep]
    arms, rows = [], []
    for seed in range(args.seeds):
        rng = np.random.default_rng(seed)
        real = [train[i] for i in rng.permutation(len(train))[: args.shots]]
        extra = {"real": [], **added(pipe, real, args.each, rng)}
        arms.append(
            {
                arm: detections(train_detector(real, extra[arm], args.steps, seed), held_out)
                for arm in ARMS
            }
        )
        rows.append(
            {
                "seed": seed,
                "added": len(extra[ARMS[2]]),
                **{arm: round(average_precision(arms[-1][arm], len(held_out)), 4) for arm in ARMS},
            }
        )
        sys.stderr.write(f"{time.monotonic() - started:5.0f} s  {rows[-1]}\n")
        answer = {
            "part": args.part,
            "weights_sha256": pipe.weights_sha256,
            "shots": args.shots,
            "steps": args.steps,
            "nodules": len(held_out),
            "patients": len({p.patient for p in held_out}),
            "rows": rows,
            "seconds": round(time.monotonic() - started),
            "mean": {arm: round(float(np.mean([row[arm] for row in rows])), 4) for arm in ARMS},
            "difference to real": {
                arm: paired_difference(arms, held_out, arm, 300) for arm in ARMS[1:]
            },
        }
        args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(
        json.dumps(
            {key: answer[key] for key in ("nodules", "patients", "mean", "difference to real")},
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
