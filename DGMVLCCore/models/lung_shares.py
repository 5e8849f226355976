"""What the lungs' network says of a scan: the share of each label at its own grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, LEFT, RIGHT, SKIN_HU
from DGMVLCCore.models.cell_unet import COARSEST
from DGMVLCCore.models.lungs import GRID_MM, NEAR, STEP_MM, LungNet, lung_channels

AT_ONCE = 16  # slices a forward pass
MARGIN = 3  # pixels around the tissue
BESIDE = 2  # pixels a side is told from
STRAY = 0.1  # of the larger lung: smaller parts apart from it are none


@dataclass(frozen=True)
class Shares:
    """Shares 0..1, float32 (D,h,w), in-plane about 3.2 mm, for every slice of the scan.

    Args:
        lungs: both lungs, without parts that lie apart. left, right: of each. airway: trachea and
            main bronchi. body: all that is inside the skin.
    """

    lungs: Tensor
    left: Tensor
    right: Tensor
    airway: Tensor
    body: Tensor

    def leftward(self) -> Tensor:
        """bool (D,h,w): nearer to what is left lung than to what is right lung, also beside
        them."""
        around = [
            F.avg_pool2d(each[:, None], 2 * BESIDE + 1, 1, BESIDE)
            for each in (self.left, self.right)
        ]
        return (around[0] > around[1])[:, 0]


def coarse_grid(hu: np.ndarray, spacing: tuple[float, float, float]) -> Tensor:
    """HU (D,H,W) averaged to pixels of about 3.2 mm, float32 (D,h,w)."""
    size = [max(round(n * mm / GRID_MM), 8) for n, mm in zip(hu.shape[1:], spacing[1:])]
    planes = [
        F.interpolate(torch.from_numpy(plane[None, None]).clamp(-1024, 1500), size, mode="area")
        if plane.shape[0] >= size[0]
        else F.interpolate(torch.from_numpy(plane[None, None]), size, mode="bilinear")
        for plane in hu
    ]
    return torch.cat(planes)[:, 0]


def _tissue_box(hu: Tensor) -> tuple[slice, slice]:
    """Rows and columns that hold tissue, with a margin."""
    box = []
    for axis in (2, 1):
        filled = ((hu > SKIN_HU).float().mean(axis) > 0.06).any(0).nonzero()[:, 0]
        low, high = (int(filled[0]), int(filled[-1])) if len(filled) else (0, hu.shape[3 - axis])
        box.append(slice(max(low - MARGIN, 0), high + 1 + MARGIN))
    return box[0], box[1]


@torch.inference_mode()
def _predict(model: LungNet, hu: Tensor, rows: list[int], apart: int) -> Tensor:
    """Softmax shares (len(rows),5,h,w) of slices of `hu` (D,h,w); one step is `apart`."""
    height, width = hu.shape[1:]
    pad = (0, -width % COARSEST, 0, -height % COARSEST)
    padded, out = F.pad(hu, pad, value=-1024.0), []
    for start in range(0, len(rows), AT_ONCE):
        z = torch.tensor(rows[start : start + AT_ONCE])
        near = torch.stack([z + n * apart for n in NEAR], 1).clamp(0, len(hu) - 1)
        logits = model(lung_channels(padded[near]))
        out.append(logits.softmax(1)[:, :, :height, :width])
    return torch.cat(out)


def _without_strays(lungs: Tensor) -> Tensor:
    """The lungs' shares with the small parts that lie apart set to 0."""
    parts, count = ndimage.label(lungs.numpy() > 0.5)
    if count < 2:
        return lungs
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    small = sizes < STRAY * sizes[1:].max()
    small[0] = False
    stray = ndimage.binary_dilation(small[parts], np.ones((1, 3, 3)), iterations=2)
    kept = ~small[parts] & (parts > 0)
    return lungs * torch.from_numpy(~stray | kept)


def lung_shares(
    model: LungNet, grid: Tensor, spacing: tuple[float, float, float], apart: int | None = None
) -> Shares:
    """Run the network on a canonical scan's `coarse_grid`; thin slices are read every 4 mm and
    filled in between.

    Args:
        spacing: the scan's own (z,y,x) mm. apart: slices from one that is read to the next.
    """
    apart = apart or max(round(STEP_MM / spacing[0]), 1)
    rows = sorted({*range(0, len(grid), apart), len(grid) - 1})
    ys, xs = _tissue_box(grid)
    read = _predict(model, grid[:, ys, xs], rows, apart)
    place = np.interp(np.arange(len(grid)), rows, np.arange(len(rows)))
    low = torch.from_numpy(np.minimum(place.astype(int), len(rows) - 1))
    high = (low + 1).clamp_max(len(rows) - 1)
    part = torch.from_numpy((place - np.floor(place)).astype(np.float32))[:, None, None]

    def whole(label: int) -> Tensor:
        out = torch.zeros(grid.shape)
        out[:, ys, xs] = read[low, label] * (1 - part) + read[high, label] * part
        return out

    left, right, airway = whole(LEFT), whole(RIGHT), whole(AIRWAY)
    body = (left + right + airway + whole(BODY)).clamp_max(1)
    return Shares(_without_strays(left + right), left, right, airway, body)
