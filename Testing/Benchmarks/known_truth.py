"""Known-truth figures of the shipped (or given) weights on the held-out patients.

    python Testing/Benchmarks/known_truth.py DATA_FOLDER OUT.json [--weights FOLDER] [--seeds 1] [--part test]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from DGMVLCCore import CounterfactualPipeline
from DGMVLCCore.evaluation.known_truth import make_cases, score_case, summarise
from DGMVLCCore.simulation.insert import HELD_OUT_KIND
from DGMVLCCore.training.shards import build_shards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--noises", type=int, default=8)
    parser.add_argument("--part", default="test", choices=("val", "test"))
    args = parser.parse_args()
    pipe = CounterfactualPipeline.from_pretrained(args.weights)
    rows, started = [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        build_shards(args.data, Path(folder), part=args.part, phrases=40)
        for case in make_cases(Path(folder), seeds=args.seeds):
            rows.append(score_case(pipe, case, noises=args.noises))
            sys.stderr.write(f"{len(rows):3d} {time.monotonic() - started:6.0f} s  {case.name}  MAE {rows[-1]['single seed']['mae_hu']:.0f}\n")
            args.out.write_text(json.dumps({"part": args.part, "rows": rows}, default=lambda v: v.item()))
    report(args, pipe.weights_sha256, rows, time.monotonic() - started)


def report(args: argparse.Namespace, sha256: str, rows: list[dict], seconds: float) -> None:
    """Write the summary and print it."""
    taught = [row for row in rows if row["kind"] != HELD_OUT_KIND]
    held_out = [row for row in rows if row["kind"] == HELD_OUT_KIND]
    answer = {"part": args.part, "weights_sha256": sha256, "noises": args.noises, "seconds": round(seconds),
              "taught kinds": summarise(taught), "held-out kind": summarise(held_out), "rows": rows}
    args.out.write_text(json.dumps(answer, indent=1, default=lambda v: v.item()))
    for name in ("taught kinds", "held-out kind"):
        sys.stdout.write(f"\n{name}\n")
        for method, scores in answer[name]["methods"].items():
            sys.stdout.write(f"{method:22}" + "  ".join(f"{k} {v['value']} (n={v['n']})" for k, v in scores.items()) + "\n")
        for fact, value in answer[name]["facts"].items():
            sys.stdout.write(f"{fact:26}{value['value']}  n={value['n']}  {value.get('ci95')}\n")


if __name__ == "__main__":
    main()
