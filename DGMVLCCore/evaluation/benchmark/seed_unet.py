"""The cost of a 3D U-Net of the size that the seed system states, built from MONAI's networks; only
its time is asked, not its pictures."""

from __future__ import annotations

import time
from typing import Any

from DGMVLCCore.errors import UsageError
from DGMVLCCore.evaluation.benchmark.records import UnetTimes

NAME = "U-Net of the seed's stated size"
BASE, LEVELS, PATCH, STEPS = 64, (1, 2, 4, 8), (32, 64, 64), 250
CHANNELS = 4  # the noisy patch and a one-hot mask of three classes
VOXELS = PATCH[0] * PATCH[1] * PATCH[2]


def build_unet() -> Any:
    """A 3D diffusion U-Net of base 64 with four levels, two residual blocks each, attention on the
    coarsest.

    Raises:
        UsageError: MONAI is not installed.
    """
    try:
        import einops  # noqa: F401  MONAI's attention asks for it only when it is built
        from monai.networks.nets import DiffusionModelUNet
    except ImportError as error:
        raise UsageError(
            "The U-Net of the seed's stated size needs MONAI with einops; install them with: pip "
            "install dgmvlc[evaluate]."
        ) from error
    return DiffusionModelUNet(
        3,
        CHANNELS,
        1,
        num_res_blocks=2,
        channels=[BASE * level for level in LEVELS],
        attention_levels=(False, False, False, True),
        num_head_channels=BASE,
    ).eval()


def unet_times(calls: int) -> UnetTimes:
    """Parameters, and seconds of each of `calls` calls at 64x64x32 voxels (after one that warms
    up)."""
    import torch

    model, seconds = build_unet(), []
    patch, when = torch.zeros(1, CHANNELS, *PATCH), torch.zeros(1)
    with torch.no_grad():
        for turn in range(calls + 1):
            started = time.perf_counter()
            model(patch, when)
            if turn:
                seconds.append(time.perf_counter() - started)
    return {"parameters": sum(p.numel() for p in model.parameters()), "seconds": seconds}
