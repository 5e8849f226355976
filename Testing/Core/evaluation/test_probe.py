"""The probe: what it sees, how it learns on made-up shards, and what it refuses."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.models.probe import SQUARE, WIDEST_MM, Probe, ProbeNet, flipped, parts, square
from DGMVLCCore.models.units import to_units
from DGMVLCCore.stats import roc_area
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.probing import ProbeMaker
from DGMVLCCore.training.recipe import Recipe


@pytest.fixture(scope="module")
def shards(tmp_path_factory, make_shards):
    """Shards of one synthetic patient and four square nodules."""
    return make_shards(tmp_path_factory.mktemp("shards"), phrases=20)


def test_a_square_is_in_millimetres():
    hu, mask = np.full((200, 300), -850.0), np.zeros((200, 300), bool)
    mask[90:110, 140:180] = True  # 10 mm x 20 mm
    seen = square(np.where(mask, 0.0, hu), mask, (2.0, 0.5, 0.5))
    assert seen.shape == (3, SQUARE, SQUARE) and seen[2].sum() == pytest.approx(200)
    ys, xs = np.nonzero(seen[2] > 0.5)
    assert (ys.mean(), xs.mean()) == pytest.approx((47.5, 47.5), abs=0.6)
    assert seen[0][seen[2] == 1] == pytest.approx(float(to_units(np.float32(0)))) and seen[0][
        0, 0
    ] == pytest.approx(float(to_units(np.float32(-850))))
    assert seen[1][0, 0] == 0 and (seen[1][seen[2] == 1] == 1).all()


def test_a_square_at_the_border_is_padded_with_air():
    mask = np.zeros((40, 40), bool)
    mask[:4, :4] = True
    seen = square(np.full((40, 40), -850.0), mask, (1.0, 1.0, 1.0))
    assert (
        seen[0][0, 0] == pytest.approx(float(to_units(np.float32(-1024)))) and seen[2].sum() == 16
    )


def test_a_wide_mask_is_looked_at_in_pieces():
    mask = np.zeros((200, 300), bool)
    mask[20:40, 10:290] = mask[150:180, 10:40] = True
    pieces = parts(mask, (2.0, 1.0, 1.0))
    assert np.array_equal(np.sum(pieces, 0), mask), "each pixel in one piece"
    assert max(np.ptp(at) + 1 for piece in pieces for at in np.nonzero(piece)) <= WIDEST_MM
    small = mask[:60, :60]
    assert len(parts(small, (2.0, 1.0, 1.0))) == 1 and np.array_equal(
        parts(small, (2.0, 1.0, 1.0))[0], small
    )


def test_masks_are_alike_with_and_without_a_lesion(shards):
    maker, rng = ProbeMaker(shards, 0.0), np.random.default_rng(0)
    pairs = [example for _ in range(3) for example in maker.simulated_squares(rng)]
    present, absent = pairs[::2], pairs[1::2]
    assert [e["label"] for e in present] == [1] * len(present) and [e["label"] for e in absent] == [
        0
    ] * len(absent)
    assert all(np.array_equal(a["square"][2], b["square"][2]) for a, b in zip(present, absent))
    assert all(not np.array_equal(a["square"][0], b["square"][0]) for a, b in zip(present, absent))


def test_a_real_nodule_lies_in_its_mask_and_beside_the_other(shards):
    maker, rng = ProbeMaker(shards, 1.0), np.random.default_rng(0)
    found = [example for _ in range(40) for example in maker.nodule_squares(rng)]
    dense = float(to_units(np.float32(-200)))
    inside = {
        label: [e["square"][0][e["square"][2] > 0.9].max() for e in found if e["label"] == label]
        for label in (0, 1)
    }
    assert min(map(len, inside.values())) >= 5 and min(inside[1]) > dense > max(inside[0])


def test_batches_are_balanced_seeded_and_turned(shards):
    first, second = (next(ProbeMaker(shards, 0.5).batches(16, 3)) for _ in range(2))
    assert first["square"].shape == (16, 3, SQUARE, SQUARE) and first["label"].mean() == 0.5
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_it_learns_and_is_loaded_back(shards, tmp_path):
    recipe = Recipe(
        str(shards),
        str(tmp_path / "run"),
        task="probe",
        steps=24,
        batch=16,
        workers=0,
        warmup=4,
        ema=0.9,
        learning_rate=2e-3,
        nodule_share=0.5,
        checkpoint_every=100,
    )
    probe = Probe.from_pretrained(train(recipe))
    batch = next(ProbeMaker(shards, 1.0).batches(32, 9))
    with torch.no_grad():
        logits = probe.model(torch.from_numpy(batch["square"])).numpy()
    assert roc_area(logits[batch["label"] > 0], logits[batch["label"] == 0]) > 0.9
    assert len(probe.weights_sha256) == 64


def test_it_is_small():
    assert sum(value.numel() for value in ProbeNet().parameters()) <= 150_000


def test_the_score_is_the_mean_of_the_full_slices():
    torch.manual_seed(0)
    probe = Probe(ProbeNet(offset=0.25))
    rng = np.random.default_rng(0)
    hu, lungs = -850 + rng.normal(0, 40, (4, 80, 80)), np.ones((4, 80, 80), bool)
    mask = np.zeros(hu.shape, bool)
    mask[1, 30:50, 30:50], mask[2, 30:50, 30:40], mask[3, 30:34, 30:34] = True, True, True
    spacing = (2.0, 1.0, 1.0)
    with torch.no_grad():
        each = [
            float(probe.model(torch.from_numpy(square(hu[z], mask[z], spacing))[None])) + 0.25
            for z in (1, 2)
        ]
    assert probe.score(hu, mask, lungs, spacing) == pytest.approx(
        (2 * each[0] + each[1]) / 3, abs=1e-5
    )
    outside = mask.copy()
    outside[0] = True
    assert probe.score(hu, outside, lungs & mask, spacing) == pytest.approx(
        (2 * each[0] + each[1]) / 3, abs=1e-5
    ), "what lies outside the lungs does not count"


def test_a_flip_needs_a_lesion_seen_before():
    assert flipped(2.0, -1.0) is True and flipped(2.0, 0.5) is False and flipped(-0.1, -3.0) is None


def test_what_it_cannot_judge_is_refused():
    probe, hu = Probe(ProbeNet()), np.zeros((1, 32, 32))
    with pytest.raises(UnsuitableInputError, match="no voxel of the lungs"):
        probe.score(hu, np.ones(hu.shape, bool), np.zeros(hu.shape, bool), (1.0, 1.0, 1.0))
    with pytest.raises(UnsuitableInputError, match="not finite"):
        probe.score(hu * np.nan, np.ones(hu.shape, bool), np.ones(hu.shape, bool), (1.0, 1.0, 1.0))


def test_the_shipped_probe_sees_the_samples_nodule_and_not_the_lung_beside_it():
    from DGMVLCCore import load_labels, load_volume
    from DGMVLCCore.ground.resources import resource

    probe, volume = Probe.from_pretrained(), load_volume(resource("sample/ct.nrrd"))
    nodule = load_labels(resource("sample/nodule.nrrd"), volume).union()
    lungs = ndimage.binary_closing(volume.array < -500, np.ones((1, 9, 9))) | nodule
    mask = ndimage.binary_dilation(nodule, np.ones((1, 9, 9))) & lungs
    beside = np.zeros_like(mask)
    z = int(mask.sum((1, 2)).argmax())
    clear = (
        ndimage.minimum_filter(
            ((volume.array[z] < -700) & (volume.array[z] > -980)).astype(np.float32), 15
        )
        > 0
    )
    y, x = np.argwhere(clear)[len(np.argwhere(clear)) // 2]
    beside[z, y - 12 : y + 13, x - 12 : x + 13] = True
    assert (
        probe.score(volume.array, mask, lungs, volume.spacing)
        > 0
        > probe.score(volume.array, beside, lungs, volume.spacing)
    )
