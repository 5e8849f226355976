"""Scans that cases are made from: their clear lung, cut so that nothing known to be ill is in a
case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import LEFT, RIGHT, Anatomy
from DGMVLCCore.imaging.io import read_scan
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.profiles import require_ct
from DGMVLCCore.imaging.untilt import AS_IT_IS, Reading
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import MIN_THIRDS_MM, thirds_in_view, zone_edges
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.readers.design import ZONES, Place
from DGMVLCCore.simulation.patch import NoiseModel, ScanPatch, estimate_noise

SLAB_MM, MIN_SLICES = 60.0, 5
AROUND_MM = 12.0  # chest wall kept around a lung that is cut out
MIN_LUNG_VOXELS = 400  # in a slice that a finding may be centred on
SIDES = {"left": LEFT, "right": RIGHT}


@dataclass(frozen=True, eq=False)
class ClearScan:
    """A canonical scan (z to the head) without known disease.

    Args:
        name: file it came from. volume: HU. labels: uint8 (D,H,W) as `Anatomy`. edges: borders of
            the lung's thirds, z index, of the whole scan.
    """

    name: str
    volume: Volume
    labels: np.ndarray
    edges: tuple[float, float]
    noise: NoiseModel

    def rows(self, side: str, zone: str | None) -> np.ndarray:
        """Slices that a finding of this side and zone may be centred on."""
        index = np.arange(len(self.labels))
        low, high = self.edges
        inside = {
            "lower": index < low,
            "middle": (index >= low) & (index < high),
            "upper": index >= high,
        }.get(zone or "", np.ones(len(index), bool))
        for name in ("left", "right") if side == "bilateral" else (side,):
            inside = inside & ((self.labels == SIDES[name]).sum((1, 2)) >= MIN_LUNG_VOXELS)
        return np.flatnonzero(inside)

    @property
    def places(self) -> list[Place]:
        """(side, zone) pairs that hold lung; zone is None where too little lung is in view for
        thirds."""
        zones: tuple[str | None, ...] = (
            ZONES if thirds_in_view(self.edges, self.volume.spacing[0]) else (None,)
        )
        return [
            (side, zone)
            for side in ("left", "right", "bilateral")
            for zone in zones
            if len(self.rows(side, zone))
        ]

    def slab(self, z: int, rng: np.random.Generator) -> tuple[slice, Volume]:
        """Slices around z, which may lie anywhere among them, and the scan there."""
        count = min(max(round(SLAB_MM / self.volume.spacing[0]), MIN_SLICES), len(self.labels))
        low = int(np.clip(z - rng.integers(count), 0, len(self.labels) - count))
        part = slice(low, low + count)
        return part, cut(self.volume, (part, slice(None), slice(None)))

    def patch(self, part: slice, side: str) -> ScanPatch:
        """The slab as the simulation takes it, with one lung to put a lesion into."""
        labels = self.labels[part]
        lungs = np.where(labels == SIDES[side], 1 if side == "left" else 2, 0).astype(np.uint8)
        edges = (self.edges[0] - part.start, self.edges[1] - part.start)
        return ScanPatch(
            self.volume.array[part].astype(np.float32),
            lungs,
            self.volume.spacing,
            edges,
            self.noise,
        )


def cut(volume: Volume, box: tuple[slice, slice, slice]) -> Volume:
    """A box of a volume as a volume at its own place in space."""
    start = np.array([s.indices(n)[0] for s, n in zip(box, volume.shape)][::-1] + [1.0])
    affine = volume.affine.copy()
    affine[:3, 3] = (volume.affine @ start)[:3]
    return volume.with_array(np.ascontiguousarray(volume.array[box]), affine=affine)


def _free_slices(avoid: np.ndarray) -> slice:
    """The longest run of slices without a voxel of `avoid`."""
    best, start = slice(0, 0), 0
    for z, hit in enumerate(np.append(avoid.any((1, 2)), True)):
        if hit:
            best = slice(start, z) if z - start > best.stop - best.start else best
            start = z + 1
    return best


def _clear_box(volume: Volume, labels: np.ndarray, avoid: np.ndarray) -> tuple[slice, slice, slice]:
    """The part of a scan without known disease: enough slices, else one lung.

    Raises:
        UnsuitableInputError: neither.
    """
    everything = slice(None)
    free = _free_slices(avoid)
    if (free.stop - free.start) * volume.spacing[0] >= MIN_THIRDS_MM:
        return free, everything, everything
    margin = round(AROUND_MM / volume.spacing[2])
    for label in (RIGHT, LEFT):
        columns = np.flatnonzero((labels == label).any((0, 1)))
        if len(columns):
            box = slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1)
            if not avoid[:, :, box].any():
                return everything, everything, box
    if free.stop - free.start >= MIN_SLICES:
        return free, everything, everything
    raise UnsuitableInputError(
        "What is to be avoided lies in both lungs and in nearly every slice, so no clear lung is "
        "left; choose another scan."
    )


def clear_scan(
    volume: Volume, name: str, anatomy: Anatomy, avoid: np.ndarray | None = None
) -> ClearScan:
    """The clear part of a scan.

    Args:
        volume: CT in HU, any orientation. avoid: bool (D,H,W) on its grid, disease that no case may
            show; None when there is none.

    Raises:
        UnsuitableInputError: no clear lung is left.
    """
    scan, turn = volume.canonical()
    labels = np.ascontiguousarray(turn.apply(anatomy.labels))
    edges = zone_edges(np.isin(labels, (LEFT, RIGHT)))
    noise = estimate_noise(scan.array, labels > 0, scan.spacing)
    if avoid is not None and avoid.any():
        box = _clear_box(scan, labels, turn.apply(avoid))
        start = box[0].indices(len(labels))[0]
        scan, labels, edges = cut(scan, box), labels[box], (edges[0] - start, edges[1] - start)
        if box[2] != slice(None):
            kept = max((LEFT, RIGHT), key=lambda label: int((labels == label).sum()))
            labels = np.where(np.isin(labels, (LEFT, RIGHT)) & (labels != kept), 1, labels).astype(
                np.uint8
            )
    found = ClearScan(name, scan, labels, edges, noise)
    if not found.places:
        raise UnsuitableInputError(
            f"{name} shows too little lung to put a finding into; choose a scan of the chest."
        )
    return found


def load_clear_scan(path: Path, avoid: Path | None = None, how: Reading = AS_IT_IS) -> ClearScan:
    """Read a scan that is taken to be clear outside the segmentation `avoid`; refusals as
    `load_volume` and `clear_scan`."""
    volume = require_ct(read_scan(path, None, how), Path(path).name)
    known = load_labels(avoid, volume).union() if avoid else None
    return clear_scan(volume, Path(path).name, find_anatomy(volume), known)


def sample_scan() -> ClearScan:
    """The lung of the sample scan that shows no nodule."""
    return load_clear_scan(resource("sample") / "ct.nrrd", resource("sample") / "nodule.nrrd")
