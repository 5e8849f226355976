"""A whole chest from labels and a sentence: no voxel of the scan gets through, and its anatomy is
found again and compared."""

import json

import numpy as np
import pytest
import torch

from DGMVLCCore import cli
from DGMVLCCore.cli import synthesis as commands
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.imaging.anatomy import Anatomy, segment_anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.generator import Generator
from DGMVLCCore.models.units import CLASS_HU, to_hu
from DGMVLCCore.synthesis.chest import dice, make_chest, mask_agreement


@pytest.fixture(scope="module")
def anatomy(phantom):
    return segment_anatomy(phantom)


@pytest.fixture(scope="module")
def pipe():
    """An untrained one-pass network whose head adds a little of its noise."""
    torch.manual_seed(0)
    model = Generator(widths=(16, 16, 16), findings=("nodule",))
    torch.nn.init.normal_(model.head.weight, std=0.02)
    return CounterfactualPipeline(model, LanguageEncoder(), "g" * 64, "tiny")


def test_nothing_of_the_scan_is_read(pipe, phantom, anatomy):
    made, body = make_chest(pipe, phantom, anatomy, "clear lung", (4, 7), 0)
    other = phantom.with_array(np.full(phantom.shape, 77, np.float32))
    again, _ = make_chest(pipe, other, anatomy, "clear lung", (4, 7), 0)
    assert np.array_equal(made.array, again.array) and np.array_equal(body, anatomy.body[4:7])
    assert (made.array[~body] == -1024).all() and len(np.unique(made.array[body])) > 100
    assert made.affine[2, 3] == phantom.affine[2, 3] + 4 * phantom.spacing[0]
    assert not np.array_equal(
        made.array, make_chest(pipe, phantom, anatomy, "clear lung", (4, 7), 1)[0].array
    )


def test_the_network_is_shown_one_value_a_class_and_the_labels_of_the_neighbours(
    pipe, phantom, anatomy
):
    seen = []
    hook = pipe.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    make_chest(pipe, phantom, anatomy, "clear lung", (4, 7), 0)
    hook.remove()
    context = np.unique(np.rint(to_hu(torch.cat([cond.context for cond in seen]).numpy())))
    assert set(context) <= set(CLASS_HU) and len(context) == 4, "air, body, lung, airway"
    assert len(seen) == 1 and torch.equal(seen[0].context[1, 0], seen[0].context[0, 1])


def test_refusals(pipe, phantom, anatomy):
    with pytest.raises(UsageError, match="not within"):
        make_chest(pipe, phantom, anatomy, "clear lung", (4, 40), 0)
    with pytest.raises(UnsuitableInputError, match="no body"):
        make_chest(
            pipe, phantom, Anatomy(np.zeros(phantom.shape, np.uint8)), "clear lung", (4, 6), 0
        )
    with pytest.raises(UnsuitableInputError, match="names no finding"):
        make_chest(pipe, phantom, anatomy, "unicorn", (4, 6), 0)


def test_agreement_falls_with_what_is_lost(phantom, anatomy):
    assert dice(np.array([True, True, False]), np.array([True, False, False])) == pytest.approx(
        2 / 3
    )
    assert dice(np.zeros(3, bool), np.zeros(3, bool)) is None
    same = mask_agreement(phantom, anatomy.labels)
    assert min(same["left lung"], same["right lung"]) > 0.97
    swapped = np.array([0, 1, 3, 2, 4], np.uint8)[anatomy.labels]
    assert mask_agreement(phantom, swapped)["left lung"] < 0.1
    nothing = phantom.with_array(np.full(phantom.shape, 40, np.float32))
    assert mask_agreement(nothing, anatomy.labels)["right lung"] == 0


def test_the_command_writes_and_says_the_agreement(pipe, phantom, tmp_path, monkeypatch, capsys):
    save_volume(phantom, tmp_path / "ct.nrrd")
    monkeypatch.setattr(commands, "_pipe", lambda args, needed: pipe)
    call = [
        "lungs",
        "-i",
        str(tmp_path / "ct.nrrd"),
        "clear lung",
        "--whole",
        "--slices",
        "3:8",
        "-o",
        str(tmp_path / "out"),
        "--json",
    ]
    assert cli.main(call) == 0
    said, record = (
        json.loads(capsys.readouterr().out),
        json.loads((tmp_path / "out" / "synthesis.json").read_text(encoding="utf-8")),
    )
    assert said["agreement"] == record["agreement"] and set(record["agreement"]["generated"]) == {
        "left lung",
        "right lung",
        "airway",
    }
    assert record["agreement"]["mask_painted_flat"]["left lung"] > 0.9
    assert (
        record["slices"] == [3, 8]
        and record["synthetic"]
        and "no patient's" in record["notice"]
        and record["made_by"]["kind"] == "one pass"
    )
    assert load_volume(tmp_path / "out" / "ct.nrrd").shape == (5, *phantom.shape[1:])
    assert b"DGMVLC_Synthetic" in (tmp_path / "out" / "ct.nrrd").read_bytes()[:2000]
    assert cli.main(call) == 6, "nothing is overwritten"


def test_the_shipped_editor_makes_no_whole_lung_and_says_so(phantom, tmp_path, capsys):
    save_volume(phantom, tmp_path / "ct.nrrd")
    call = ["lungs", "-i", str(tmp_path / "ct.nrrd"), "clear lung", "-o", str(tmp_path / "out")]
    assert cli.main(call) == 7
    said = capsys.readouterr().err
    assert "--weights" in said and "train --task denoiser" in said
    assert not (tmp_path / "out").exists()
