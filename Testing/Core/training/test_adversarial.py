"""The one-pass generator's losses mean what they say, and its run goes on with its
discriminator."""

import numpy as np
import pytest
import torch

from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.generator import Generator
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.training.adversarial import (
    AdversarialTrainer,
    correlation_loss,
    fidelity_loss,
    judged,
    mismatched,
)
from DGMVLCCore.training.examples import ExampleMaker, PhraseBank
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.masked import MaskMaker
from DGMVLCCore.training.recipe import Recipe, make_recipe


@pytest.fixture(scope="module")
def shards(tmp_path_factory, make_shards):
    """Shards of one synthetic patient with an airway, without nodules of readers."""
    return make_shards(tmp_path_factory.mktemp("shards"), airway=True, nodules=False)


def recipe(shards, out, **fields):
    return Recipe(
        str(shards),
        str(out),
        task="gan",
        **{
            "steps": 2,
            "batch": 2,
            "workers": 0,
            "widths": (16, 16, 16),
            "nodule_share": 0.0,
            **fields,
        },
    )


def test_an_inverted_picture_costs_most():
    clean, mask = (
        torch.randn(1, 1, 32, 32).repeat_interleave(8, -1).repeat_interleave(8, -2)[..., :32, :32],
        torch.ones(1, 1, 32, 32),
    )
    unrelated = torch.randn(1, 1, 8, 8).repeat_interleave(4, -1).repeat_interleave(4, -2)
    right, wrong, other = (
        float(correlation_loss(made, clean, mask)) for made in (clean, -clean, unrelated)
    )
    assert right < 0.01 and wrong > 1.99 and right < other < wrong, (
        "1 - r² would call the inverted picture as good as the right one"
    )
    fine = torch.randn(clean.shape) * 0.05
    assert float(correlation_loss(clean + fine, clean, mask)) < 0.05, (
        "texture within a cell is free"
    )
    assert float(correlation_loss(torch.zeros_like(clean), clean, mask)) == pytest.approx(
        1, abs=1e-3
    )


def test_fidelity_is_that_of_the_mean_so_texture_is_free_and_bias_is_not():
    torch.manual_seed(0)
    clean, mask = torch.zeros(1, 1, 256, 256), torch.ones(1, 1, 256, 256)
    one, two = torch.randn(clean.shape), torch.randn(clean.shape)
    assert abs(float(fidelity_loss(one, two, clean, mask))) < 0.03, "two noises of variance 1"
    assert float(fidelity_loss(one, one, clean, mask)) == pytest.approx(1, abs=0.03), (
        "a texture that is the same for every noise is a guess"
    )
    assert float(fidelity_loss(one + 0.5, two + 0.5, clean, mask)) == pytest.approx(0.25, abs=0.03)
    hole = torch.zeros_like(mask)
    hole[..., :16, :16] = 1
    assert float(fidelity_loss(clean + 1 - hole, clean + 1 - hole, clean, hole)) == 0, (
        "outside the hole nothing counts"
    )


def test_the_judge_speaks_of_the_hole_alone():
    scores, mask = torch.tensor([[[[1.0, 5.0]]], [[[3.0, 5.0]]]]), torch.zeros(2, 1, 8, 16)
    mask[..., :8] = 1
    assert judged(scores, mask) == 2 and judged(scores, mask, torch.tensor([False, True])) == 3


def test_mismatched_sentences_are_untrue(shards):
    bank = PhraseBank(shards / "phrases.npz")
    text = torch.arange(len(bank.phrases) + 1)
    torch.manual_seed(0)
    other = mismatched(text, bank)
    assert other[0] == 0, "where nothing was said, nothing is untrue"
    denials = 0
    for index in range(1, len(text)):
        said, untrue = bank.phrases[index - 1], bank.phrases[int(other[index]) - 1]
        denials += not untrue.present
        assert (untrue.term, untrue.present) != (said.term, said.present)
        assert untrue.present or untrue.term == said.term, (
            "only the finding that is there is denied"
        )
    assert denials > 10


def test_of_a_masked_slice_the_labels_alone_are_shown(shards):
    maker = MaskMaker(ExampleMaker(shards, 0.0))
    example = maker.example(np.random.default_rng(0))
    context, body = example["context"], example["anatomy"][0] > 0
    assert len(np.unique(context)) <= 4 and np.array_equal(example["mask"][1] > 0, body)
    assert np.array_equal(example["clean"][0][~body], context[1][~body]), (
        "what is not hole is shown as it is"
    )
    assert len(np.unique(example["clean"][0][body])) > 100
    assert not maker.bank.phrases[int(example["text"]) - 1].present


def test_a_stopped_run_goes_on_with_its_discriminator(shards, tmp_path):
    weights = train(recipe(shards, tmp_path / "run"), quiet=True)
    assert type(load_generator(weights)[0]) is Generator
    saved = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    again = AdversarialTrainer(recipe(shards, tmp_path / "run", steps=3))
    fresh = {name: value.clone() for name, value in again.judge.state_dict().items()}
    again.resume()
    name = "layers.0.bias"
    resumed = again.judge.state_dict()[name].clone()
    assert (
        again.step == 2
        and torch.equal(resumed, saved["extra"]["judge"][name])
        and not torch.equal(fresh[name], resumed)
    )
    assert len(again.judge_optimiser.state_dict()["state"]) == len(list(again.judge.parameters()))
    batch = {
        key: torch.from_numpy(value) for key, value in next(again.batches(again.recipe, 0)).items()
    }
    terms = again.update(batch)
    assert set(terms) == {
        "judge real",
        "judge made",
        "judge untrue",
        "realism",
        "fidelity",
        "correlation",
    } and all(np.isfinite(list(terms.values())))
    assert not torch.equal(again.judge.state_dict()[name], resumed) and all(
        p.requires_grad for p in again.judge.parameters()
    )


def test_it_begins_with_a_denoiser(shards, tmp_path):
    torch.manual_seed(3)
    Denoiser((16, 16, 16)).save_pretrained(tmp_path / "denoiser")
    trainer = AdversarialTrainer(
        recipe(shards, tmp_path / "run", start_from=str(tmp_path / "denoiser"))
    )
    begun = Denoiser.from_pretrained(str(tmp_path / "denoiser"))
    assert type(trainer.model) is Generator and torch.equal(
        trainer.model.stem.weight, begun.stem.weight
    )


def test_the_task_is_small_unless_the_recipe_says_otherwise():
    assert make_recipe(shards="a", out="b", task="gan").widths == (32, 32, 48)
    assert make_recipe(shards="a", out="b", task="gan", widths=(64, 64, 64)).widths == (64, 64, 64)
    assert make_recipe(shards="a", out="b").widths == Recipe("a", "b").widths
    assert sum(p.numel() for p in Generator((32, 32, 48)).parameters()) < 1.1e6
