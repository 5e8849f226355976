"""The finder's network: where in the lungs something is that is no healthy lung, and what it is
called."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from DGMVLCCore.models.cell_unet import CellUNet
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
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> the same shape."""
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5)
        return x * scale * self.weight[:, None, None] + self.bias[:, None, None]


class Finder(CellUNet):
    """Says of each pixel of a slice whether something is there, then which of `TERMS` it is; takes
    `finder_channels`.

    Args:
        widths: channels at 2.5, 5, 10 and 20 mm.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, ...] = (40, 80, 112, 144)) -> None:
        super().__init__()
        self.layers(len(WINDOWS) * SLICES + 2, 1 + len(TERMS), widths, _Norm)


def likeness(
    model: nn.Module,
    hu: Tensor,
    lungs: Tensor,
    rows: Sequence[int],
    step_mm: float,
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """How much some slices look like disease, each read with its neighbours.

    Args:
        model: a `Finder` on `device`. hu: (D,H,W) HU at 1.25 mm, H and W multiples of 16. lungs:
            bool (D,H,W).

    Returns:
        float32 (len(rows),H,W), 0..1.
    """
    at = torch.as_tensor(rows)
    near = (at[:, None] + torch.arange(SLICES) - SLICES // 2).clamp(0, len(hu) - 1)
    planes = finder_channels(hu[near], lungs[at][:, None].float(), step_mm)
    return torch.sigmoid(model(planes.to(device))[:, 0].float()).cpu().numpy()


def load_finder(path: str | Path | None = None) -> tuple[Finder, str]:
    """The network from a weights folder (the shipped one by default) and its SHA-256; nothing is
    downloaded.

    Raises:
        WeightsError: missing, altered, or of another architecture.
    """
    model, sha256 = load_network(Finder, weights_folder(path, WEIGHTS), "finder")
    return model.eval(), sha256


@lru_cache(maxsize=1)
def carried_finder() -> Finder:
    """The shipped network, loaded once a process. Errors as `load_finder`."""
    return load_finder()[0]
