"""A region of an MR or X-ray phantom filled: stored units, voxels outside untouched, weights of
another modality refused."""

import json

import numpy as np
import pytest
import torch

from DGMVLCCore import cli
from DGMVLCCore.editing.compose import residual
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import WeightsError
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.units import (
    CT_SCALE,
    HU_HIGH,
    HU_LOW,
    HU_SCALE,
    Scale,
    scale_of,
    smooth_fill,
    to_hu,
    to_units,
)


def picture(shape, spacing, modality):
    rng = np.random.default_rng(0)
    _, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    array = np.where(
        np.hypot(y - shape[1] / 2, x - shape[2] / 2) < shape[1] * 0.45, 600 + 200 * np.sin(x / 9), 0
    ) + rng.normal(0, 10, shape)
    affine = np.diag(
        [spacing[2], -spacing[1], spacing[0], 1.0]
    )  # stored front to back the other way
    return Volume(np.rint(np.clip(array, 0, None)).astype(np.float32), affine, modality)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An untrained small network for each modality."""
    folder = tmp_path_factory.mktemp("weights")
    for modality in ("MR", "XR"):
        torch.manual_seed(0)
        model = Denoiser(widths=(16, 16, 16), modality=modality)
        torch.nn.init.normal_(model.head.weight, std=0.1)
        model.half().save_pretrained(str(folder / modality))
    return folder


def saved(tmp_path, modality, shape, spacing):
    volume = picture(shape, spacing, modality)
    mask = np.zeros(volume.shape, np.float32)
    mask[
        shape[0] // 2, shape[1] // 2 - 9 : shape[1] // 2 + 9, shape[2] // 2 - 9 : shape[2] // 2 + 12
    ] = 1
    save_volume(volume, tmp_path / "image.nrrd")
    save_volume(volume.with_array(mask, stored_dtype="uint8"), tmp_path / "mask.nrrd")
    return volume, mask > 0


def call(tmp_path, modality, weights, *more):
    return cli.main(
        [
            "counterfactual",
            "-i",
            str(tmp_path / "image.nrrd"),
            "--mask",
            str(tmp_path / "mask.nrrd"),
            "--modality",
            modality,
            "-o",
            str(tmp_path / "out"),
            "--noises",
            "2",
            "--steps",
            "2",
            "-q",
            *(["--weights", str(weights)] if weights else []),
            *more,
        ]
    )


@pytest.mark.parametrize(
    ("modality", "shape", "spacing"),
    [("MR", (5, 80, 100), (4.0, 3.0, 3.0)), ("XR", (1, 400, 300), (1.0, 0.2, 0.2))],
)
def test_a_region_is_filled_in_stored_units_and_nothing_else_changes(
    tmp_path, weights, modality, shape, spacing
):
    volume, mask = saved(tmp_path, modality, shape, spacing)
    assert call(tmp_path, modality, weights / modality, "--target", "A picture.") == 0
    record = json.loads((tmp_path / "out" / "fill.json").read_text(encoding="utf-8"))
    made = load_volume(tmp_path / "out" / "counterfactual.nrrd", modality)
    assert (
        np.array_equal(made.array[~mask], volume.array[~mask])
        and made.stored_dtype == volume.stored_dtype
    )
    assert (
        made.array[mask] != volume.array[mask]
    ).mean() > 0.5 and made.array.max() < 1.5 * volume.array.max()
    change = load_volume(tmp_path / "out" / "difference.nrrd", modality).array
    assert np.array_equal(volume.array + change, made.array)
    assert (
        record["modality"] == modality
        and record["unit"] == "a.u."
        and record["synthetic"]
        and record["measures"]["max_change_outside"] == 0
    )
    assert record["measures"]["mean_change"] == pytest.approx(float(change[mask].mean()), abs=1e-3)
    assert len(record["settings"]["sample_change"]) == 2 and not any(
        "hu" in name.split("_") for name in record["settings"]
    )
    assert (
        record["notes"][0].startswith("Left out, because they are defined for chest CT in HU")
        and "Demonstration" in record["notice"]
    )
    assert (
        not (tmp_path / "out" / "result.json").exists()
        and (tmp_path / "out" / "figure.png").stat().st_size > 10_000
    )
    text = (tmp_path / "out" / "counterfactual.nrrd").read_bytes()[:2000]
    assert b"DGMVLC_Synthetic" in text and b"a.u." in text and b"HU" not in text


def test_equal_sentences_leave_the_picture_as_it_is(tmp_path, weights):
    saved(tmp_path, "MR", (3, 80, 100), (4.0, 3.0, 3.0))
    (tmp_path / "said.txt").write_text("A picture.", encoding="utf-8")
    assert (
        call(
            tmp_path,
            "MR",
            weights / "MR",
            "--mode",
            "shift",
            "-r",
            str(tmp_path / "said.txt"),
            "--target",
            "A picture.",
        )
        == 0
    )
    record = json.loads((tmp_path / "out" / "fill.json").read_text(encoding="utf-8"))
    assert record["measures"]["mean_change"] == 0 and "returned unchanged" in record["notes"][1]


def test_weights_of_another_modality_are_refused(tmp_path, weights, capsys, phantom):
    saved(tmp_path, "MR", (3, 80, 100), (4.0, 3.0, 3.0))
    for code, words, modality, folder, more in (
        (7, "are for CT, but MR is to be edited; give weights of that modality", "MR", None, ()),
        (7, "are for XR, but MR is", "MR", weights / "XR", ()),
        (2, "needs the picture's own sentence", "MR", weights / "MR", ("--mode", "shift")),
        (2, "not within 0:3", "MR", weights / "MR", ("--slices", "1:9")),
        (4, "longer than the 24 tokens", "MR", weights / "MR", ("--target", "word " * 40)),
        (2, "Noises and steps", "MR", weights / "MR", ("--steps", "0")),
    ):
        assert call(tmp_path, modality, folder, *more) == code
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1, said
    save_volume(phantom, tmp_path / "ct.nrrd")
    assert (
        cli.main(
            [
                "counterfactual",
                "-i",
                str(tmp_path / "ct.nrrd"),
                "--mask",
                str(tmp_path / "mask.nrrd"),
                "--weights",
                str(weights / "MR"),
                "-o",
                str(tmp_path / "out"),
                "-q",
            ]
        )
        == 7
    )
    assert "ct.nrrd is CT, but the weights are for another modality" in capsys.readouterr().err
    assert (
        cli.main(
            ["counterfactual", "-i", str(tmp_path / "ct.nrrd"), "-o", str(tmp_path / "out"), "-q"]
        )
        == 2
    )
    assert "Give the report" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_commands_for_ct_refuse_other_weights(weights, untrained, phantom):
    with pytest.raises(WeightsError, match="are for MR, but CT is to be edited"):
        CounterfactualPipeline.from_pretrained(weights / "MR")
    pipe = CounterfactualPipeline.from_pretrained(weights / "MR", modality="MR")
    assert pipe.alignment is None and pipe.modality == "MR" and untrained.modality == "CT"
    with pytest.raises(WeightsError, match="but the scan is CT"):
        pipe(phantom, EditPlan(phantom.array > 0, "a", "b", ""))


def test_the_scale_of_ct_is_what_it_was_to_the_bit(phantom):
    hu = np.random.default_rng(0).uniform(-2000, 2000, 4096).astype(np.float32)
    assert np.array_equal(
        to_units(hu), ((np.clip(hu, HU_LOW, HU_HIGH) + 350) / HU_SCALE).astype(np.float32)
    )
    units = to_units(hu)
    assert np.array_equal(to_hu(units), (units * HU_SCALE - 350).astype(np.float32))
    assert scale_of(phantom) is CT_SCALE and (CT_SCALE.centre, CT_SCALE.half) == (-350, HU_SCALE)


def test_another_scale_follows_the_picture():
    volume = picture((3, 80, 100), (4.0, 3.0, 3.0), "MR")
    scale = scale_of(volume)
    assert (scale.low, scale.high) == pytest.approx(np.percentile(volume.array, (1, 99)))
    inside = np.clip(volume.array, scale.low, scale.high)
    assert to_hu(to_units(volume.array, scale), scale) == pytest.approx(inside, abs=1e-3)
    bright = np.array([[scale.high + 500, scale.low + 100]], np.float32)
    change = residual(np.array([[1.0, 1.0]], np.float32), bright, scale)
    assert change[0, 0] == 0 and change[0, 1] == pytest.approx(scale.high - bright[0, 1]), (
        "what lies beyond the window stays when the network leaves it there"
    )
    flat = Scale(0.0, 10.0, 5.0, 5.0, 0.0)
    assert (
        smooth_fill(
            np.full((16, 16), 7, np.float32),
            np.ones((16, 16), bool),
            np.zeros((16, 16), bool),
            flat,
        )
        == 5
    ).all()
