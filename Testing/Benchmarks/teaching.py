"""Does an independent classifier agree with the answer keys of teaching cases?

    python Testing/Benchmarks/teaching.py DATA_FOLDER OUT.json [--part test] [--each 3] [--generated
    1] [--shards TRAIN_SHARDS]

A random forest on simple features of a ball of 20 mm around each finding (HU quantiles and shares,
fine texture, edges, distance to the pleura; never the
key's mask, no network, nothing shared with the generator) learns to name simulated findings in
train patients and is then asked for those of other patients:
simulated cases (truth known) and, with --generated, findings that the generator wrote from a
sentence.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.readers.design import Wish, plan_cases
from DGMVLCCore.readers.make import Made, generate_case, insert_case
from DGMVLCCore.readers.source import ClearScan, clear_scan
from DGMVLCCore.simulation.phrases import TERMS
from DGMVLCCore.simulation.shapes import wall_distance
from DGMVLCCore.stats import bootstrap_interval
from DGMVLCCore.training.examples import TrainingScan
from DGMVLCCore.training.shards import build_shards

RADIUS_MM = 20.0
RADII_MM = (3.0, 8.0, RADIUS_MM)
BORDERS_HU = (-1100, -950, -880, -780, -600, -350, -100, 20, 120, 4000)


def features(made: Made) -> np.ndarray:
    """(F,) what a ball around the finding's middle looks like."""
    mask, scan, spacing = made.mask, made.after.array, made.after.spacing
    where = np.argwhere(mask)
    centre = where[((where - where.mean(0)) ** 2).sum(1).argmin()]
    reach = [int(np.ceil(RADIUS_MM / s)) for s in spacing]
    box = tuple(slice(max(c - r, 0), c + r + 1) for c, r in zip(centre, reach))
    hu = scan[box]
    grid = np.ix_(
        *[
            (np.arange(b.start, b.start + n) - c) * s
            for b, n, c, s in zip(box, hu.shape, centre, spacing)
        ]
    )
    distance = np.sqrt(sum(g**2 for g in grid))
    fine = hu - ndimage.gaussian_filter(hu, (0, 3 / spacing[1], 3 / spacing[1]))
    edges = np.hypot(*np.gradient(np.clip(hu, -1024, 300), axis=(1, 2))) / spacing[1]
    depth = wall_distance(made.anatomy.lungs[centre[0]][None], spacing)[0][centre[1], centre[2]]
    out = [depth]
    for radius in RADII_MM:
        inside = distance <= radius
        values = hu[inside]
        out += [
            *np.percentile(values, (5, 25, 50, 75, 95)),
            *(np.histogram(values, BORDERS_HU)[0] / values.size),
            fine[inside].std(),
            edges[inside].mean(),
        ]
    return np.array(out, np.float32)


def clear_scans(shards: Path) -> Iterator[tuple[str, ClearScan]]:
    """(patient, scan) of a shard folder, native grids; slices with labelled disease are avoided."""
    for path in sorted(shards.glob("scan-native-*.npz")):
        shard = TrainingScan.load(path)
        dz, dy, dx = map(float, shard.spacing)
        volume = Volume(shard.hu.astype(np.float32), np.diag([dx, dy, dz, 1.0]))
        avoid = np.broadcast_to(shard.unclear[:, None, None], shard.hu.shape)
        try:
            yield (
                path.stem.split("-", 2)[2],
                clear_scan(volume, path.stem, Anatomy(shard.labels), avoid),
            )
        except UnsuitableInputError as error:
            sys.stderr.write(f"left out {path.stem}: {error}\n")


def cases(scan: ClearScan, each: int, seed: int, pipe: object | None = None) -> Iterator[Made]:
    """`each` cases of every finding in one scan; one without a clear place is left out and said."""
    specs = plan_cases(Wish(), each * len(TERMS), scan.places, seed=seed, balanced=True)
    for number, spec in enumerate(specs):
        rng = np.random.default_rng([seed, number])
        try:
            yield (
                generate_case(pipe, scan, spec, rng, noises=1)
                if pipe
                else insert_case(scan, spec, rng)
            )
        except UnsuitableInputError as error:
            sys.stderr.write(f"left out: {error}\n")


def score(model: RandomForestClassifier, seen: list[tuple[str, Made]]) -> dict:
    """Accuracy over all cases and by finding, size and subtlety; the interval resamples
    patients."""
    if not seen:
        return {"n": 0}
    ranked = model.classes_[
        np.argsort(-model.predict_proba(np.stack([features(made) for _, made in seen])), 1)
    ]
    truth = np.array([made.spec.term for _, made in seen])
    right, two = ranked[:, 0] == truth, (ranked[:, :2] == truth[:, None]).any(1)
    groups: dict[str, list[float]] = {}
    for (patient, _), hit in zip(seen, right):
        groups.setdefault(patient, []).append(float(hit))
    by = {
        name: {
            str(level): [int(right[rows].sum()), int(rows.sum())]
            for level in dict.fromkeys(values)
            for rows in [np.array(values) == level]
        }
        for name, values in (
            ("term", truth.tolist()),
            ("size", [made.spec.size for _, made in seen]),
            ("subtlety", [made.spec.subtlety for _, made in seen]),
        )
    }
    return {
        "accuracy": round(float(right.mean()), 3),
        "ci95": [round(v, 3) for v in bootstrap_interval(groups)],
        "top-2": round(float(two.mean()), 3),
        "n": len(seen),
        "patients": len(groups),
        "chance": round(1 / len(TERMS), 3),
        "right of": by,
        "taken for": {
            t: {
                str(k): int(v)
                for k, v in zip(*np.unique(ranked[truth == t, 0], return_counts=True))
            }
            for t in dict.fromkeys(truth.tolist())
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", default="test", choices=("val", "test"))
    parser.add_argument(
        "--each",
        type=int,
        default=3,
        help="simulated cases of each finding in each held-out patient",
    )
    parser.add_argument("--train-each", type=int, default=6)
    parser.add_argument(
        "--generated",
        type=int,
        default=1,
        help="generated cases of each finding in each held-out patient; 0 for none",
    )
    parser.add_argument(
        "--shards", type=Path, help="shards of the train patients; made when left out"
    )
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        train = args.shards or Path(folder) / "train"
        if not args.shards:
            build_shards(args.data, train, part="train", phrases=40)
        build_shards(args.data, Path(folder) / "held", part=args.part, phrases=40)
        learned = [
            made for _, scan in clear_scans(train) for made in cases(scan, args.train_each, 1)
        ]
        model = RandomForestClassifier(400, min_samples_leaf=2, random_state=0, n_jobs=1).fit(
            np.stack([features(made) for made in learned]), [made.spec.term for made in learned]
        )
        sys.stderr.write(
            f"{time.monotonic() - started:5.0f} s  learned from {len(learned)} cases\n"
        )
        held = list(clear_scans(Path(folder) / "held"))
        answer = {
            "part": args.part,
            "trained on cases": len(learned),
            "simulated": score(model, [(p, m) for p, s in held for m in cases(s, args.each, 2)]),
        }
        args.out.write_text(
            json.dumps(answer, indent=1), encoding="utf-8"
        )  # the generator takes minutes
        if args.generated:
            from DGMVLCCore import CounterfactualPipeline

            pipe = CounterfactualPipeline.from_pretrained()
            answer["weights_sha256"] = pipe.weights_sha256
            answer["generated"] = score(
                model, [(p, m) for p, s in held for m in cases(s, args.generated, 3, pipe)]
            )
    answer["seconds"] = round(time.monotonic() - started)
    args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
