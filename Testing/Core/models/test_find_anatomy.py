"""Anatomy by the lungs' network: its border, its fallback, and what is said of unusual scans."""

import numpy as np
import pytest
import torch

from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, LEFT, RIGHT, segment_anatomy
from DGMVLCCore.imaging.view import view_notes
from DGMVLCCore.models import anatomy as find
from DGMVLCCore.models.lung_border import find_border, native_labels
from DGMVLCCore.models.lung_shares import Shares, coarse_grid, lung_shares
from DGMVLCCore.models.lungs import LungNet
from DGMVLCCore.training.lungs import lung_dice_loss


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def shares_of(labels):
    """What a network that knows the labels (D,h,w) says of them."""
    each = [torch.from_numpy((labels == label).astype(np.float32)) for label in range(5)]
    lungs = each[LEFT] + each[RIGHT]
    return Shares(lungs, each[LEFT], each[RIGHT], each[AIRWAY], 1 - each[0])


def chest(shape=(12, 96, 128)):
    """HU and labels of two lungs in a body, without noise."""
    d, h, w = shape
    _, y, x = np.mgrid[:d, :h, :w]
    labels = np.zeros(shape, np.uint8)
    labels[((y - h / 2) / (h * 0.42)) ** 2 + ((x - w / 2) / (w * 0.45)) ** 2 < 1] = BODY
    for label, side in ((RIGHT, -1), (LEFT, 1)):
        at = ((y - h / 2) / (h * 0.28)) ** 2 + ((x - w / 2 - side * w * 0.21) / (w * 0.16)) ** 2
        labels[at < 1] = label
    hu = np.choose(np.minimum(labels, 2), (-1000.0, 40.0, -850.0)).astype(np.float32)
    return hu, labels


@pytest.mark.parametrize("apart", [1, 3])
def test_shares_have_the_scans_slices(apart):
    torch.manual_seed(0)
    hu, _ = chest((7, 90, 122))
    spacing = (2.0, 3.2, 3.2)
    shares = lung_shares(LungNet().eval(), coarse_grid(hu, spacing), spacing, apart)
    assert shares.lungs.shape == (7, 90, 122)
    assert all(bool(((each >= 0) & (each <= 1.001)).all()) for each in (shares.body, shares.airway))


def test_the_border_follows_the_air_where_the_network_is_off():
    hu, labels = chest()
    off = np.roll(labels, 1, axis=1)  # 3.2 mm too far back
    lungs = np.isin(labels, (LEFT, RIGHT))
    before = dice(np.isin(off, (LEFT, RIGHT)), lungs)
    border = find_border(hu, shares_of(off), 3.2)
    assert before < 0.98 < 0.99 < dice(border.lungs, lungs)
    assert max(border.unseen.values()) < 0.02


def test_a_filled_lung_keeps_the_networks_border_and_is_called_uncertain():
    hu, labels = chest()
    white = np.where(labels == LEFT, 40, hu).astype(np.float32)
    border = find_border(white, shares_of(labels), 3.2)
    assert dice(border.lungs & (labels == LEFT), labels == LEFT) > 0.97
    assert border.unseen[LEFT] > 0.9 and border.unseen[RIGHT] < 0.02


def test_native_labels_are_sharper_than_the_grid():
    fine, truth = chest((3, 384, 512))
    coarse = truth[:, 2::4, 2::4]
    border = find_border(fine.reshape(3, 96, 4, 128, 4).mean((2, 4)), shares_of(coarse), 3.2)
    labels = native_labels(fine, shares_of(coarse), border)
    blocks = border.lungs.repeat(4, 1).repeat(4, 2)
    lungs, wanted = np.isin(labels, (LEFT, RIGHT)), np.isin(truth, (LEFT, RIGHT))
    assert dice(lungs, wanted) > max(dice(blocks, wanted), 0.99)
    assert (labels[lungs & (truth == LEFT)] == LEFT).all()


def test_without_weights_the_classical_way_is_taken_and_said(phantom, monkeypatch, caplog):
    def missing():
        raise WeightsError("There are no weights in x.")

    monkeypatch.setattr(find, "_network", missing)
    caplog.set_level("INFO")
    found = find.find_anatomy(phantom)
    assert np.array_equal(found.labels, segment_anatomy(phantom).labels)
    assert found.origin == "classical" and "There are no weights in x" in caplog.text


def test_a_network_that_misses_the_air_is_not_believed(phantom, monkeypatch):
    torch.manual_seed(0)
    blind = LungNet().eval()
    with torch.no_grad():
        blind.out.weight.zero_()
        blind.out.bias.zero_()
        blind.out.bias[:4] = 9  # outside everywhere
    monkeypatch.setattr(find, "_network", lambda: blind)
    found = find.find_anatomy(phantom)
    assert found.origin == "classical" and "by thresholds alone" in found.notes[0]


