"""Geometry: every orientation goes to canonical and back, and world positions stay."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.volume import Volume

ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


def oriented(perm, signs, tilt=0.0) -> Volume:
    direction = np.zeros((3, 3))
    for column, (row, sign) in enumerate(zip(perm, signs)):
        direction[row, column] = sign
    c, s = np.cos(tilt), np.sin(tilt)
    direction = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ direction
    affine = np.eye(4)
    affine[:3, :3] = direction * (0.7, 0.9, 2.5)
    affine[:3, 3] = (10, -20, 30)
    return Volume(np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4), affine)


def world(volume, z, y, x):
    return (volume.affine @ (x, y, z, 1))[:3]


@pytest.mark.parametrize("perm, signs", ORIENTATIONS)
def test_canonical_round_trip(perm, signs):
    volume = oriented(perm, signs)
    canonical, turn = volume.canonical()
    assert np.array_equal(turn.restore(canonical.array), volume.array)
    assert (np.diag(canonical.affine)[:3] > 0).all()
    assert canonical.affine[:3, :3] == pytest.approx(np.diag(np.diag(canonical.affine[:3, :3])))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ORIENTATIONS), st.floats(-0.6, 0.6), st.integers(0, 23))
def test_positions_stay_in_world_even_oblique(orientation, tilt, flat):
    volume = oriented(*orientation, tilt)
    canonical, _ = volume.canonical()
    before = np.argwhere(volume.array == flat)[0]
    after = np.argwhere(canonical.array == flat)[0]
    assert world(volume, *before) == pytest.approx(world(canonical, *after), abs=1e-9)


def test_spacing_is_z_y_x():
    assert oriented((0, 1, 2), (1, 1, 1)).spacing == pytest.approx((2.5, 0.9, 0.7))


def test_same_grid_sees_a_shift():
    a, b = oriented((0, 1, 2), (1, 1, 1)), oriented((0, 1, 2), (1, 1, 1))
    assert a.same_grid(b)
    b.affine[0, 3] += 0.5
    assert not a.same_grid(b)


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)])
def test_broken_geometry_is_refused(affine):
    with pytest.raises(UnsuitableInputError):
        Volume(np.zeros((1, 2, 2), np.float32), affine)
