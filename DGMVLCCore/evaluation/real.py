"""Real lesions: no true counterfactual exists, so only what needs none is scored, and always in
tables of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.reading import attention_map, read_region
from DGMVLCCore.evaluation.cases import MARGIN_MM, SAMPLE_PATIENT, Case, load_sample
from DGMVLCCore.evaluation.hole import Hole, removal
from DGMVLCCore.evaluation.localisation import map_scores
from DGMVLCCore.evaluation.rim import rim_within_range
from DGMVLCCore.evaluation.scoring import Judge
from DGMVLCCore.evaluation.tables import RealRow
from DGMVLCCore.imaging.anatomy import BODY, LEFT, RIGHT, Anatomy
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.masks import lesion_region
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.models.region import OUTSIDE_HU, Region
from DGMVLCCore.simulation.insert import Lesion
from DGMVLCCore.simulation.patch import clear
from DGMVLCCore.training.examples import ExampleMaker
from DGMVLCCore.training.shards import build_scan

SQUARE_SPACING = (2.0, 1.0, 1.0)
TUMOUR_SLICES = 5
Made = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class RealLesion:
    """A real lesion as a case whose `true` is the scan itself, because nobody knows the truth.

    Args:
        seen: True when training saw this patient. region: the network's region when it is given, as
            for nodule squares.
    """

    case: Case
    seen: bool = False
    region: Region | None = None


def _case(name: str, patient: str, lesion: Lesion, volume: Volume, anatomy: Anatomy) -> Case:
    mask = lesion_region(lesion.mask, anatomy, volume.spacing, MARGIN_MM) & anatomy.body
    return Case(name, patient, volume, volume, anatomy, lesion, mask)


def nodules(shards: Path, most: int | None) -> Iterator[RealLesion]:
    """The part's real LIDC nodules as 48 mm squares of three slices; the square itself is the
    network's region."""
    maker = ExampleMaker(shards, 0.0)
    total = len(maker.nodules["hu"])
    dz, dy, dx = SQUARE_SPACING
    for index in range(total if most is None else min(most, total)):
        hu, _, _, labels, lesion = maker.nodule(index)
        volume, anatomy = (
            Volume(hu, np.diag([dx, dy, dz, 1.0])),
            Anatomy(labels, origin="nodule square"),
        )
        case = _case(
            f"nodule-{index:04d}", str(maker.nodules["patient"][index]), lesion, volume, anatomy
        )
        yield RealLesion(
            case,
            region=Region.of_stack(np.maximum(hu, OUTSIDE_HU), case.mask, labels, SQUARE_SPACING),
        )


def healthy_square(case: Case, seed: int) -> np.ndarray | None:
    """A nodule's edit mask laid on clear lung of the same square, bool (D,H,W); None where there is
    no room."""
    rng, near, lungs = (
        np.random.default_rng(seed),
        ndimage.binary_dilation(case.lesion.mask, iterations=2),
        case.anatomy.lungs,
    )
    for _ in range(60):
        moved = np.roll(case.mask, tuple(int(v) for v in rng.integers(-20, 21, 2)), (1, 2)) & lungs
        if (
            moved.sum() > 0.8 * case.mask.sum()
            and not (moved & near).any()
            and clear(case.scan.array, moved, lungs)
        ):
            return moved
    return None


def tumours(data: Path | None) -> Iterator[RealLesion]:
    """The sample's nodule and, with a data folder, the outlined tumour and the boxed ones (an
    ellipse in each box)."""
    volume, nodule, anatomy = load_sample()
    yield _slab(
        "sample nodule, outlined", SAMPLE_PATIENT, "spiculated_nodule", volume, anatomy, nodule
    )
    if data is None:
        return
    for stem, name in (("4dlung_113", "tumour, outlined"), ("lungdx_A0001", "tumour, boxed")):
        scan = build_scan(data / "train" / "volumes" / f"{stem}.npz", False)
        dz, dy, dx = map(float, scan["spacing"])
        found = Volume(scan["hu"].astype(np.float32), np.diag([dx, dy, dz, 1.0]))
        yield _slab(
            f"{name} ({stem})",
            stem,
            "tumour",
            found,
            Anatomy(scan["labels"], origin="data"),
            scan["tumour"],
            seen=True,
        )
    volume = load_volume(data / "test" / "lungdx_a0002_ct.nrrd")
    lesion = _boxed(
        volume.shape,
        json.loads((data / "test" / "lungdx_a0002.json").read_text(encoding="utf-8"))["boxes"],
    )
    canonical, turn = volume.canonical()
    labels = find_anatomy(volume).reoriented(turn)
    yield _slab(
        "tumour, boxed (lungdx_a0002)",
        "Lung_Dx-A0002",
        "tumour",
        canonical,
        labels,
        np.ascontiguousarray(turn.apply(lesion)),
    )


