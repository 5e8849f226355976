"""The network: lossless arrangement, identity at the start, fusion units that can be switched off,
round trip."""

import pytest
import torch

from DGMVLCCore.models.denoiser import Conditions, Denoiser
from DGMVLCCore.models.fusion import AffineFusion, CrossAttention


def conditions(n=2, side=32, text=16):
    g = torch.Generator().manual_seed(0)
    mask = torch.ones(n, 5, dtype=torch.bool)
    mask[:, 3:] = False
    return Conditions(
        torch.randn(n, 3, side, side, generator=g),
        torch.ones(n, 3, side, side),
        torch.rand(n, 4, side, side, generator=g),
        torch.tensor([[0.7, 2.5]] * n),
        torch.randn(n, 5, text, generator=g),
        mask,
        torch.randn(n, text, generator=g),
    )


def test_fusion_units_start_as_the_identity():
    x = torch.randn(2, 32, 8, 8)
    cond = conditions()
    assert torch.allclose(AffineFusion(16, 32)(x, cond.pooled), x, atol=1e-6)
    out, attention = CrossAttention(32, 16)(x, cond.tokens, cond.token_mask)
    assert torch.equal(out, x)
    assert torch.allclose(attention.sum(-1), torch.ones(2, 64), atol=1e-5)
    assert not attention[..., 4:].any(), "padding must get no attention"


def test_an_untrained_network_returns_the_fill():
    cond = conditions()
    clean, attention = Denoiser((16, 16, 16), text_dim=16)(
        torch.randn(2, 1, 32, 32), torch.tensor([0.3, 0.9]), cond
    )
    assert torch.equal(clean, cond.context[:, 1:2])
    assert attention.shape == (2, 64, 6)


def trained(**how):
    torch.manual_seed(0)
    model = Denoiser((16, 16, 16), text_dim=16, **how)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@pytest.mark.parametrize(
    "affine, cross", [(True, True), (True, False), (False, True), (False, False)]
)
def test_text_acts_through_each_unit_and_through_nothing_else(affine, cross):
    model = trained(affine_fusion=affine, cross_attention=cross)
    cond, x, t = conditions(), torch.randn(2, 1, 32, 32), torch.tensor([0.5, 0.5])
    other = cond.with_text(cond.tokens.flip(0), cond.token_mask, cond.pooled.flip(0))
    with torch.no_grad():
        (a, attention), (b, _) = model(x, t, cond), model(x, t, other)
    assert torch.equal(a, b) != (affine or cross)
    assert (attention is not None) == cross


@pytest.mark.parametrize("name", ["context", "mask", "anatomy", "geometry"])
def test_every_condition_is_used(name):
    model, cond, x, t = trained(), conditions(), torch.randn(2, 1, 32, 32), torch.tensor([0.5, 0.5])
    with torch.no_grad():
        before, _ = model(x, t, cond)
        setattr(cond, name, getattr(cond, name) * 0.5)
        after, _ = model(x, t, cond)
    assert not torch.equal(before, after)


def test_save_and_load(tmp_path):
    model = trained()
    model.save_pretrained(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }
    again = Denoiser.from_pretrained(str(tmp_path)).eval()
    cond, x, t = conditions(), torch.randn(2, 1, 32, 32), torch.tensor([0.5, 0.5])
    with torch.no_grad():
        assert torch.equal(model(x, t, cond)[0], again(x, t, cond)[0])


def test_size_limit():
    assert sum(p.numel() for p in Denoiser().parameters()) * 2 <= 15 * 2**20
