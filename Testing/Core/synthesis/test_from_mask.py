"""A mask and a sentence to CT slices: geometry and body are the mask's, and no picture is
needed."""

import json

import numpy as np
import pytest
import torch

from DGMVLCCore import cli
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.synthesis.from_mask import check_sentence, load_mask


@pytest.fixture(scope="module")
def masks(make_chest, tmp_path_factory):
    """Masks of one phantom: lungs alone, left and right, and with the body."""
    folder, volume = tmp_path_factory.mktemp("masks"), make_chest((6, 96, 112), (6.0, 2.5, 2.5))
    found = segment_anatomy(volume)
    kinds = {
        "lungs": found.lungs * 1,
        "sides": found.left * 1 + found.right * 2,
        "body": (found.body & ~found.lungs) * 1 + found.left * 2 + found.right * 3,
    }
    for name, labels in kinds.items():
        save_volume(
            volume.with_array(labels.astype(np.float32), stored_dtype="uint8"),
            folder / f"{name}.nii.gz",
        )
    return folder, found


@pytest.mark.parametrize("kind", ["lungs", "sides", "body"])
def test_the_anatomy_is_the_masks(masks, kind):
    folder, truth = masks
    volume, anatomy = load_mask(folder / f"{kind}.nii.gz")
    assert (anatomy.left == truth.left).mean() > 0.99 and (
        anatomy.right == truth.right
    ).mean() > 0.99
    assert anatomy.body[truth.lungs].all() and set(np.unique(volume.array)) == {-1000, -860, 20}
    if kind == "body":
        assert (anatomy.body == truth.body).mean() > 0.97


def test_slices_are_made_from_a_mask_and_a_cohorts_sentence(masks, tmp_path):
    torch.manual_seed(0)
    model = Denoiser(widths=(16, 16, 16), findings=("nodule",), attributes=("age", "smoking"))
    for parameter in model.parameters():  # zero-initialised heads would hide the text
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    model.half().save_pretrained(str(tmp_path / "weights"))
    call = [
        "lungs",
        "--mask",
        str(masks[0] / "body.nii.gz"),
        "--slices",
        "2:4",
        "--steps",
        "2",
        "--weights",
        str(tmp_path / "weights"),
        "-q",
    ]
    for name, words in (
        ("a", "61-year-old, never smoker"),
        ("b", "61-year-old, active smoker"),
        ("c", "61-year-old, never smoker"),
    ):
        assert cli.main([*call, words, "-o", str(tmp_path / name)]) == 0
    one, other, again = (
        load_volume(next((tmp_path / name).glob("ct*")), "CT").array for name in "abc"
    )
    assert (
        one.shape == (2, 96, 112) and np.array_equal(one, again) and not np.array_equal(one, other)
    )
    record = json.loads((tmp_path / "a" / "synthesis.json").read_text(encoding="utf-8"))
    assert record["synthetic"] and record["sentence"] == "61-year-old, never smoker"
    assert cli.main([*call[:4], "2:40", *call[5:], "clear lung", "-o", str(tmp_path / "d")]) == 2


def test_only_what_was_taught_may_be_said():
    plain, taught = (
        CounterfactualPipeline(
            Denoiser(widths=(16, 16, 16), findings=("nodule",), attributes=a), LanguageEncoder()
        )
        for a in ((), ("age",))
    )
    assert check_sentence(taught, "61-year-old") == ("", True) and check_sentence(
        plain, "No nodule. Clear lung."
    ) == ("nodule", False)
    for pipe, words in ((plain, "61-year-old"), (taught, "61-year-old, never smoker")):
        with pytest.raises(UnsuitableInputError, match="names no finding"):
            check_sentence(pipe, words)
