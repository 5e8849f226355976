"""Fits the review's score on training patients with simulated and transplanted real lesions, and
sets its operating point on validation patients.

    python Testing/Benchmarks/fit_review.py TRAIN_SHARDS VAL_SHARDS [--keep FOLDER] [--out FILE]

The shards are those of `dgmvlc data`. What was measured of a scan is kept in --keep, so that a run
that was stopped goes on. To be run again whenever the editor's weights change; no test
patient is opened.
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
from typing import Any

import numpy as np

from detection import Planted, ScanRow, froc, plant, real_nodules, threshold_at
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.review.abnormality import DENIED
from DGMVLCCore.review.features import feature_names
from DGMVLCCore.review.score import Score
from DGMVLCCore.simulation.insert import HELD_OUT_KIND, KINDS
from DGMVLCCore.simulation.transplant import RealNodule
from perceptron import fit_perceptron
from review_scores import Measured, measured, see

REAL = 4  # transplanted nodules a scan
HIDDEN, RIDGE = 0, 1e-2  # chosen by cross-validation over the training patients
RATE = 1.0  # false regions a validation scan at the operating point
SEEDS = {"train": 1, "val": 2}


def planted(path: Path, part: str, pool: list[RealNodule]) -> Planted:
    """A scan with lesions of every kind the part may see and real nodules of its own patients."""
    rng = np.random.default_rng([SEEDS[part], zlib.crc32(path.stem.encode())])
    kinds = [kind for kind in KINDS if part != "train" or kind != HELD_OUT_KIND]
    drawn = [*kinds, *(pool[int(i)] for i in rng.integers(len(pool), size=REAL))]
    return plant(path, [drawn[i] for i in rng.permutation(len(drawn))], SEEDS[part])


def measure_all(
    pipe: CounterfactualPipeline, shards: Path, part: str, keep: Path
) -> Iterator[Measured]:
    """The candidates of every scan of a part, at both of its spacings."""
    pool = real_nodules(shards)
    for path in sorted(shards.glob("scan-*.npz")):
        place = keep / f"{part}-{path.stem}.pkl"
        if not place.is_file():
            made = measured(see(pipe, planted(path, part, pool)))
            with whole_file(place) as file:
                file.write_bytes(pickle.dumps(made))
        done: Measured = pickle.loads(place.read_bytes())  # written by this script alone
        sys.stderr.write(f"{part} {path.stem}: {len(done.kinds)} lesions\n")
        yield done


def fit(scans: list[Measured], sha256: str = "") -> dict[str, Any]:
    """The score's file from the candidates of scans; lesions and the rest weigh the same."""
    features = np.concatenate([each.features[each.known] for each in scans if len(each.hit)])
    true = np.concatenate([each.true[each.known] for each in scans if len(each.hit)])
    weights = np.where(true, 0.5 / true.sum(), 0.5 / (~true).sum())
    made = fit_perceptron(features.astype(float), true, weights, hidden=HIDDEN, ridge=RIDGE)
    return {"weights_sha256": sha256, "names": list(feature_names(DENIED)), **made}


def left_out(scans: list[Measured], parts: int = 5) -> list[ScanRow]:
    """Every scan under a score that never saw its patient."""
    patients = sorted({each.patient for each in scans})
    rows = []
    for part in range(parts):
        away = set(patients[part::parts])
        score = Score.from_fields(fit([each for each in scans if each.patient not in away]))
        rows += [each.row(score(each.features)) for each in scans if each.patient in away]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("val", type=Path)
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
        train = list(measure_all(pipe, args.train, "train", keep))
        val = list(measure_all(pipe, args.val, "val", keep))
    fields = fit(train, pipe.weights_sha256)
    score = Score.from_fields(fields)
    rows = [each.row(score(each.features)) for each in val]
    cut = round(float(np.clip(threshold_at(rows, RATE), 0.02, 0.999)), 4)
    about = (
        "Score of the review's candidates; fitted on training patients, shown_from (one false "
        "region a scan) set on validation patients."
    )
    args.out.write_text(
        json.dumps({"about": about, "shown_from": cut, **fields}, indent=1) + "\n", encoding="utf-8"
    )
    facts = {
        "candidates of training scans": sum(len(each.hit) for each in train),
        "of them lesions": int(sum(each.true.sum() for each in train)),
        "training, left out by patient": froc(left_out(train)),
        "validation": froc(rows),
        "shown_from": cut,
        "seconds": round(time.monotonic() - started),
    }
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
