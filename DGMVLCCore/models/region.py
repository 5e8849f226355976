"""The piece of the scan the network works on, and the exact way back to the scan's grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import Box, box_around, rows_of
from DGMVLCCore.imaging.resample import crop, paste, resize_in_plane
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.units import (
    CT_SCALE,
    Scale,
    anatomy_channels,
    neighbours,
    scale_of,
    smooth_fill,
    to_units,
)

MIN_SIDE, MAX_NATIVE_SIDE, MAX_SIDE, MULTIPLE = 128, 224, 288, 16
FINEST_MM, COARSEST_MM = 0.55, 2.0  # spacings the weights were trained on
MARGIN_MM = 14.0
OUTSIDE_HU = CT_SCALE.outside
LEAST_CLEAR_VOXELS = 400


@dataclass(eq=False)
class Region:
    """A stack of slices cropped around a mask, on the working grid.

    Args:
        hu: float32 (D,S,T) HU (stored units in other modalities). mask: bool (D,S,T). labels: uint8
            (D,S,T) anatomy.
        spacing: working (z,y,x) mm. rows: slice range [first, last) in the canonical scan.
        box: native in-plane box (y0, y1, x0, x1), may reach outside the slice. native: True when
            nothing is resampled.
        scale: of the stored units.
    """

    hu: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float]
    rows: tuple[int, int]
    box: tuple[int, int, int, int]
    native: bool
    scale: Scale = CT_SCALE
    # of which mask the density is known: every batch of slices asks for it again
    _density: tuple[np.ndarray, float] | None = field(default=None, init=False, repr=False)

    @classmethod
    def of_stack(
        cls,
        hu: np.ndarray,
        mask: np.ndarray,
        labels: np.ndarray,
        spacing: tuple[float, float, float],
    ) -> Region:
        """A region that is a whole stack (D,H,W) as it is; H and W multiples of 16."""
        d, h, w = hu.shape
        return cls(hu, mask, labels, spacing, (0, d), (0, h, 0, w), True)

    def to_scan(self, values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """(D,S,T) on the working grid -> float32 of the canonical scan's shape, 0 outside the
        region."""
        return self.to_box(values, tuple(slice(0, side) for side in shape))

    def to_box(self, values: np.ndarray, box: Box) -> np.ndarray:
        """The same, of the scan's part in a box alone."""
        (y0, y1, x0, x1), (deep, tall, wide) = self.box, box
        first, last = max(self.rows[0], deep.start), min(self.rows[1], deep.stop)
        out = np.zeros([side.stop - side.start for side in box], np.float32)
        if first >= last:
            return out
        values = values[first - self.rows[0] : last - self.rows[0]]
        if not self.native:
            values = resize_in_plane(values, (y1 - y0, x1 - x0), order=1)
        place = (y0 - tall.start, y1 - tall.start, x0 - wide.start, x1 - wide.start)
        paste(values, place, out[first - deep.start : last - deep.start])
        return out

    def inside(self, mask: np.ndarray) -> np.ndarray:
        """A mask (D,H,W) of the canonical scan on the working grid, bool (D,S,T)."""
        part = crop(mask[slice(*self.rows)], self.box, 0)
        if self.native:
            return part
        share = resize_in_plane(part.astype(np.float32), self.hu.shape[1:], order=1)
        # a region finer than the working grid must not vanish
        return share > min(0.25, 0.5 * float(share.max()))

    @property
    def filled(self) -> list[int]:
        """Slices that hold a part of the mask."""
        return rows_of(self.mask)

    @property
    def lungs(self) -> np.ndarray:
        """bool (D,S,T), both lungs."""
        return Anatomy(self.labels).lungs

    def lung_density(self) -> float:
        """Median of the lung outside the mask, model units; NaN where too little of it is seen."""
        if self._density is None or self._density[0] is not self.mask:
            clear = self.hu[self.lungs & ~self.mask]
            enough = clear.size > LEAST_CLEAR_VOXELS
            value = float(to_units(np.median(clear), self.scale)) if enough else float("nan")
            self._density = (self.mask, value)
        return self._density[1]

    def stack(self, first: int, last: int) -> Region:
        """Slices [first, last) as a region of their own, with the whole one's density of the
        lung."""
        part, rows = slice(first, last), (self.rows[0] + first, self.rows[0] + last)
        hu, mask, labels = self.hu[part], self.mask[part], self.labels[part]
        out = replace(self, hu=hu, mask=mask, labels=labels, rows=rows)
        out._density = (out.mask, self.lung_density())
        return out

    def shown(self, row: int, hidden: np.ndarray) -> np.ndarray:
        """What the network sees of a slice: float32 (S,T) HU, `hidden` (S,T) filled from around
        it."""
        if not hidden.any():
            return self.hu[row].astype(np.float32)
        return smooth_fill(self.hu[row], hidden, Anatomy(self.labels[row]).lungs, self.scale)

    def conditions(self, rows: list[int], hidden: np.ndarray | None = None) -> Conditions:
        """Image conditions of the given slices (text is left empty).

        Args:
            hidden: bool (D,S,T), what is filled from around it instead of shown, told to an editor
                as such; the whole mask, untold, when None.
        """
        hole = self.mask if hidden is None else hidden
        around = [neighbours(r, len(self.hu)) for r in rows]
        filled = {
            k: to_units(self.shown(k, hole[k]), self.scale)
            for k in sorted({k for triple in around for k in triple})
        }
        context = np.stack([np.stack([filled[k] for k in triple]) for triple in around])
        mask = np.stack([self.mask[triple] for triple in around]).astype(np.float32)
        anatomy = anatomy_channels(self.labels[rows])
        geometry = np.tile(np.array([self.spacing[2], self.spacing[0]], np.float32), (len(rows), 1))
        empty = torch.zeros(len(rows), 1, 1)
        image = [torch.from_numpy(x) for x in (context, mask, anatomy, geometry)]
        cond = Conditions(
            image[0], image[1], image[2], image[3], empty, empty[..., 0] > 0, empty[..., 0]
        )
        if hidden is None:
            return cond
        told = np.stack([hidden[triple] for triple in around]).astype(np.float32)
        density = torch.full((len(rows),), self.lung_density())
        return replace(cond, hidden=torch.from_numpy(told), density=density)


