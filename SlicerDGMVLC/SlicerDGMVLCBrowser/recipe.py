"""What the process that writes a scene for Slicer is given."""

from __future__ import annotations

from dataclasses import dataclass

OVERLAYS = ("attention", "heat", "change", "invented", "uncertainty", "mask")


@dataclass(frozen=True)
class Overlay:
    """What lies over the scans: whether it is seen, and its opacity from 0 to 1."""

    shown: bool
    opacity: float


@dataclass(frozen=True)
class Recipe:
    """results: `result.json` each, the last one seen. preset: name of the window. map: finding of
    the heat map. overlays: by the names of `OVERLAYS`."""

    results: list[str]
    preset: str
    map: str
    overlays: dict[str, Overlay]
