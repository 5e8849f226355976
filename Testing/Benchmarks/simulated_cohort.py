"""A simulated cohort with known truth: real lungs, varied into many “patients”, with planted
effects of known size and place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DGMVLCCore.cohort.frame import (
    REGIONS,
    PatientScan,
    patient_scan,
    region_labels,
    region_means,
)
from DGMVLCCore.cohort.groups import Rows
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.imaging.anatomy import LEFT, RIGHT, Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.simulation.texture import random_field
from DGMVLCCore.training.examples import TrainingScan

SMOKING_HU = 25.0  # denser lungs of smokers, everywhere
AGE_HU, AGE_CENTRE = -1.0, 60.0  # HU a year, upper zones only
DENSITY_HU, BETWEEN_HU, FIELD_HU, FIELD_MM = -850.0, 22.0, 8.0, 40.0
CLEAR_SHARE = 0.5
PLANTED = {"smoking": SMOKING_HU, "age": AGE_HU}
NULL = ("sex", "occupational_exposure")


@dataclass(frozen=True, eq=False)
class SimulatedCohort:
    """Scans and rows by id, and what was planted.

    Args:
        truth: attribute -> mean change (R,) in HU of each of `REGIONS` by one step (smoking: never
            to active; age: a year).
    """

    scans: dict[str, PatientScan]
    rows: Rows
    truth: dict[str, np.ndarray]


def air_share(hu: np.ndarray) -> np.ndarray:
    """How much of a density change a voxel (HU) takes: all of it in parenchyma, nothing in
    vessels."""
    return np.clip((-350 - hu) / 250, 0, 1)


def _row(rng: np.random.Generator) -> dict[str, float | int | bool | str]:
    """Clinical facts; smokers are older, so that the effects are confounded."""
    smoker = bool(rng.random() < 0.5)
    age = int(np.clip(rng.normal(57 + 6 * smoker, 10), 30, 88))
    return {
        "age": age,
        "sex": str(rng.choice(["male", "female"])),
        "smoking": "active smoker" if smoker else "never smoker",
        "occupational_exposure": bool(rng.random() < 0.4),
    }


def _varied(base: TrainingScan, name: str, rng: np.random.Generator) -> PatientScan:
    """Another “patient” from a scan: size, side, slices and density are varied; HU of the lung
    before any effect."""
    spacing = np.array(base.spacing, float) * [
        rng.uniform(0.93, 1.07),
        *[rng.uniform(0.93, 1.07)] * 2,
    ]
    part = slice(int(rng.integers(0, 3)), len(base.hu) - int(rng.integers(0, 3)))
    hu, labels = base.hu[part].astype(np.float32), base.labels[part]
    if rng.random() < 0.5:
        hu, labels = hu[:, :, ::-1].copy(), np.array([0, 1, 3, 2, 4], np.uint8)[labels[:, :, ::-1]]
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    scan = patient_scan(
        name, Volume(np.ascontiguousarray(hu), affine), Anatomy(np.ascontiguousarray(labels))
    )
    lungs, hu = scan.lungs, scan.hu.astype(np.float32)
    shift = DENSITY_HU + rng.normal(0, BETWEEN_HU) - float(np.median(hu[lungs & (hu < -500)]))
    field = FIELD_HU * random_field(hu.shape, FIELD_MM, scan.spacing, rng)
    return PatientScan(
        name,
        np.rint(hu + lungs * air_share(hu) * (shift + field)).astype(np.int16),
        scan.labels,
        scan.spacing,
    )


def _planted(scan: PatientScan) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Change (D,H,W) in HU by one step of each planted attribute, and the regions."""
    regions = region_labels(scan)
    share = air_share(scan.hu.astype(np.float32)) * scan.lungs
    upper = np.isin(regions, [i for i, name in enumerate(REGIONS) if " upper " in name])
    low = np.nonzero(upper.any((1, 2)))[0].min()
    return {
        "smoking": SMOKING_HU * share,
        "age": AGE_HU * share * (np.arange(len(share)) >= low)[:, None, None],
    }, regions


def simulated_cohort(shards: Path, patients: int = 120, seed: int = 0) -> SimulatedCohort:
    """Make a cohort from training shards.

    Args:
        shards: folder of `dgmvlc data`. patients: how many.

    Raises:
        UnreadableError: the folder holds no scans.
    """
    rng = np.random.default_rng(seed)
    bases = [
        base
        for path in sorted(shards.glob("scan-volumes-*.npz"))
        if (base := TrainingScan.load(path)).unclear.mean() < CLEAR_SHARE
        and np.isin(base.labels, (LEFT, RIGHT)).any()
    ]
    if not bases:
        raise UnreadableError(
            f"{shards} holds no scans to vary; make training shards with: dgmvlc data -i FOLDER "
            f"-o {shards}."
        )
    scans, rows, truth = {}, {}, {name: [] for name in PLANTED}  # type: ignore[var-annotated]
    for index in range(patients):
        name = f"S{index:03d}"
        scan, row = _varied(bases[int(rng.integers(len(bases)))], name, rng), _row(rng)
        changes, regions = _planted(scan)
        for attribute, change in changes.items():
            truth[attribute].append(
                region_means(change, regions, float(np.prod(scan.spacing) / 1000))
            )
        hu = (
            scan.hu
            + (row["smoking"] == "active smoker") * changes["smoking"]
            + (float(row["age"]) - AGE_CENTRE) * changes["age"]
        )
        scans[name], rows[name] = (
            PatientScan(name, np.rint(hu).astype(np.int16), scan.labels, scan.spacing),
            row,
        )
    return SimulatedCohort(
        scans, rows, {name: np.nanmean(values, axis=0) for name, values in truth.items()}
    )
