"""A few slices of a scan as a volume of their own, at their place in the patient."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume


def slab(volume: Volume, anatomy: Anatomy, slices: tuple[int, int]) -> tuple[Volume, Anatomy]:
    """Slices [first, last) of a scan (canonical, counted from the feet) and their anatomy.

    Raises:
        UsageError: no such slices.
    """
    scan, turn = volume.canonical()
    first, last = slices
    if not 0 <= first < last <= len(scan.array):
        raise UsageError(f"The slices {first}:{last} are not within 0:{len(scan.array)}.")
    labels = np.ascontiguousarray(anatomy.reoriented(turn).labels[first:last])
    return scan.slab(first, last), Anatomy(labels, anatomy.origin)


def require_shown(mask: np.ndarray, what: str, slices: tuple[int, int]) -> None:
    """Refuse slices in which there is nothing to generate.

    Raises:
        UnsuitableInputError: the mask is empty.
    """
    if not mask.any():
        raise UnsuitableInputError(
            f"The slices {slices[0]}:{slices[1]} show no {what}; choose others."
        )
