"""The gap between scanners: trained on one collection's patients and scored on held-out patients of
both, a 2x2 table.

    python Testing/Benchmarks/scanner_gap.py DATA OUT.json --minutes 30

Two denoisers of equal widths learn for equal minutes from simulated lesions in the training
patients of LCTSC and of COVID-CT-MD (real nodules of other
scanners are left out), each in a process of its own. Cases are simulated lesions in the held-out
patients of both, none of them seen in training; one
sample an edit. The gap is the error on the other collection minus that on the own one. Runs are
kept in OUT.trained and go on when broken off.
COVID-CT-MD has held-out patients in the test part alone, so the default part is test; nothing is
tuned on it.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from DGMVLCCore.evaluation.benchmark import jobs
from DGMVLCCore.evaluation.benchmark.scoring import side_by_side
from DGMVLCCore.evaluation.benchmark.training import Budget, recipe_of
from DGMVLCCore.evaluation.benchmark.variants import SAME_NETWORK, VARIANTS
from DGMVLCCore.evaluation.markdown import cell
from DGMVLCCore.evaluation.run import prepare_shards
from DGMVLCCore.evaluation.statistics import at
from DGMVLCCore.results.records import plain, write_text
from DGMVLCCore.simulation.insert import KINDS
from DGMVLCCore.training.shards import build_shards

COLLECTIONS = {"LCTSC": "lctsc_", "COVID-CT-MD": "covidctmd_"}
SCORES = ("mae_hu", "texture_error")
VARIANT = next(variant for variant in VARIANTS if variant.name == SAME_NETWORK)


def collect(shards: Path, out: Path, prefix: str) -> list[str]:
    """Copy what belongs to a collection (and the phrases and nodules that every shard folder
    needs); returns its patients."""
    out.mkdir(parents=True, exist_ok=True)
    scans = [
        path
        for path in sorted(shards.glob("scan-*.npz"))
        if path.stem.split("-", 2)[2].startswith(prefix)
    ]
    for path in (*scans, shards / "phrases.npz", shards / "nodules.npz"):
        shutil.copyfile(path, out / path.name)
    return sorted({path.stem.split("-", 2)[2] for path in scans})


def train_on(shards: Path, out: Path, budget: Budget) -> Path:
    """Train on the scans of a folder alone; returns the weights' folder."""
    jobs.call("train", asdict(replace(recipe_of(VARIANT, budget, shards, out), nodule_share=0.0)))
    return out / "weights"


def score_on(weights: Path, shards: Path, rows: Path, part: str, seeds: int) -> list[dict]:
    """Rows of a network on the cases of a shard folder, by the scores of `dgmvlc evaluate`."""
    jobs.call(
        "score",
        {
            "variant": VARIANT.name,
            "weights": str(weights),
            "shards": str(shards),
            "part": part,
            "kinds": KINDS,
            "seeds": seeds,
            "seed": 0,
            "folder": str(rows),
            "truth": False,
        },
    )
    found = side_by_side([rows])[0]
    return [{**row, **row["methods"][VARIANT.title]} for row in found]


def gap_table(cells: dict[tuple[str, str], list[dict]]) -> dict:
    """(trained on, scored on) -> rows, as figures and as the gap of each network."""
    table = {
        first: {
            second: {score: at(cells[first, second], score) for score in SCORES}
            for second in COLLECTIONS
        }
        for first in COLLECTIONS
    }
    gaps = {}
    for own, other in (list(COLLECTIONS), list(COLLECTIONS)[::-1]):
        gaps[own] = {
            score: None
            if None
            in (a := table[own][other][score]["value"], b := table[own][own][score]["value"])
            else a - b
            for score in SCORES
        }
    return {"table": table, "gap": gaps}


def run(data: Path, out: Path, budget: Budget, part: str, seeds: int) -> dict:
    """Train both, score both on both."""
    trained, patients, cells = out.with_name(f"{out.stem}.trained"), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        build_shards(data, work / "train")
        prepare_shards(data, part, work / part)
        for name, prefix in COLLECTIONS.items():
            patients[name] = {
                which: collect(work / which, work / f"{which}-{prefix}", prefix)
                for which in ("train", part)
            }
            if empty := [which for which, found in patients[name].items() if not found]:
                raise SystemExit(
                    f"{name} has no patients in {' or '.join(empty)}; choose another --part."
                )
        for name, prefix in COLLECTIONS.items():
            weights = train_on(work / f"train-{prefix}", trained / name, budget)
            for other, where in COLLECTIONS.items():
                cells[name, other] = score_on(
                    weights, work / f"{part}-{where}", work / f"rows-{name}-{other}", part, seeds
                )
    return plain({"part": part, "budget": asdict(budget), "patients": patients, **gap_table(cells)})


def main() -> None:
    """Write OUT.json and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--steps", type=int, default=0, help="training steps in place of minutes")
    parser.add_argument("--widths", type=int, nargs=3, default=(64, 112, 176))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--part", choices=("val", "test"), default="test")
    parser.add_argument("--seeds", type=int, default=2, help="lesions of each kind in each patient")
    args = parser.parse_args()
    found = run(
        args.data,
        args.out,
        Budget(args.minutes, args.steps, tuple(args.widths), args.batch),
        args.part,
        args.seeds,
    )
    write_text(json.dumps(found, indent=1) + "\n", args.out)
    for first, line in found["table"].items():
        for second, scores in line.items():
            print(
                f"trained on {first:12} scored on {second:12}",
                *(f"{key} {cell(figure)}" for key, figure in scores.items()),
            )
        print(f"gap of the network of {first}: {found['gap'][first]}")


if __name__ == "__main__":
    main()
