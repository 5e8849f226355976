"""The dual encoder: CT regions and sentences in one space, where agreement is a cosine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.models.denoiser import ANATOMY_CHANNELS, PATCH, Conditions, ResBlock, fourier

EMBEDDING = 64
UNKNOWN_PLACE = -1.0
SCAN_PARTS = ("vision.", "region_head.")


@dataclass
class Look:
    """What the vision encoder sees; B slices of H x W pixels, H and W multiples of 16.

    Args:
        image: (B,3,H,W) slice below, this slice, slice above; model units, nothing masked.
        anatomy: (B,4,H,W) body, left lung, right lung, airway, 0..1.
        geometry: (B,2) in-plane spacing and distance between slices, mm.
        height: (B,) place along the lungs, 0 = base, 1 = apex; -1 when unknown.
    """

    image: Tensor
    anatomy: Tensor
    geometry: Tensor
    height: Tensor

    def to(self, device: torch.device | str) -> Look:
        """On another device."""
        return Look(*(value.to(device) for value in vars(self).values()))


class VisionEncoder(nn.Module):
    """A small U-Net from pixels to one feature vector a cell of 4x4 pixels; no attention, so any
    field of view is like the trained one.

    Args:
        widths: channels on the cell grid, at a half and at a quarter of it.
    """

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        a, b, c = widths
        embed = 4 * a
        self.size = a
        self.place = nn.Sequential(nn.Linear(3 * a + 1, embed), nn.SiLU(), nn.Linear(embed, embed))
        self.stem = nn.Conv2d(3 * PATCH * PATCH + ANATOMY_CHANNELS, a, 3, padding=1)
        self.down0 = ResBlock(a, a, embed, None)
        self.shrink1 = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.down1 = nn.ModuleList([ResBlock(b, b, embed, None), ResBlock(b, b, embed, None)])
        self.shrink2 = nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.down2 = nn.ModuleList([ResBlock(c, c, embed, None), ResBlock(c, c, embed, None)])
        self.up1 = ResBlock(c + b, b, embed, None)
        self.up0 = ResBlock(b + a, a, embed, None)
        self.norm = nn.GroupNorm(16, a)

    def forward(self, look: Look) -> Tensor:
        """`Look` -> features (B,C,H/4,W/4)."""
        spacing, step = look.geometry.float().clamp_min(0.05).log().unbind(1)
        known = (look.height >= 0).float()
        where = torch.cat(
            [
                fourier(spacing, self.size, 100.0),
                fourier(step, self.size, 100.0),
                fourier(look.height.clamp_min(0), self.size, 100.0) * known[:, None],
                known[:, None],
            ],
            dim=1,
        )
        embed, nothing = F.silu(self.place(where)), look.image.new_zeros(1)
        x = self.stem(
            torch.cat([F.pixel_unshuffle(look.image, PATCH), F.avg_pool2d(look.anatomy, PATCH)], 1)
        )
        h0 = self.down0(x, embed, nothing)
        h1 = self.shrink1(h0)
        for block in self.down1:
            h1 = block(h1, embed, nothing)
        h2 = self.shrink2(h1)
        for block in self.down2:
            h2 = block(h2, embed, nothing)
        h = self.up1(
            torch.cat([F.interpolate(h2, scale_factor=2.0, mode="nearest"), h1], 1), embed, nothing
        )
        h = self.up0(
            torch.cat([F.interpolate(h, scale_factor=2.0, mode="nearest"), h0], 1), embed, nothing
        )
        return F.silu(self.norm(h))


class DualEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Vision tower and a head on the frozen language encoder, trained with a pairwise sigmoid loss
    (SigLIP, Zhai et al. 2023).

    Args:
        widths: channels of the vision tower. text_dim: width of the language encoder's pooled
            vector.
        findings: terms it was taught.

    Two kinds of image vectors share the space with the sentences: one a cell (where is it?) and one
    a region (does it fit?).
    """

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 96, 144),
        text_dim: int = 384,
        findings: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        a = widths[0]
        self.vision = VisionEncoder(widths)
        self.cell_head = nn.Conv2d(a, EMBEDDING, 1)
        self.region_head = nn.Sequential(
            nn.Linear(3 * a, 2 * a), nn.SiLU(), nn.Linear(2 * a, EMBEDDING)
        )
        self.text_head = nn.Sequential(
            nn.LayerNorm(text_dim),
            nn.Linear(text_dim, 256),
            nn.SiLU(),
            nn.Linear(256, 2 * EMBEDDING),
        )
        self.log_scale = nn.Parameter(torch.tensor([2.0, 2.0]))
        self.bias = nn.Parameter(torch.tensor([-3.0, -2.0]))

    def forward(self, look: Look, region: Tensor) -> tuple[Tensor, Tensor]:
        """Both kinds of image vectors.

        Args:
            look: B slices. region: (B,1,H,W) 0..1, the region of interest.

        Returns:
            cells (B,E,H/4,W/4) and regions (B,E), all of length 1.
        """
        features = self.vision(look)
        return F.normalize(self.cell_head(features).float(), dim=1), self.pool(features, region)

    def pool(self, features: Tensor, region: Tensor) -> Tensor:
        """Features (B,C,h,w) inside a region (B,1,H,W) -> unit vectors (B,E): its mean, its largest
        values, and what lies around."""
        share = F.avg_pool2d(region, PATCH)
        size = share.sum((2, 3)).clamp_min(1e-3)
        mean = (features * share).sum((2, 3)) / size
        highest = torch.where(
            share > 0.25 * share.amax((2, 3), keepdim=True), features, features.new_tensor(-1.0)
        ).amax((2, 3))
        rest = 1 - share
        around = (features * rest).sum((2, 3)) / rest.sum((2, 3)).clamp_min(1e-3)
        return F.normalize(self.region_head(torch.cat([mean, highest, around], 1)).float(), dim=1)

    def text(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled language states (K,T) -> unit vectors (K,E) for cells and for regions."""
        cells, regions = self.text_head(pooled).float().chunk(2, dim=1)
        return F.normalize(cells, dim=1), F.normalize(regions, dim=1)

    def logit(self, cosine: Tensor, kind: int) -> Tensor:
        """Cosine -> logit of “they belong together”; kind 0 = cells, 1 = regions."""
        return self.log_scale[kind].exp() * cosine + self.bias[kind]

    def scan_sha256(self) -> str:
        """Hash of the weights behind `scan_embedding`, in fp16; a generator names the one it was
        trained with."""
        digest = hashlib.sha256()
        for name, value in sorted(self.state_dict().items()):
            if name.startswith(SCAN_PARTS):
                digest.update(name.encode() + value.detach().half().cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def scan_embedding(self, cond: Conditions) -> Tensor:
        """(B,E) of what the generator may see of a scan: the hole is filled smoothly, so a lesion
        in it cannot leak."""
        n = len(cond.context)
        look = Look(
            cond.context, cond.anatomy, cond.geometry, cond.context.new_full((n,), UNKNOWN_PLACE)
        )
        visible = cond.anatomy[:, 1:3].sum(1, keepdim=True) * (1 - cond.mask[:, 1:2])
        return self.pool(self.vision(look), visible)
