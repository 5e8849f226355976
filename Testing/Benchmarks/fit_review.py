"""Sets the review's operating point on validation patients with simulated and transplanted real
lesions.

    python Testing/Benchmarks/fit_review.py VAL_SHARDS [--finder FOLDER] [--weights FOLDER]

The shards are those of `dgmvlc data`. To be run again whenever finder or editor change; no test
patient is opened.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from pathlib import Path

import numpy as np

from detection import Planted, froc, plant, real_nodules, threshold_at
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.models.finder import load_finder
from DGMVLCCore.simulation.insert import KINDS
from DGMVLCCore.simulation.transplant import RealNodule
from review_scores import regions_of_review, row_of, see

REAL = 4  # transplanted nodules a scan
RATE = 1.0  # false regions a validation scan at the operating point
SEED = 2


def planted(path: Path, pool: list[RealNodule]) -> Planted:
    """A scan with a lesion of every kind and real nodules of the part's patients."""
    rng = np.random.default_rng([SEED, zlib.crc32(path.stem.encode())])
    drawn = [*KINDS, *(pool[int(i)] for i in rng.integers(len(pool), size=REAL))]
    return plant(path, [drawn[i] for i in rng.permutation(len(drawn))], SEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--finder", type=Path)
    parser.add_argument("--weights", type=Path, help="of the editor")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).resolve().parents[2] / "Resources" / "review-score.json",
    )
    args = parser.parse_args()
    started, (finder, sha256) = time.monotonic(), load_finder(args.finder)
    pipe = CounterfactualPipeline.from_pretrained(args.weights)
    pool, rows = real_nodules(args.shards), []
    for path in sorted(args.shards.glob("scan-*.npz")):
        seen = see(planted(path, pool), finder)
        rows.append(row_of(seen, regions_of_review(pipe, seen)))
        sys.stderr.write(f"{path.stem}: {len(seen.lesions)} lesions\n")
    fields = {
        "about": "The score from which the review shows a region: one false region a scan on "
        "validation patients.",
        "shown_from": round(float(np.clip(threshold_at(rows, RATE), 0.02, 0.999)), 4),
        "weights_sha256": sha256,
        "editor_sha256": pipe.weights_sha256,
    }
    args.out.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    facts = {**fields, "validation": froc(rows), "seconds": round(time.monotonic() - started)}
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
