"""Slabs for training: whole, in order, true; only the layers along z learn on a trained network."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from DGMVLCCore.errors import UnreadableError, UsageError
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.recipe import Recipe
from DGMVLCCore.training.volumes import SlabMaker, VolumeTrainer, slab_noise


@pytest.fixture
def recipe(shards, tmp_path):
    return Recipe(
        str(shards),
        str(tmp_path / "run"),
        task="volume",
        steps=2,
        batch=8,
        depth=4,
        workers=0,
        widths=(16, 16, 16),
        warmup=1,
    )


def test_slabs_are_consecutive_slices_with_one_true_phrase(shards):
    maker, rng, seen = SlabMaker(shards, 4), np.random.default_rng(0), set()
    for example in (maker.slab_example(rng) for _ in range(8)):
        assert example["clean"].shape == (4, 1, 128, 128) and len(set(example["text"])) == 1
        outside = example["mask"][:, 1] == 0
        for z in range(3):  # the slice above one is the slice below the next
            above, here = ~(example["mask"][z, 2] > 0), ~(example["mask"][z + 1, 1] > 0)
            assert np.array_equal(above, here) and np.array_equal(
                example["context"][z, 2][here], example["clean"][z + 1, 0][here]
            )
        assert np.array_equal(example["context"][:, 1][outside], example["clean"][:, 0][outside])
        phrase = maker.bank.phrases[int(example["text"][0]) - 1]
        assert phrase.present or not example["lesion"].any()
        assert 0 <= example["correlation"][0] <= 0.95
        seen.add(phrase.present)
    assert seen == {True, False}


def test_shards_without_close_slices_are_refused(shards):
    with pytest.raises(UnreadableError, match="12 clear slices"):
        SlabMaker(shards, 10)


def test_noise_goes_on_along_z_within_a_slab_only():
    torch.manual_seed(0)
    noise = slab_noise(torch.zeros(8, 1, 64, 64), torch.tensor([0.8] * 4 + [0.0] * 4), 4)

    def together(a, b):
        return float((noise[a] * noise[b]).mean())

    assert together(0, 1) == pytest.approx(0.8, abs=0.08) and together(0, 2) == pytest.approx(
        0.64, abs=0.08
    )
    assert abs(together(3, 4)) < 0.08 and abs(together(5, 6)) < 0.08
    assert float(noise.var()) == pytest.approx(1, abs=0.08)


def test_on_a_2d_network_only_the_layers_along_z_learn_and_a_stopped_run_goes_on(recipe, tmp_path):
    torch.manual_seed(0)
    flat = Denoiser(widths=(16, 16, 16), findings=("nodule",))
    for value in flat.parameters():
        torch.nn.init.normal_(value, std=0.05)
    flat.save_pretrained(str(tmp_path / "run" / "flat"))
    recipe = replace(recipe, start_from=str(tmp_path / "run" / "flat"))
    weights = train(recipe, quiet=True)
    assert (weights / "diffusion_pytorch_model.safetensors").stat().st_size < 100_000
    first = {name: value.clone() for name, value in load_generator(weights)[0].state_dict().items()}
    train(replace(recipe, steps=4), quiet=True)
    model, _ = load_generator(weights)
    assert (
        model.config.base == "flat"
        and model.config.depth == 4
        and model.config.findings == ["nodule"]
    )
    for name, value in model.state_dict().items():
        if not name.startswith("along_z."):
            assert torch.equal(value, flat.state_dict()[name]), name
    assert any(not torch.equal(value, first[name]) for name, value in model.state_dict().items())
    assert json.loads((weights / "training.json").read_text(encoding="utf-8"))["steps"] == 4


def test_a_network_from_nothing_learns_slabs_and_single_slices(recipe):
    trainer = VolumeTrainer(recipe)
    batch = {
        key: torch.from_numpy(value)
        for key, value in next(VolumeTrainer.batches(recipe, 0)).items()
    }
    for losses in (trainer.slab_losses, trainer.single_losses):
        terms = losses(batch)
        assert set(terms) == {"flow", "grounding"}
        sum(terms.values()).backward()
        assert all(
            value.grad is not None for value in trainer.model.along_z["last"].conv.parameters()
        )
        trainer.optimiser.zero_grad()


def test_slabs_fill_a_batch(recipe):
    with pytest.raises(UsageError, match="no multiple of the depth"):
        VolumeTrainer(replace(recipe, batch=6))