class Box(TypedDict):
    """A reader's box around a lesion, in a slice of 256x256 pixels."""

    z_index: int
    x0y0x1y1_px256: list[float]


def _boxed(shape: tuple[int, int, int], boxes: list[Box]) -> np.ndarray:
    """An ellipse in each box, bool (D,H,W)."""
    lesion, (y, x) = np.zeros(shape, bool), np.ogrid[: shape[1], : shape[2]]
    for box in boxes:
        x0, y0, x1, y1 = box["x0y0x1y1_px256"]
        lesion[box["z_index"]] |= ((2 * y - y0 - y1) / (y1 - y0)) ** 2 + (
            (2 * x - x0 - x1) / (x1 - x0)
        ) ** 2 <= 1
    return lesion


def _slab(
    name: str,
    patient: str,
    kind: str,
    volume: Volume,
    anatomy: Anatomy,
    lesion: np.ndarray,
    seen: bool = False,
) -> RealLesion:
    """The slices around the lesion's largest one; body voxels in the lesion count as lung, as a
    reader would draw it."""
    middle = int(lesion.sum((1, 2)).argmax())
    low = int(np.clip(middle - TUMOUR_SLICES // 2, 0, max(len(lesion) - TUMOUR_SLICES, 0)))
    part = slice(low, low + TUMOUR_SLICES)
    cut, labels = lesion[part].copy(), anatomy.labels[part].copy()
    near = labels[ndimage.binary_dilation(cut, np.ones((1, 5, 5)), iterations=2)]
    labels[cut & (labels == BODY)] = RIGHT if (near == RIGHT).sum() > (near == LEFT).sum() else LEFT
    affine = volume.affine.copy()
    affine[:3, 3] = (volume.affine @ np.array([0, 0, low, 1.0]))[:3]
    size = float(np.sqrt(lesion[middle].sum() * np.prod(volume.spacing[1:]) * 4 / np.pi))
    scan = Volume(np.ascontiguousarray(volume.array[part]), affine)
    what = Lesion(scan.array, cut.astype(np.float32), cut, kind, "nodule", None, None, size)
    return RealLesion(_case(name, patient, what, scan, Anatomy(labels, anatomy.origin)), seen)


def real_row(
    pipe: CounterfactualPipeline,
    real: RealLesion,
    judge: Judge,
    *,
    steps: int,
    seed: int,
) -> tuple[RealRow, Made]:
    """Scores and arrays of one real lesion: identity, rim, probe before and after, where the
    reading pass points."""
    case, hole = real.case, Hole.cut(real.case)
    if real.region is not None:
        hole = replace(hole, region=real.region)
    made = hole.filled(*hole.samples(pipe, removal(case), seed, noises=1, steps=steps))
    hu, lungs, mask, lesion = case.scan.array, case.anatomy.lungs, case.mask, case.lesion.mask
    values = _read(pipe, real)
    row: RealRow = {
        "name": case.name,
        "patient": case.patient,
        "kind": case.lesion.kind,
        "size_mm": round(case.lesion.size_mm, 1),
        "seen": real.seen,
        "outside_hu": float(np.abs(made - hu)[~mask].max(initial=0)),
        "rim": rim_within_range(made, hu, mask, lungs, seed),
        "probe_before": judge.probed(case, hu),
        "probe_after": judge.probed(case, made),
        "median_dhu": float(np.median((made - hu)[lesion])),
        "map": map_scores(values, lesion & lungs, lungs, case.scan.spacing),
    }
    return row, {
        "scan": hu,
        "made": made,
        "mask": mask,
        "lesion": lesion,
        "map": values,
        "spacing": np.array(case.scan.spacing),
    }


def _read(pipe: CounterfactualPipeline, real: RealLesion) -> np.ndarray:
    """The attention to the finding's words with the lungs as mask; (D,H,W)."""
    case = real.case
    if real.region is None:
        return attention_map(
            pipe, case.scan, case.anatomy, case.lesion.term, case.source, case.target
        ).values
    whole = replace(real.region, mask=case.anatomy.lungs)
    return np.clip(read_region(pipe, whole, case.target)[0], 0, 1) * case.anatomy.lungs
