"""A scan's anatomy: found by the lungs' network, by classical means where the network does not
know the scan."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.imaging.anatomy import NAMES, Anatomy, segment_anatomy
from DGMVLCCore.imaging.view import check_lungs, view_notes
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.lung_border import WORK_MM, find_border, native_labels
from DGMVLCCore.models.lung_shares import Shares, coarse_grid, lung_shares
from DGMVLCCore.models.lungs import LungNet, load_lung_net

log = logging.getLogger(__name__)

UNSEEN = 0.1  # of a lung's border; above it is said
HELD = 0.5  # of the air spaces that count as lung, what the network's lungs must hold
REACHED, LARGE_ML = 0.1, 500.0  # share of an air space that the lungs hold; its size
APART = 0.85  # share of both lungs on their sides of one sagittal plane
INNER_AIR_HU = -600.0
UNKNOWN = (
    "The lungs were found by thresholds alone: their network does not know scans like this one."
)


@lru_cache(maxsize=1)
def _network() -> LungNet:
    return load_lung_net()[0]


def _holds_the_air(shares: Shares, grid: np.ndarray, voxel_ml: float) -> bool:
    """Whether the lungs hold most of each air space in the body that they reach into, and of those
    that are as large as a lung; gas of the gut is neither. `grid` is HU (D,h,w)."""
    lungs = (shares.lungs > 0.5).numpy()
    inside = (grid < INNER_AIR_HU) & (shares.body > 0.5).numpy()
    parts, _ = ndimage.label(inside, np.ones((3, 3, 3)))
    sizes, held = np.bincount(parts.ravel()), np.bincount(parts.ravel(), lungs.ravel())
    counted = (held > REACHED * sizes) | (sizes * voxel_ml > LARGE_ML)
    counted[0] = False
    return bool(held[counted].sum() >= HELD * sizes[counted].sum())


def _one_sided(shares: Shares) -> Shares:
    """Where left and right lie through each other only one lung is in view: it is what most of it
    was taken for."""
    columns = [(each * shares.lungs).sum((0, 1)).numpy() for each in (shares.left, shares.right)]
    left, right = (each.cumsum() for each in columns)
    apart = (right + left[-1] - left).max() / max(left[-1] + right[-1], 1e-6)
    if apart > APART:
        return shares
    none = torch.zeros_like(shares.left)
    if left[-1] > right[-1]:
        return replace(shares, left=shares.lungs, right=none)
    return replace(shares, left=none, right=shares.lungs)


def _by_network(scan: Volume, model: LungNet) -> Anatomy | None:
    """The anatomy of a canonical scan; None where the network does not know it."""
    hu, spacing = scan.array, scan.spacing
    grid = coarse_grid(hu, spacing)
    shares = lung_shares(model, grid, spacing)
    voxel_ml = hu.size / grid.numel() * float(np.prod(spacing)) / 1000
    if not (shares.lungs > 0.5).any() or not _holds_the_air(shares, grid.numpy(), voxel_ml):
        return None
    shares = _one_sided(shares)
    size = [max(round(n * mm / WORK_MM), 16) for n, mm in zip(scan.shape[1:], spacing[1:])]
    work = torch.cat(
        [
            F.interpolate(
                torch.from_numpy(plane[None, None]).clamp(-1024, 1500),
                size,
                mode="area" if plane.shape[0] > size[0] else "bilinear",
            )
            for plane in hu
        ]
    )[:, 0].numpy()
    mm = scan.shape[1] * spacing[1] / size[0]
    border = find_border(work, shares, mm)
    check_lungs(work, border.lungs, mm)
    labels = native_labels(hu, shares, border)
    notes = [
        f"The border of the {NAMES[label]} is uncertain over {share:.0%} of its length, where no "
        "air shows it (fluid, a mass or filled lung)."
        for label, share in border.unseen.items()
        if share > UNSEEN
    ]
    return Anatomy(labels, "network", (*notes, *view_notes(labels, hu, spacing)))


def find_anatomy(volume: Volume) -> Anatomy:
    """Body, left and right lung with the disease in them, trachea and main bronchi.

    Args:
        volume: CT in HU, any orientation, (D,H,W).

    Returns:
        labels on the volume's own grid; `notes` say what is uncertain or out of view.

    Raises:
        UnsuitableInputError: no CT, or no lungs in view.
    """
    if volume.modality != "CT":
        raise UnsuitableInputError(
            f"Lungs are found in CT only, and this is {volume.modality}; give a chest CT, or a "
            "lung segmentation of this scan."
        )
    scan, turn = volume.canonical()
    scan = scan.with_array(np.ascontiguousarray(scan.array, np.float32))
    try:
        anatomy: Anatomy | None = _by_network(scan, _network())
        said: tuple[str, ...] = (UNKNOWN,)
    except WeightsError as error:
        log.info("The lungs are found by thresholds alone: %s", error)
        anatomy, said = None, ()
    if anatomy is None:
        found = segment_anatomy(scan)
        seen = view_notes(found.labels, scan.array, scan.spacing)
        anatomy = replace(found, notes=(*said, *seen))
    return replace(anatomy, labels=turn.restore(anatomy.labels))
