"""The adversarial variant of the generator: the same U-Net, which fills the hole in one pass."""

from __future__ import annotations

import torch
from torch import Tensor

from DGMVLCCore.models.denoiser import Conditions, Denoiser


class Generator(Denoiser):
    """Mask- and text-conditioned U-Net that makes the slice from noise at once (the GAN of arXiv
    2410.13823).

    Architecture, arguments and weights' names are the `Denoiser`'s, so its samplers and its weights
    serve here too: the Gaussian noise stands
    where x_t stands and time is always 1. What it answers is a sample, not a mean, so it has no
    velocity and judges no voxels.
    """

    one_pass = True

    def forward(self, x_t: Tensor, t: Tensor, cond: Conditions) -> tuple[Tensor, Tensor | None]:
        """Noise (B,1,H,W) -> slice (B,1,H,W) and the cross-attention, as `Denoiser.forward`; `t`
        (B,) is ignored."""
        return super().forward(x_t, torch.ones_like(t), cond)
