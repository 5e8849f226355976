"""The editor begins as the identity or as a hole-filler, and changes nothing outside its mask."""

import numpy as np
import pytest
import torch

from DGMVLCCore.models.denoiser import Conditions, Denoiser
from DGMVLCCore.models.editor import Edit, Editor, composed
from DGMVLCCore.models.see_through import Seen, edit_slices, opaque_core, stacked_around
from DGMVLCCore.models.units import to_units

WIDTHS = (16, 16, 16)


def conditions(n=2, side=32, text=16):
    g = torch.Generator().manual_seed(0)
    return Conditions(
        torch.randn(n, 3, side, side, generator=g) * 0.3,
        torch.ones(n, 3, side, side),
        torch.rand(n, 4, side, side, generator=g),
        torch.tensor([[0.7, 2.5]] * n),
        torch.randn(n, 5, text, generator=g),
        torch.ones(n, 5, dtype=torch.bool),
        torch.randn(n, text, generator=g),
        hidden=torch.zeros(n, 3, side, side),
        density=torch.full((n,), -0.7),
    )


def trained(kind=Editor):
    torch.manual_seed(0)
    model = kind(WIDTHS, text_dim=16)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def test_an_untrained_editor_returns_its_source_and_does_not_know_where():
    cond = conditions()
    source = cond.context[:, 1:2]
    edit = Editor(WIDTHS, text_dim=16)(source, torch.ones(2), cond)
    assert torch.equal(edit.target, source)
    assert torch.equal(torch.sigmoid(edit.change), torch.full_like(source, 0.5))
    assert edit.attention.shape == (2, 64, 6)


def test_an_editor_on_a_denoiser_fills_a_hole_as_that_does():
    denoiser = trained(Denoiser)
    editor = Editor.on(denoiser).eval()
    cond = conditions()
    cond.hidden, cond.density = None, None  # everything in the mask is hidden
    x_t, t = torch.randn(2, 1, 32, 32), torch.tensor([0.3, 0.9])
    with torch.no_grad():
        wanted, _ = denoiser(x_t, t, cond)
        edit = editor(x_t, t, cond)
    assert torch.allclose(edit.target, wanted, atol=1e-5)


def test_hidden_places_and_density_are_seen():
    editor, cond = trained(), conditions()
    source, t = cond.context[:, 1:2], torch.ones(2)
    with torch.no_grad():
        plain = editor(source, t, cond).target
        cond.density = torch.full((2,), -0.5)
        assert not torch.allclose(editor(source, t, cond).target, plain)
        cond.density = torch.full((2,), float("nan"))
        untold = editor(source, t, cond).target
        cond.density = None
        assert torch.equal(editor(source, t, cond).target, untold)
        cond.hidden = torch.ones_like(cond.context)
        assert not torch.allclose(editor(source, t, cond).target, untold)


def test_the_change_map_says_how_much_of_the_target_is_taken():
    source, target = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    hidden = torch.zeros(1, 1, 4, 4)
    hidden[..., 0] = 1
    edit = Edit(target, torch.full_like(source, -100.0), None)
    result = composed(edit, source, hidden)
    assert (result[..., 0] == 1).all(), "what is hidden is always the network's"
    assert (result[..., 1:].abs() < 1e-6).all()
    assert torch.allclose(
        composed(Edit(target, torch.zeros_like(source), None), source, hidden * 0),
        torch.full_like(source, 0.5),
    )


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


class Removing(torch.nn.Module):
    """Stands in for a network: everything above -600 HU in the mask is to become -850 HU."""

    def forward(self, x_t, t, cond):
        source, hidden = cond.context[:, 1:2], cond.hidden[:, 1:2]
        asked = torch.where(source > float(to_units(-600.0)), 20.0, -20.0)
        target = torch.full_like(source, float(to_units(-850.0)))
        return Edit(torch.where(hidden > 0, target, target), asked, None)


@pytest.fixture
def seen():
    hu = np.full((3, 32, 32), -860.0, np.float32)
    hu[:, 8:20, 8:20] = 40
    hu[1, 14, 14] = 1200  # calcium beyond the model's range
    hu[1, 2, 2] = 900
    edit = np.zeros(hu.shape, bool)
    edit[:, :16] = True
    cond = conditions(3)
    cond.context = stacked_around(to_units(hu))
    return Seen(hu, edit, np.ones(hu.shape, bool), cond)


def test_outside_the_mask_and_where_nothing_is_asked_every_voxel_stays(seen):
    answer = edit_slices(Removing(), seen, torch.Generator().manual_seed(0), samples=2, steps=2)
    assert np.array_equal(answer.hu[0][~seen.edit], seen.hu[~seen.edit])
    idle = seen.edit & (seen.hu < -600)
    assert np.array_equal(answer.hu[1][idle], seen.hu[idle])
    lesion = seen.edit & (seen.hu > -100)
    assert np.abs(answer.hu[:, lesion] + 850).max() < 30 + 1200, "no value is lost or doubled"
    assert answer.hidden[lesion].mean() > 0.9 and not answer.hidden[~seen.edit].any()


def test_neighbouring_slices_stand_around_each_slice():
    slices = np.arange(3, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    assert stacked_around(slices)[:, :, 0, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 2]]
