"""Untrained small networks: what must hold for any weights is tested with them."""

import pytest
import torch

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.editor import Editor


def _filled(model):
    """A pipeline of the network; its zero heads are filled, which would hide differences."""
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return CounterfactualPipeline(model, LanguageEncoder())


@pytest.fixture(scope="session")
def untrained():
    """A network that fills holes."""
    torch.manual_seed(0)
    return _filled(Denoiser(widths=(16, 32, 32), findings=("nodule",)))


@pytest.fixture(scope="session")
def untrained_editor():
    """A network that sees through the mask."""
    torch.manual_seed(0)
    return _filled(Editor(widths=(16, 32, 32), findings=("nodule",)))
