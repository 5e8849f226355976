"""Where an editor sees a finding: on the scan's grid, inside the lungs, by its weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.reading import attention_map, between, lungs_to_read
from DGMVLCCore.editing.see_through import RegionEditor
from DGMVLCCore.errors import Cancelled, UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy, segment_anatomy
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.editor import Editor


def pipe(seed, kind=Editor, **how):
    torch.manual_seed(seed)
    model = kind(widths=(16, 16, 16), findings=("nodule",), **how)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return CounterfactualPipeline(model, LanguageEncoder())


def read(which, phantom, anatomy, **how):
    return attention_map(
        which,
        phantom,
        anatomy,
        "nodule",
        "Nodule that is seen in this lung.",
        "Clear.",
        slices=(5, 7),
        **how,
    )


def test_map_lies_in_the_lungs_of_the_slices_and_follows_the_weights(phantom):
    anatomy = segment_anatomy(phantom)
    one = read(pipe(0), phantom, anatomy)
    assert one.values.shape == phantom.shape and one.values.max() > 0 and one.values.max() <= 1
    assert (
        not one.values[~anatomy.lungs].any()
        and not one.values[:5].any()
        and not one.values[7:].any()
    )
    assert one.tokens[0].startswith("nod")
    assert np.array_equal(one.values, read(pipe(0), phantom, anatomy).values)
    read_there = anatomy.lungs & np.isin(np.arange(12), (5, 6))[:, None, None]
    other = read(pipe(1), phantom, anatomy).values[read_there]
    assert np.corrcoef(one.values[read_there], other)[0, 1] < 0.9


def test_a_reading_that_was_stopped_goes_on_where_it_was(phantom, monkeypatch):
    anatomy, editor, memory, begun = segment_anatomy(phantom), pipe(0), ScanMemory(), []
    monkeypatch.setattr(editor, "capacity", lambda region: 2)
    done: list[float] = []

    def begin():
        begun.append(lungs_to_read(phantom, anatomy))
        return begun[-1]

    def until(limit):
        def tell(stage, share):
            done.append(share)
            if share >= limit:
                raise Cancelled("stopped")

        words = ("nodule", "Nodule that is seen in this lung.", "Clear.")
        return lambda lungs: attention_map(
            editor, phantom, anatomy, *words, callback=tell, begun=lungs
        )

    with pytest.raises(Cancelled):
        memory.attention("key", begin, until(0.4))
    stopped = len(done)
    found = memory.attention("key", begin, until(2.0))
    assert len(begun) == 1 and done == sorted(set(done)) and stopped < len(done)
    whole = until(2.0)(lungs_to_read(phantom, anatomy))
    assert np.array_equal(found.values, whole.values)
    kept = memory.attention("key", begin, until(0.0))
    assert np.array_equal(kept.values, found.values) and kept.tokens == found.tokens
    with pytest.raises(Cancelled):
        memory.attention("other", begin, until(0.0))
    assert len(begun) == 2


def test_thin_slices_are_read_apart_and_filled_in_between(phantom):
    affine = phantom.affine.copy()
    affine[:3, 2] *= 1.5 / phantom.spacing[0]
    thin = replace(phantom, affine=affine)
    lungs = lungs_to_read(thin, segment_anatomy(phantom))
    editor, asked = pipe(0), []
    lungs.read.go_on(editor, "Clear.", lambda stage, share: asked.append(share))
    read_rows = [0, 2, 4, 6, 8, 10, 11]
    attention = lungs.read.attention
    assert [row for row in range(12) if attention[row].any()] == read_rows
    filled = between(attention, read_rows)
    assert np.allclose(filled[3], (attention[2] + attention[4]) / 2)
    assert np.array_equal(filled[read_rows], attention[read_rows])
    assert lungs.read.asked()[3].any() and not lungs.read.asked()[~lungs.read.region.mask].any()


def test_texts_that_share_a_batch_ask_what_each_asks_alone(phantom):
    region, editor = lungs_to_read(phantom, segment_anatomy(phantom)).read.region, pipe(0)
    texts = [editor.text("No nodule."), editor.text("No emphysema.")]
    predict, rows = editor.edit_predictor(), region.filled[2:5]
    together = predict.changes_under(region, rows, texts, 4)
    for text, asked in zip(texts, together):
        alone = RegionEditor(predict, region, text).look(rows).change[rows]
        assert asked.any() and np.allclose(asked, alone, atol=0.02)  # bf16 where it is native
    assert np.abs(together[0] - together[1]).max() > 0.03


def test_refusals(phantom):
    nothing = Anatomy(np.zeros(phantom.shape, np.uint8))
    with pytest.raises(UnsuitableInputError, match="no lung"):
        read(pipe(0), phantom, nothing)
    with pytest.raises(UnsuitableInputError, match="no cross-attention"):
        read(pipe(0, cross_attention=False), phantom, segment_anatomy(phantom))
    with pytest.raises(UnsuitableInputError, match="fill holes.*no attention map"):
        read(pipe(0, Denoiser), phantom, segment_anatomy(phantom))
