"""Real lesions: no true counterfactual exists, so only what needs none is scored, and always in tables of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.anatomy.masks import lesion_region
from DGMVLCCore.anatomy.segment import Anatomy, segment_anatomy
from DGMVLCCore.attention.reading import attention_map, read_region
from DGMVLCCore.counterfactual.pipeline import CounterfactualPipeline
from DGMVLCCore.counterfactual.result import EditPlan
from DGMVLCCore.evaluation.cases import MARGIN_MM, SAMPLE_PATIENT, load_sample
from DGMVLCCore.evaluation.hole import Hole
from DGMVLCCore.evaluation.localisation import map_scores
from DGMVLCCore.evaluation.rim import rim_within_range
from DGMVLCCore.evaluation.scoring import Judge
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.volume import Orientation, Volume
from DGMVLCCore.language.prompts import absent_prompt, present_prompt
from DGMVLCCore.models.region import Region
from DGMVLCCore.training.examples import ExampleMaker, clear
from DGMVLCCore.training.shards import build_scan

SQUARE_SPACING = (2.0, 1.0, 1.0)
TUMOUR_SLICES = 5
Made = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class RealLesion:
    """A real lesion. hu: Volume, canonical. lesion, bool (D,H,W). seen: True when training saw this patient."""

    name: str
    patient: str
    kind: str
    term: str
    size_mm: float
    volume: Volume
    anatomy: Anatomy
    lesion: np.ndarray
    seen: bool = False
    region: Region | None = None


def nodules(shards: Path, most: int | None) -> Iterator[RealLesion]:
    """The part's real LIDC nodules as 48 mm squares of three slices; the square itself is the network's region."""
    maker = ExampleMaker(shards, 0.0)
    total = len(maker.nodules["hu"])
    for index in range(total if most is None else min(most, total)):
        hu, nodule, _, labels, lesion = maker.nodule(index)
        dz, dy, dx = SQUARE_SPACING
        volume, anatomy = Volume(hu, np.diag([dx, dy, dz, 1.0])), Anatomy(labels, origin="nodule square")
        mask = lesion_region(nodule, anatomy, SQUARE_SPACING, MARGIN_MM)
        region = Region(np.maximum(hu, -1024), mask, labels, SQUARE_SPACING, (0, len(hu)), (0, hu.shape[1], 0, hu.shape[2]), True)
        yield RealLesion(f"nodule-{index:04d}", str(maker.nodules["patient"][index]), lesion.kind, lesion.term, lesion.size_mm, volume, anatomy, nodule,
                         region=region)


def healthy_square(real: RealLesion, seed: int) -> np.ndarray | None:
    """The nodule's edit mask laid on clear lung of the same square, bool (D,H,W); None where there is no room."""
    mask, lungs = _mask(real), real.anatomy.lungs
    rng, near = np.random.default_rng(seed), ndimage.binary_dilation(real.lesion, iterations=2)
    for _ in range(60):
        moved = np.roll(mask, tuple(int(v) for v in rng.integers(-20, 21, 2)), (1, 2)) & lungs
        if moved.sum() > 0.8 * mask.sum() and not (moved & near).any() and clear(real.volume.array, moved, lungs):
            return moved
    return None


def tumours(data: Path | None) -> Iterator[RealLesion]:
    """The sample's nodule and, with a data folder, the outlined tumour and the boxed ones (an ellipse in each box)."""
    volume, nodule, anatomy = load_sample()
    yield _slab("sample nodule, outlined", SAMPLE_PATIENT, "spiculated_nodule", "nodule", volume, anatomy, nodule)
    if data is None:
        return
    for stem, name, kind in (("4dlung_113", "tumour, outlined", "tumour"), ("lungdx_A0001", "tumour, boxed", "tumour")):
        scan = build_scan(data / "train" / "volumes" / f"{stem}.npz", False)
        dz, dy, dx = map(float, scan["spacing"])
        found = Volume(scan["hu"].astype(np.float32), np.diag([dx, dy, dz, 1.0]))
        yield _slab(f"{name} ({stem})", stem, kind, "nodule", found, Anatomy(scan["labels"], origin="data"), scan["tumour"], seen=True)
    volume, boxes = load_volume(data / "test" / "lungdx_a0002_ct.nrrd"), json.loads((data / "test" / "lungdx_a0002.json").read_text())["boxes"]
    lesion = np.zeros(volume.shape, bool)
    y, x = np.ogrid[:volume.shape[1], :volume.shape[2]]
    for box in boxes:
        x0, y0, x1, y1 = box["x0y0x1y1_px256"]
        lesion[box["z_index"]] |= ((2 * y - y0 - y1) / (y1 - y0)) ** 2 + ((2 * x - x0 - x1) / (x1 - x0)) ** 2 <= 1
    scan, turn = volume.canonical()
    yield _slab("tumour, boxed (lungdx_a0002)", "Lung_Dx-A0002", "tumour", "nodule", scan, segment_anatomy(volume).reoriented(turn), turn.apply(lesion))


