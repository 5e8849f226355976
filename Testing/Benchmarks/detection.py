"""Are lesions found? Scans of held-out patients with several simulated lesions each, hits, and
sensitivity against false regions a scan (FROC)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import dilate_mm
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.simulation.insert import Lesion, insert_lesion
from DGMVLCCore.simulation.patch import ScanPatch, clear, lungs_of
from DGMVLCCore.simulation.transplant import RealNodule, transplant
from DGMVLCCore.stats import bootstrap_interval
from DGMVLCCore.training.examples import TrainingScan

RATES = (0.25, 1.0, 4.0)  # false regions a scan
HALF_HIT, IOU_HIT = 0.5, 0.1
TRIES = 60
APART_MM = 15.0
SMALLEST_MM = 4.0  # of the real nodules
TRANSPLANTED = "real nodule"


@dataclass(frozen=True, eq=False)
class Planted:
    """A canonical scan with lesions of known place; `lesions` may be empty (the patient's own
    scan)."""

    patient: str
    scan: Volume
    anatomy: Anatomy
    lesions: list[Lesion]
    unclear: np.ndarray


def real_nodules(shards: Path) -> list[RealNodule]:
    """The real nodules of a part's patients, from 4 mm on."""
    with np.load(shards / "nodules.npz") as file:
        data = {key: file[key] for key in ("hu", "mask", "kind", "size_mm")}
    return [
        RealNodule(hu.astype(np.float32), mask > 0, str(kind), float(size))
        for hu, mask, kind, size in zip(*data.values())
        if size >= SMALLEST_MM
    ]


def _free_lesion(
    scan: TrainingScan,
    hu: np.ndarray,
    lungs: np.ndarray,
    taken: np.ndarray,
    kind: str | RealNodule,
    rng: np.random.Generator,
) -> Lesion | None:
    """A lesion in clear lung away from those already there (`taken`, changed in place); None when
    no place was found."""
    dz, dy, dx = map(float, scan.spacing)
    spacing = (dz, dy, dx)
    rows = np.nonzero(~scan.unclear & (lungs > 0).any((1, 2)))[0]
    for _ in range(TRIES):
        z = int(rng.choice(rows))
        low, high = max(z - 6, 0), min(z + 7, len(hu))
        part = slice(low, high)
        edges = (scan.zone_edges[0] - low, scan.zone_edges[1] - low)
        points = np.argwhere(lungs[z] > 0)
        y, x = points[rng.integers(len(points))]
        patch = ScanPatch(hu[part], lungs[part], spacing, edges, scan.noise)
        centre = (float(z - low), float(y), float(x))
        lesion = (
            insert_lesion(patch, kind, rng, centre=centre)
            if isinstance(kind, str)
            else transplant(patch, kind, rng, centre=centre)
        )
        if (
            lesion.mask.sum((1, 2)).max(initial=0) >= 12
            and not (lesion.mask & taken[part]).any()
            and not scan.unclear[part][lesion.mask.any((1, 2))].any()
            and clear(hu[part], lesion.mask, lungs[part] > 0)
        ):
            whole = np.zeros(hu.shape, bool)
            whole[part] = lesion.mask
            hu[part] = np.rint(lesion.hu)
            taken |= dilate_mm(whole, spacing, APART_MM)
            return Lesion(
                lesion.hu,
                lesion.soft,
                whole,
                lesion.kind if isinstance(kind, str) else TRANSPLANTED,
                lesion.term,
                lesion.side,
                lesion.zone,
                lesion.size_mm,
                lesion.descriptors,
            )
    return None


def plant(path: Path, kinds: Sequence[str | RealNodule], seed: int) -> Planted:
    """A shard's scan with one lesion of each kind and each real nodule, well apart; those that find
    no clear place are left out."""
    scan, rng = TrainingScan.load(path), np.random.default_rng([seed, len(kinds)])
    hu = scan.hu.astype(np.float32)
    lungs = lungs_of(scan.labels)
    taken = np.zeros(hu.shape, bool)
    made = [_free_lesion(scan, hu, lungs, taken, kind, rng) for kind in kinds]
    dz, dy, dx = map(float, scan.spacing)
    return Planted(
        path.stem.split("-", 2)[2],
        Volume(hu, np.diag([dx, dy, dz, 1.0])),
        Anatomy(scan.labels, origin="shard"),
        [lesion for lesion in made if lesion is not None],
        scan.unclear,
    )


def hits(region: np.ndarray, lesions: list[np.ndarray]) -> list[int]:
    """Which lesions a region finds: half of it lies in the lesion, or their IoU is at least 0.1.
    All masks bool (D,H,W)."""
    found = []
    for index, lesion in enumerate(lesions):
        both = int((region & lesion).sum())
        if both and (both >= HALF_HIT * region.sum() or both >= IOU_HIT * (region | lesion).sum()):
            found.append(index)
    return found


@dataclass(frozen=True)
class ScanRow:
    """What a method made of one scan: a (score, hit lesions) pair a region, the number of lesions,
    and their kinds."""

    patient: str
    regions: list[tuple[float, list[int]]]
    lesions: int
    kinds: tuple[str, ...] = ()


def froc(rows: list[ScanRow], rates: Sequence[float] = RATES) -> dict[str, Any]:
    """Sensitivity at the highest threshold-free cut that keeps false regions a scan at or below
    each rate, with an interval over patients.

    Raises:
        UnsuitableInputError: no lesion to find.
    """
    if not sum(row.lesions for row in rows):
        raise UnsuitableInputError("No scan holds a lesion, so no sensitivity can be measured.")
    out: dict[str, Any] = {}
    for rate in rates:
        cut = threshold_at(rows, rate)
        seen: dict[str, list[float]] = {}
        for row in rows:
            found = {index for score, hit in row.regions if score >= cut for index in hit}
            seen.setdefault(row.patient, []).extend(
                float(index in found) for index in range(row.lesions)
            )
        values = [value for group in seen.values() for value in group]
        with_lesions = {patient: group for patient, group in seen.items() if group}
        out[f"{rate:g}"] = {
            "sensitivity": round(float(np.mean(values)), 3),
            "n": len(values),
            "scans": len(rows),
            "patients": len(with_lesions),
            "ci95": [round(v, 3) for v in bootstrap_interval(with_lesions)],
            "threshold": None if np.isinf(cut) else round(float(cut), 4),
        }
    return out


def threshold_at(rows: list[ScanRow], rate: float) -> float:
    """The lowest score at which false regions a scan are still at or below a rate."""
    false = sorted((score for row in rows for score, hit in row.regions if not hit), reverse=True)
    allowed = int(np.floor(rate * len(rows)))
    if len(false) <= allowed:
        return float("-inf")
    return float(np.nextafter(false[allowed], np.inf))
