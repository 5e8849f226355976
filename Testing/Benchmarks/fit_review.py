"""Sets the review's operating point on validation patients with simulated and transplanted real
lesions.

    python Testing/Benchmarks/fit_review.py VAL_SHARDS [--keep FOLDER] [--weights FOLDER]

The shards are those of `dgmvlc data`. What was measured of a scan is kept in --keep, so that a run
that was stopped goes on. To be run again whenever the editor's weights change; no test patient is
opened.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from detection import Planted, froc, plant, real_nodules, threshold_at
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.simulation.insert import KINDS
from DGMVLCCore.simulation.transplant import RealNodule
from review_scores import Measured, measured, see

REAL = 4  # transplanted nodules a scan
RATE = 1.0  # false regions a validation scan at the operating point
SEED = 2


def planted(path: Path, pool: list[RealNodule]) -> Planted:
    """A scan with a lesion of every kind and real nodules of the part's patients."""
    rng = np.random.default_rng([SEED, zlib.crc32(path.stem.encode())])
    drawn = [*KINDS, *(pool[int(i)] for i in rng.integers(len(pool), size=REAL))]
    return plant(path, [drawn[i] for i in rng.permutation(len(drawn))], SEED)


def measure_all(pipe: CounterfactualPipeline, shards: Path, keep: Path) -> Iterator[Measured]:
    """The candidates of every scan of a part, at both of its spacings."""
    pool = real_nodules(shards)
    for path in sorted(shards.glob("scan-*.npz")):
        place = keep / f"{path.stem}.pkl"
        if not place.is_file():
            made = measured(see(pipe, planted(path, pool)))
            with whole_file(place) as file:
                file.write_bytes(pickle.dumps(made))
        done: Measured = pickle.loads(place.read_bytes())  # written by this script alone
        sys.stderr.write(f"{path.stem}: {len(done.kinds)} lesions\n")
        yield done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).resolve().parents[2] / "Resources" / "review-score.json",
    )
    args = parser.parse_args()
    started, pipe = time.monotonic(), CounterfactualPipeline.from_pretrained(args.weights)
    with tempfile.TemporaryDirectory() as name:
        keep = args.keep or Path(name)
        keep.mkdir(parents=True, exist_ok=True)
        rows = [each.row() for each in measure_all(pipe, args.shards, keep)]
    fields = {
        "about": "The score from which the review shows a region: one false region a scan on "
        "validation patients.",
        "shown_from": round(float(np.clip(threshold_at(rows, RATE), 0.02, 0.999)), 4),
        "weights_sha256": pipe.weights_sha256,
    }
    args.out.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    facts = {**fields, "validation": froc(rows), "seconds": round(time.monotonic() - started)}
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
