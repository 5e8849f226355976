"""Editing through the region's own voxels: what is asked for goes, all else stays bit for bit."""

import numpy as np
import pytest
import torch

from DGMVLCCore.editing.see_through import EditPredictor, RegionEditor, opaque_core
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.models.editor import Edit, Editor
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.models.units import to_units

TEXT = (torch.zeros(1, 3, 16), torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, 16))


def test_only_thick_dense_tissue_that_is_to_change_is_hidden():
    hu = np.full((1, 32, 32), -850.0, np.float32)
    hu[0, 8:16, 8:16] = 30
    hu[0, 24, 4:28] = 30  # a vessel, one voxel wide
    edit, change = np.ones(hu.shape, bool), np.ones(hu.shape, np.float32)
    core = opaque_core(hu, edit, change)
    assert core[0, 8:16, 8:16].all() and not core[0, 20:].any()
    assert not opaque_core(hu, edit, change * 0.4).any(), "nobody asks for a change"
    edit[0, :, 12:] = False
    assert not opaque_core(hu, edit, change)[0, :, 12:].any(), "outside the edit mask"


def removing(x_t, t, cond):
    """Stands in for a network: what is denser than -600 HU in the mask becomes -850 HU."""
    source = cond.context[:, 1:2]
    asked = torch.where(source > float(to_units(-600.0)), 20.0, -20.0)
    return Edit(torch.full_like(source, float(to_units(-850.0))), asked, None)


@pytest.fixture
def region():
    hu = np.full((3, 32, 32), -860.0, np.float32)
    hu[:, 8:20, 8:20] = 40
    hu[1, 2, 2] = 900  # beyond the model's range
    mask = np.zeros(hu.shape, bool)
    mask[:, :16] = True
    labels = np.full(hu.shape, 2, np.uint8)
    return Region(hu, mask, labels, (2.5, 0.8, 0.8), (0, 3), (0, 32, 0, 32), True)


def noises(count, shape=(3, 32, 32)):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for _ in range(count)]


def test_outside_the_mask_and_where_nothing_is_asked_every_voxel_stays(region):
    answer = RegionEditor(removing, region, TEXT).edit(noises(2), steps=2)
    for sample in answer.hu:
        assert np.array_equal(sample[~region.mask], region.hu[~region.mask])
        idle = region.mask & (region.hu < -600) & ~answer.invented
        assert np.array_equal(sample[idle], region.hu[idle])
    lesion = region.mask & (region.hu == 40)
    assert np.abs(answer.hu[0][lesion] + 850).max() < 30
    assert answer.invented[lesion].mean() > 0.9 and not answer.invented[~region.mask].any()
    bone = answer.hu[0][1, 2, 2]
    assert bone == pytest.approx(900 - 400 - 850, abs=5), "the change is added, nothing is clipped"


def test_slices_in_groups_are_the_same_slices(region):
    torch.manual_seed(0)
    model = Editor((16, 16, 16), text_dim=16).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    done = []
    predict = EditPredictor(model)
    whole = RegionEditor(predict, region, TEXT, capacity=8).edit(noises(1))
    parts = RegionEditor(predict, region, TEXT, capacity=1, on_slice=done.append).edit(noises(1))
    assert np.allclose(whole.hu, parts.hu, atol=0.5) and sum(done) >= 3
    assert whole.first.attention.shape == (3, 8, 8)


def test_the_lungs_density_is_told_where_enough_of_them_is_seen(region):
    cond = region.conditions([1], np.zeros_like(region.mask))
    assert cond.density.item() == pytest.approx(float(to_units(-860.0)))
    region.mask = np.ones_like(region.mask)  # another mask, of which it is known anew
    assert torch.isnan(region.conditions([1], np.zeros_like(region.mask)).density).all()


def test_what_is_hidden_is_filled_and_told(region):
    hidden = np.zeros_like(region.mask)
    hidden[:, 8:20, 8:20] = True
    cond = region.conditions([1], hidden)
    core = torch.from_numpy(hidden[1])
    assert cond.hidden[0, 1][core].all() and not cond.hidden[0, 1][~core].any()
    assert cond.context[0, 1][core].max() < float(to_units(-700.0))
    seen = region.conditions([1], np.zeros_like(hidden))
    assert torch.equal(seen.context[0, 1], torch.from_numpy(to_units(region.hu[1])))


def test_regions_read_together_answer_as_each_alone(untrained_editor, phantom):
    anatomy, rows = segment_anatomy(phantom), [1, 2]
    parts = []
    for low, high, spacing_mm in ((84, 98, None), (60, 74, None), (84, 98, 0.4)):
        mask = np.zeros(phantom.shape, bool)
        mask[5:7, 44:60, low:high] = True
        part = cut_region(phantom, anatomy, mask, (4, 8), spacing_mm=spacing_mm)
        parts.append((part, rows))
    predict, text = untrained_editor.edit_predictor(), untrained_editor.text("No nodule.")
    read: list[int] = []
    together = predict.changes(parts, text, 3, read.append)
    assert sum(read) == 6 and max(read) == 3, "batches of no more than the device takes"
    assert len({each.shape for each in together}) == 2
    for (region, _), change in zip(parts, together):
        alone = RegionEditor(predict, region, text).look(rows).change[rows]
        assert change == pytest.approx(alone, abs=0.02) and change.max() > 0  # bf16 in batches
        assert not change[~region.mask[rows]].any()
