"""The U-Net on cells of pixels that the lungs' network and the finder share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

CELL = 2
COARSEST = 16  # a plane's sides are multiples of this many pixels
Norm = Callable[[int], nn.Module]  # of so many channels


class _Block(nn.Module):
    """Two convolutions, each normalised."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm1, self.norm2 = norm(outputs), norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B,Cin,H,W) -> (B,Cout,H,W)."""
        return F.silu(self.norm2(self.conv2(F.silu(self.norm1(self.conv1(x))))))


class CellUNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A U-Net on cells of 2 x 2 pixels; a network of its kind says of how many channels."""

    def layers(self, inputs: int, outputs: int, widths: tuple[int, ...], norm: Norm) -> None:
        """Make them. inputs, outputs: channels a pixel. widths: channels at each level."""
        into = (inputs * CELL**2, *widths[:-1])
        self.down = nn.ModuleList(_Block(i, o, norm) for i, o in zip(into, widths))
        self.up = nn.ModuleList(
            _Block(fine + coarse, fine, norm) for fine, coarse in zip(widths, widths[1:])
        )
        self.out = nn.Conv2d(widths[0], outputs * CELL**2, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """(B,inputs,H,W), H and W multiples of 16 -> logits (B,outputs,H,W)."""
        x, kept = F.pixel_unshuffle(planes, CELL), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for level in range(len(self.up) - 1, -1, -1):
            x = self.up[level](torch.cat([kept[level], F.interpolate(x, scale_factor=2.0)], 1))
        return F.pixel_shuffle(self.out(x), CELL)
