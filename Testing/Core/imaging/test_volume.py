"""Geometry: every orientation goes to canonical and back, through memory and through files, and
world positions stay."""

import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.volume import Volume

ORIENTATIONS = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
)
TURNS = st.tuples(*[st.floats(-0.3, 0.3)] * 3)


def oriented(perm, signs, turn=(0.0, 0.0, 0.0), array=None) -> Volume:
    direction = np.zeros((3, 3))
    for column, (row, sign) in enumerate(zip(perm, signs)):
        direction[row, column] = sign
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(turn).as_matrix() @ direction * (0.7031, 0.9, 2.512)
    affine[:3, 3] = (-123.456, 77.7, -901.3)
    return Volume(
        np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4) if array is None else array, affine
    )


def world(volume, z, y, x):
    return (volume.affine @ (x, y, z, 1))[:3]


def test_there_are_48():
    assert len(ORIENTATIONS) == len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("perm, signs", ORIENTATIONS)
def test_canonical_round_trip(perm, signs):
    volume = oriented(perm, signs)
    canonical, turn = volume.canonical()
    assert np.array_equal(turn.restore(canonical.array), volume.array)
    assert np.array_equal(turn.apply(volume.array), canonical.array)
    assert (np.diag(canonical.affine)[:3] > 0).all()
    assert canonical.affine[:3, :3] == pytest.approx(np.diag(np.diag(canonical.affine[:3, :3])))
    again, same = canonical.canonical()
    assert (
        np.array_equal(again.array, canonical.array) and same.axes == (0, 1, 2) and same.flips == ()
    )


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(ORIENTATIONS), TURNS, st.integers(0, 23))
def test_positions_stay_in_world_even_oblique(orientation, turn, flat):
    volume = oriented(*orientation, turn)
    canonical, back = volume.canonical()
    before, after = np.argwhere(volume.array == flat)[0], np.argwhere(canonical.array == flat)[0]
    assert world(volume, *before) == pytest.approx(world(canonical, *after), abs=1e-9)
    assert (np.diag(canonical.affine)[:3] > 0).all()
    assert np.array_equal(back.restore(canonical.array), volume.array)


@settings(max_examples=48, deadline=None)
@given(
    st.sampled_from(ORIENTATIONS),
    TURNS,
    st.sampled_from([(".nrrd", 1e-12), (".mha", 1e-12), (".nii.gz", 1e-3)]),
    st.integers(0, 2**32 - 1),
)
def test_files_keep_hu_and_geometry_in_every_orientation(orientation, turn, kind, seed):
    """NIfTI holds geometry in single precision: here within a thousandth of a millimetre."""
    suffix, tolerance = kind
    hu = np.random.default_rng(seed).integers(-1024, 3072, (3, 4, 5)).astype(np.float32)
    hu[0], hu[1] = -1000, 40
    volume = oriented(*orientation, turn, hu)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        save_volume(volume, path)
        again = load_volume(path)
    assert np.array_equal(again.array, hu) and again.stored_dtype == "int16"
    assert np.abs(again.affine - volume.affine).max() < tolerance
    assert again.same_grid(volume)


def test_spacing_is_z_y_x():
    assert oriented((0, 1, 2), (1, 1, 1)).spacing == pytest.approx((2.512, 0.9, 0.7031))


def test_same_grid_sees_a_shift_a_turn_and_another_shape():
    a, b = oriented((0, 1, 2), (1, 1, 1)), oriented((0, 1, 2), (1, 1, 1))
    assert a.same_grid(b)
    b.affine[0, 3] += 0.5
    assert not a.same_grid(b)
    assert not a.same_grid(oriented((0, 1, 2), (1, 1, 1), (0.0, 0.0, 0.01)))
    assert not a.same_grid(a.with_array(np.zeros((2, 3, 5), np.float32)))


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)])
def test_broken_geometry_is_refused(affine):
    with pytest.raises(UnsuitableInputError):
        Volume(np.zeros((1, 2, 2), np.float32), affine)


def test_two_axes_are_refused():
    with pytest.raises(UnsuitableInputError, match="3 axes"):
        Volume(np.zeros((2, 2), np.float32), np.eye(4))
