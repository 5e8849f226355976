"""What the finder learns from: lesions where they are, nothing elsewhere."""

import json

import numpy as np
import pytest
import torch

from DGMVLCCore.models.finder import SLICES, TERMS, finder_channels
from DGMVLCCore.training import finding
from DGMVLCCore.training.finding import SIDE, FinderMaker, finder_losses
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.recipe import make_recipe


@pytest.fixture(scope="module")
def maker(shards):
    return FinderMaker(shards, 0.0)


def drawn(maker, count=12):
    examples = (maker.example(np.random.default_rng(seed)) for seed in range(4 * count))
    return [example for example in examples if example is not None][:count]


def test_an_example_says_what_is_where_in_the_lung(maker):
    examples = drawn(maker)
    for example in examples:
        assert example["hu"].shape == (SLICES, SIDE, SIDE) and example["step"] > 0
        assert example["there"].min() >= -1 and example["there"].max() <= len(TERMS)
        assert not (example["there"] > 0)[~example["lungs"]].any(), "a lesion lies in the lung"
    filled = [(example["there"] > 0).any() for example in examples]
    assert any(filled) and not all(filled)


def test_the_same_generator_draws_the_same(maker):
    first, second = (maker.example(np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_clear_examples_come_often_from_places_that_were_taken_for_a_finding(maker, monkeypatch):
    monkeypatch.setattr(maker, "places", [(0, 3, 20, 24)])
    rng = np.random.default_rng(0)
    places = [maker._place(rng, with_lesion=False) for _ in range(60)]
    assert 15 < places.count((0, 3, 20, 24)) < 45
    assert (0, 3, 20, 24) not in [maker._place(rng, with_lesion=True) for _ in range(20)]


def test_what_a_lesion_hardly_changes_is_not_asked_for(maker, monkeypatch):
    monkeypatch.setattr(finding, "SEEN_HU", 1e6)
    assert not any((example["there"] > 0).any() for example in drawn(maker))


def test_the_right_answer_costs_less_than_any_other_and_unasked_places_cost_nothing():
    there = torch.zeros(2, 16, 16, dtype=torch.int64)
    there[0, 3:7, 3:7], there[1, 8:12] = 2, -1
    lungs = torch.ones(2, 16, 16, dtype=torch.bool)
    right = torch.full((2, 1 + len(TERMS), 16, 16), -8.0)
    right[:, :1][(there > 0)[:, None]] = 8.0
    right[:, 2][there == 2] = 8.0

    def loss(logits):
        return sum(finder_losses(logits, lungs, there).values()).item()

    assert loss(right) < 0.05 < loss(torch.zeros_like(right)) < loss(-right)
    other = right.clone()
    other[1, :, 8:12] = 8.0
    assert loss(other) == pytest.approx(loss(right))
    wrong_name = right.clone()
    wrong_name[:, 1:] = wrong_name[:, 1:].roll(1, 1)
    assert loss(wrong_name) > loss(right) + 0.1


def test_channels_hold_both_windows_lungs_and_the_distance_of_the_slices():
    hu = torch.tensor([-1100.0, -750.0, 400.0]).repeat(1, SLICES, 2, 1)
    seen = finder_channels(hu, torch.ones(1, 1, 2, 3), 5.0)
    assert seen.shape == (1, 2 * SLICES + 2, 2, 3)
    assert seen[0, 0, 0].tolist() == [-1, 0, 1] and seen[0, SLICES, 0, 2] == 1
    assert (seen[0, -2] == 1).all() and (seen[0, -1] == 0.5).all()


def test_a_short_run_writes_weights_and_their_record(shards, tmp_path):
    recipe = make_recipe(
        shards=str(shards), out=str(tmp_path), task="finder", steps=2, batch=2, workers=0
    )
    weights = train(recipe, quiet=True)
    record = json.loads((weights / "training.json").read_text(encoding="utf-8"))
    assert record["recipe"]["task"] == "finder"
