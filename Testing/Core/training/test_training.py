"""Training end to end on tiny shards: examples are true, the loss falls, a stopped run goes on."""

import json

import numpy as np
import pytest
import torch

from DGMVLCCore.errors import UnreadableError, UsageError, WeightsError
from DGMVLCCore.evaluation.anomaly import coarse_noise, load_anomaly
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.simulation.insert import insert_lesion
from DGMVLCCore.training.denoising import conditions_of, flow_loss, grounding_loss
from DGMVLCCore.training.examples import ExampleMaker, crop
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.masks import random_edit_mask
from DGMVLCCore.training.recipe import Recipe, load_recipe
from DGMVLCCore.training.shards import build_shards


def test_examples_are_true(shards):
    maker, rng = ExampleMaker(shards, 0.5), np.random.default_rng(1)
    for make in (maker.simulated, maker.real_nodule):
        for example in (e for _ in range(6) for e in make(rng)):
            lesion, mask = example["lesion"][0], example["mask"][1] > 0
            phrase = maker.bank.phrases[int(example["text"]) - 1]
            assert phrase.present == bool(lesion.any())
            assert mask[lesion > 0.1].all(), "the hole must hold the lesion"
            assert np.array_equal(example["context"][1][~mask], example["clean"][0][~mask])


def test_batches_are_seeded(shards):
    maker = ExampleMaker(shards, 0.3)
    a, b = next(maker.batches(2, 5)), next(ExampleMaker(shards, 0.3).batches(2, 5))
    assert all(np.array_equal(a[k], b[k]) for k in a)


def test_masks_cover_the_lesion_whether_or_not_it_is_there(shards):
    maker, rng = ExampleMaker(shards, 0), np.random.default_rng(0)
    patch = next(p for p in (maker.patch(rng) for _ in range(50)) if p is not None)
    lesion = insert_lesion(patch, "smooth_nodule", rng, size_mm=15)
    sizes = []
    for _ in range(40):
        mask = random_edit_mask(lesion.mask, patch.lungs > 0, patch.spacing, rng)
        assert mask[lesion.mask].all()
        sizes.append(mask.mean())
    assert min(sizes) < 0.1 and max(sizes) == 1.0


def test_crop_pads_outside():
    out = crop(np.ones((1, 4, 4), np.int16), (-2, 1), 6, -1024)
    assert (
        (out[0, :2] == -1024).all()
        and (out[0, 2:, :3] == 1).all()
        and (out[0, 2:, 3:] == -1024).all()
    )


def test_losses_know_right_from_wrong():
    clean, mask = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
    t = torch.tensor([0.5])
    assert flow_loss(clean, clean, t, mask) == 0 and flow_loss(clean + 1, clean, t, mask) == 4
    lesion = torch.zeros(1, 1, 8, 8)
    lesion[..., :4, :4] = 1
    right = torch.tensor([[[0.01, 0.99], [0.99, 0.01], [0.99, 0.01], [0.99, 0.01]]])
    spoken = torch.ones(1)
    assert (
        grounding_loss(right, lesion, t, mask, spoken)
        < 0.1
        < grounding_loss(1 - right, lesion, t, mask, spoken)
    )
    assert grounding_loss(1 - right, lesion, t, mask, torch.zeros(1)) == 0


def flow_on_fixed_examples(model, maker):
    """Mean flow loss on the same examples, noise and time, whatever the network has seen."""
    generator, losses = torch.Generator().manual_seed(0), []
    for _, batch in zip(range(6), maker.batches(4, 5)):
        batch = {key: torch.from_numpy(value) for key, value in batch.items()}
        clean, t = batch["clean"], torch.full((len(batch["clean"]),), 0.5)
        x_t = 0.5 * clean + 0.5 * torch.randn(clean.shape, generator=generator)
        with torch.no_grad():
            predicted, _ = model(x_t, t, conditions_of(batch, maker.bank, batch["text"]))
        losses.append(float(flow_loss(predicted, clean, t, batch["mask"][:, 1:2])))
    return np.mean(losses)


def test_training_learns_and_resumes(shards, tmp_path):
    recipe = Recipe(
        str(shards),
        str(tmp_path / "run"),
        steps=50,
        batch=2,
        workers=0,
        widths=(16, 16, 16),
        checkpoint_every=50,
        learning_rate=2e-3,
        warmup=5,
    )
    weights = train(recipe)
    longer = Recipe(**{**vars(recipe), "steps": 100})
    train(longer)
    log = [
        json.loads(line)
        for line in (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["step"] for row in log] == [50, 100]
    maker = ExampleMaker(shards, 0.2)
    untrained, trained = (
        Denoiser(widths=(16, 16, 16)),
        Denoiser.from_pretrained(str(weights), torch_dtype=torch.float32),
    )
    assert flow_on_fixed_examples(trained, maker) < 0.9 * flow_on_fixed_examples(untrained, maker)
    with pytest.raises(
        WeightsError, match="another recipe .widths was .16, 16, 16., now .32, 16, 16.."
    ):
        train(Recipe(**{**vars(longer), "widths": (32, 16, 16), "steps": 120}))


def test_recipes_and_data_folders_are_checked(tmp_path):
    path = tmp_path / "r.json"
    path.write_text('{"shards": "a", "out": "b", "typo": 1}', encoding="utf-8")
    with pytest.raises(UsageError, match="typo"):
        load_recipe(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableError):
        load_recipe(path)
    with pytest.raises(UnreadableError, match="volumes"):
        build_shards(tmp_path, tmp_path / "out")


def test_the_anomaly_network_trains_on_clear_lung_alone(shards, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("no lesion belongs into its training")

    monkeypatch.setattr("DGMVLCCore.training.examples.insert_lesion", refuse)
    weights = train(
        Recipe(str(shards), str(tmp_path / "run"), task="anomaly", steps=3, batch=2, workers=0)
    )
    model = load_anomaly(weights)
    image = torch.randn(1, 1, 32, 48)
    assert model(image, torch.ones_like(image)).shape == image.shape
    assert (
        json.loads((weights / "training.json").read_text(encoding="utf-8"))["recipe"]["task"]
        == "anomaly"
    )


def test_coarse_noise_is_coarse_and_bounded():
    noise = coarse_noise((64, 1, 64, 64))
    steps = (noise[..., 1:] - noise[..., :-1]).abs().mean() / noise.abs().mean()
    assert 0.1 < float(noise.std()) < 0.8 and float(steps) < 0.3
    assert len({round(float(one.std()), 3) for one in noise}) > 32, "its strength varies"