def _slab(name: str, patient: str, kind: str, term: str, volume: Volume, anatomy: Anatomy, lesion: np.ndarray, seen: bool = False) -> RealLesion:
    """The slices around the lesion's largest one; the lesion counts as lung, as a reader would draw it."""
    middle = int(lesion.sum((1, 2)).argmax())
    low = int(np.clip(middle - TUMOUR_SLICES // 2, 0, max(len(lesion) - TUMOUR_SLICES, 0)))
    part = slice(low, low + TUMOUR_SLICES)
    cut, labels = lesion[part], anatomy.labels[part].copy()
    labels[cut & (labels == 1)] = 2 + (np.argwhere(labels == 3).shape[0] > 0 and _nearer_right(labels, cut))
    affine = volume.affine.copy()
    affine[:3, 3] = (volume.affine @ np.array([0, 0, low, 1.0]))[:3]
    size = float(np.sqrt(lesion[middle].sum() * np.prod(volume.spacing[1:]) * 4 / np.pi))
    return RealLesion(name, patient, kind, term, size, Volume(np.ascontiguousarray(volume.array[part]), affine), Anatomy(labels, anatomy.origin), cut.copy(), seen)


def _nearer_right(labels: np.ndarray, lesion: np.ndarray) -> int:
    """1 when the lesion touches more right than left lung."""
    near = ndimage.binary_dilation(lesion, np.ones((1, 5, 5)), iterations=2)
    return int((labels[near] == 3).sum() > (labels[near] == 2).sum())


def _mask(real: RealLesion) -> np.ndarray:
    return lesion_region(real.lesion, real.anatomy, real.volume.spacing, MARGIN_MM) & real.anatomy.body


def real_row(pipe: CounterfactualPipeline, real: RealLesion, judge: Judge, *, steps: int, reading_noises: int, seed: int) -> tuple[dict[str, Any], Made]:
    """Scores and arrays of one real lesion: identity, rim, probe before and after, where the reading pass points."""
    source, target, mask = present_prompt(real.term), absent_prompt(real.term), _mask(real)
    hole = Hole(real.volume, real.anatomy, mask, Orientation((0, 1, 2), ()), real.region) if real.region else Hole.of(real.volume, real.anatomy, mask)
    plan = EditPlan(mask, source, target, real.term)
    made = hole.filled(*hole.samples(pipe, plan, seed, noises=1, steps=steps))
    lungs, spacing, hu = real.anatomy.lungs, real.volume.spacing, real.volume.array
    before, after = (judge.probe.score(scan, mask, lungs, spacing) for scan in (hu, made))
    values = _read(pipe, real, source, target, reading_noises, seed)
    row = {"name": real.name, "patient": real.patient, "kind": real.kind, "size_mm": round(real.size_mm, 1), "seen": real.seen,
           "outside_hu": float(np.abs(made - hu)[~mask].max(initial=0)), "rim": rim_within_range(made, hu, mask, lungs, seed),
           "probe_before": before, "probe_after": after, "median_dhu": float(np.median((made - hu)[real.lesion])),
           "map": map_scores(values, real.lesion & lungs, lungs, spacing)}
    return row, {"scan": hu, "made": made, "mask": mask, "lesion": real.lesion, "map": values}


def _read(pipe: CounterfactualPipeline, real: RealLesion, source: str, target: str, noises: int, seed: int) -> np.ndarray:
    """The reading pass with the lungs as mask; (D,H,W)."""
    if real.region is None:
        return attention_map(pipe, real.volume, real.anatomy, real.term, source, target, noises=noises, seed=seed).values
    whole = Region(real.region.hu, real.anatomy.lungs, real.region.labels, real.region.spacing, real.region.rows, real.region.box, True)
    return np.clip(read_region(pipe, whole, source, target, noises=noises, seed=seed), 0, 1) * real.anatomy.lungs
