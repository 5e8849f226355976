"""An untrained small network: what must hold for any weights is tested with it."""

import pytest
import torch

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Denoiser


@pytest.fixture(scope="session")
def untrained():
    torch.manual_seed(0)
    model = Denoiser(widths=(16, 32, 32), findings=("nodule",))
    for parameter in model.parameters():  # zero-initialised heads would hide differences
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return CounterfactualPipeline(model, LanguageEncoder())
