"""The editor begins as the identity or as a hole-filler, and changes nothing outside its mask."""

import torch

from DGMVLCCore.models.denoiser import Conditions, Denoiser
from DGMVLCCore.models.editor import CLEAR, DENSITY_GAIN, Edit, Editor, composed, tissue_of

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


def test_layers_at_full_resolution_begin_with_what_the_editor_answers():
    editor, cond = trained(), conditions()
    source, t = cond.context[:, 1:2], torch.ones(2)
    refined = Editor.on(editor, detail=8).eval()
    with torch.no_grad():
        wanted, made = editor(source, t, cond), refined(source, t, cond)
        torch.nn.init.normal_(refined.refine.layers[-1].weight, std=0.1)
        other = refined(source, t, cond)
    assert torch.allclose(made.target, wanted.target, atol=1e-5)
    assert torch.allclose(made.change, wanted.change, atol=1e-4)
    assert not torch.allclose(other.target, made.target, atol=1e-2)
    assert not torch.allclose(other.change, made.change, atol=1e-2)


def test_the_tissues_density_is_seen_by_an_editor_that_begins_as_it_was():
    editor = Editor.on(trained(), detail=8).eval()
    cond, t = conditions(), torch.ones(2)
    source = cond.context[:, 1:2]
    shown = Editor.on(editor, detail=8, tissue=True).eval()
    with torch.no_grad():
        wanted, made = editor(source, t, cond), shown(source, t, cond)
        torch.nn.init.normal_(shown.stem.weight[:, -3:], std=0.5)
        other = shown(source, t, cond)
    assert torch.allclose(made.target, wanted.target, atol=1e-5)
    assert torch.allclose(made.change, wanted.change, atol=1e-4)
    assert not torch.allclose(other.target, made.target, atol=1e-3)


def test_openings_leave_haze_over_clear_lung_and_take_vessels_away():
    cond = conditions()
    cond.context = torch.full_like(cond.context, -0.7)
    cond.context[..., 8:24, 8:24] = -0.6  # haze
    cond.context[..., 15:17, :] = 0.4  # a vessel
    haze, vessel = (..., 12, 12), (..., 15, 28)
    above, thin, broad = tissue_of(cond).unbind(1)
    for opened in (thin, broad):
        assert torch.allclose(opened[haze], torch.tensor(0.1 * DENSITY_GAIN), atol=1e-5)
        assert torch.allclose(opened[vessel], torch.tensor(0.0), atol=1e-5)
    assert above[vessel].min() > 1
    cond.density, known = None, tissue_of(cond)
    assert torch.allclose(tissue_of(cond) - known, (-0.7 - CLEAR) * DENSITY_GAIN * torch.ones(1))


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
