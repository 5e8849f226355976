"""The dual encoder's parts, without the shipped weights: shapes, units, losses that know right from
wrong."""

import numpy as np
import pytest
import torch

from DGMVLCCore.language.bank import Phrase
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.dual import EMBEDDING, DualEncoder, Look
from DGMVLCCore.simulation.insert import Lesion
from DGMVLCCore.training.aligning import cell_loss, region_loss
from DGMVLCCore.training.pairs import FALSE, TRUE, UNSAID, height, verdict


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = DualEncoder(widths=(16, 16, 32), findings=("nodule",)).eval()
    for value in made.parameters():  # untrained, its blocks are the identity
        value.data.add_(0.05 * torch.randn_like(value))
    return made


def look(n=2, side=64):
    g = torch.Generator().manual_seed(1)
    return Look(
        torch.randn(n, 3, side, side, generator=g),
        torch.rand(n, 4, side, side, generator=g),
        torch.ones(n, 2),
        torch.full((n,), 0.5),
    )


def lesion(term="nodule", **facts):
    empty = np.zeros((1, 1, 1), np.float32)
    return Lesion(
        **{
            "hu": empty,
            "soft": empty,
            "mask": empty > 0,
            "kind": "smooth_nodule",
            "term": term,
            "side": "left",
            "zone": "upper",
            "size_mm": 10.0,
            **facts,
        }
    )


def test_vectors_have_length_one_and_cells_are_a_fourth(model):
    region = torch.zeros(2, 1, 64, 64)
    region[..., 20:40, 20:40] = 1
    with torch.no_grad():
        cells, regions = model(look(), region)
        for_cells, for_regions = model.text(torch.randn(5, 384))
    assert (
        cells.shape == (2, EMBEDDING, 16, 16)
        and regions.shape == (2, EMBEDDING)
        and for_cells.shape == for_regions.shape == (5, EMBEDDING)
    )
    for vectors in (cells, regions, for_cells, for_regions):
        assert torch.allclose(vectors.norm(dim=1), torch.ones(()), atol=1e-4)


def test_the_region_matters_and_an_empty_one_does_not_break(model):
    seen = look(1)
    masks = torch.zeros(3, 1, 1, 64, 64)
    masks[0, ..., :32, :32], masks[1, ..., 32:, 32:] = 1, 1
    with torch.no_grad():
        a, b, empty = (model(seen, mask)[1] for mask in masks)
    assert not torch.allclose(a, b, atol=1e-3) and torch.isfinite(empty).all()


def test_place_is_told_only_when_known(model):
    known, unknown = look(1), look(1)
    unknown.height = torch.tensor([-1.0])
    other = look(1)
    other.height = torch.tensor([-0.3])
    region = torch.ones(1, 1, 64, 64)
    with torch.no_grad():
        vectors = [model(each, region)[1] for each in (known, unknown, other)]
    assert not torch.allclose(vectors[0], vectors[1]) and torch.equal(vectors[1], vectors[2])


def test_the_scan_embedding_sees_nothing_of_the_hole(model):
    """The hole is filled before the encoder looks, so what was in it cannot leak into the
    generator."""
    context, mask = torch.randn(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    mask[..., 10:30, 10:30] = 1
    text = torch.zeros(1, 1, 384), torch.zeros(1, 1, dtype=torch.bool), torch.zeros(1, 384)
    cond = Conditions(context, mask, torch.ones(1, 4, 64, 64), torch.ones(1, 2), *text)
    assert model.scan_embedding(cond).shape == (1, EMBEDDING)
    assert torch.equal(
        model.scan_embedding(cond),
        model.scan_embedding(cond.with_text(torch.ones(1, 1, 384), *text[1:])),
    )


def test_the_hash_speaks_of_the_scan_embedding_only(model):
    other = DualEncoder(widths=(16, 16, 32))
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        next(other.text_head.parameters()).add_(1)
    assert other.scan_sha256() == model.scan_sha256()
    with torch.no_grad():
        other.region_head[0].weight.add_(0.5)
    assert other.scan_sha256() != model.scan_sha256()


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        (Phrase("Nodule.", "nodule", True), TRUE),
        (Phrase("Nodule on the left.", "nodule", True, side="left"), TRUE),
        (Phrase("Nodule on the right.", "nodule", True, side="right"), FALSE),
        (Phrase("10 mm nodule.", "nodule", True, size_mm=10.0), TRUE),
        (Phrase("12 mm nodule.", "nodule", True, size_mm=12.0), UNSAID),
        (Phrase("30 mm nodule.", "nodule", True, size_mm=30.0), FALSE),
        (Phrase("Spiculated nodule.", "nodule", True, words=("spiculated",)), FALSE),
        (Phrase("Emphysema.", "emphysema", True), FALSE),
        (Phrase("No nodule.", "nodule", False), FALSE),
        (Phrase("No nodule on the right.", "nodule", False, side="right"), UNSAID),
        (Phrase("No emphysema.", "emphysema", False), UNSAID),
        (Phrase("No emphysema. Clear lung.", "emphysema", False), FALSE),
    ],
)
def test_verdicts(phrase, wanted):
    assert verdict(phrase, lesion()) == wanted


def test_verdicts_on_clear_lung_and_on_what_nobody_looked_for():
    assert (
        verdict(Phrase("No nodule.", "nodule", False), None) == TRUE
        and verdict(Phrase("Nodule.", "nodule", True), None) == FALSE
    )
    assert verdict(Phrase("No nodule.", "nodule", False), None, about="pneumonia") == UNSAID
    assert (
        verdict(Phrase("Nodule on the left.", "nodule", True, side="left"), lesion(side=None))
        == UNSAID
    )


def test_losses_know_right_from_wrong():
    verdicts = torch.tensor([[1, 0, -1]])
    good, bad = torch.tensor([[6.0, -6.0, 9.0]]), torch.tensor([[-6.0, 6.0, 9.0]])
    assert region_loss(good, verdicts) < 0.01 < 5 < region_loss(bad, verdicts)
    soft = torch.zeros(1, 1, 4, 4)
    soft[..., :2, :2] = 1
    lungs, present, trusted = (
        torch.ones(1, 1, 4, 4),
        torch.tensor([True, True, False]),
        torch.ones(1),
    )
    logits = (
        torch.where(soft > 0, 6.0, -6.0) * torch.tensor([1.0, 0.0, 1.0])[None, :, None, None]
        + torch.tensor([0.0, -6.0, 0.0])[None, :, None, None]
    )
    assert cell_loss(logits, soft, lungs, verdicts, present, trusted) < 0.01
    assert cell_loss(-logits, soft, lungs, verdicts, present, trusted) > 3
    wrong_outside = torch.where(soft > 0, 6.0, 6.0).expand(1, 3, 4, 4)
    assert (
        cell_loss(wrong_outside, soft, lungs, torch.tensor([[1, -1, -1]]), present, torch.zeros(1))
        < 0.01
    ), "untrusted surroundings teach nothing"


def test_height_runs_from_base_to_apex():
    assert (
        height((10, 20), 0) == 0
        and height((10, 20), 15) == pytest.approx(0.5)
        and height((10, 20), 40) == 1
    )
