"""The lungs' network: what of a chest CT is left lung, right lung or airway, also where disease has
filled it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from DGMVLCCore.models.cell_unet import CellUNet
from DGMVLCCore.models.checks import load_network, weights_folder

WEIGHTS = "weights/dgmvlc-lungs"
GRID_MM, STEP_MM = 3.2, 4.0  # in-plane pixels, and from one slice that is read to the next
NEAR = (-3, -1, 0, 1, 3)  # steps to the slices seen with one: far ones show where disease ends
CLASSES = 5  # outside, body, left lung, right lung, airway: the labels of `Anatomy`
WIDE, SOFT = (-1024.0, 400.0), (-160.0, 240.0)  # HU windows: air to bone, and within soft tissue


def lung_channels(hu: Any) -> Any:
    """(...,5,H,W) HU of the `NEAR` slices -> (...,10,H,W): each in a wide and in a soft-tissue
    window, -1..1; arrays or tensors."""
    join = torch.cat if isinstance(hu, Tensor) else np.concatenate
    windows = [
        (hu - low).clip(0, high - low) * (2 / (high - low)) - 1 for low, high in (WIDE, SOFT)
    ]
    return join(windows, -3)


class LungNet(CellUNet):
    """Says of each pixel of the middle one of five slices what it is; takes `lung_channels`.

    Args:
        widths: channels at 6.4, 12.8, 25.6 and 51.2 mm.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, ...] = (32, 80, 128, 192)) -> None:
        super().__init__()
        self.layers(2 * len(NEAR), CLASSES, widths, partial(nn.GroupNorm, 8))


def load_lung_net(path: str | Path | None = None) -> tuple[LungNet, str]:
    """The network from a weights folder (the shipped one by default) and its SHA-256; nothing is
    downloaded.

    Raises:
        WeightsError: missing, altered, or of another architecture.
    """
    model, sha256 = load_network(LungNet, weights_folder(path, WEIGHTS), "lung network")
    return model.eval(), sha256
