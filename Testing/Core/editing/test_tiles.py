"""Windows cover the stack, blend without a border, and keep the promises of an edit."""

import numpy as np
import pytest
import torch

from DGMVLCCore.editing import tiles
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.preview import preview_slice
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.editing.tiles import TiledPredictor, WindowPlan, plan_for, spread
from DGMVLCCore.errors import Cancelled, DeviceError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.models.denoiser import Conditions, Denoiser
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.models.volume_denoiser import VolumeDenoiser

SOURCE, TARGET = "Nodule.", "No nodule. Clear lung."


@pytest.fixture(scope="module")
def slabs(untrained):
    """A pipeline with a small network of slabs whose layers along z do something."""
    model = VolumeDenoiser.on(untrained.model, "flat", "5" * 64, depth=4)
    torch.manual_seed(1)
    for layer in model.along_z.values():
        torch.nn.init.normal_(layer.conv.weight, std=0.05)
    return CounterfactualPipeline(model, untrained.encoder)


@pytest.fixture(scope="module")
def anatomy(phantom):
    return segment_anatomy(phantom)


def run(pipe, volume, anatomy, **how):
    mask = np.zeros(volume.shape, bool)
    mask[3:8, 44:60, 84:98] = True
    plan = EditPlan(
        mask if how.get("mask") is None else how["mask"],
        SOURCE,
        how.pop("target", TARGET),
        "nodule",
        mode=how.pop("mode", "replace"),
    )
    return pipe(
        volume,
        plan,
        anatomy=anatomy,
        **{"noises": 1, "steps": 1} | {k: v for k, v in how.items() if k != "mask"},
    )


def conditions(n, side):
    g = torch.Generator().manual_seed(2)
    return Conditions(
        torch.randn(n, 3, side, side, generator=g),
        torch.ones(n, 3, side, side),
        torch.rand(n, 4, side, side, generator=g),
        torch.ones(n, 2),
        torch.randn(n, 5, 8, generator=g),
        torch.ones(n, 5, dtype=torch.bool),
        torch.randn(n, 8, generator=g),
    )


@pytest.mark.parametrize("stack", [(1, 128, 128), (5, 128, 160), (8, 336, 128), (30, 512, 480)])
def test_windows_cover_every_voxel_with_the_promised_overlap(stack):
    plan = WindowPlan(8, 4, 224)
    cover, weight = np.zeros(stack), plan.weight(stack)
    assert float(weight.min()) > 0 and weight[:, 0].shape == plan.shape(stack)
    for window in plan.windows(stack):
        assert (
            cover[window].shape == plan.shape(stack)
            and window[1].start % 16 == window[2].start % 16 == 0
        )
        cover[window] += 1
    assert cover.min() >= 1
    for length, size, overlap, step in ((30, 8, 4, 1), (512, 224, 64, 16)):
        starts = spread(length, size, overlap, step)
        assert starts[0] == 0 and starts[-1] == length - size
        assert max(b - a for a, b in zip(starts, starts[1:])) <= size - overlap + step // 2


def test_blending_returns_what_all_windows_agree_on_and_goes_smoothly_where_they_do_not():
    cond, x = conditions(12, 128), torch.randn(12, 1, 128, 128)
    plan = WindowPlan(8, 4, 64, 32)
    same = TiledPredictor(lambda x, t, cond, depth: (2 * x, None), plan, 8)(x, 0.5, cond)[0]
    assert torch.allclose(same, 2 * x, atol=1e-5)
    numbers = iter(range(100))
    apart = TiledPredictor(
        lambda x, t, cond, depth: (torch.full_like(x, float(next(numbers))), None), plan, 1
    )(x, 0.5, cond)[0][0, 0, 0]
    assert apart.max() - apart.min() > 1, "windows answered differently"
    assert float(apart.diff().abs().max()) < 0.15 * float(apart.max() - apart.min())


