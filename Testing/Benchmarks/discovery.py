"""Pattern discovery on a simulated cohort: planted effects recovered, and how often shuffled labels
give a discovery.

    python Testing/Benchmarks/discovery.py groups   SHARDS OUT.json [--cohorts 20] [--shuffles 200]
    python Testing/Benchmarks/discovery.py planted  SHARDS OUT.json [--minutes 10]
    python Testing/Benchmarks/discovery.py shuffled SHARDS OUT.json [--runs 20] [--seconds 420]
    goes on where OUT.json ends

SHARDS: made by `dgmvlc data` (train patients). `shuffled` permutes the rows among the scans before
anything is learned.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from DGMVLCCore.cohort.frame import REGIONS, lung_statistics
from DGMVLCCore.cohort.groups import Contrast, Rows, find_contrasts
from DGMVLCCore.cohort.patterns import (
    Answer,
    Discovery,
    Options,
    group_answers,
    sweep_answers,
    with_sweep,
)
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.language.schema import load_schema
from DGMVLCCore.training.tuning import fine_tune
from simulated_cohort import NULL, SimulatedCohort, simulated_cohort

SCHEMA = load_schema()


def share(hits: int, of: int) -> dict[str, Any]:
    """A share with its exact (Clopper-Pearson) 95 % interval."""
    interval = stats.binomtest(hits, of).proportion_ci() if of else (float("nan"),) * 2
    return {
        "value": round(hits / of, 4) if of else None,
        "hits": hits,
        "n": of,
        "ci95": [round(float(v), 4) for v in interval],
    }


def truth_of(cohort: SimulatedCohort, contrast: Contrast, region: str) -> float:
    """The planted change in HU of a region from the contrast's low to its high value."""
    if contrast.attribute in NULL:
        return 0.0
    steps = float(contrast.high) - float(contrast.low) if contrast.number else 1.0
    return float(cohort.truth[contrast.attribute][REGIONS.index(region)] * steps)


def shuffled(rows: Rows, seed: int) -> Rows:
    """The rows dealt out to the scans at random: attributes keep their relations, none has one with
    a scan."""
    names = list(rows)
    return {
        name: rows[names[i]]
        for name, i in zip(names, np.random.default_rng([seed, 1]).permutation(len(names)))
    }


def scored(cohort: SimulatedCohort, answers: list[Answer], found: str) -> dict[str, Any]:
    """Recovery of what was planted; `found` says which answers count as found: "q" (groups alone)
    or "pattern"."""
    rows = [
        (truth_of(cohort, a.contrast, a.region), a)
        for a in answers
        if np.isfinite(a.groups["mean_hu"].p)
    ]

    def hit(a: Answer) -> bool:
        return a.pattern if found == "pattern" else a.q["mean_hu"] <= 0.05

    planted, null = [(t, a) for t, a in rows if abs(t) > 5], [(t, a) for t, a in rows if abs(t) < 1]
    right = [
        (t, a) for t, a in planted if hit(a) and np.sign(a.groups["mean_hu"].effect) == np.sign(t)
    ]
    all_hits = [a for _, a in rows if hit(a)]
    return {
        "planted": len(planted),
        "found_with_right_sign": len(right),
        "null": len(null),
        "null_found": sum(hit(a) for _, a in null),
        "found": len(all_hits),
        "size_error_hu": [round(a.groups["mean_hu"].effect - t, 2) for t, a in planted],
        "interval_holds_truth": sum(
            a.groups["mean_hu"].low <= t <= a.groups["mean_hu"].high for t, a in rows
        ),
        "tested": len(rows),
    }


def run_groups(args: argparse.Namespace) -> dict[str, Any]:
    """Real-groups part alone, on many cohorts and many shuffles: no network."""
    scores, options = [], Options(permutations=999)
    for seed in range(args.cohorts):
        cohort = simulated_cohort(args.shards, args.patients, seed)
        contrasts, _ = find_contrasts(cohort.rows, SCHEMA)
        statistics = {name: lung_statistics(scan) for name, scan in cohort.scans.items()}
        scores.append(
            scored(
                cohort,
                group_answers(
                    cohort.scans, cohort.rows, contrasts, SCHEMA, options, statistics
                ).answers,
                "q",
            )
        )
    false = 0
    for seed in range(args.shuffles):  # of the last cohort
        rows = shuffled(cohort.rows, seed)
        contrasts, _ = find_contrasts(rows, SCHEMA)
        false += any(
            a.q["mean_hu"] <= 0.05
            for a in group_answers(
                cohort.scans, rows, contrasts, SCHEMA, options, statistics
            ).answers
        )
    error = np.array([e for s in scores for e in s["size_error_hu"]])
    total = {
        key: sum(s[key] for s in scores)
        for key in (
            "planted",
            "found_with_right_sign",
            "null",
            "null_found",
            "found",
            "interval_holds_truth",
            "tested",
        )
    }
    return {
        "cohorts": args.cohorts,
        "patients": args.patients,
        "power": share(total["found_with_right_sign"], total["planted"]),
        "false_among_null_regions": share(total["null_found"], total["null"]),
        "false_discovery_proportion": share(total["null_found"], total["found"]),
        "interval_coverage": share(total["interval_holds_truth"], total["tested"]),
        "size_error_hu": {
            "mean": round(float(error.mean()), 2),
            "rms": round(float(np.sqrt((error**2).mean())), 2),
            "n": len(error),
        },
        "shuffled_runs_with_a_group_difference": share(false, args.shuffles),
    }


