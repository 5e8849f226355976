"""The editor: a U-Net that sees the region's own voxels and changes only what the words name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.models.denoiser import PATCH, RESIDUAL_SCALE, Conditions, Denoiser, fourier
from DGMVLCCore.models.units import to_units

CELLS = PATCH * PATCH
MAPS = 6  # that the U-Net gives its refinement besides its answers
OPENED = (3, 7)  # pixels; a grey opening of that width leaves haze and takes vessels away
# Lung density of a patient for whom none is told.
CLEAR = float(to_units(-860.0))  # type: ignore[arg-type]
DENSITY_GAIN = 3.0  # of what lies above clear lung; haze is a few hundredths of the window
SEEN = 7  # x_t, three slices, mask, hidden, lungs
DENSITY_SCALE = 300.0  # of the sinusoids: 750 HU are one model unit, and 5 HU must be told apart
WIDENED = ("stem.weight", "head.weight", "head.bias", "refine.layers.0.weight")  # when begun on


class Edit(NamedTuple):
    """What the editor answers for B slices.

    Args:
        target: (B,1,H,W) the slice as the words say, model units.
        change: (B,1,H,W) logit of the share to which the words ask for a change of a voxel.
        attention: (B,H/4*W/4,1+L) cross-attention on the full token grid; None without that unit.
    """

    target: Tensor
    change: Tensor
    attention: Tensor | None


class Refinement(nn.Module):
    """Convolutions at full resolution that correct the U-Net's target and change map: a cell of
    16 voxels shares 64 channels, too few for what a voxel shows. Answers 0 at first.

    Args:
        width: channels between. seen: channels of what is seen.
    """

    def __init__(self, width: int, seen: int = SEEN) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2 + MAPS + seen, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2, 3, padding=1),
        )
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.layers[-1].bias)  # type: ignore[arg-type]

    def forward(self, maps: Tensor, seen: Tensor) -> Tensor:
        """Corrections (B,2,H,W) of the first two of `maps` (B,2+MAPS,H,W), which `seen`
        (B,SEEN,H,W) stands beside."""
        return self.layers(torch.cat([maps, seen], dim=1))


class Editor(Denoiser):
    """Mask- and text-conditioned U-Net that edits a CT slice through the region's own voxels.

    Architecture and arguments are the `Denoiser`'s. Besides, it is told where its context is
    hidden (`Conditions.hidden`) and this patient's own lung density, and it answers twice: the
    target x^ as residual to the source s, and a change map c. The result is y = s + c (x^ - s).

    Where nothing is hidden x_t is the source itself and one step answers; where the source is
    hidden x_t = (1-t) x + t n is a rectified flow (Liu et al., 2022) from noise n. With everything
    of the mask hidden it is the hole-filling denoiser.
    """

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
        detail: int = 0,
        tissue: bool = False,
    ) -> None:
        super().__init__(
            widths=widths,
            text_dim=text_dim,
            affine_fusion=affine_fusion,
            cross_attention=cross_attention,
            anatomy=anatomy,
            findings=findings,
            attributes=attributes,
            text_encoder_sha256=text_encoder_sha256,
            scan_dim=scan_dim,
            vision_sha256=vision_sha256,
            modality=modality,
        )
        width = widths[0]
        shown = 1 + len(OPENED) if tissue else 0
        self.stem = nn.Conv2d(self.stem.in_channels + CELLS + 2 + shown, width, 3, padding=1)
        maps = 2 + (MAPS if detail else 0)
        self.head = nn.Conv2d(width, maps * CELLS, 3, padding=1)
        self.density = nn.Sequential(
            nn.Linear(2 * width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width)
        )
        self.refine = Refinement(detail, SEEN + shown) if detail else None
        for layer in (self.head, self.density[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        if detail:  # maps of nothing, read by layers that answer nothing, would never learn
            nn.init.normal_(self.head.weight[2 * CELLS :], std=0.02)

    @classmethod
    def on(cls, begun: Denoiser, **changed: Any) -> Editor:
        """An editor that begins with the weights of a hole-filling denoiser, or of an editor
        without a refinement or without the tissue's density, of the same widths."""
        taken = ("widths", "text_dim", "affine_fusion", "cross_attention", "anatomy", "findings")
        fields = {name: begun.config[name] for name in taken}  # type: ignore[index]
        editor = cls(**{**fields, **changed})
        state = editor.state_dict()
        for name, value in begun.state_dict().items():
            if name in WIDENED:
                first = not name.startswith("head")  # what the begun network was not shown counts 0
                wide = torch.zeros_like(state[name]) if first else state[name].clone()
                wide[tuple(slice(n) for n in value.shape)] = value
                state[name] = wide
            elif name in state:
                state[name] = value
        editor.load_state_dict(state)
        return editor

    def arrange(self, x_t: Tensor, cond: Conditions) -> Tensor:
        """As `Denoiser.arrange`, with the hidden places of the three slices behind."""
        here = F.pixel_unshuffle(cond.unseen[:, 1:2], PATCH)
        around = F.avg_pool2d(cond.unseen[:, ::2], PATCH)
        cells = [super().arrange(x_t, cond), here, around]
        if cond.tissue is not None:
            cells.append(F.avg_pool2d(cond.tissue, PATCH))
        return torch.cat(cells, dim=1)

    def embedding(self, t: Tensor, cond: Conditions) -> Tensor:
        """Time, geometry and, where it is told, the patient's own lung density: (B,E)."""
        embed = super().embedding(t, cond)
        if cond.density is None:
            return embed
        size = 2 * self.config.widths[0]  # type: ignore[attr-defined]
        told = torch.isfinite(cond.density)
        features = fourier(torch.nan_to_num(cond.density), size, DENSITY_SCALE)
        return embed + self.density(features) * told[:, None]

    def forward(self, x_t: Tensor, t: Tensor, cond: Conditions) -> Edit:  # type: ignore[override]
        """Predict the target and where it differs from the source.

        Args:
            x_t: (B,1,H,W) the source where it is seen, the noisy slice where it is hidden; model
                units, H and W multiples of 16.
            t: (B,) time of the hidden part, 1 = noise, 0 = image; 1 where nothing is hidden.
            cond: see `Conditions`; `context` is the source, smoothly filled where it is hidden.
        """
        if self.config.tissue:  # type: ignore[attr-defined]
            cond = replace(cond, tissue=tissue_of(cond))
        out, attention = self.cells(x_t, t, cond, lambda name, features, embed: features)
        maps = F.pixel_shuffle(out, PATCH)
        target, change = maps[:, :1], maps[:, 1:2]
        if self.refine is not None:
            lungs = self.anatomy_shown(cond)[:, 1:3].sum(1, keepdim=True)
            own = [x_t, cond.context, cond.mask[:, 1:2], cond.unseen[:, 1:2], lungs]
            if cond.tissue is not None:
                own.append(cond.tissue)
            better = self.refine(maps, torch.cat(own, dim=1)).float()
            target, change = target + better[:, :1], change + better[:, 1:]
        return Edit(cond.context[:, 1:2] + RESIDUAL_SCALE * target, change, attention)


