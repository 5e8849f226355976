"""Where the lungs' border runs: by thresholds where air meets tissue, by the network where disease
hides it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, LEFT, RIGHT, SKIN_HU
from DGMVLCCore.models.lung_shares import Shares

WORK_MM = 1.6
BORDER_HU = -300.0  # where experts draw the border (an LCTSC validation patient)
REACH_MM = 6.0  # how far the network's border may be off
SEEN_MM = 4.0  # tissue nearer to aerated lung than this is told by thresholds
CLOSE_MM = 5.0  # vessels at the border belong to the lung
APEX_PIXELS = 12  # of air in a slice; above the last that holds them a shoulder was taken for lung
TRACHEA_HU, WALL_HU = -850.0, -500.0


@dataclass(frozen=True)
class Border:
    """Lungs at the working grid, bool (D,h,w), and the share of their border that no air shows."""

    lungs: np.ndarray
    airway: np.ndarray
    unseen: dict[int, float]


def _far(mask: np.ndarray) -> np.ndarray:
    """In-plane distance in pixels of each pixel to the mask; large where a slice holds none."""
    return (
        ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, 1e3)
    ).astype(np.float32)


def _plane(
    hu: np.ndarray, net: np.ndarray, airway: np.ndarray, body: np.ndarray, mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """One slice: lungs, and the part of the border that is the network's alone."""
    outer, inner = _far(net) * mm, _far(~net) * mm
    aerated = (hu < BORDER_HU) & (outer <= REACH_MM) & ~airway & body
    hidden = net & (_far(aerated) * mm > SEEN_MM)
    # Deep inside, the network is right about tissue; near its border air has the word.
    lung = aerated | (net & (inner > REACH_MM)) | hidden
    lung = _far(lung) * mm <= CLOSE_MM
    lung = (_far(~lung) * mm > CLOSE_MM) | aerated | hidden
    lung = (ndimage.binary_fill_holes(lung) & (outer <= REACH_MM)) & ~airway & body
    return lung, lung & hidden & ~ndimage.binary_erosion(lung)


def find_border(hu: np.ndarray, shares: Shares, mm: float) -> Border:
    """The lungs' border at the working grid.

    Args:
        hu: HU (D,h,w) of pixels of `mm`. shares: at the network's grid.
    """
    size = hu.shape[1:]
    net, airway, body = (
        (_resized(each, size) > 0.5).numpy() for each in (shares.lungs, shares.airway, shares.body)
    )
    left = (_resized(shares.leftward().float(), size) > 0.5).numpy()
    near = ndimage.binary_dilation(airway, np.ones((1, 3, 3)), iterations=2)
    airway = near & (hu < TRACHEA_HU) & ~(net & ~airway)
    airway = ndimage.binary_dilation(airway, np.ones((1, 3, 3))) & (hu < WALL_HU)
    lungs, counts = np.zeros(hu.shape, bool), {LEFT: [0, 0], RIGHT: [0, 0]}
    for z in np.nonzero(net.any((1, 2)))[0]:
        ys, xs = (np.nonzero(net[z].any(axis))[0] for axis in (1, 0))
        room = int(REACH_MM / mm) + 3
        box = tuple(slice(max(v[0] - room, 0), v[-1] + room + 1) for v in (ys, xs))
        plane, unseen = _plane(hu[z][box], net[z][box], airway[z][box], body[z][box], mm)
        lungs[z][box] = plane
        rim = plane & ~ndimage.binary_erosion(plane)
        for label, side in ((LEFT, left[z][box]), (RIGHT, ~left[z][box])):
            counts[label][0] += int((unseen & side).sum())
            counts[label][1] += int((rim & side).sum())
    for side in (left, ~left):
        air = (lungs & side & (hu < BORDER_HU)).sum((1, 2)) >= APEX_PIXELS
        if air.any():  # a lung without any air is filled up to its top
            top = int(np.nonzero(air)[0][-1]) + 1
            lungs[top:] &= ~side[top:]
    return Border(lungs, airway, {k: a / b for k, (a, b) in counts.items() if b})


def _resized(planes: Tensor, size: tuple[int, ...]) -> Tensor:
    """(D,h,w) -> (D,*size), linear in-plane."""
    return F.interpolate(planes[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def native_labels(hu: np.ndarray, shares: Shares, border: Border) -> np.ndarray:
    """Labels (D,H,W) uint8 at native spacing; within a pixel of the working grid around the border
    of lung and skin the scan's own HU decide."""
    size, out = hu.shape[1:], np.zeros(hu.shape, np.uint8)
    side = torch.where(shares.leftward(), LEFT, RIGHT).to(torch.uint8)
    for z in range(len(hu)):
        plane = torch.from_numpy(np.ascontiguousarray(hu[z]))
        smooth = F.avg_pool2d(plane[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
        body = _resized(shares.body[z : z + 1], size)[0]
        inside = torch.where((body - 0.5).abs() < 0.4, smooth > SKIN_HU, body > 0.5)
        label = torch.where(inside, BODY, 0).to(torch.uint8)
        if border.airway[z].any():
            share = _resized(torch.from_numpy(border.airway[z : z + 1]).float(), size)[0]
            label[share > 0.5] = AIRWAY
        if border.lungs[z].any():
            share = _resized(torch.from_numpy(border.lungs[z : z + 1]).float(), size)[0]
            # Half-way between both: a voxel of the rim is lung when most of it is, by either.
            nearly = share + (BORDER_HU - smooth).clamp(-200, 200) / 1000
            lung = torch.where((share - 0.5).abs() < 0.45, nearly > 0.5, share > 0.5)
            sides = F.interpolate(side[z : z + 1, None].float(), size)[0, 0].to(torch.uint8)
            label[lung] = sides[lung]
        out[z] = label.numpy()
    return out
