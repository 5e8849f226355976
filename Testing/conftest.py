"""Shared phantoms; and in CI (CI=true) a skipped test fails the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from DGMVLCCore.imaging.volume import Volume


def chest(shape=(12, 112, 128), spacing=(4.0, 2.5, 2.5), nodule: bool = False, seed: int = 0) -> Volume:
    """A phantom chest in canonical LPS order: body, two lungs with vessels, trachea, table; int16 HU."""
    d, h, w = shape
    z, y, x = np.mgrid[:d, :h, :w].astype(np.float32)
    rng = np.random.default_rng(seed)
    hu = np.full(shape, -1000.0, np.float32)
    body = ((y - h * 0.48) / (h * 0.36)) ** 2 + ((x - w / 2) / (w * 0.43)) ** 2 < 1
    hu[body] = 40
    hu[:, int(h * 0.9):int(h * 0.93)] = 200  # table
    for side in (-1, 1):
        lung = ((y - h * 0.48) / (h * 0.25)) ** 2 + ((x - w / 2 - side * w * 0.21) / (w * 0.16)) ** 2 < 1
        hu[lung] = -860
        for _ in range(14):
            vy, vx = h * 0.48 + rng.normal(0, h * 0.1), w / 2 + side * w * (0.21 + rng.normal(0, 0.06))
            hu[lung & ((y - vy) ** 2 + (x - vx) ** 2 < 1.5)] = 10
    hu[((y - h * 0.42) ** 2 + (x - w / 2) ** 2) < 10] = -1000  # trachea
    if nodule:
        ball = ((z - d / 2) * spacing[0]) ** 2 + ((y - h * 0.48) * spacing[1]) ** 2 + ((x - w * 0.71) * spacing[2]) ** 2
        hu[ball < 13**2] = 35
    hu += rng.normal(0, 12, shape)
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    affine[:3, 3] = (-w * spacing[2] / 2, -h * spacing[1] / 2, -300.0)
    return Volume(np.rint(np.clip(hu, -1024, 3000)).astype(np.float32), affine)


def comparison_record(names: tuple[str, ...]) -> dict:
    """What a comparison's record says of hypotheses, invented, the first one in front."""
    rows = [{"name": name, "sentence": f"{name.capitalize()}.", "term": name, "error": 0.1 * (1 + 0.05 * i), "excess": 0.05 * i, "low": 0.03 * i,
             "high": 0.07 * i, "agreement": 0.9 - 0.2 * i, "lead": 2.5 * i, "apart": i > 0, "mean_change_hu": -100.0, "mean_uncertainty_hu": 5.0}
            for i, name in enumerate(names)]
    ranking = {"distinguishable": True, "sentence": f"“{names[0]}” fits these voxels best.", "note": "No probability of disease.", "noises": 6, "slices": 2}
    between = [[0.0 if i == j else 40.0 for j in range(len(names))] for i in range(len(names))]
    return {"hypotheses": rows, "between_hu": between, "location": {}, "settings": {"seed": 1}, "ranking": ranking}


@contextmanager
def without_figures() -> Iterator[None]:
    """Results whose pictures nobody looks at: a few bytes in their place."""
    from DGMVLCCore.export import comparison, results

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "save_figure", lambda result, path: path.write_bytes(b"no figure"))
        patch.setattr(comparison, "save_comparison_figure", lambda results, record, path: path.write_bytes(b"no figure"))
        yield


@pytest.fixture(scope="session")
def no_figures():
    return without_figures


@pytest.fixture(scope="session")
def make_record():
    return comparison_record


@pytest.fixture(scope="session")
def make_chest():
    return chest


@pytest.fixture(scope="session")
def phantom() -> Volume:
    return chest()


@pytest.fixture(scope="session")
def phantom_with_nodule() -> Volume:
    return chest(nodule=True)


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped") and session.exitstatus == 0:
        reporter.write_line(f"CI counts {len(reporter.stats['skipped'])} skipped test(s) as a failure.")
        session.exitstatus = 1