def tissue_of(cond: Conditions) -> Tensor:
    """How much denser than this patient's clear lung the slice is, and what of that is left by
    grey openings that take vessels away: (B,1+len(OPENED),H,W)."""
    source = cond.context[:, 1:2].float()
    clear = torch.full_like(source[:, 0, 0, 0], CLEAR)
    if cond.density is not None:
        clear = torch.where(torch.isfinite(cond.density), cond.density.float(), clear)
    maps = [source]
    for size in OPENED:
        maps.append(_largest(-_largest(-source, size), size))
    return DENSITY_GAIN * (torch.cat(maps, dim=1) - clear[:, None, None, None])


def _largest(image: Tensor, size: int) -> Tensor:
    """The largest value (B,1,H,W) of the square around each pixel: along one side, then the other,
    which is the same with fewer looks."""
    return F.max_pool2d(
        F.max_pool2d(image, (1, size), 1, (0, size // 2)), (size, 1), 1, (size // 2, 0)
    )


def composed(edit: Edit, source: Tensor, hidden: Tensor) -> Tensor:
    """y = s + c (x^ - s) (B,1,H,W), with c = 1 where the source is hidden (B,1,H,W)."""
    share = torch.maximum(torch.sigmoid(edit.change), hidden)
    return source + share * (edit.target - source)