def test_windows_without_mask_are_left_out():
    cond, calls = conditions(12, 128), []
    cond.mask[:, :, :, 40:] = 0
    cond.mask[6:] = 0

    def predict(x, t, cond, depth):
        calls.append(len(x) // depth)
        return x, None

    clean, _ = TiledPredictor(predict, WindowPlan(4, 2, 64, 32), 8)(
        torch.randn(12, 1, 128, 128), 0.5, cond
    )
    assert sum(calls) == 3 * 2 * 3 and torch.equal(clean[-1, 0], cond.context[-1, 1])


@torch.no_grad()
def test_windows_of_slices_answer_as_the_network_does_on_the_whole():
    torch.manual_seed(0)
    model = VolumeDenoiser.on(Denoiser((16, 16, 16), text_dim=8), "flat", "")
    for value in model.parameters():
        torch.nn.init.normal_(value, std=0.05)
    cond, x = conditions(12, 32), torch.randn(12, 1, 32, 32)

    def predict(x, t, cond, depth):
        return model(x, torch.full((len(x),), t), cond, depth=depth)

    whole = predict(x, 0.5, cond, 12)[0]
    change = whole - predict(x, 0.5, cond, 1)[0]
    windows = TiledPredictor(predict, WindowPlan(8, 6, 32), 8)(x, 0.5, cond)[0]
    assert float((windows - whole).abs().mean()) < 0.2 * float(change.abs().mean()), (
        "each slice sees nearly all its neighbours in one window or another"
    )


@pytest.mark.parametrize("mode", ["replace", "shift"])
def test_an_edit_of_slabs_keeps_every_promise(slabs, phantom, anatomy, mode):
    seen = []
    result = run(
        slabs,
        phantom,
        anatomy,
        mode=mode,
        noises=2,
        callback=lambda stage, share: seen.append(share),
    )
    assert np.abs(result.difference[result.mask]).max() > 0 and result.uncertainty.max() > 0
    assert not result.difference[~result.mask].any() and not result.uncertainty[~result.mask].any()
    assert seen[-1] == 1.0
    assert (
        result.settings["network"] == "VolumeDenoiser"
        and result.settings["windows"]["depth"] == 4
        and result.settings["memory_mb"] > 0
    )
    assert result.settings["base_sha256"] == "5" * 64
    again = run(slabs, phantom, anatomy, mode=mode, noises=2)
    assert np.array_equal(again.counterfactual.array, result.counterfactual.array)
    assert np.array_equal(
        run(slabs, phantom, anatomy, mode=mode, target=SOURCE).counterfactual.array, phantom.array
    )
    with pytest.raises(Cancelled):
        run(slabs, phantom, anatomy, mode=mode, should_cancel=lambda: True)


def test_layers_along_z_that_do_nothing_give_the_edit_of_the_2d_network(
    untrained, phantom, anatomy
):
    same = CounterfactualPipeline(
        VolumeDenoiser.on(untrained.model, "flat", "", depth=4), untrained.encoder
    )
    ours, theirs = (run(pipe, phantom, anatomy).counterfactual.array for pipe in (same, untrained))
    assert np.abs(ours - theirs).max() <= 1, "rounding alone"


def test_a_preview_is_made_with_slabs(slabs, phantom, anatomy):
    mask = np.zeros(phantom.shape, bool)
    mask[5:7, 44:60, 84:98] = True
    assert (
        preview_slice(slabs, phantom, anatomy, EditPlan(mask, SOURCE, TARGET, "nodule")).index == 6
    )


def test_tiles_keep_native_spacing_in_a_region_of_any_size(
    untrained, phantom, anatomy, monkeypatch
):
    fine = phantom.with_array(phantom.array, affine=phantom.affine @ np.diag([0.4, 0.4, 1, 1]))
    monkeypatch.setattr(tiles, "MAX_NATIVE_SIDE", 96)
    result = run(untrained, fine, anatomy, mask=anatomy.lungs, slices=(5, 6), tiles=True)
    assert result.settings["native"] and result.settings["windows"] == {
        "depth": 1,
        "overlap": 0,
        "side": 96,
        "side_overlap": 64,
    }
    assert result.difference[result.mask].any() and not result.difference[~result.mask].any()
    region = cut_region(phantom, anatomy, anatomy.lungs, (5, 6), whole=True)
    assert region.spacing[1] == pytest.approx(2.5) and not region.native, (
        "coarser than the weights were taught: as it is, in floating point"
    )


def test_plans_follow_the_network_and_the_size(untrained, slabs):
    assert (
        plan_for(untrained.model, (5, 256, 256), False) is None
        and plan_for(untrained.model, (5, 128, 128), True) is None
    )
    assert plan_for(untrained.model, (5, 256, 256), True) == WindowPlan(1, 0, 224)
    assert plan_for(slabs.model, (5, 256, 256), False) == WindowPlan(4, 2, 288)


def test_memory_is_bounded_by_the_stack_not_by_its_windows():
    plan, one, many = WindowPlan(8, 4, 224), (8, 224, 224), (80, 448, 448)
    assert tiles.memory_mb(plan, many, 4) < 40 * tiles.memory_mb(plan, one, 4)
    assert tiles.memory_mb(plan, many, 4) - tiles.memory_mb(plan, many, 4, 0) == pytest.approx(
        8 * 80 * 448 * 448 / 1e6, abs=1
    )


def test_too_large_an_edit_is_refused_before_it_begins(slabs, phantom, anatomy, monkeypatch):
    monkeypatch.setattr(tiles, "STACK_BYTES", 10**9)
    with pytest.raises(DeviceError, match="fewer slices"):
        run(slabs, phantom, anatomy)
