"""Disease painted over the lungs: large, in its place, and only in the body."""

import numpy as np
import pytest

from DGMVLCCore.simulation.gross import KINDS, Slices, paint, paint_some


def slices(rows=3):
    z, y, x = np.mgrid[:rows, :96, :128]
    body = ((y - 48) / 42) ** 2 + ((x - 64) / 60) ** 2 < 1
    lungs = np.zeros(body.shape, np.uint8)
    for label, middle in ((3, 36), (2, 92)):
        lungs[((y - 48) / 27) ** 2 + ((x - middle) / 20) ** 2 < 1] = label
    hu = np.where(lungs > 0, -850.0, np.where(body, 40.0, -1000.0)).astype(np.float32)
    return Slices(hu, lungs, body, (4.0, 3.2, 3.2))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_lung_and_nothing_outside_the_body(kind):
    given = slices()
    changed = []
    for seed in range(8):
        hu = paint(given, kind, np.random.default_rng(seed))
        assert hu.shape == given.hu.shape and np.isfinite(hu).all()
        assert np.array_equal(hu[~given.body], given.hu[~given.body])
        assert hu.min() > -1150 and hu.max() < 400
        changed.append((np.abs(hu - given.hu) > 50)[given.lungs > 0].mean())
    assert np.quantile(changed, 0.75) > 0.01


def test_dense_disease_is_dense_and_air_is_air():
    given, rng = slices(), np.random.default_rng(1)
    fluid = paint(given, "effusion", rng)
    filled = (fluid > -100) & (given.lungs > 0)
    assert filled.any() and -40 < np.median(fluid[filled]) < 80
    free = paint(given, "bullae", rng)
    assert np.median(free[(np.abs(free - given.hu) > 50) & (given.lungs > 0)]) < -940


def test_several_add_up_and_the_seed_decides():
    one, two = (paint_some(slices(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, two)
    kinds = [paint_some(slices(), np.random.default_rng(seed)) for seed in range(20)]
    shares = [float((np.abs(hu - slices().hu) > 50).mean()) for hu in kinds]
    assert min(shares) == 0 < max(shares), "some slices stay as they are"


def test_slices_without_lungs_stay():
    given = slices()
    empty = Slices(given.hu, np.zeros_like(given.lungs), given.body, given.spacing)
    for kind in KINDS:
        assert np.array_equal(paint(empty, kind, np.random.default_rng(0)), given.hu)


def test_a_central_mass_lies_at_the_mediastinum():
    given = slices()
    for seed in range(6):
        hu = paint(given, "central mass", np.random.default_rng(seed))
        changed = np.argwhere(np.abs(hu - given.hu) > 300)
        assert np.abs(changed[:, 2] - 64).mean() * 3.2 < 80, "nearer to the middle than the walls"
