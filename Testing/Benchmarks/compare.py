"""Ranking of hypotheses on held-out patients: simulated lesions, untouched regions, real nodules;
and what a hypothesis changes beside a seed.

    python Testing/Benchmarks/compare.py DATA_FOLDER OUT.json [--weights FOLDER] [--part test]
    [--minutes 9]

With --part val it prints the same for the patients on whom `CHANGE_WEIGHT`, `FLOOR_HU` and
`MIN_LEAD` of jobs/ranking.py were chosen.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from DGMVLCCore import CounterfactualPipeline
from DGMVLCCore.evaluation.cases import make_cases
from DGMVLCCore.jobs.ranking import CHANGE_WEIGHT, FLOOR_HU, MIN_LEAD
from DGMVLCCore.training.shards import build_shards
from differential import (
    Scored,
    accuracy,
    effect,
    score_case,
    score_nodules,
    solid_or_not,
)

SIZES = (2, 3, 4, 6)
CLEAR_EVERY, EFFECT_EVERY = 3, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--part", default="test", choices=("val", "test"))
    parser.add_argument(
        "--solid", type=int, default=40, help="solid nodules beside all non-solid ones"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=60.0,
        help="begin no further simulated case after this; what was scored is reported",
    )
    args = parser.parse_args()
    pipe = CounterfactualPipeline.from_pretrained(args.weights)
    started, rows, effects = time.monotonic(), [], []

    def tell(row: Scored) -> None:
        sys.stderr.write(f"{time.monotonic() - started:6.0f} s  {row.name} ({row.source})\n")

    with tempfile.TemporaryDirectory() as folder:
        build_shards(args.data, Path(folder), part=args.part, phrases=40)
        rows += score_nodules(pipe, Path(folder), solid=args.solid, done=tell)
        for index, case in enumerate(make_cases(Path(folder))):
            if time.monotonic() - started > 60 * args.minutes:
                break
            rows.append(score_case(pipe, case))
            tell(rows[-1])
            if index % CLEAR_EVERY == 0:
                rows.append(score_case(pipe, case, clear=True))
            if index % EFFECT_EVERY == 0:
                effects.append(effect(pipe, case))
    for name, value in report(
        args, pipe.weights_sha256, rows, effects, time.monotonic() - started
    ).items():
        sys.stdout.write(f"{name}: {json.dumps(value)}\n")


def report(
    args: argparse.Namespace,
    sha256: str,
    rows: list[Scored],
    effects: list[dict[str, float]],
    seconds: float,
) -> dict:
    """Write the summary with every row, and return the summary."""
    answer: dict = {
        "part": args.part,
        "weights_sha256": sha256,
        "change_weight": CHANGE_WEIGHT,
        "floor_hu": FLOOR_HU,
        "min_lead": MIN_LEAD,
        "seconds": round(seconds),
    }
    for source in ("simulated", "clear", "real"):
        chosen = [row for row in rows if row.source == source]
        if chosen:
            answer[source] = {f"of {size}": accuracy(chosen, size) for size in SIZES}
    answer["all, of 4"] = accuracy(rows, 4)
    answer["real, solid against non-solid"] = solid_or_not(
        [row for row in rows if row.source == "real"]
    )
    if effects:
        pairs = {name: [effect[name] for effect in effects] for name in ("between", "within")}
        answer["effect, HU"] = {
            name: round(sum(values) / len(values), 1) for name, values in pairs.items()
        } | {
            "n": len(effects),
            "between above within": sum(e["between"] > e["within"] for e in effects),
        }
    kept = [
        {
            **vars(row),
            "asked": row.asked.round(3).tolist(),
            "logits": row.logits.round(3).tolist(),
        }
        for row in rows
    ]
    args.out.write_text(
        json.dumps(
            answer | {"rows": kept, "effects": effects},
            indent=1,
            default=lambda value: value.item(),
        ),
        encoding="utf-8",
    )
    return answer


if __name__ == "__main__":
    main()
