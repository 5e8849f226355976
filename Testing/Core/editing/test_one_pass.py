"""The one-pass network: one pass whatever was asked, nothing said that it cannot know."""

import json

import numpy as np
import pytest
import torch

from DGMVLCCore.editing.asked import change_evidence
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.reading import attention_map
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.editing.work import Work
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.jobs.edit import NOT_READ, Request, run_counterfactual
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.generator import Generator
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.models.units import to_units

SOURCE, TARGET = "Nodule.", "No nodule. Clear lung."


@pytest.fixture(scope="module")
def fast():
    torch.manual_seed(0)
    model = Generator(widths=(16, 16, 16), findings=("nodule",))
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return CounterfactualPipeline(model, LanguageEncoder(), "a" * 64, "own-gan")


@pytest.fixture(scope="module")
def anatomy(phantom):
    return segment_anatomy(phantom)


def plan(volume, mode="replace", target=TARGET):
    mask = np.zeros(volume.shape, bool)
    mask[5:7, 44:60, 84:98] = True
    return EditPlan(mask, SOURCE, target, "nodule", mode=mode)


def passes(pipe, call):
    calls = []
    hook = pipe.model.register_forward_hook(lambda *_: calls.append(1))
    result = call()
    hook.remove()
    return result, len(calls)


def test_one_pass_whatever_was_asked_and_the_settings_say_so(fast, phantom, anatomy):
    result, count = passes(
        fast,
        lambda: fast(phantom, plan(phantom), anatomy=anatomy, noises=2, steps=10, guidance=3.0),
    )
    assert count == 1, "both noises share a batch"
    assert (result.settings["steps"], result.settings["guidance"], result.settings["network"]) == (
        1,
        1.0,
        "one pass",
    )
    assert (
        result.difference[result.mask].any()
        and not result.difference[~result.mask].any()
        and result.uncertainty[result.mask].any()
    )


def test_a_shift_is_target_minus_source_of_the_same_noise(fast, phantom, anatomy):
    mask = plan(phantom).mask
    region = cut_region(phantom, anatomy, mask, (4, 8))

    def sample(mode, source, target):
        wanted = EditPlan(mask, source, target, "nodule", mode=mode)
        settings = {"noises": 1, "steps": 7, "seed": 0, "guidance": 3.0}
        return fast.sample(Work(region, phantom, anatomy, mask, wanted, settings))[0]

    shifted, count = passes(fast, lambda: sample("shift", SOURCE, TARGET))
    target, source, start = (
        sample("replace", "", TARGET),
        sample("replace", "", SOURCE),
        sample("shift", SOURCE, SOURCE),
    )
    assert count == 2 and np.array_equal(start, to_units(region.hu)), "equal texts cancel exactly"
    assert np.abs(target - source)[region.mask].max() > 0.01
    assert np.allclose(shifted, start + np.where(region.mask, target - source, 0), atol=1e-5)


def test_what_needs_sight_is_refused_in_a_sentence(fast, phantom, anatomy):
    mask = plan(phantom).mask
    for call, word in (
        (lambda: change_evidence(fast, phantom, anatomy, mask, TARGET), "evidence"),
        (lambda: attention_map(fast, phantom, anatomy, "nodule", SOURCE, TARGET), "attention map"),
    ):
        with pytest.raises(UnsuitableInputError, match=f"weights own-gan fill holes.*no {word}"):
            call()


def test_weights_are_saved_as_what_they_are(fast, tmp_path):
    fast.save_pretrained(tmp_path)
    assert (
        json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["_class_name"]
        == "Generator"
    )


def test_a_whole_run_says_what_was_not_asked(fast, phantom_with_nodule, tmp_path, no_figures):
    save_volume(phantom_with_nodule, tmp_path / "ct.nrrd")
    lesion = (phantom_with_nodule.array > -300) & segment_anatomy(phantom_with_nodule).lungs
    save_volume(phantom_with_nodule.with_array(lesion.astype(np.float32)), tmp_path / "mask.nrrd")
    with no_figures():
        path = run_counterfactual(
            Request(
                tmp_path / "ct.nrrd",
                "Nodule in the left lung.",
                tmp_path / "out",
                mask=tmp_path / "mask.nrrd",
                noises=2,
                scene=False,
            ),
            pipe=fast,
        )
    record = json.loads(path.read_text(encoding="utf-8"))
    assert (
        record["settings"]["evidence"] is None
        and record["settings"]["steps"] == 1
        and record["settings"]["note"] == NOT_READ
    )
    assert not [entry for entry in record["files"] if entry["role"] == "attention"]
    said = (path.parent / "explanation.txt").read_text(encoding="utf-8")
    assert "reads none of their voxels" in said
