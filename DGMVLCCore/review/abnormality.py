"""How much each place of the lungs looks like disease: the review's abnormality map.

The finder reads both lungs, each slice with its neighbours, and says where something is that is no
healthy lung. It is taught on lesions of known place and on clear places that were taken for some
(`training.finding`). What a region is, and the scan without it, is the editor's to say
(`review.without`): asking the editor for the map, too, pointed at vessels more often and took
longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.cell_unet import COARSEST
from DGMVLCCore.models.finder import PIXEL_MM, Finder, carried_finder, likeness
from DGMVLCCore.models.region import Region, cut_region

Progress = Callable[[str, float], None]
STEP_MM = 3.5  # slices thinner than this are averaged, so that thin ones cost no more
AT_ONCE = 8  # neighbouring slices of one forward pass
AROUND_MM = 14.0  # seen around the lungs
FLOOR, SHARE = 0.1, 0.3  # a peak of the map; its extent as a share of it
PEAKS = 14  # of a map
SMOOTH_MM = (2.0, 1.5, 1.5)  # Gaussian sigma of the map (z,y,x)


@dataclass(eq=False)
class Looked:
    """The lungs of a scan as the finder reads them.

    Args:
        region: both lungs on the working grid (D,S,T). thick: slices of the scan in one of these.
        map: float32 (D,S,T), 0..1, how much a place looks like disease, smoothed; 0 outside the
            lungs. scan, anatomy: canonical, in these slices.
    """

    region: Region
    thick: int
    map: np.ndarray
    scan: Volume
    anatomy: Anatomy

    def to_scan(self, values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """(D,S,T) on the working grid -> float32 of the canonical scan's shape."""
        slabs = (len(values), *shape[1:])
        whole = self.region.to_scan(values.astype(np.float32), slabs)
        return np.repeat(whole, self.thick, 0)[: shape[0]]


def thick_slices(scan: Volume, anatomy: Anatomy) -> tuple[Volume, Anatomy, int]:
    """A canonical scan with thin slices averaged in groups, and how many are in one.

    The last group may hold fewer. Labels are those of each group's middle slice.
    """
    thick = max(round(STEP_MM / scan.spacing[0]), 1)
    if thick == 1:
        return scan, anatomy, 1
    starts = np.arange(0, len(scan.array), thick)
    counts = np.diff([*starts, len(scan.array)])
    hu = np.add.reduceat(scan.array.astype(np.float32), starts) / counts[:, None, None]
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (thick - 1) / 2
    affine[:3, 2] *= thick
    labels = anatomy.labels[np.minimum(starts + thick // 2, len(anatomy.labels) - 1)]
    return Volume(hu, affine, scan.modality, scan.stored_dtype), Anatomy(labels), thick


def _boxes(region: Region) -> Iterator[tuple[list[int], tuple[slice, slice]]]:
    """Slices with lung in groups, and what of the slice each group needs."""
    filled, margin = region.filled, int(AROUND_MM / region.spacing[1])
    for start in range(0, len(filled), AT_ONCE):
        rows, box = filled[start : start + AT_ONCE], []
        where = np.argwhere(region.mask[rows].any(0))
        for low, high, size in zip(where.min(0), where.max(0) + 1, region.hu.shape[1:]):
            first = max(int(low) - margin, 0)
            length = -(-(min(int(high) + margin, size) - first) // COARSEST) * COARSEST
            first = max(min(first, size - length), 0)
            box.append(slice(first, first + length))
        yield rows, (box[0], box[1])


@torch.inference_mode()
def look(
    scan: Volume,
    anatomy: Anatomy,
    callback: Progress | None = None,
    *,
    finder: Finder | None = None,
    device: str | torch.device = "cpu",
) -> Looked:
    """Read both lungs of a canonical scan.

    Args:
        finder: the carried one when None.

    Raises:
        UnsuitableInputError: no lung in view.
    """
    if not anatomy.lungs.any():
        raise UnsuitableInputError(
            "The scan shows no lung, so there is nothing to look at; load a chest CT."
        )
    model = (finder or carried_finder()).to(torch.device(device))  # type: ignore[arg-type]
    slabs, labels, thick = thick_slices(scan, anatomy)
    spacing = max(PIXEL_MM, *scan.spacing[1:])
    rows = (0, len(slabs.array))
    region = cut_region(slabs, labels, labels.lungs, rows, spacing_mm=spacing)
    hu, lungs = torch.from_numpy(region.hu), torch.from_numpy(region.lungs)
    found, groups = np.zeros(region.hu.shape, np.float32), list(_boxes(region))
    for done, (wanted, box) in enumerate(groups, 1):
        part = (slice(None), *box)
        share = likeness(model, hu[part], lungs[part], wanted, region.spacing[0], device)
        found[wanted, box[0], box[1]] = share
        if callback:
            callback("looking", done / len(groups))
    sigma = [mm / step for mm, step in zip(SMOOTH_MM, region.spacing)]
    inside = region.lungs
    found = ndimage.gaussian_filter(found * inside, sigma) * inside
    return Looked(region, thick, found, slabs, labels)


def peaks(
    values: np.ndarray, *, floor: float = FLOOR, share: float = SHARE, most: int = PEAKS
) -> list[tuple[np.ndarray, float]]:
    """The map's peaks, the highest first, each with the voxels around it that reach `share` of it
    and hang together.

    Args:
        values: float32 (D,h,w), 0 where nothing may be.

    Returns:
        bool masks (D,h,w) that do not overlap, and the peaks.
    """
    left = values.copy()
    found: list[tuple[np.ndarray, float]] = []
    while len(found) < most and left.max(initial=0.0) >= floor:
        top = np.unravel_index(int(left.argmax()), left.shape)
        parts, _ = ndimage.label(left >= share * left[top])
        mask = parts == parts[top]
        found.append((mask, float(left[top])))
        # One finding has one peak: what touches it is not asked again.
        left[ndimage.binary_dilation(mask)] = 0
    return found
