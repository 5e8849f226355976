"""The lungs' network: what of a chest CT is left lung, right lung or airway, also where disease has
filled it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.models.checks import load_network, weights_folder

WEIGHTS = "weights/dgmvlc-lungs"
GRID_MM, STEP_MM = 3.2, 4.0  # in-plane pixels, and how far apart the three slices lie
CLASSES = 5  # outside, body, left lung, right lung, airway: the labels of `Anatomy`
CELL = 2
COARSEST = 16  # a plane's sides are multiples of this many pixels
WIDE, SOFT = (-1024.0, 400.0), (-160.0, 240.0)  # HU windows: air to bone, and within soft tissue


def lung_channels(hu: Any) -> Any:
    """(...,3,H,W) HU of three slices -> (...,6,H,W): each in a wide and in a soft-tissue window,
    -1..1; arrays or tensors."""
    join = torch.cat if isinstance(hu, Tensor) else np.concatenate
    windows = [
        (hu - low).clip(0, high - low) * (2 / (high - low)) - 1 for low, high in (WIDE, SOFT)
    ]
    return join(windows, -3)


class _Block(nn.Module):
    """Two convolutions, each normalised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.GroupNorm(8, outputs), nn.GroupNorm(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B,Cin,H,W) -> (B,Cout,H,W)."""
        return F.silu(self.norm2(self.conv2(F.silu(self.norm1(self.conv1(x))))))


class LungNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A U-Net on cells of 2 x 2 pixels.

    Args:
        widths: channels at 6.4, 12.8, 25.6 and 51.2 mm.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, ...] = (32, 80, 128, 192)) -> None:
        super().__init__()
        inputs = (6 * CELL**2, *widths[:-1])
        self.down = nn.ModuleList(_Block(i, o) for i, o in zip(inputs, widths))
        self.up = nn.ModuleList(
            _Block(fine + coarse, fine) for fine, coarse in zip(widths, widths[1:])
        )
        self.out = nn.Conv2d(widths[0], CLASSES * CELL**2, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """(B,6,H,W) of `lung_channels`, H and W multiples of 16 -> logits (B,5,H,W)."""
        x, kept = F.pixel_unshuffle(planes, CELL), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for level in range(len(self.up) - 1, -1, -1):
            x = self.up[level](torch.cat([kept[level], F.interpolate(x, scale_factor=2.0)], 1))
        return F.pixel_shuffle(self.out(x), CELL)


def load_lung_net(path: str | Path | None = None) -> tuple[LungNet, str]:
    """The network from a weights folder (the shipped one by default) and its SHA-256; nothing is
    downloaded.

    Raises:
        WeightsError: missing, altered, or of another architecture.
    """
    model, sha256 = load_network(LungNet, weights_folder(path, WEIGHTS), "lung network")
    return model.eval(), sha256
