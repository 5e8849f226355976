"""A small cohort on disk: phantom chests whose smokers have denser lungs, the lung segmentations
beside them, and a table."""

from __future__ import annotations

import numpy as np
import pytest

from DGMVLCCore.imaging.anatomy import LEFT, RIGHT
from DGMVLCCore.imaging.io import save_volume

PATIENTS, SMOKERS_HU = 16, 120


@pytest.fixture(scope="module")
def cohort(tmp_path_factory, make_chest):
    """Folder with scans/, lungs/ and table.csv; every second patient smokes, ages carry no
    effect."""
    folder = tmp_path_factory.mktemp("cohort")
    (folder / "scans").mkdir()
    (folder / "lungs").mkdir()
    rng, lines = np.random.default_rng(0), ["id,age,sex,smoking,shoe size"]
    for index in range(PATIENTS):
        volume = make_chest((16, 96, 112), (6.0, 2.5, 2.5), seed=index)
        z, y, x = np.mgrid[:16, :96, :112]
        lungs = np.zeros(volume.shape, np.float32)
        for side, label in ((-1, RIGHT), (1, LEFT)):
            lungs[((y - 46.1) / 24) ** 2 + ((x - 56 - side * 23.5) / 17.9) ** 2 < 1] = label
        hu = volume.array + (lungs > 0) * (volume.array < -500) * (
            SMOKERS_HU * (index % 2) + rng.normal(0, 8)
        )
        save_volume(volume.with_array(hu.astype(np.float32)), folder / "scans" / f"P{index}.nrrd")
        save_volume(
            volume.with_array(
                np.where(lungs == LEFT, 10, np.where(lungs == RIGHT, 12, 0)).astype(np.float32),
                stored_dtype="uint8",
            ),
            folder / "lungs" / f"P{index}.nrrd",
        )
        age, sex = 50 + int(rng.integers(0, 30)), "MF"[index // 2 % 2]
        lines.append(f"P{index},{age},{sex},{('never', 'active')[index % 2]},42")
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder
