"""Costs, times and rows -> the record of benchmark.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from DGMVLCCore.editing.result import NOTICE
from DGMVLCCore.evaluation.benchmark.measuring import SIDE, SLICES
from DGMVLCCore.evaluation.benchmark.records import Benchmark, Cost, Line, SeedUnet, Times
from DGMVLCCore.evaluation.benchmark.report import csv_table, draw, markdown
from DGMVLCCore.evaluation.benchmark.scoring import score_table, side_by_side
from DGMVLCCore.evaluation.benchmark.seed_unet import NAME, STEPS
from DGMVLCCore.evaluation.benchmark.variants import Variant
from DGMVLCCore.evaluation.benchmark.verdict import SCORES, good_for
from DGMVLCCore.evaluation.statistics import FEWEST_PATIENTS, rounded
from DGMVLCCore.evaluation.tables import Figure, Row
from DGMVLCCore.results.records import SOFTWARE, plain, write_text, write_typed

RECORD = "benchmark.json"
FIGURE = "benchmark.png"


def median_of(seconds: list[float], share: float = 1.0) -> Figure:
    """Median of repeats in one run with the smallest and the largest, each times `share`."""
    return {
        "value": rounded(float(np.median(seconds)) * share),
        "n": len(seconds),
        "low": rounded(min(seconds) * share),
        "high": rounded(max(seconds) * share),
    }


def build(
    about: Mapping[str, object],
    chosen: list[Variant],
    costs: Mapping[str, Cost],
    times: Times,
    folders: dict[str, Path],
) -> Benchmark:
    """The record.

    Args:
        about: part, seed, budget and what was left out. costs: variant -> what `measure` and the
            training say. times: what `time` says.
        folders: variant -> folder of its rows.
    """
    rows, kept = side_by_side(list(folders.values()))
    scores = score_table(rows, kept)
    lines = [
        _line(variant, costs[variant.name], times["edits"][variant.name], scores[variant.title])
        for variant in chosen
    ]
    for line in lines:
        line["good_for"] = good_for(line, lines)
    patients = sorted({row["patient"] for row in rows})
    facts = plain(
        {
            **about,
            "cases": len(rows),
            "patients": patients,
            "exploratory": len(patients) < FEWEST_PATIENTS,
            "phantom": {"slices": SLICES, "side": SIDE, "voxels": times["voxels"]},
            "lines": lines,
            "seed_unet": _seed_unet(times, lines),
        }
    )
    return Benchmark(schema_version="1.0", notice=NOTICE, software=SOFTWARE, **facts)


def _line(variant: Variant, costs: Cost, seconds: list[float], entry: Row) -> Line:
    return {
        "name": variant.name,
        "title": variant.title,
        "trained_here": variant.trained,
        "note": variant.note,
        "weights_sha256": costs["sha256"],
        "training": {
            "steps": costs.get("steps"),
            "seconds": costs.get("seconds"),
            "train_peak_mb": costs.get("train_peak_mb"),
        },
        "costs": {
            "parameters": costs["parameters"],
            "flops": costs["flops"],
            "passes": costs["passes"],
            "pixels_a_slice": costs["pixels_a_slice"],
            "loaded_mb": costs["loaded_mb"],
            "peak_mb": costs["peak_mb"],
            "seconds_a_slice": median_of(seconds, 1 / SLICES),
        },
        "scores": {key: entry[key] for key in SCORES},
        "ranked": entry["ranked"],
        "why": entry["why"],
        "good_for": "",
    }


def _seed_unet(times: Times, lines: list[Line]) -> SeedUnet | None:
    """Time of one call, and how much longer its steps take than an edit of as many voxels; None
    where it was not timed."""
    found = times["unet"]
    if found is None:
        return None
    call = median_of(found["seconds"])
    once = call["value"] or 0.0
    sample = once * STEPS
    faster = {
        line["name"]: rounded(
            sample / ((line["costs"]["seconds_a_slice"]["value"] or math.nan) * SLICES)
        )
        for line in lines
    }
    sentence = (
        f"One call of a {NAME} (base 64, 64x64x32 voxels, {found['parameters'] / 1e6:.1f} "
        f"million parameters) takes {once:.3g} s (median of "
        f"{call['n']} calls, one thread); its {STEPS} steps would take {sample / 60:.3g} minutes "
        "a sample, extrapolated from these calls. "
        f"An edit here fills as many voxels ({times['voxels']})."
    )
    return {
        "name": NAME,
        "parameters": found["parameters"],
        "call_seconds": call,
        "steps": STEPS,
        "sample_seconds": rounded(sample),
        "faster": faster,
        "sentence": sentence,
    }


def write(record: Benchmark, work: Path) -> None:
    """benchmark.json, .md, .csv and .png into the folder; errors as `write_typed`."""
    draw(record, work / FIGURE)
    write_text(markdown(record, FIGURE), work / "benchmark.md")
    write_text(csv_table(record), work / "benchmark.csv")
    write_typed(record, work / RECORD)
