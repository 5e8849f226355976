"""The lungs of the network against the classical ones: expert lungs, lungs with big disease painted
in, real tumours, time.

python Testing/Benchmarks/lungs.py DATA OUT.json [--part val|test] [--way network|classical]
python Testing/Benchmarks/lungs.py DATA OUT.json --speed   # seconds by number of slices

Painted disease comes from the generator that the network learned from, on patients it did not. The
tumours of 4D-Lung, RIDER and Lung_Dx-A0001 are of training patients whose scans the network's
training leaves out; boxes are read as the ellipses in them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore import Volume, load_labels, load_volume
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy, segment_anatomy
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.simulation.gross import KINDS, Slices, paint
from DGMVLCCore.stats import over_patients
from DGMVLCCore.training.shards import build_scan
from DGMVLCCore.training.splits import load_splits

WAYS: dict[str, Callable[[Volume], Anatomy]] = {
    "network": find_anatomy,
    "classical": segment_anatomy,
}
DISEASED_HU, DRAWS = 100.0, 1
TUMOURS = ("4dlung_113", "rider_1129164940", "lungdx_A0001")


@dataclass(frozen=True, eq=False)
class Case:
    """A scan with the lungs it truly has, or with a part that belongs to them; bool (D,H,W)."""

    kind: str
    patient: str
    scan: Volume
    lungs: np.ndarray | None = None
    inside: np.ndarray | None = None


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def packed(path: Path) -> tuple[Volume, dict[str, np.ndarray]]:
    """A packed volume of 1.6 mm as a scan, and its shard."""
    shard = build_scan(path, native=False)
    affine = np.diag([*shard["spacing"][::-1], 1.0])
    return Volume(shard["hu"].astype(np.float32), affine), shard


def in_a_room(scan: Volume, body: np.ndarray, rng: np.random.Generator) -> Volume:
    """With noisy air and a table where the packed volume has -1024."""
    room = rng.normal(-1000, 15, scan.shape)
    below = int(np.nonzero(body.any((0, 2)))[0][-1]) + 4
    room[:, below : below + 3] = -100
    return scan.with_array(np.where(body, scan.array, room).astype(np.float32))


def painted(name: str, scan: Volume, shard: dict[str, np.ndarray]) -> Iterator[Case]:
    """Big disease of each kind in one patient."""
    labels = shard["labels"]
    lungs, body = np.isin(labels, (2, 3)), labels > 0
    for index, kind in enumerate(KINDS):
        rng = np.random.default_rng([len(name), sum(map(ord, name)), index])
        drawn = 0
        while drawn < DRAWS:
            slices = Slices(scan.array, np.where(lungs, labels, 0), body, scan.spacing)
            hu = paint(slices, kind, rng)
            changed = lungs & (np.abs(hu - scan.array) > DISEASED_HU)
            # "Big": at least what a ball of 40 mm holds.
            if changed.sum() * np.prod(scan.spacing) / 1000 < 33:
                continue
            drawn += 1
            noisy = hu + rng.normal(0, 10, hu.shape)
            made = scan.with_array(noisy.astype(np.float32))
            yield Case(kind, name, in_a_room(made, body, rng), lungs, changed)


def cases(data: Path, part: str) -> Iterator[Case]:
    """Every case of one part of the split."""
    volumes, splits = data / "train" / "volumes", load_splits()
    for name in (name for name, where in splits.volumes.items() if where == part):
        scan, shard = packed(volumes / f"{name}.npz")
        if name.startswith("lctsc"):
            yield Case("expert", name, scan, np.isin(shard["labels"], (2, 3)))
        yield from painted(name, scan, shard)
    for name in TUMOURS:
        scan, shard = packed(volumes / f"{name}.npz")
        room = in_a_room(scan, shard["labels"] > 0, np.random.default_rng(0))
        yield Case("tumour", name, room, inside=shard["tumour"])
    if part != "test":
        return
    scan = load_volume(data / "test" / "lctsc201_ct.nrrd")
    expert = load_labels(data / "test" / "lctsc201_lung_expert.nrrd", scan).union()
    yield Case("expert", "lctsc_201", scan, expert)
    scan = load_volume(data / "test" / "lidc0001_ct.nrrd")
    nodule = load_labels(data / "test" / "lidc0001_nodule.nrrd", scan).union()
    yield Case("tumour", "lidc_0001", scan, inside=nodule)
    scan = load_volume(data / "test" / "lungdx_a0002_ct.nrrd")
    boxes = json.loads((data / "test" / "lungdx_a0002.json").read_text(encoding="utf-8"))["boxes"]
    yield Case("tumour", "lungdx_A0002", scan, inside=ellipses(boxes, scan.shape))


def ellipses(boxes: list[dict[str, Any]], shape: tuple[int, ...]) -> np.ndarray:
    """bool (D,H,W): the ellipse in each box."""
    mask, (y, x) = np.zeros(shape, bool), np.ogrid[: shape[1], : shape[2]]
    for box in boxes:
        x0, y0, x1, y1 = box["x0y0x1y1_px256"]
        mask[box["z_index"]] |= ((2 * y - y0 - y1) / (y1 - y0)) ** 2 + (
            (2 * x - x0 - x1) / (x1 - x0)
        ) ** 2 <= 1
    return mask


def measure(case: Case, way: str) -> dict[str, Any]:
    """Dice, share inside and seconds of one way on one case."""
    start = time.perf_counter()
    try:
        found = WAYS[way](case.scan)
    except UnsuitableInputError:
        lungs, origin = np.zeros(case.scan.shape, bool), "none"
    else:
        lungs, origin = found.lungs, found.origin
    row: dict[str, Any] = {"kind": case.kind, "patient": case.patient, "way": way}
    row |= {"origin": origin, "seconds": round(time.perf_counter() - start, 2)}
    if case.lungs is not None:
        row["dice"] = round(dice(lungs, case.lungs), 4)
    if case.inside is not None:
        row["inside"] = round(float(lungs[case.inside].mean()), 4)
    return row


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means with intervals over patients, by way and kind."""
    out: dict[str, Any] = {}
    painted = tuple(kind for kind in KINDS if kind != "central mass")  # the harder one by itself
    groups = {"expert": ("expert",), "painted": painted, "tumour": ("tumour",)}
    groups |= {kind: (kind,) for kind in KINDS}
    for way in WAYS:
        for name, kinds in groups.items():
            for score in ("dice", "inside"):
                pairs = [
                    (row["patient"], row.get(score))
                    for row in rows
                    if row["way"] == way and row["kind"] in kinds
                ]
                if mean := over_patients(pairs):
                    out[f"{way}, {name}, {score}"] = mean.rounded()
    return out


