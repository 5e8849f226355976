"""The attribute sweep: each patient's own scan under the own and under another value of an
attribute, in HU by region of the lung."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from DGMVLCCore.cohort.frame import REGIONS, PatientScan, region_labels, region_means
from DGMVLCCore.cohort.groups import Contrast, Rows
from DGMVLCCore.cohort.teach import Sentences
from DGMVLCCore.editing import sampler
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.language.clinical import Value
from DGMVLCCore.models.region import Region
from DGMVLCCore.models.units import HU_SCALE
from DGMVLCCore.stats import t_interval

STEPS, START = (
    5,
    0.95,
)  # near the noise end: the density of a whole lung shows through any less noise
PER_ZONE = 2
MIN_PATIENTS = 3  # of each half
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class SweepEffect:
    """Mean change in HU of one region from a contrast's low to its high value, over patients.

    Args:
        low, high: the interval that covers the 95 % intervals (Student's t over patients) of both
            halves of the cohort, each swept with the network
            that was taught on the other half. n: patients.
    """

    effect: float
    low: float
    high: float
    n: int


def _other_value(row: dict[str, Value], contrast: Contrast) -> Value | None:
    """The value to sweep to: the contrast's other end, of a number the end that is farther away;
    None when the patient has neither."""
    own = row.get(contrast.attribute)
    if own is None:
        return None
    if contrast.number:
        return (
            contrast.high
            if abs(contrast.place(own) - 1) >= abs(contrast.place(own))
            else contrast.low
        )
    own = True if isinstance(contrast.high, bool) and not isinstance(own, bool) else own
    return contrast.low if own == contrast.high else contrast.high if own == contrast.low else None


def _rows_of(lungs: np.ndarray) -> list[int]:
    """Slices to sweep: two of each third of the lung."""
    z = np.nonzero(lungs.any((1, 2)))[0]
    return sorted({int(z[int((i + 0.5) / (3 * PER_ZONE) * len(z))]) for i in range(3 * PER_ZONE)})


@torch.no_grad()
def sweep_patient(
    pipe: CounterfactualPipeline, scan: PatientScan, source: str, target: str, seed: int = 0
) -> np.ndarray:
    """Mean change (R,) in HU of each of `REGIONS` when the lungs are moved from one sentence to
    another; NaN where the swept slices hold too little of it.

    Inversion-free flow edit (FlowEdit, Kulikov et al. 2024) without guidance, which would
    exaggerate the size.
    """
    pipe.require_times("attribute sweep")
    lungs = scan.lungs
    region = Region.of_stack(scan.hu.astype(np.float32), lungs, scan.labels, scan.spacing)
    rows, before, after = _rows_of(lungs), [], []
    generator = torch.Generator().manual_seed(seed * 1_000_003 + zlib.crc32(scan.name.encode()))
    texts = pipe.text(source), pipe.text(target)
    for _, image, cond in pipe.batches(region, rows):
        noise = torch.randn(image.shape, generator=generator).to(image.device)
        edited = sampler.shift(
            pipe.predictor(), image, noise, cond, *texts, steps=STEPS, start=START, guidance=1.0
        )
        before.append(image[:, 0].cpu().numpy())
        after.append(edited[:, 0].float().cpu().numpy())
    change = HU_SCALE * (np.concatenate(after) - np.concatenate(before))
    return region_means(
        change, region_labels(scan)[rows] * lungs[rows], float(np.prod(scan.spacing) / 1000)
    )


def choose_patients(
    rows: Rows, contrast: Contrast, names: Sequence[str], most: int, rng: np.random.Generator
) -> list[tuple[str, Value, float]]:
    """About `most` patients to sweep, from both ends alike: name, value to sweep to, and its
    distance on the contrast's scale (signed)."""
    ends: dict[bool, list[tuple[str, Value, float]]] = {True: [], False: []}
    for name in rng.permutation(list(names)):
        other = _other_value(rows[str(name)], contrast) if str(name) in contrast.patients else None
        if other is not None:
            own = rows[str(name)][contrast.attribute]
            far = contrast.place(other) - (
                contrast.place(own) if contrast.number else 1 - contrast.place(other)
            )
            ends[far > 0].append((str(name), other, far))
    half = (most + 1) // 2
    spare = max(half - len(ends[False]), 0), max(half - len(ends[True]), 0)
    return ends[True][: half + spare[0]] + ends[False][: half + spare[1]]


def sweep(
    pipe: CounterfactualPipeline,
    scans: dict[str, PatientScan],
    rows: Rows,
    contrast: Contrast,
    sentences: Sentences,
    names: Sequence[str],
    *,
    most: int = 12,
    seed: int = 0,
    tell: Tell | None = None,
) -> np.ndarray:
    """Change (n,R) in HU from the contrast's low to its high value, one row a swept patient.

    Args:
        names: patients that may be swept (the network must not have been taught on them). most: how
            many are.
    """
    chosen = choose_patients(rows, contrast, names, most, np.random.default_rng(seed))
    out = np.full((len(chosen), len(REGIONS)), np.nan)
    for index, (name, other, far) in enumerate(chosen):
        source = sentences.with_value(rows[name], contrast, rows[name][contrast.attribute])
        target = sentences.with_value(rows[name], contrast, other)
        out[index] = sweep_patient(pipe, scans[name], source, target, seed) / far
        if tell:
            tell("sweeping", (index + 1) / len(chosen))
    return out


def summarise(halves: Sequence[np.ndarray]) -> list[SweepEffect]:
    """One `SweepEffect` a region from the changes (n,R) of both halves; NaN where a half has fewer
    than three patients with the region."""
    out = []
    for column in range(len(REGIONS)):
        parts = [half[np.isfinite(half[:, column]), column] for half in halves]
        n = sum(map(len, parts))
        if min(map(len, parts)) < MIN_PATIENTS:
            out.append(SweepEffect(np.nan, np.nan, np.nan, n))
            continue
        lows, highs = zip(*map(t_interval, parts))
        out.append(
            SweepEffect(
                float(np.concatenate(parts).mean()),
                min(lows),
                max(highs),
                n,
            )
        )
    return out