def test_gas_of_the_gut_speaks_neither_for_nor_against_the_network():
    hu, labels = chest()
    hu[:, 20:26, 50:78] = -1000  # in the body, in no lung
    assert find._holds_the_air(shares_of(labels), hu, voxel_ml=0.1)
    # The same shares where the left lung was taken for body: a lung that is missed is no gut.
    missed = np.where(labels == LEFT, BODY, labels)
    assert find._holds_the_air(shares_of(missed), hu, voxel_ml=0.01)
    rows = np.arange(12)[:, None, None] < 4
    assert not find._holds_the_air(shares_of(np.where(rows, missed, BODY)), hu, voxel_ml=0.2)


def test_a_lung_taken_for_both_is_one_lung():
    _, labels = chest()
    assert find._one_sided(both := shares_of(labels)) is both
    rows = np.arange(96)[None, :, None] < 44
    mixed = np.where((labels == LEFT) & rows, RIGHT, np.where(labels == RIGHT, BODY, labels))
    shares = find._one_sided(shares_of(mixed))
    assert not shares.right.any() and torch.equal(shares.left, shares.lungs)


def test_no_ct_and_no_lungs_are_refused(phantom):
    with pytest.raises(UnsuitableInputError, match="Lungs are found in CT only, and this is MR"):
        find.find_anatomy(phantom.with_array(phantom.array, modality="MR"))
    solid = np.where(phantom.array > -950, 40, phantom.array).astype(np.float32)
    with pytest.raises(UnsuitableInputError, match="No lungs are in view"):
        find.find_anatomy(phantom.with_array(solid))


def test_what_is_missing_or_cut_is_said():
    hu, labels = chest()
    spacing = (20.0, 3.2, 3.2)
    hu[:, 70:76, 60:68] = 900  # the spine
    assert [note for note in view_notes(labels, hu, spacing) if "not whole" not in note] == []
    bright = hu.copy()
    bright[:, 40:56, 52:76] = 500  # a heart full of contrast is no spine
    assert not any("exchange" in note for note in view_notes(labels, bright, spacing))
    one = np.where(labels == RIGHT, BODY, labels)
    assert any("No right lung is in view" in note for note in view_notes(one, hu, spacing))
    assert any("cut below and above" in note for note in view_notes(labels, hu, spacing))
    half = labels[:, :, 32:]
    (note,) = [n for n in view_notes(half, hu[:, :, 32:], spacing) if "not whole" in n]
    assert "at the image's left" in note
    turned = view_notes(labels[:, ::-1], hu[:, ::-1], spacing)
    assert any("exchange front and back" in note for note in turned)


@pytest.mark.parametrize("turn, said", [(1, False), (-1, True)])
def test_a_heart_above_the_lungs_is_said(turn, said):
    hu, labels = chest()
    for row in range(12):  # heart and diaphragm take ever more of the lungs towards the feet
        labels[row, :, 56 - 2 * (11 - row) : 72 + 2 * (11 - row)] = BODY
    notes = view_notes(labels[::turn], hu[::turn], (20.0, 3.2, 3.2))
    assert any("exchange head and feet" in note for note in notes) is said
    short = view_notes(labels[::turn], hu[::turn], (5.0, 3.2, 3.2))
    assert not any("head and feet" in note for note in short)  # a part of the lungs says nothing


def test_the_grid_keeps_the_mean():
    hu, _ = chest((2, 96, 128))
    grid = coarse_grid(hu, (2.0, 1.6, 1.6))
    assert grid.shape == (2, 48, 64) and float(grid.mean()) == pytest.approx(hu.mean(), abs=1)


def test_dice_loss_ends_at_zero():
    label = torch.tensor([[[2, 3], [1, 0]]]).repeat(2, 8, 8)
    right = torch.nn.functional.one_hot(label, 5).permute(0, 3, 1, 2) * 40.0
    assert float(lung_dice_loss(right, label)) < 1e-3 < 0.5 < float(lung_dice_loss(-right, label))


def test_above_the_last_air_of_a_lung_none_of_it_is_left():
    hu, labels = chest((6, 96, 128))
    shoulder = np.where((np.arange(6)[:, None, None] > 3) & (labels == LEFT), 60, hu)
    border = find_border(shoulder.astype(np.float32), shares_of(labels), 3.2)
    assert not (border.lungs & (labels == LEFT))[4:].any()
    assert (border.lungs & (labels == RIGHT))[4:].any() and (border.lungs & (labels == LEFT))[
        3
    ].any()