def speed(data: Path) -> dict[str, float]:
    """Seconds of 75 to 600 slices of 512 x 512 over the same 300 mm of a validation patient, the
    second of two runs."""
    scan, shard = packed(data / "train" / "volumes" / "lctsc_103.npz")
    scan = in_a_room(scan, shard["labels"] > 0, np.random.default_rng(0))
    plane = scan.array.repeat(2, 1).repeat(2, 2)
    out = {}
    for count in (75, 150, 300, 600):
        rows = np.linspace(0, len(plane) - 1, count).round().astype(int)
        thin = Volume(plane[rows], np.diag([0.8, 0.8, 300 / count, 1.0]))
        for _ in range(2):
            start = time.perf_counter()
            find_anatomy(thin)
            out[str(count)] = round(time.perf_counter() - start, 2)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=("val", "test"), default="val")
    parser.add_argument("--way", choices=tuple(WAYS), action="append")
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    if args.speed:
        record: dict[str, Any] = {"seconds": speed(args.data)}
    else:
        rows = [
            measure(case, way) for case in cases(args.data, args.part) for way in args.way or WAYS
        ]
        record = {"part": args.part, "summary": summary(rows), "rows": rows}
    args.out.write_text(json.dumps(record, indent=1), encoding="utf-8")
    shown = record.get("summary") or record["seconds"]
    sys.stdout.writelines(f"{name}: {value}\n" for name, value in shown.items())


if __name__ == "__main__":
    main()
