"""Metrics that ask a network or the pipeline, with networks whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan
from DGMVLCCore.evaluation.realism import region_features
from DGMVLCCore.evaluation.reversibility import reversibility
from DGMVLCCore.evaluation.text import text_alignment
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.dual import DualEncoder

SHAPE = (3, 96, 96)


@pytest.fixture(scope="module")
def scene():
    """A slab of lung, its anatomy and a mask."""
    volume = Volume(
        (-850 + np.random.default_rng(0).normal(0, 20, SHAPE)).astype(np.float32),
        np.diag([1.5, 1.5, 3.0, 1.0]),
    )
    mask = np.zeros(SHAPE, bool)
    mask[1, 30:60, 30:60] = True
    return volume, Anatomy(np.full(SHAPE, 2, np.uint8), origin="test"), mask


class Plane:
    """Regions and words as points of a plane: a region lies at its mean HU above -850 on the first
    axis."""

    words = {
        "Nodule.": (1.0, 0.0),
        "No nodule.": (0.0, 0.0),
        "Emphysema.": (0.0, 0.0),
        "No emphysema.": (1.0, 0.0),
        "Fluid.": (0.0, 1.0),
        "No fluid.": (0.0, 0.0),
    }

    def region_vector(self, volume, anatomy, mask):
        return torch.tensor([float(volume.array[mask].mean()) + 850, 0.0])

    def text(self, sentences):
        return None, torch.tensor([self.words[s] for s in sentences])

    direction = AlignmentPipeline.direction


def test_an_edit_goes_the_way_of_its_words_and_not_of_others(scene):
    volume, anatomy, mask = scene
    lesion = volume.with_array(np.where(mask, 0.0, volume.array).astype(np.float32))
    own, others = (
        ("Nodule.", "No nodule."),
        [("Emphysema.", "No emphysema."), ("Fluid.", "No fluid."), ("Nodule.", "No nodule.")],
    )
    found = text_alignment(Plane(), lesion, volume, anatomy, mask, own, others)
    assert found == {
        "direction": pytest.approx(1),
        "shuffled": pytest.approx(-0.5, abs=1e-6),
        "above": 1.0,
    }
    backwards = text_alignment(Plane(), volume, lesion, anatomy, mask, own, others)
    assert backwards["direction"] == pytest.approx(-1) and backwards["above"] == 0
    assert text_alignment(Plane(), lesion, volume, anatomy, mask, own, [own]) == {
        "direction": pytest.approx(1)
    }, "the same words are no control"


def test_forth_and_back_is_measured_in_the_mask(scene):
    volume, anatomy, mask = scene
    plan, asked = EditPlan(mask, "Nodule.", "No nodule.", "nodule"), []

    def pipe(scan, edit, *, anatomy, noises, steps, seed):
        asked.append((edit.source, edit.target, edit.removes, seed))
        step = -100 if edit.removes else 60
        made = scan.with_array(scan.array + np.where(edit.mask, step, 0).astype(np.float32))
        return CounterfactualResult(scan, made, made.array, made.array * 0, edit.mask, edit)

    assert reversibility(pipe, volume, plan, anatomy, seed=4) == {
        "back_hu": pytest.approx(40),
        "forth_hu": pytest.approx(100),
    }
    assert asked == [("Nodule.", "No nodule.", True, 4), ("No nodule.", "Nodule.", False, 5)]
    assert reversibility(pipe, volume, replace(plan, removes=False), anatomy)[
        "forth_hu"
    ] == pytest.approx(60)


def test_features_of_a_region_are_the_towers_and_follow_its_content(scene):
    volume, anatomy, mask = scene
    torch.manual_seed(0)
    look = AlignmentPipeline(DualEncoder(widths=(16, 16, 16)), None)
    features = region_features(look, volume, anatomy, mask)
    assert features.shape == (16,) and np.isfinite(features).all()
    assert np.array_equal(features, region_features(look, volume, anatomy, mask))
    dense = volume.with_array(np.where(mask, 0.0, volume.array).astype(np.float32))
    assert np.abs(region_features(look, dense, anatomy, mask) - features).max() > 1e-3
