"""The generator's opponent: says of every patch of a slice whether it is real, given the hole, what
surrounds it, and the sentence."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from DGMVLCCore.models.denoiser import ANATOMY_CHANNELS, RESIDUAL_SCALE, Conditions

REACH = 8  # pixels between two patches: three strides of two


class Discriminator(nn.Module):
    """Patch discriminator with a text projection.

    Args:
        widths: channels at a half, a quarter and an eighth of the slice's side.
        text_dim: width of the pooled text.

    Score of a patch: w·h + (V t)·h (projection discriminator, Miyato & Koyama 2018, Eq. 3), h its
    features and t the pooled text, so that a slice
    of another finding is told apart from the one that was asked for. Every layer of the features
    has spectral norm 1 (Miyato et al. 2018); the two
    that read them are free, or faint texture could never reach the hinge's margin where the
    sentence does.
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 96), text_dim: int = 384) -> None:
        super().__init__()
        a, b, c = widths
        seen = 1 + 3 + 1 + ANATOMY_CHANNELS  # slice, context of three slices, hole, anatomy
        pairs = ((seen, a), (a, b), (b, c))
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(i, o, 4, stride=2, padding=1)) for i, o in pairs
        )
        self.last = spectral_norm(nn.Conv2d(c, c, 3, padding=1))
        self.score = nn.Conv2d(c, 1, 1)
        self.project = nn.Linear(text_dim, c, bias=False)

    def forward(self, image: Tensor, cond: Conditions) -> Tensor:
        """Slices (B,1,H,W) in model units under the text of `cond` -> scores (B,1,H/8,W/8), above 0
        real."""
        residual = (image - cond.context[:, 1:2]) / RESIDUAL_SCALE
        h = torch.cat([residual, cond.context, cond.mask[:, 1:2], cond.anatomy], dim=1)
        for layer in [*self.layers, self.last]:
            h = F.leaky_relu(layer(h), 0.2)
        return self.score(h) + (
            self.project(F.normalize(cond.pooled, dim=1))[:, :, None, None] * h
        ).sum(1, keepdim=True)


def holed(mask: Tensor) -> Tensor:
    """Share of the hole (B,1,H,W) in each patch (B,1,H/8,W/8): patches without any of it are the
    patient's own and judged by nobody."""
    return F.avg_pool2d(mask, REACH)
