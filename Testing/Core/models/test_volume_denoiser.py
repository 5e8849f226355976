"""Slabs: a 2D network until the layers along z learn something, stored as those layers alone."""

import json

import pytest
import torch

from DGMVLCCore.errors import WeightsError
from DGMVLCCore.models.denoiser import Conditions, Denoiser
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.models.volume_denoiser import VolumeDenoiser

SMALL = {"widths": (16, 16, 16), "text_dim": 16}


def stir(model, seed=0):
    """Weights that hide nothing."""
    generator = torch.Generator().manual_seed(seed)
    for value in model.parameters():
        value.data.normal_(0, 0.1, generator=generator)
    return model.eval()


def inputs(n=8, side=32):
    g = torch.Generator().manual_seed(1)
    cond = Conditions(
        torch.randn(n, 3, side, side, generator=g),
        torch.ones(n, 3, side, side),
        torch.rand(n, 4, side, side, generator=g),
        torch.tensor([[0.7, 2.5]] * n),
        torch.randn(n, 5, 16, generator=g),
        torch.ones(n, 5, dtype=torch.bool),
        torch.randn(n, 16, generator=g),
    )
    return torch.randn(n, 1, side, side, generator=g), torch.full((n,), 0.4), cond


@pytest.fixture
def base(tmp_path):
    """Folder of a 2D network."""
    stir(Denoiser(**SMALL)).save_pretrained(str(tmp_path / "flat"))
    return tmp_path / "flat"


def raised(folder):
    """Slab layers, that do nothing yet, on the network of a folder."""
    model, sha256 = load_generator(folder)
    return VolumeDenoiser.on(model, folder.name, sha256)


@torch.no_grad()
@pytest.mark.parametrize("units", [(True, True), (True, False), (False, True)])
def test_it_starts_as_the_2d_network_exactly(units):
    flat = stir(Denoiser(**SMALL, affine_fusion=units[0], cross_attention=units[1]))
    model = VolumeDenoiser.on(flat, "flat", "").eval()
    x, t, cond = inputs()
    for depth in (1, 2, 8):
        for ours, theirs in zip(model(x, t, cond, depth=depth), flat(x, t, cond)):
            assert (ours is None and theirs is None) or torch.equal(ours, theirs)


@torch.no_grad()
def test_slices_of_a_slab_see_one_another_and_no_other_slab(base):
    model, flat = stir(raised(base)), load_generator(base)[0]
    x, t, cond = inputs()
    before, changed = model(x, t, cond, depth=4)[0], x.clone()
    changed[0] += 1
    differs = (model(changed, t, cond, depth=4)[0] != before).flatten(1).any(1)
    assert differs[:4].all() and not differs[4:].any()
    model.load_state_dict(flat.state_dict(), strict=False)
    model.to(memory_format=torch.channels_last)  # as loaded weights are kept
    assert torch.equal(model(x, t, cond)[0], flat(x, t, cond)[0]), (
        "single slices are answered as by the 2D network"
    )


def test_only_the_layers_along_z_are_stored_and_trained(base):
    model = raised(base)
    for value in model.along_z.parameters():
        torch.nn.init.normal_(value, std=0.1)
    model.half().save_pretrained(str(base.parent / "slabs"))
    again, _ = load_generator(base.parent / "slabs")
    assert isinstance(again, VolumeDenoiser) and again.config.base == "flat"
    for (name, value), (_, wanted) in zip(
        again.state_dict().items(), model.float().state_dict().items()
    ):
        assert torch.allclose(value, wanted, atol=1e-3), name
    again.freeze_base()
    assert {
        name.split(".")[0] for name, value in again.named_parameters() if value.requires_grad
    } == {"along_z"}


def test_a_missing_or_another_base_is_named(base):
    folder = base.parent / "slabs"
    raised(base).save_pretrained(str(folder))
    stir(Denoiser(**SMALL), seed=9).save_pretrained(str(base))
    with pytest.raises(WeightsError, match="trained on another flat"):
        load_generator(folder)
    base.rename(base.parent / "elsewhere")
    with pytest.raises(WeightsError, match="put its folder beside slabs"):
        load_generator(folder)


@torch.no_grad()
def test_a_network_trained_as_a_whole_is_stored_as_a_whole(tmp_path):
    model = stir(VolumeDenoiser(**SMALL, depth=4))
    model.save_pretrained(str(tmp_path / "whole"))
    again, (x, t, cond) = load_generator(tmp_path / "whole")[0].eval(), inputs()
    assert (
        json.loads((tmp_path / "whole" / "config.json").read_text(encoding="utf-8"))["base"] == ""
    )
    model.to(memory_format=torch.channels_last)  # as loaded weights are kept
    assert torch.equal(again(x, t, cond, depth=4)[0], model(x, t, cond, depth=4)[0])


def test_the_layers_along_z_stay_small():
    size = sum(value.numel() for value in VolumeDenoiser().along_z.parameters())
    assert 3e5 < size < 6e5