def _side(length_mm: float, spacing: float) -> int:
    """Pixels, a multiple of 16, that hold a length."""
    return max(int(np.ceil(length_mm / spacing / MULTIPLE)) * MULTIPLE, MIN_SIDE)


def cut_region(
    scan: Volume,
    anatomy: Anatomy,
    mask: np.ndarray,
    rows: tuple[int, int],
    *,
    spacing_mm: float | None = None,
    around: np.ndarray | None = None,
    whole: bool = False,
) -> Region:
    """Crop a canonical scan around a mask, at native spacing when it fits.

    Args:
        scan: canonical. anatomy: on its grid. mask: bool (D,H,W). rows: slice range to include.
        spacing_mm: in-plane working spacing; chosen when None.
        around: bool (D,H,W), what the crop must hold; the mask itself when None.
        whole: keep native spacing (or the finest that was taught) however large the crop is, for a
            network that takes it in tiles.
    """
    held = (mask if around is None else around)[rows[0] : rows[1]]
    (y0, y1), (x0, x1) = ((side.start, side.stop) for side in box_around(np.asarray(held.any(0))))
    dz, dy, dx = scan.spacing
    tall_mm, wide_mm = (y1 - y0) * dy + 2 * MARGIN_MM, (x1 - x0) * dx + 2 * MARGIN_MM
    native, working = _working_spacing(dy, dx, max(tall_mm, wide_mm), spacing_mm, whole)
    height, width = _side(tall_mm, working), _side(wide_mm, working)
    tall, wide = (
        (height, width) if native else (round(height * working / dy), round(width * working / dx))
    )
    top, left = int((y0 + y1 - tall) // 2), int((x0 + x1 - wide) // 2)
    box = (top, top + tall, left, left + wide)
    part, scale = slice(*rows), scale_of(scan)
    hu, labels = crop(scan.array[part], box, scale.outside), crop(anatomy.labels[part], box, 0)
    np.maximum(hu, scale.outside, out=hu)
    if not native:
        hu = resize_in_plane(hu, (height, width), order=1)
        labels = resize_in_plane(labels, (height, width), order=0)
    hu, labels = hu.astype(np.float32, copy=False), labels.astype(np.uint8, copy=False)
    grid, nowhere = (dz, working, working), np.zeros(hu.shape, bool)
    region = Region(hu, nowhere, labels, grid, rows, box, native, scale)
    region.mask = region.inside(mask)
    return region


def _working_spacing(
    dy: float, dx: float, extent_mm: float, wanted_mm: float | None, whole: bool
) -> tuple[bool, float]:
    """Whether a crop so large keeps the scan's own in-plane spacing, and the spacing in mm."""
    largest_native, largest = (np.inf, np.inf) if whole else (MAX_NATIVE_SIDE, MAX_SIDE)
    if wanted_mm is not None:
        return False, max(wanted_mm, extent_mm / largest)
    square = bool(np.isclose(dy, dx, rtol=0.02))
    if square and FINEST_MM <= dy <= COARSEST_MM and extent_mm / dy <= largest_native:
        return True, dy
    return False, max(dy, FINEST_MM, extent_mm / largest)
