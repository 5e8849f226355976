"""The finder's network: where in the lungs something is that is no healthy lung, and what it is
called."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.models.checks import load_network, weights_folder

WEIGHTS = "weights/dgmvlc-finder"
TERMS = (
    "nodule",
    "consolidation",
    "ground-glass opacity",
    "emphysema",
    "reticulation",
    "honeycombing",
    "pleural effusion",
)
SLICES = 5  # the one that is judged in the middle
PIXEL_MM = 1.25
CELL = 2
COARSEST = 16  # a plane's sides are multiples of this many pixels
WINDOWS = ((-1000.0, -500.0), (-1000.0, 300.0))  # HU: haze, and air to tissue
THICK_MM = 10.0  # slices as far apart as this have a step of 1


def finder_channels(hu: Tensor, lungs: Tensor, step_mm: float | Tensor) -> Tensor:
    """What the network sees: HU (B,5,H,W) in both windows, -1..1, lungs (B,1,H,W) 0..1 and the
    distance of the slices in mm (a number, or (B,)) -> float32 (B,12,H,W)."""
    windows = [(hu - low).clamp(0, high - low) * (2 / (high - low)) - 1 for low, high in WINDOWS]
    step = torch.as_tensor(step_mm, dtype=torch.float32, device=hu.device) / THICK_MM
    return torch.cat([*windows, lungs, step.reshape(-1, 1, 1, 1).expand_as(lungs)], 1).float()


class _Norm(nn.Module):
    """Each pixel's channels scaled to a mean square of 1, so that a crop is seen as a whole slice
    is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.ones(channels)),
            nn.Parameter(torch.zeros(channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> the same shape."""
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5)
        return x * scale * self.weight[:, None, None] + self.bias[:, None, None]


class _Block(nn.Module):
    """Two convolutions, each normalised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm1, self.norm2 = _Norm(outputs), _Norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B,Cin,H,W) -> (B,Cout,H,W)."""
        return F.silu(self.norm2(self.conv2(F.silu(self.norm1(self.conv1(x))))))


class Finder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A U-Net on cells of 2 x 2 pixels.

    Args:
        widths: channels at 2.5, 5, 10 and 20 mm.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, ...] = (40, 80, 112, 144)) -> None:
        super().__init__()
        channels = len(WINDOWS) * SLICES + 2
        inputs = (channels * CELL**2, *widths[:-1])
        self.down = nn.ModuleList(_Block(i, o) for i, o in zip(inputs, widths))
        self.up = nn.ModuleList(
            _Block(fine + coarse, fine) for fine, coarse in zip(widths, widths[1:])
        )
        self.out = nn.Conv2d(widths[0], (1 + len(TERMS)) * CELL**2, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """(B,12,H,W) of `finder_channels`, H and W multiples of 16 -> logits (B,8,H,W): whether
        something is there, then which of `TERMS` it is."""
        x, kept = F.pixel_unshuffle(planes, CELL), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for level in range(len(self.up) - 1, -1, -1):
            x = self.up[level](torch.cat([kept[level], F.interpolate(x, scale_factor=2.0)], 1))
        return F.pixel_shuffle(self.out(x), CELL)


def load_finder(path: str | Path | None = None) -> tuple[Finder, str]:
    """The network from a weights folder (the shipped one by default) and its SHA-256; nothing is
    downloaded.

    Raises:
        WeightsError: missing, altered, or of another architecture.
    """
    model, sha256 = load_network(Finder, weights_folder(path, WEIGHTS), "finder")
    return model.eval(), sha256
