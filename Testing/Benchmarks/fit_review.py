"""Fits the review's score on training patients with simulated lesions, and sets its operating point
on validation patients.

    python Testing/Benchmarks/fit_review.py DATA_FOLDER [--shards TRAIN_SHARDS] [--weights FOLDER]
    [--out FILE]

To be run again whenever the dual encoder's weights change; no test patient is opened.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from detection import froc, plant, threshold_at
from DGMVLCCore.models.alignment import AlignmentPipeline
from DGMVLCCore.review.abnormality import Score, abnormality
from DGMVLCCore.simulation.insert import HELD_OUT_KIND, KINDS
from DGMVLCCore.training.shards import build_shards
from review_scores import Looked, cell_samples, fit_cells, look, rows_of_map

TAUGHT = tuple(kind for kind in KINDS if kind != HELD_OUT_KIND)
TWICE = ("smooth_nodule", "spiculated_nodule", "part_solid_nodule")  # small and common


def see(
    pipe: AlignmentPipeline, data: Path, part: str, seed: int, shards: Path | None = None
) -> list[Looked]:
    """Every scan of one part of the split, planted and looked at once; shards are built when there
    are none."""
    with tempfile.TemporaryDirectory() as name:
        if shards is None:
            build_shards(data, Path(name), part=part, phrases=1)
        seen = []
        for index, path in enumerate(sorted((shards or Path(name)).glob("scan-native-*.npz"))):
            kinds = [
                str(kind)
                for kind in np.random.default_rng([seed, index]).permutation((*TAUGHT, *TWICE))
            ]
            planted = plant(path, kinds, seed)
            seen.append(look(pipe, planted))
            sys.stderr.write(f"{part} {planted.patient}: {len(planted.lesions)} lesions\n")
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--shards",
        type=Path,
        help="shards of the training patients, when they are there (dgmvlc data)",
    )
    parser.add_argument("--weights", type=Path)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).resolve().parents[2] / "Resources" / "review-score.json",
    )
    args = parser.parse_args()
    started, pipe = time.monotonic(), AlignmentPipeline.from_pretrained(args.weights)
    train, val = see(pipe, args.data, "train", 1, args.shards), see(pipe, args.data, "val", 2)
    fields = fit_cells(
        [cell_samples(one) for one in train], train[0].cells.names, pipe.weights_sha256
    )
    rows = [rows_of_map(one, abnormality(one.cells, Score.from_fields(fields))) for one in val]
    cut = round(float(np.clip(threshold_at(rows, 1.0), 0.02, 0.999)), 4)
    about = (
        "Score of the review's cells; fitted on training patients, shown_from (one false region a "
        "scan) set on validation patients."
    )
    args.out.write_text(
        json.dumps({"about": about, "shown_from": cut, **fields}, indent=1) + "\n", encoding="utf-8"
    )
    facts = {
        "train scans": len(train),
        "train lesions": sum(len(one.lesions) for one in train),
        "validation": froc(rows),
        "shown_from": cut,
        "seconds": round(time.monotonic() - started),
    }
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
