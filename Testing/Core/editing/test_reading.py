"""The reading pass: on the scan's grid, inside the lungs, a change of weights changes it."""

import numpy as np
import pytest
import torch

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.reading import attention_map, word_attention
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy, segment_anatomy
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Denoiser


def pipe(seed, **how):
    torch.manual_seed(seed)
    model = Denoiser(widths=(16, 16, 16), findings=("nodule",), **how)
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
        noises=1,
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


def test_words_are_what_the_null_token_does_not_get():
    attention = torch.zeros(1, 4, 3)
    attention[0, :, 0] = torch.tensor([1.0, 0.25, 0.5, 0.0])
    assert word_attention(attention, (8, 8)).tolist() == [[[0, 0.75], [0.5, 1.0]]]


def test_refusals(phantom):
    nothing = Anatomy(np.zeros(phantom.shape, np.uint8))
    with pytest.raises(UnsuitableInputError, match="no lung"):
        read(pipe(0), phantom, nothing)
    with pytest.raises(UnsuitableInputError, match="no cross-attention"):
        read(pipe(0, cross_attention=False), phantom, segment_anatomy(phantom))
