"""A stopped run goes on as if it had not been stopped; a batch that is too large, and another
recipe, are named."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from DGMVLCCore.errors import Cancelled, DeviceError, WeightsError
from DGMVLCCore.language.bank import Phrase
from DGMVLCCore.training import loop, memory
from DGMVLCCore.training.cohort import CohortTrainer
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.recipe import Recipe

STEPS = 8


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Two patients of a cohort, one sentence each."""
    folder, rng = tmp_path_factory.mktemp("shards"), np.random.default_rng(0)
    labels = np.ones((5, 128, 128), np.uint8)
    labels[:, 20:110, 10:60], labels[:, 20:110, 70:120] = 3, 2
    for index in range(2):
        hu = np.where(labels > 1, -860 + 100 * index, 40) + rng.normal(0, 15, labels.shape)
        np.savez(
            folder / f"cohort-{index:05d}.npz",
            hu=hu.astype(np.int16),
            labels=labels,
            spacing=np.array([5.0, 2.0, 2.0]),
            texts=np.array([index + 1]),
        )
    lengths = np.full(3, 4)
    phrases = [
        json.dumps(vars(Phrase(text, "", True))) for text in ("never smoker", "active smoker")
    ]
    np.savez(
        folder / "phrases.npz",
        tokens=rng.standard_normal((12, 384)).astype(np.float16),
        lengths=lengths,
        pooled=rng.standard_normal((3, 384)).astype(np.float16),
        phrases=np.array(phrases),
    )
    (folder / "cohort.json").write_text('{"attributes": ["smoking"]}', encoding="utf-8")
    return folder


def recipe(shards, out, **fields):
    return Recipe(
        **{
            "shards": str(shards),
            "out": str(out),
            "task": "cohort",
            "steps": STEPS,
            "batch": 2,
            "workers": 0,
            "widths": (16, 16, 16),
            "checkpoint_every": STEPS // 2,
            "warmup": 2,
            **fields,
        }
    )


@pytest.fixture
def seen(monkeypatch):
    """Losses of every step of a run; the run is interrupted before the step that `seen.stop`
    names."""

    class Seen(list):
        stop = None

    found, update = Seen(), CohortTrainer.update

    def spy(self, batch):
        if self.step == found.stop:
            found.stop = None
            raise KeyboardInterrupt
        terms = update(self, batch)
        found.append((self.step, terms))
        return terms

    monkeypatch.setattr(CohortTrainer, "update", spy)
    return found


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stopped_run_goes_on_along_the_same_curve(shards, tmp_path, seen, workers):
    whole = train(recipe(shards, tmp_path / "whole"), quiet=True)
    curve = dict(seen)
    assert list(curve) == list(range(1, STEPS + 1))
    seen.clear()
    seen.stop = STEPS - 2
    with pytest.raises(Cancelled, match=f"step {STEPS - 2}; .*checkpoint.pt is kept"):
        train(recipe(shards, tmp_path / "stopped", workers=workers), quiet=True)
    weights = train(recipe(shards, tmp_path / "stopped", workers=workers), quiet=True)
    again = [step for step, _ in seen]
    assert again == [*range(1, STEPS - 1), *range(STEPS // 2 + 1, STEPS + 1)], (
        "the steps after the checkpoint are done again"
    )
    assert all(terms == curve[step] for step, terms in seen)
    one, other = (
        load_file(folder / "diffusion_pytorch_model.safetensors") for folder in (whole, weights)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_different_seeds_are_different_curves(shards, tmp_path, seen):
    for seed in (0, 1):
        train(recipe(shards, tmp_path / str(seed), seed=seed, steps=1), quiet=True)
    assert seen[0] != seen[1]


def test_the_log_forgets_what_is_done_again(shards, tmp_path):
    trainer = CohortTrainer(recipe(shards, tmp_path))
    (tmp_path / "log.jsonl").write_text(
        '{"step": 50, "flow": 1}\n{"step": 100, "flow": 2}\n', encoding="utf-8"
    )
    trainer.step = 60
    trainer.cut_log()
    assert (tmp_path / "log.jsonl").read_text(encoding="utf-8") == '{"step": 50, "flow": 1}\n'


def test_another_recipe_is_named_by_its_fields(shards, tmp_path):
    train(recipe(shards, tmp_path / "run", steps=1, checkpoint_every=1), quiet=True)
    with pytest.raises(
        WeightsError, match=r"batch was 2, now 4; learning_rate was 0.0008, now 0.1\)"
    ):
        train(recipe(shards, tmp_path / "run", batch=4, learning_rate=0.1), quiet=True)
    train(recipe(shards, tmp_path / "run", steps=2, minutes=1, workers=1), quiet=True)


def test_a_batch_that_cannot_fit_is_refused_before_the_first_step(
    shards, tmp_path, seen, monkeypatch
):
    trainer = CohortTrainer(recipe(shards, tmp_path))
    batch = {
        k: torch.from_numpy(v)
        for k, v in next(trainer.batches(recipe(shards, tmp_path, batch=4), 0)).items()
    }
    few = {k: v[:2] for k, v in batch.items()}
    small, large = (
        memory.saved_bytes(trainer.losses, few),
        memory.saved_bytes(trainer.losses, batch),
    )
    assert 1.7 < large / small < 2.1, "what a step keeps grows with the batch"
    weights = memory.KEPT * 4 * sum(p.numel() for p in trainer.model.parameters())
    monkeypatch.setattr(
        memory, "free_bytes", lambda device: weights + int(memory.SLACK * small / 2 * 5)
    )
    with pytest.raises(
        DeviceError,
        match=(
            r"A step of batch 16 needs about .* GiB are free "
            r"on cpu; a batch of 4 fits \(--batch 4\)"
        ),
    ):
        train(recipe(shards, tmp_path / "run", batch=16), quiet=True)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    with pytest.raises(DeviceError, match="not even a batch of 1 fits"):
        train(recipe(shards, tmp_path / "run", batch=16), quiet=True)
    assert seen == []


@pytest.mark.parametrize(
    ("batch", "words"), [(6, r"half of it \(--batch 3\)"), (1, "no smaller batch is possible")]
)
def test_running_out_of_memory_names_half_the_batch(shards, tmp_path, monkeypatch, batch, words):
    def full(self, batch):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(loop.Trainer, "update", full)
    with pytest.raises(DeviceError, match=f"ran out of memory with a batch of {batch}.*{words}"):
        train(recipe(shards, tmp_path, batch=batch), quiet=True)


def test_other_errors_stay_what_they_are(shards, tmp_path, monkeypatch):
    def wrong(self, batch):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(loop.Trainer, "update", wrong)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(recipe(shards, tmp_path), quiet=True)
