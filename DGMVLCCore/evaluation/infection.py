"""Slices and lungs with infection labels: is the reading pass stronger in an infected lung than in
one that is not?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.reading import READING_MM, read_region
from DGMVLCCore.evaluation.tables import InfectionRow
from DGMVLCCore.imaging.anatomy import LEFT, RIGHT, Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import denial_prompt
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.training.shards import build_scan
from DGMVLCCore.training.splits import load_splits

TERMS = ("ground-glass opacity", "consolidation")
SLICES = 6
PERCENTILE = 99


def labelled(data: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Patients of the data folder whose slices and lobes carry infection labels, as training
    records."""
    for path in sorted((data / "train" / "volumes").glob("*.npz")):
        with np.load(path) as file:
            told = "infection_lobes" in file.files and (file["infection"] > 0).any()
        if told:
            yield path.stem, build_scan(path, False)


def chosen_slices(infected: np.ndarray, count: int = SLICES) -> list[int]:
    """Slices, evenly spread: half of those with an infected lung, half without; `infected` (D,2) is
    1, 0 or -1 (nobody said)."""
    sick, well = (
        np.nonzero(wanted)[0] for wanted in ((infected == 1).any(1), (infected == 0).all(1))
    )
    return sorted(
        {
            int(part[i])
            for part in (sick, well)
            if len(part)
            for i in np.linspace(0, len(part) - 1, count // 2).round().astype(int)
        }
    )


def infection_rows(pipe: CounterfactualPipeline, data: Path) -> Iterator[InfectionRow]:
    """One row a lung of a chosen slice: infected or not, and the 99th percentile of the stronger of
    the two findings' maps there."""
    for patient, scan in labelled(data):
        dz, dy, dx = map(float, scan["spacing"])
        volume, anatomy = (
            Volume(scan["hu"].astype(np.float32), np.diag([dx, dy, dz, 1.0])),
            Anatomy(scan["labels"], origin="data"),
        )
        for z in chosen_slices(scan["infected"]):
            if not 0 < z < len(volume.array) - 1:
                continue
            lungs = np.zeros(volume.shape, bool)
            lungs[z] = anatomy.lungs[z]
            region = cut_region(
                volume, anatomy, lungs, (z - 1, z + 2), spacing_mm=max(READING_MM, dy)
            )
            values = np.max(
                [read_region(pipe, region, denial_prompt(term))[0][1] for term in TERMS], axis=0
            )
            for index, label in enumerate((LEFT, RIGHT)):
                inside = region.labels[1] == label
                if scan["infected"][z, index] >= 0 and inside.any():
                    yield {
                        "name": f"{patient}-{z}-{'LR'[index]}",
                        "patient": patient,
                        "infected": bool(scan["infected"][z, index]),
                        "seen": load_splits().volumes.get(patient) == "train",
                        "score": float(np.percentile(values[inside], PERCENTILE)),
                    }
