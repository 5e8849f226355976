"""The generator: a U-Net that fills a masked hole of a CT slice as the text says, one
rectified-flow step at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.models.fusion import AffineFusion, CrossAttention, SelfAttention

PATCH = 4  # pixel-unshuffle factor: lossless, and a cell is a few mm
RESIDUAL_SCALE = 0.3  # the network's unit output as a share of the HU window
ANATOMY_CHANNELS = 4  # body, left lung, right lung, airway
STAGES = {
    "down0": 0,
    "down1": 1,
    "down2": 2,
    "middle": 2,
    "up2": 2,
    "up1": 1,
    "up0": 0,
    "last": 0,
}  # in order, and which of the widths each has


@dataclass
class Conditions:
    """What the network sees besides the noisy slice; B slices of H x W pixels.

    Args:
        context: (B,3,H,W) slice below, this slice, slice above; model units; hole filled smoothly.
        mask: (B,3,H,W) edit mask of the same three slices, 0..1.
        anatomy: (B,4,H,W) body, left lung, right lung, airway, 0..1.
        geometry: (B,2) in-plane spacing and distance between slices, mm.
        tokens: (B,L,T) text states. token_mask: (B,L) bool. pooled: (B,T).
        scan: (B,E) embedding of what is visible of the scan; None or zeros say nothing.
        hidden: (B,3,H,W) where the context holds a smooth fill instead of the scan, 0..1; None: in
            the whole mask.
        density: (B,) clear lung of this patient, model units; None says nothing.
        tissue: (B,T,H,W) density above that with and without vessels; an editor makes it itself.
    """

    context: Tensor
    mask: Tensor
    anatomy: Tensor
    geometry: Tensor
    tokens: Tensor
    token_mask: Tensor
    pooled: Tensor
    scan: Tensor | None = None
    hidden: Tensor | None = None
    density: Tensor | None = None
    tissue: Tensor | None = None

    @property
    def unseen(self) -> Tensor:
        """(B,3,H,W) where the context shows no voxels of the scan."""
        return self.mask if self.hidden is None else self.hidden

    def map(self, change: Callable[[Tensor], Tensor]) -> Conditions:
        """The same conditions with `change` applied to every tensor."""
        return Conditions(
            **{name: change(value) for name, value in vars(self).items() if value is not None}
        )

    def to(self, device: torch.device | str) -> Conditions:
        """On another device."""
        return self.map(lambda x: x.to(device))

    def with_text(self, tokens: Tensor, token_mask: Tensor, pooled: Tensor) -> Conditions:
        """The same image under another text; (1,L,T) text is repeated for every slice."""
        n = len(self.context)
        return replace(
            self,
            tokens=tokens.expand(n, -1, -1),
            token_mask=token_mask.expand(n, -1),
            pooled=pooled.expand(n, -1),
        )


def fourier(x: Tensor, size: int, scale: float) -> Tensor:
    """Sinusoidal features (B,size) of a scalar (B,)."""
    half = size // 2
    freq = torch.exp(
        torch.arange(half, device=x.device) * (-torch.log(torch.tensor(10000.0)) / half)
    )
    angle = x.float()[:, None] * scale * freq
    return torch.cat([angle.cos(), angle.sin()], dim=1)


class ResBlock(nn.Module):
    """Two convolutions, steered by time and geometry, and by the text through the affine unit."""

    def __init__(self, inputs: int, outputs: int, embed: int, text_dim: int | None) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(16, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.embed = nn.Linear(embed, 2 * outputs)
        self.norm2, self.conv2 = (
            nn.GroupNorm(16, outputs),
            nn.Conv2d(outputs, outputs, 3, padding=1),
        )
        self.affine = AffineFusion(text_dim, outputs) if text_dim else None
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embed: Tensor, pooled: Tensor) -> Tensor:
        """(B,Cin,H,W) -> (B,Cout,H,W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.embed(embed)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        if self.affine is not None:
            h = self.affine(h, pooled)
        return self.skip(x) + self.conv2(F.silu(h))


class Stage(nn.Module):
    """Residual blocks at one resolution, then optional self-attention and text cross-attention."""

    def __init__(
        self,
        widths: list[int],
        embed: int,
        text_dim: int,
        *,
        affine: bool,
        cross: bool,
        itself: bool = False,
    ):
        super().__init__()
        pairs = zip(widths[:-1], widths[1:])
        self.blocks = nn.ModuleList(
            ResBlock(a, b, embed, text_dim if affine else None) for a, b in pairs
        )
        self.itself = SelfAttention(widths[-1]) if itself else None
        self.cross = CrossAttention(widths[-1], text_dim) if cross else None

    def forward(self, x: Tensor, embed: Tensor, cond: Conditions) -> tuple[Tensor, Tensor | None]:
        """(B,C,H,W) -> features and the cross-attention (B,H*W,1+L), None without."""
        for block in self.blocks:
            x = block(x, embed, cond.pooled)
        if self.itself is not None:
            x = self.itself(x)
        return self.cross(x, cond.tokens, cond.token_mask) if self.cross is not None else (x, None)


class Denoiser(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Mask- and text-conditioned U-Net for rectified flow on CT slices.

    Args:
        widths: channels on the token grid, at a half and at a quarter of it.
        text_dim: width of the language encoder's states.
        affine_fusion, cross_attention: the paper's two fusion units, each may be switched off.
        anatomy: feed body, lungs and airway.
        scan_dim: width of the scan's embedding, which joins the pooled text in the affine units; 0
            for none.
        vision_sha256: weights of the vision encoder that makes it.
        modality: of the scans it was trained on; recorded, nothing depends on it.

    x_t = (1-t) x + t n (Liu et al., 2022, rectified flow). The network predicts the clean slice x
    as
    residual to the smooth fill of the hole; the velocity is (x_t - x)/t.
    """

    one_pass = False  # it answers at every time, so it is integrated over them

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 112, 176),
        text_dim: int = 384,
        affine_fusion: bool = True,
        cross_attention: bool = True,
        anatomy: bool = True,
        findings: tuple[str, ...] = (),
        attributes: tuple[str, ...] = (),
        text_encoder_sha256: str = "",
        scan_dim: int = 0,
        vision_sha256: str = "",
        modality: str = "CT",
    ) -> None:
        super().__init__()
        a, b, c = widths
        cells, embed = PATCH * PATCH, 4 * a
        inputs = 6 * cells + 2 + ANATOMY_CHANNELS
        words = {"text_dim": text_dim, "affine": affine_fusion, "cross": cross_attention}
        how = {"embed": embed, **words}
        self.time = nn.Sequential(nn.Linear(2 * a, embed), nn.SiLU(), nn.Linear(embed, embed))
        self.geometry = nn.Sequential(nn.Linear(2 * a, embed), nn.SiLU(), nn.Linear(embed, embed))
        self.stem = nn.Conv2d(inputs, a, 3, padding=1)
        self.down0 = Stage([a, a], **how)  # type: ignore[arg-type]
        self.shrink1 = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.down1 = Stage([b, b, b], **how)  # type: ignore[arg-type]
        self.shrink2 = nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.down2 = Stage([c, c, c], itself=True, **how)  # type: ignore[arg-type]
        self.middle = Stage([c, c], itself=True, **how)  # type: ignore[arg-type]
        self.up2 = Stage([2 * c, c], **how)  # type: ignore[arg-type]
        self.up1 = Stage([c + b, b, b], **how)  # type: ignore[arg-type]
        self.up0 = Stage([b + a, a], **how)  # type: ignore[arg-type]
        self.last = Stage([a, a], **{**how, "cross": False})  # type: ignore[arg-type]
        self.norm, self.head = nn.GroupNorm(16, a), nn.Conv2d(a, cells, 3, padding=1)
        self.scan = nn.Linear(scan_dim, text_dim, bias=False) if scan_dim else None
        for layer in (self.head, self.scan):
            for weights in () if layer is None else layer.parameters():
                nn.init.zeros_(weights)

    def anatomy_shown(self, cond: Conditions) -> Tensor:
        """Body, lungs and airway (B,4,H,W); zeros where the network is not to see them."""
        shown = self.config.anatomy  # type: ignore[attr-defined]
        return cond.anatomy if shown else torch.zeros_like(cond.anatomy)

    def arrange(self, x_t: Tensor, cond: Conditions) -> Tensor:
        """Pixels (B,1,H,W) and conditions -> cells (B,C,H/4,W/4), nothing lost but in the pooled
        masks."""
        cells = [F.pixel_unshuffle(x, PATCH) for x in (x_t, cond.context, cond.mask[:, 1:2])]
        around = F.avg_pool2d(cond.mask[:, ::2], PATCH)
        anatomy = self.anatomy_shown(cond)
        pooled = F.avg_pool2d(anatomy, PATCH)
        lungs = F.pixel_unshuffle(anatomy[:, 1:3].sum(1, keepdim=True), PATCH)
        return torch.cat([*cells, lungs, around, pooled], dim=1)

    def forward(self, x_t: Tensor, t: Tensor, cond: Conditions) -> tuple[Tensor, Tensor | None]:
        """Predict the clean slice.

        Args:
            x_t: (B,1,H,W) noisy slice in model units, H and W multiples of 16.
            t: (B,) time, 1 = noise, 0 = image.
            cond: see `Conditions`.

        Returns:
            clean slice (B,1,H,W), and the cross-attention on the full token grid (B,H/4*W/4,1+L).
        """
        return self.run(x_t, t, cond, lambda name, features, embed: features)

    def run(
        self,
        x_t: Tensor,
        t: Tensor,
        cond: Conditions,
        after: Callable[[str, Tensor, Tensor], Tensor],
    ) -> tuple[Tensor, Tensor | None]:
        """`forward`, with `after(name, features, embed)` applied to what each stage (of `STAGES`)
        gives; embed (B,E) is time and geometry."""
        out, attention = self.cells(x_t, t, cond, after)
        return cond.context[:, 1:2] + RESIDUAL_SCALE * F.pixel_shuffle(out, PATCH), attention

    def embedding(self, t: Tensor, cond: Conditions) -> Tensor:
        """Time and geometry as one vector (B,E)."""
        size = self.config.widths[0]  # type: ignore[attr-defined]
        spacing, step = cond.geometry.float().clamp_min(0.05).log().unbind(1)
        where = torch.cat([fourier(spacing, size, 100.0), fourier(step, size, 100.0)], dim=1)
        return self.time(fourier(t, 2 * size, 1000.0)) + self.geometry(where)

    def cells(
        self,
        x_t: Tensor,
        t: Tensor,
        cond: Conditions,
        after: Callable[[str, Tensor, Tensor], Tensor],
    ) -> tuple[Tensor, Tensor | None]:
        """The head's output on the token grid (B,C,H/4,W/4) float32, and the cross-attention."""
        if self.scan is not None and cond.scan is not None:
            cond = replace(cond, pooled=cond.pooled + self.scan(cond.scan))
        embed = F.silu(self.embedding(t, cond))

        def stage(name: str, x: Tensor) -> tuple[Tensor, Tensor | None]:
            features, attention = getattr(self, name)(x, embed, cond)
            return after(name, features, embed), attention

        h0, _ = stage("down0", self.stem(self.arrange(x_t, cond)))
        h1, _ = stage("down1", self.shrink1(h0))
        h2, _ = stage("down2", self.shrink2(h1))
        h, _ = stage("middle", h2)
        h, _ = stage("up2", torch.cat([h, h2], 1))
        h, _ = stage("up1", torch.cat([F.interpolate(h, scale_factor=2.0, mode="nearest"), h1], 1))
        h, attention = stage(
            "up0", torch.cat([F.interpolate(h, scale_factor=2.0, mode="nearest"), h0], 1)
        )
        h, _ = stage("last", h)
        return self.head(F.silu(self.norm(h))).float(), attention
