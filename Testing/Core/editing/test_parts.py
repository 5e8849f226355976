"""Region, composition, gates and weights."""

import json

import numpy as np
import pytest

from DGMVLCCore.editing.compose import compose, feather, residual
from DGMVLCCore.editing.gates import direction_gate, organ_gate, rim_gate
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import WeightsError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.models.units import smooth_fill, to_hu, to_units


def test_units_are_inverse_within_the_window():
    hu = np.linspace(-1100, 400, 50)
    assert to_hu(to_units(hu)) == pytest.approx(hu, abs=1e-3)


def test_fill_leaves_the_outside_and_joins_smoothly():
    hu = np.full((64, 64), -850.0)
    hu[:, 40:] = 40
    mask = np.zeros((64, 64), bool)
    mask[20:44, 24:48] = True
    hu[28:36, 28:34] = 60  # a lesion inside the hole must not shine through
    filled = smooth_fill(hu, mask, np.arange(64)[None].repeat(64, 0) < 40)
    assert np.array_equal(filled[~mask], hu[~mask])
    assert (
        np.abs(filled[24:40, 26:34] + 850).max() < 15
        and np.abs(filled[24:40, 44:47] - 40).max() < 15
    )


def test_region_goes_back_exactly_at_native_spacing(phantom):
    anatomy = segment_anatomy(phantom)
    object.__setattr__(phantom, "affine", phantom.affine)
    fine = phantom.with_array(phantom.array, affine=phantom.affine @ np.diag([0.4, 0.4, 1, 1]))
    mask = np.zeros(phantom.shape, bool)
    mask[4:6, 1:20, 2:30] = True  # the region reaches outside the slice
    region = cut_region(fine, anatomy, mask, (3, 7))
    assert region.native and region.hu.shape[1] % 16 == 0
    back = region.to_scan(region.hu, phantom.shape)
    assert np.array_equal(back[mask], np.maximum(phantom.array, -1024)[mask])
    assert np.array_equal(region.to_scan(region.mask, phantom.shape) > 0, mask)
    coarse = cut_region(fine, anatomy, mask, (3, 7), spacing_mm=1.5)
    for box in ((2, 5, 8, 30, 0, 20), (0, 12, 30, 40, 5, 50), (8, 10, 0, 20, 0, 20)):
        part = tuple(slice(*box[i : i + 2]) for i in (0, 2, 4))
        for cut in (region, coarse):
            assert np.array_equal(
                cut.to_box(cut.hu, part), cut.to_scan(cut.hu, phantom.shape)[part]
            )
    stack = region.stack(1, 3)
    assert np.array_equal(stack.to_scan(stack.hu, phantom.shape)[4:6], back[4:6])
    assert stack.lung_density() == region.lung_density() or np.isnan(region.lung_density())


def test_feather_stays_inside_and_reaches_one():
    mask = np.zeros((1, 40, 40), bool)
    mask[0, 10:30, 10:30] = True
    weights = feather(mask, (2.5, 0.7, 0.7))
    assert not weights[~mask].any() and weights[0, 20, 20] == 1 and 0 < weights[0, 10, 20] < 1


def test_bone_left_alone_stays_but_calcium_goes():
    hu = np.array([[[900.0, 900.0, -850.0]]])
    change = residual(np.array([[[1.0, -0.66, -0.66]]]), hu)
    assert change[0, 0, 0] == 0
    assert change[0, 0, 1] == pytest.approx(-845 - 900, abs=1) and change[0, 0, 2] == pytest.approx(
        5, abs=1
    )


def test_compose_rounds_integers_and_keeps_the_rest(phantom):
    weights = np.zeros(phantom.shape, np.float32)
    weights[3, 50, 50] = 0.5
    out = compose(phantom, np.full(phantom.shape, 5.3, np.float32), weights)
    assert (out != phantom.array).sum() == 1
    assert out[3, 50, 50] == np.rint(phantom.array[3, 50, 50] + 2.65)


def test_gates_see_what_they_should(phantom):
    rng = np.random.default_rng(0)
    lungs = np.ones((3, 80, 80), bool)
    lung = -850 + 20 * rng.standard_normal(lungs.shape)
    mask = np.zeros_like(lungs)
    mask[:, 30:50, 30:50] = True
    assert rim_gate(lung, lung.copy(), mask, lungs).passed
    assert not rim_gate(lung, lung + 300 * mask, mask, lungs).passed
    assert (
        organ_gate(lung, mask, lungs).passed
        and not organ_gate(lung + 200 * mask, mask, lungs).passed
    )
    assert direction_gate(-50.0 * mask, mask, "nodule", True).passed
    assert not direction_gate(-50.0 * mask, mask, "emphysema", True).passed
    assert not direction_gate(-50.0 * mask, mask, "nodule", False).passed


def test_weights_are_checked(tmp_path, untrained):
    with pytest.raises(WeightsError, match="no weights"):
        CounterfactualPipeline.from_pretrained(tmp_path)
    untrained.save_pretrained(tmp_path)
    again = CounterfactualPipeline.from_pretrained(tmp_path, untrained.encoder)
    assert again.findings == ("nodule",)
    (tmp_path / "training.json").write_text(json.dumps({"sha256": "0" * 64}), encoding="utf-8")
    with pytest.raises(WeightsError, match="altered"):
        CounterfactualPipeline.from_pretrained(tmp_path)
    (tmp_path / "training.json").unlink()
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(
        json.dumps({**config, "widths": [32, 32, 32]}), encoding="utf-8"
    )
    with pytest.raises(WeightsError, match="do not fit"):
        CounterfactualPipeline.from_pretrained(tmp_path)
