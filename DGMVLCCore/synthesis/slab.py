"""A few slices of a scan as a volume of their own, at their place in the patient."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.errors import UsageError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume


def slab(volume: Volume, anatomy: Anatomy, slices: tuple[int, int]) -> tuple[Volume, np.ndarray]:
    """Slices [first, last) of a scan (canonical, counted from the feet) and their labels, uint8
    (D,H,W).

    Raises:
        UsageError: no such slices.
    """
    scan, turn = volume.canonical()
    first, last = slices
    if not 0 <= first < last <= len(scan.array):
        raise UsageError(f"The slices {first}:{last} are not within 0:{len(scan.array)}.")
    return scan.slab(first, last), np.ascontiguousarray(anatomy.reoriented(turn).labels[first:last])
