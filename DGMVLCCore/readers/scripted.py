"""A scripted reader: a simulated observer that follows stated rules. It shows that the machinery of
a study works, and nothing about people."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.readers.readings import Item, Reading
from DGMVLCCore.readers.study import AIDED, Study

RULES = (
    "The scripted reader sees voxels only, never the key. Alone, its evidence is the largest "
    "blob (difference of Gaussians of 2 and 7 mm, in the slice) "
    "in the lung 5 mm off the wall, HU; with the counterfactual, half of that plus the largest "
    "|difference| smoothed by 2 mm. It adds noise of 30 HU "
    "to each reading, turns evidence e into a confidence of 100 e / (e + 400), marks the place "
    "of the largest evidence, and takes 20 to 40 s, "
    "with the counterfactual 5 s more."
)
NOISE_HU, MIDDLE_HU, OFF_WALL_MM = 30.0, 400.0, 5.0
START = datetime(2026, 1, 5, 9, 0)


def blob_map(volume: Volume) -> np.ndarray:
    """|Difference of Gaussians| of each slice inside the lungs, HU, float32 (D,H,W)."""
    anatomy = find_anatomy(volume)
    hu, step = np.clip(volume.array, -1000, 100), volume.spacing[1]
    blobs = np.abs(
        ndimage.gaussian_filter(hu, (0, 2 / step, 2 / step))
        - ndimage.gaussian_filter(hu, (0, 7 / step, 7 / step))
    )
    inside = (
        ndimage.distance_transform_edt(anatomy.lungs, sampling=(1e6, *volume.spacing[1:]))
        > OFF_WALL_MM
    )
    return np.where(inside, blobs, 0).astype(np.float32)


class ScriptedReader:
    """Reads the cases of a study by `RULES`; what it computes of a case is kept for its next
    reading."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._seen: dict[tuple[str, str], tuple[float, tuple[float, float, float]]] = {}

    def evidence(self, item: Item) -> tuple[float, tuple[float, float, float]]:
        """Evidence (HU) and the place of its maximum (LPS, mm), without noise."""
        key = (item.case, item.mode)
        if key not in self._seen:
            volume, entry = self.study.cases.volume(item.case), self.study.cases.case(item.case)
            values = blob_map(volume)
            if item.mode == AIDED:
                change = np.abs(
                    load_volume(self.study.cases.folder / str(entry.counterfactual), "CT").array
                    - volume.array
                )
                values = values / 2 + ndimage.gaussian_filter(
                    change, (0, 2 / volume.spacing[1], 2 / volume.spacing[1])
                )
            peak = np.unravel_index(int(values.argmax()), values.shape)
            place = (volume.affine @ np.array([*peak[::-1], 1.0]))[:3]
            self._seen[key] = (
                float(values.max()),
                (float(place[0]), float(place[1]), float(place[2])),
            )
        return self._seen[key]

    def read(self, item: Item, rng: np.random.Generator) -> Reading:
        """One reading, marked as scripted; the second session lies a washout after the first."""
        value, place = self.evidence(item)
        seen = max(value + float(rng.normal(0, NOISE_HU)), 0.0)
        # never at an end of the scale, where readings could not be ranked
        confidence = 100 * seen / (seen + MIDDLE_HU)
        at = START + timedelta(
            days=(item.session - 1) * (self.study.record.washout_days + 1),
            minutes=2 * item.position,
        )
        return Reading(
            item,
            round(confidence, 2),
            tuple(round(c, 1) for c in place),  # type: ignore[arg-type]
            round(float(rng.uniform(20, 40)) + 5 * (item.mode == AIDED), 1),
            at,
            True,
            "scripted reader",
        )


def read_all(study: Study, seed: int = 0) -> dict[str, int]:
    """Let scripted readers make every reading of a study that has none; returns reader -> number.

    Raises:
        UnsuitableInputError: somebody has read already; people and scripts are not mixed.
    """
    if any(study.readings(reader) for reader in study.record.readers):
        raise UnsuitableInputError(
            "The study holds readings already, and a scripted reader is not mixed with people; "
            "plan a study of its own for it."
        )
    observer, taken = ScriptedReader(study), {}
    for number, reader in enumerate(study.record.readers):
        rng = np.random.default_rng([seed, number])
        made = [observer.read(item, rng) for item in study.of(reader)]
        study.add(reader, made)
        taken[reader] = len(made)
    return taken
