"""A volume of the scene as the desk's scan, and why it cannot be one."""

from __future__ import annotations

from typing import Any

from SlicerDGMVLCPresenters.case import Scan

from .exchange import checkVolume
from .logic import sliceCount
from .runs import ROLE


def whyNotVolume(volume: Any) -> str:
    """Why a volume of the scene cannot be edited; "" when it can."""
    role = volume.GetAttribute(ROLE)
    if role and role != "original":
        return (
            f"“{volume.GetName()}” is a result of an earlier run, not a scan; choose the original."
        )
    good, reason = checkVolume(volume)
    return "" if good else reason


def scanOf(volume: Any) -> Scan:
    """What a case keeps of a volume."""
    image = volume.GetImageData()
    columns, rows, depth = image.GetDimensions() if image else (0, 0, 0)
    slices = sliceCount(volume) if image else 0
    return Scan("", volume.GetName(), "", voxels=columns * rows * depth, slices=slices)