def _found(
    cohort: SimulatedCohort,
    rows: Rows,
    options: Options,
    tools: tuple[LanguageEncoder, AlignmentPipeline],
) -> Discovery:
    contrasts, _ = find_contrasts(rows, SCHEMA)
    groups = group_answers(cohort.scans, rows, contrasts, SCHEMA, options)
    return with_sweep(
        groups,
        sweep_answers(
            cohort.scans,
            rows,
            contrasts,
            SCHEMA,
            options,
            fine_tune,
            encoder=tools[0],
            alignment=tools[1],
        ),
    )


def _tools() -> tuple[LanguageEncoder, AlignmentPipeline]:
    encoder = LanguageEncoder()
    return encoder, AlignmentPipeline.from_pretrained(encoder=encoder)


def run_planted(args: argparse.Namespace) -> dict[str, Any]:
    """Both ways on one cohort with planted effects."""
    cohort, started = simulated_cohort(args.shards, args.patients, 0), time.monotonic()
    found = _found(
        cohort,
        cohort.rows,
        Options(minutes=args.minutes, steps=args.steps, batch=args.batch, swept=args.swept),
        _tools(),
    )
    rows = [
        {
            "contrast": a.contrast.name,
            "region": a.region,
            "truth_hu": round(truth_of(cohort, a.contrast, a.region), 1),
            "groups": asdict(a.groups["mean_hu"]),
            "q": a.q["mean_hu"],
            "sweep": asdict(a.swept) if a.swept else None,
            "pattern": a.pattern,
        }
        for a in found.answers
    ]
    return {
        "patients": args.patients,
        "seconds": round(time.monotonic() - started),
        "groups": scored(cohort, found.answers, "q"),
        "patterns": scored(cohort, found.answers, "pattern"),
        "rows": rows,
    }


def run_shuffled(args: argparse.Namespace) -> dict[str, Any]:
    """Labels dealt out anew before each short run: group test, two fine-tunings, sweep."""
    runs = json.loads(args.out.read_text(encoding="utf-8"))["runs"] if args.out.exists() else []
    cohort, tools, started = (
        simulated_cohort(args.shards, args.patients, 0),
        _tools(),
        time.monotonic(),
    )
    spent = 0.0
    while len(runs) < args.runs and time.monotonic() - started + spent < args.seconds:
        began = time.monotonic()
        options = Options(
            permutations=999, seed=len(runs), steps=args.steps, batch=args.batch, swept=args.swept
        )
        found = _found(cohort, shuffled(cohort.rows, len(runs)), options, tools)
        spent = time.monotonic() - began
        runs.append(
            {
                "discoveries": len(found.patterns),
                "group_differences": sum(a.q["mean_hu"] <= 0.05 for a in found.answers),
                "sweeps_off_zero": sum(
                    bool(a.swept and (a.swept.low > 0 or a.swept.high < 0)) for a in found.answers
                ),
                "answers": len(found.answers),
                "seconds": round(spent),
            }
        )
        args.out.write_text(json.dumps({"runs": runs}), encoding="utf-8")
    return {
        "steps": args.steps,
        "batch": args.batch,
        "patients": args.patients,
        "fine_tunings": 2 * len(runs),
        "runs_with_a_discovery": share(sum(r["discoveries"] > 0 for r in runs), len(runs)),
        "sweep_alone_off_zero": share(
            sum(r["sweeps_off_zero"] for r in runs), sum(r["answers"] for r in runs)
        ),
        "runs": runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("groups", "planted", "shuffled"))
    parser.add_argument("shards", type=Path)
    parser.add_argument("out", type=Path)
    for name, value in (
        ("patients", 120),
        ("cohorts", 20),
        ("shuffles", 200),
        ("runs", 20),
        ("steps", 0),
        ("batch", 8),
        ("swept", 24),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    args = parser.parse_args()
    answer = {"groups": run_groups, "planted": run_planted, "shuffled": run_shuffled}[args.part](
        args
    )
    args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(
        json.dumps({k: v for k, v in answer.items() if k not in ("rows", "runs")}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
