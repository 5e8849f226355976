"""Put a real nodule of one patient, its own voxels and outline, into another patient's lung."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.simulation.insert import (
    TERM_OF_KIND,
    Lesion,
    draw_centre,
    lesion_in,
    lung_limit,
)
from DGMVLCCore.simulation.patch import ScanPatch

PIXEL_MM, STEP_MM = 1.0, 2.0  # of the three slices a real nodule comes with
EDGE_MM = 0.7  # blur of the outline: the partial volume of a voxel


@dataclass(frozen=True, eq=False)
class RealNodule:
    """A nodule as its readers outlined it.

    Args:
        hu: float32 (3,S,S) HU, slices 2 mm apart, 1 mm pixels. mask: bool (3,S,S), the outline.
        kind: one of `KINDS`. size_mm: mean diameter. descriptors: what its readers called it.
    """

    hu: np.ndarray
    mask: np.ndarray
    kind: str
    size_mm: float
    descriptors: tuple[str, ...] = ()

    def turned(self, rng: np.random.Generator) -> RealNodule:
        """The same nodule, turned by quarters and mirrored at random."""
        hu, mask = self.hu, self.mask
        for axis in range(3):
            if rng.random() < 0.5:
                hu, mask = np.flip(hu, axis), np.flip(mask, axis)
        quarters = int(rng.integers(4))
        hu, mask = np.rot90(hu, quarters, (1, 2)), np.rot90(mask, quarters, (1, 2))
        return RealNodule(hu, mask, self.kind, self.size_mm, self.descriptors)


def _slice_at(nodule: RealNodule, soft: np.ndarray, offset_mm: float) -> tuple[np.ndarray, ...]:
    """HU and soft outline (S,S) at a distance from the nodule's middle, and their in-plane scale.

    Between the three slices they are interpolated; beyond them the nodule ends like a ball.
    """
    radius = max(nodule.size_mm / 2, 1.25 * STEP_MM)
    share = min(abs(offset_mm) / STEP_MM, 1.0)
    outer = 2 if offset_mm > 0 else 0
    hu = (1 - share) * nodule.hu[1] + share * nodule.hu[outer]
    outline = (1 - share) * soft[1] + share * soft[outer]
    beyond = max(abs(offset_mm), STEP_MM)
    left = max(radius**2 - beyond**2, 0.0) / (radius**2 - STEP_MM**2)
    return hu, outline, np.sqrt(left)


def transplant(
    patch: ScanPatch,
    nodule: RealNodule,
    rng: np.random.Generator,
    *,
    centre: tuple[float, float, float] | None = None,
) -> Lesion:
    """Insert a real nodule; the untouched patch is the true counterfactual.

    Args:
        patch: region of another patient's scan, HU. centre: (z,y,x) in voxels; drawn when None.

    Raises:
        UnsuitableInputError: no lung in the patch.
    """
    if not (patch.lungs > 0).any():
        raise UnsuitableInputError("The patch shows no lung, so no nodule can be put there.")
    z0, y0, x0 = draw_centre(patch, nodule.kind, nodule.size_mm, rng) if centre is None else centre
    turned = nodule.turned(rng)
    blurred = ndimage.gaussian_filter(turned.mask.astype(np.float32), (0, EDGE_MM, EDGE_MM))
    hu, soft = patch.hu.copy(), np.zeros(patch.hu.shape, np.float32)
    dz, dy, dx = patch.spacing
    middle = (turned.hu.shape[1] - 1) / 2
    for z in range(len(hu)):
        values, outline, scale = _slice_at(turned, blurred, (z - z0) * dz)
        if scale < 0.2:
            continue
        step = np.array([dy, dx]) / (PIXEL_MM * scale)
        start = middle - step * np.array([y0, x0])
        pick = {"offset": start, "output_shape": hu.shape[1:], "order": 1, "mode": "constant"}
        soft[z] = ndimage.affine_transform(outline, step, **pick)
        there = soft[z] > 0.01
        hu[z][there] = ndimage.affine_transform(values, step, **pick)[there]
    soft = np.clip(1.5 * soft - 0.1, 0, 1) * lung_limit(patch, nodule.kind)
    changed, kind = patch.hu + soft * (hu - patch.hu), nodule.kind
    term, size_mm = TERM_OF_KIND[kind], nodule.size_mm
    return lesion_in(patch, changed, soft, kind, term, size_mm, nodule.descriptors)
