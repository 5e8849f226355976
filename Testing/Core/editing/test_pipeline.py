"""The patient's scan is edited, never re-imagined: exact zeros, exact seeds, cancelling."""

import itertools

import numpy as np
import pytest
import torch

from DGMVLCCore.editing import sampler
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import Cancelled, UnsuitableInputError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.volume import Orientation
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.noise import slice_correlation, volume_noise

SOURCE, TARGET = "Nodule.", "No nodule. Clear lung."
ORIENTATIONS = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3))
)


def region(volume):
    mask = np.zeros(volume.shape, bool)
    mask[5:7, 44:60, 84:98] = True
    return mask


@pytest.fixture(scope="module")
def anatomy(phantom):
    return segment_anatomy(phantom)


def run(pipe, volume, anatomy, mask=None, **how):
    plan = EditPlan(
        region(volume) if mask is None else mask,
        how.pop("source", SOURCE),
        how.pop("target", TARGET),
        "nodule",
        mode=how.pop("mode", "replace"),
    )
    return pipe(volume, plan, anatomy=anatomy, **{"noises": 2, "steps": 2, **how})


@pytest.mark.parametrize("mode", ["replace", "shift"])
def test_nothing_changes_outside_the_mask(untrained, phantom, anatomy, mode):
    result = run(untrained, phantom, anatomy, mode=mode)
    assert np.abs(result.difference[result.mask]).max() > 0
    assert not result.difference[~result.mask].any() and not result.uncertainty[~result.mask].any()
    assert np.array_equal(result.counterfactual.array, np.rint(result.counterfactual.array))
    assert np.array_equal(result.mask, region(phantom) & anatomy.body)


@pytest.mark.parametrize("mode", ["replace", "shift"])
def test_equal_texts_return_the_input(untrained, phantom, anatomy, mode):
    result = run(untrained, phantom, anatomy, mode=mode, target=SOURCE)
    assert np.array_equal(result.counterfactual.array, phantom.array)


def test_equal_texts_cancel_in_the_flow_edit_itself(untrained):
    text = untrained.text(SOURCE)
    image = torch.rand(2, 1, 32, 32)
    cond = Conditions(
        torch.rand(2, 3, 32, 32),
        torch.ones(2, 3, 32, 32),
        torch.rand(2, 4, 32, 32),
        torch.ones(2, 2),
        *text,
    )
    same = sampler.shift(
        untrained.predictor(), image, torch.randn(image.shape), cond, text, text, steps=3
    )
    assert torch.equal(same, image)
    other = sampler.shift(
        untrained.predictor(),
        image,
        torch.randn(image.shape),
        cond,
        text,
        untrained.text(TARGET),
        steps=3,
    )
    assert not torch.equal(other, image)


@pytest.mark.parametrize("axes, mirrored", ORIENTATIONS)
def test_every_orientation_gives_the_same_edit(untrained, phantom, anatomy, axes, mirrored):
    turn = Orientation(axes, tuple(i for i, m in enumerate(mirrored) if m))
    matrix = np.zeros((4, 4))
    for canonical, original in enumerate(axes):
        matrix[:3, 2 - original] = phantom.affine[:3, 2 - canonical] * (
            -1 if canonical in turn.flips else 1
        )
    matrix[:, 3] = (0, 0, 0, 1)
    small = slice(4, 8)
    turned = phantom.with_array(turn.restore(phantom.array[small]), affine=matrix)
    placed = type(anatomy)(turn.restore(anatomy.labels[small]))
    result = run(untrained, turned, placed, turn.restore(region(phantom)[small]), noises=1, steps=1)
    assert not result.difference[~result.mask].any()
    straight = run(
        untrained,
        phantom.with_array(phantom.array[small]),
        type(anatomy)(anatomy.labels[small]),
        region(phantom)[small],
        noises=1,
        steps=1,
    )
    assert np.array_equal(turn.apply(result.counterfactual.array), straight.counterfactual.array)


def test_seeds_are_exact_and_matter(untrained, phantom, anatomy):
    a, b, c = (run(untrained, phantom, anatomy, seed=s).counterfactual.array for s in (3, 3, 4))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_large_masks_work_on_a_coarser_grid(untrained, phantom, anatomy):
    result = run(untrained, phantom, anatomy, mask=anatomy.lungs, noises=1, steps=1, slices=(5, 6))
    assert not result.settings["native"]
    assert np.nonzero(result.difference.any((1, 2)))[0].tolist() == [5]
    assert not result.difference[~result.mask].any()


def test_cancel_and_refusals(untrained, phantom, anatomy):
    with pytest.raises(Cancelled):
        run(untrained, phantom, anatomy, should_cancel=lambda: True)
    with pytest.raises(UnsuitableInputError, match="no voxel"):
        run(untrained, phantom, anatomy, mask=np.zeros(phantom.shape, bool))


def test_progress_reaches_the_end(untrained, phantom, anatomy):
    seen = []
    run(untrained, phantom, anatomy, callback=lambda stage, share: seen.append((stage, share)))
    assert seen[-1] == ("editing", 1.0) and all(a[1] <= b[1] for a, b in zip(seen[:-1], seen[1:]))


def test_noise_correlates_along_z_as_asked():
    field = volume_noise((400, 12, 12), 0.6, 0)
    assert float((field[1:] * field[:-1]).mean()) == pytest.approx(0.6, abs=0.05)
    assert float(field.var()) == pytest.approx(1, abs=0.05)


def test_correlation_is_measured_in_the_scan():
    rng = np.random.default_rng(0)
    lungs = np.ones((6, 64, 64), bool)
    fresh = -850 + 30 * rng.standard_normal(lungs.shape)
    assert slice_correlation(fresh, lungs) < 0.05
    assert slice_correlation(np.repeat(fresh[:1], 6, 0), lungs) == 0.95
