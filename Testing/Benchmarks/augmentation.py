"""Does a nodule detector that learns from a few real nodules get better when synthetic ones are
added? Average precision on held-out patients."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore.editing.asked import change_evidence
from DGMVLCCore.editing.insertion import hidden_for
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.editing.work import Work
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import dilate_mm
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.region import Region
from DGMVLCCore.models.units import to_hu, to_units
from DGMVLCCore.simulation.insert import insert_lesion
from DGMVLCCore.simulation.patch import NoiseModel, ScanPatch
from DGMVLCCore.stats import central
from DGMVLCCore.training.splits import load_splits

SPACING = (2.0, 1.0, 1.0)
SIZES_MM = (5.0, 12.0)
VISIBLE_HU = 150.0  # a solid nodule stands out from the lung it lies in by more
NOISE = NoiseModel(15.0, 0.6)  # of a patch too small to measure it in
ARMS = ("real", "real + simulated", "real + generated")


@dataclass(frozen=True, eq=False)
class Patch:
    """A patch around a real nodule: hu float32 and nodule bool, both (3,48,48), 2x1x1 mm."""

    hu: np.ndarray
    nodule: np.ndarray
    patient: str

    @property
    def lungs(self) -> np.ndarray:
        """Air and what lies in it, bool (3,48,48)."""
        return ndimage.binary_closing(self.hu < -500, np.ones((1, 5, 5))) | self.nodule


def load_patches(data: Path, part: str) -> list[Patch]:
    """The real nodules of one part of the frozen split, from `nodules.npz` and `nodules.jsonl`."""
    folder = data / "train" if (data / "train").is_dir() else data
    of = load_splits().lidc_patients
    patients = [
        json.loads(line)["patient_id"]
        for line in (folder / "nodules.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    with np.load(folder / "nodules.npz") as file:
        hu, mask = (
            file["hu"][:, :, 1:49, 1:49].astype(np.float32),
            file["mask"][:, :, 1:49, 1:49] > 0,
        )
    return [
        Patch(hu[i], mask[i], patient)
        for i, patient in enumerate(patients)
        if of[patient] == part and mask[i][1].any()
    ]


def _free_place(patch: Patch, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """A drawn nodule shape (bool) in clear lung beside the real one, and the simulated lesion's HU;
    None when none fits."""
    free = patch.lungs & ~dilate_mm(patch.nodule, SPACING, 5.0)
    free[:, :6] = free[:, -6:] = free[:, :, :6] = free[:, :, -6:] = False
    points = np.argwhere(free[1])
    if not len(points):
        return None
    scan = ScanPatch(patch.hu, patch.lungs.astype(np.uint8), SPACING, (-1.0, -1.0), NOISE)
    for _ in range(12):
        y, x = points[rng.integers(len(points))]
        lesion = insert_lesion(
            scan,
            "smooth_nodule",
            rng,
            centre=(1.0, float(y), float(x)),
            size_mm=float(rng.uniform(*SIZES_MM)),
        )
        shape = lesion.mask
        if (
            shape[1].sum() >= 12
            and not (shape & dilate_mm(patch.nodule, SPACING, 3.0)).any()
            and (patch.hu[shape] > -500).mean() < 0.15
        ):
            return shape, lesion.hu
    return None


def generate(
    pipe: CounterfactualPipeline, patch: Patch, shape: np.ndarray, seed: int
) -> np.ndarray | None:
    """The patch with a nodule the network makes in the shape's place; None when it hardly shows, or
    the network does not see it there afterwards."""
    labels = np.where(patch.lungs, 2, 1).astype(np.uint8)
    mask = dilate_mm(shape, SPACING, 3.0) & patch.lungs & ~patch.nodule
    scan = Volume(patch.hu, np.diag([*SPACING[::-1], 1.0]))
    region = Region.of_stack(np.maximum(patch.hu, -1024), mask, labels, SPACING)
    hidden = hidden_for("nodule", shape, mask, SPACING)
    words = ("No nodule. Clear lung.", "Nodule.", "nodule")
    plan = EditPlan(mask, *words, removes=False, hidden=hidden)
    settings = {"noises": 1, "steps": 10, "seed": seed, "guidance": 1.5}
    made = pipe.sample(Work(region, scan, Anatomy(labels), mask, plan, settings))[0]
    out = np.where(mask, np.rint(to_hu(made)), patch.hu).astype(np.float32)
    if (out - patch.hu)[shape].mean() < VISIBLE_HU:
        return None
    again = scan.with_array(out)
    seen = change_evidence(pipe, again, Anatomy(labels), mask, "No nodule.", seed=seed)
    return None if seen.absent else out


def added(
    pipe: CounterfactualPipeline, patches: list[Patch], each: int, rng: np.random.Generator
) -> dict[str, list[Patch]]:
    """Variants of real patches with one more nodule at the same places: drawn by simulation, and
    made by the network."""
    out: dict[str, list[Patch]] = {"real + simulated": [], "real + generated": []}
    for patch in patches:
        for _ in range(each):
            if (found := _free_place(patch, rng)) is None:
                continue
            shape, simulated = found
            made = generate(pipe, patch, shape, int(rng.integers(1_000_000)))
            if made is not None:
                out["real + simulated"].append(
                    Patch(simulated, patch.nodule | shape, patch.patient)
                )
                out["real + generated"].append(Patch(made, patch.nodule | shape, patch.patient))
    return out


def _detector() -> torch.nn.Module:
    """A small fully convolutional network: three slices in, a nodule logit for each pixel of the
    middle one out."""
    layers: list[torch.nn.Module] = []
    for inside, outside, dilation in ((3, 16, 1), (16, 24, 2), (24, 24, 4), (24, 24, 2)):
        layers += [
            torch.nn.Conv2d(inside, outside, 3, padding=dilation, dilation=dilation),
            torch.nn.BatchNorm2d(outside),
            torch.nn.ReLU(),
        ]
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(24, 1, 1))


def train_detector(
    real: list[Patch], extra: list[Patch], steps: int, seed: int, batch: int = 12
) -> torch.nn.Module:
    """Train on real patches and, when there are any, half of each batch on added ones; both arms
    see as many steps."""
    torch.manual_seed(seed)
    rng, model = np.random.default_rng(seed), _detector()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        images, masks = [], []
        for k in range(batch):
            pool = extra if extra and k % 2 else real
            patch = pool[rng.integers(len(pool))]
            turn, flip = int(rng.integers(4)), bool(rng.integers(2))
            shift = tuple(int(v) for v in rng.integers(-10, 11, 2))
            hu, mask = (
                np.rot90(np.roll(a, shift, (1, 2)), turn, (1, 2))
                for a in (patch.hu + rng.normal(0, 15), patch.nodule)
            )
            images.append(to_units(hu[:, :, ::-1] if flip else hu))
            masks.append((mask[1, :, ::-1] if flip else mask[1]).astype(np.float32))
        logits = model(torch.from_numpy(np.stack(images)))[:, 0]
        target = torch.from_numpy(np.stack(masks))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, target, pos_weight=torch.tensor(4.0)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


def detections(model: torch.nn.Module, patches: list[Patch]) -> list[tuple[str, float, bool]]:
    """Peaks of the detector's map in the middle slice as (patient, score, on the nodule); a nodule
    is found once, further peaks on it do not count."""
    out = []
    with torch.no_grad():
        maps = torch.sigmoid(model(torch.from_numpy(np.stack([to_units(p.hu) for p in patches]))))[
            :, 0
        ].numpy()
    for patch, heat in zip(patches, maps):
        smooth = ndimage.gaussian_filter(heat, 1.0)
        peaks = np.argwhere((smooth == ndimage.maximum_filter(smooth, 7)) & (smooth > 0.02))
        near, found = ndimage.binary_dilation(patch.nodule[1], iterations=2), False
        for y, x in sorted(map(tuple, peaks), key=lambda p: -smooth[p]):
            hit = bool(near[y, x])
            if not (hit and found):
                out.append((patch.patient, float(smooth[y, x]), hit))
            found |= hit
    return out


def average_precision(found: list[tuple[str, float, bool]], nodules: int) -> float:
    """Area under precision over recall, each true detection weighted by 1/nodules; nodules that no
    peak found lower it."""
    hits = np.array([hit for _, _, hit in sorted(found, key=lambda row: -row[1])])
    if not hits.any():
        return 0.0
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / nodules)


def paired_difference(
    arms: list[dict[str, list[tuple[str, float, bool]]]],
    patches: list[Patch],
    arm: str,
    draws: int = 1000,
) -> dict[str, Any]:
    """Mean over seeds of AP(arm) − AP(real), 95 % interval over resampled patients and seeds."""
    rng, names = np.random.default_rng(0), sorted({p.patient for p in patches})
    have = {name: sum(p.patient == name for p in patches) for name in names}
    by = [
        {
            key: {name: [row for row in rows if row[0] == name] for name in names}
            for key, rows in seed.items()
        }
        for seed in arms
    ]

    def mean_difference(chosen: list[str], seeds: list[int]) -> float:
        total = sum(have[name] for name in chosen)
        return float(
            np.mean(
                [
                    average_precision([r for n in chosen for r in by[s][arm][n]], total)
                    - average_precision([r for n in chosen for r in by[s]["real"][n]], total)
                    for s in seeds
                ]
            )
        )

    samples = [
        mean_difference(
            list(rng.choice(names, len(names))),
            [int(s) for s in rng.integers(len(arms), size=len(arms))],
        )
        for _ in range(draws)
    ]
    low, high = central(samples)
    return {
        "value": round(mean_difference(names, list(range(len(arms)))), 4),
        "ci95": [round(low, 4), round(high, 4)],
        "seeds": len(arms),
        "patients": len(names),
        "nodules": len(patches),
    }
