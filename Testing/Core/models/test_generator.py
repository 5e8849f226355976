"""The one-pass network and its opponent: time does not matter, one pass is one pass, the judge
looks at text, hole and surroundings."""

import pytest
import torch

from DGMVLCCore.editing import sampler
from DGMVLCCore.models.denoiser import Conditions, Denoiser
from DGMVLCCore.models.discriminator import Discriminator, holed
from DGMVLCCore.models.generator import Generator
from DGMVLCCore.models.networks import load_generator


def conditions(n=2, side=32, text=16):
    g = torch.Generator().manual_seed(0)
    mask = torch.zeros(n, 3, side, side)
    mask[..., 8:24, 8:24] = 1
    return Conditions(
        torch.randn(n, 3, side, side, generator=g),
        mask,
        torch.rand(n, 4, side, side, generator=g),
        torch.tensor([[0.7, 2.5]] * n),
        torch.randn(n, 5, text, generator=g),
        torch.ones(n, 5, dtype=torch.bool),
        torch.randn(n, text, generator=g),
    )


def scrambled(kind=Generator, **how):
    torch.manual_seed(0)
    model = kind((16, 16, 16), text_dim=16, **how)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def test_the_time_that_is_told_does_not_matter_and_the_noise_does():
    model, cond, noise = scrambled(), conditions(), torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        early, late = (model(noise, torch.full((2,), t), cond)[0] for t in (0.1, 0.9))
        other = model(noise.flip(-1), torch.ones(2), cond)[0]
    assert torch.equal(early, late) and not torch.equal(early, other)


@pytest.mark.parametrize("affine, cross", [(True, False), (False, True)])
def test_an_untrained_one_returns_the_fill_whichever_fusion_unit_it_has(affine, cross):
    cond = conditions()
    clean, attention = Generator(
        (16, 16, 16), text_dim=16, affine_fusion=affine, cross_attention=cross
    )(torch.randn(2, 1, 32, 32), torch.ones(2), cond)
    assert torch.equal(clean, cond.context[:, 1:2]) and (attention is not None) == cross


def test_replacing_in_one_step_is_one_pass():
    model, cond, noise, image = (
        scrambled(),
        conditions(),
        torch.randn(2, 1, 32, 32),
        torch.rand(2, 1, 32, 32),
    )
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    text = cond.tokens, cond.token_mask, cond.pooled
    made = sampler.replace(
        sampler.Predictor(model, False), image, noise, cond, text, text, steps=1, guidance=1
    )
    assert len(calls) == 1
    with torch.no_grad():
        wanted = torch.where(cond.mask[:, 1:2] > 0, model(noise, torch.ones(2), cond)[0], image)
    assert torch.equal(made, wanted)


def test_it_is_loaded_by_its_class_and_begins_with_a_denoisers_weights(tmp_path):
    scrambled().save_pretrained(tmp_path / "gan")
    scrambled(Denoiser).save_pretrained(tmp_path / "denoiser")
    loaded, _ = load_generator(tmp_path / "gan")
    assert type(loaded) is Generator and type(load_generator(tmp_path / "denoiser")[0]) is Denoiser
    begun = Generator.from_pretrained(str(tmp_path / "denoiser"))
    assert all(
        torch.equal(a, b) for a, b in zip(begun.state_dict().values(), loaded.state_dict().values())
    )


@pytest.mark.parametrize("name", ["context", "mask", "anatomy", "pooled"])
def test_the_judge_sees_every_condition(name):
    torch.manual_seed(0)
    judge, cond, image = (
        Discriminator((16, 16, 16), text_dim=16).eval(),
        conditions(),
        torch.randn(2, 1, 32, 32),
    )
    with torch.no_grad():
        before = judge(image, cond)
        setattr(
            cond,
            name,
            getattr(cond, name).flip(0) * torch.linspace(0, 1, getattr(cond, name).shape[-1]),
        )
        after = judge(image, cond)
    assert before.shape == (2, 1, 4, 4) and not torch.allclose(before, after)


def test_only_patches_with_hole_are_judged():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:12, 8:16] = 1
    share = holed(mask)
    assert share[0, 0, 1, 1] == 0.5 and share.sum() == 0.5
