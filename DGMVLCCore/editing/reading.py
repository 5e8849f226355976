"""Where in the patient's own voxels the network attends to a finding's words, and what it would
change there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.result import AttentionMap
from DGMVLCCore.editing.see_through import RegionEditor
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.ground.devices import threads_of
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import Box, box_around, put_back
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.region import Region, cut_region

SMOOTHING_MM = 2.0
READING_MM = 1.0  # chosen on validation patients: coarser grids lose nodules below 10 mm
STEPS = 4096  # of attention; finer ones are noise that no file can pack
APART_MM = 4.0  # thin slices are read so far apart at most, and filled in between


def smoothed(
    values: np.ndarray, lungs: np.ndarray, sigma: tuple[float, float, float]
) -> np.ndarray:
    """(D,H,W) blurred within the lungs, sigma in voxels: what lies outside neither adds nor takes
    away, and is given what lies beside it."""
    with ThreadPoolExecutor(threads_of(2)) as pool:
        blurred, weight = pool.map(
            lambda field: ndimage.gaussian_filter(field, sigma),
            (values * lungs, lungs.astype(np.float32)),
        )
    return blurred / np.maximum(weight, 0.05)


def lungs_to_read(
    volume: Volume, anatomy: Anatomy, slices: tuple[int, int] | None = None
) -> LungsReading:
    """The lungs of a scan as it was given, in the chosen canonical slices. Errors as `of`."""
    scan, turn = volume.canonical()
    return LungsReading.of(scan, anatomy.reoriented(turn), slices or (0, len(scan.array)))


def attention_map(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    term: str,
    source: str,
    target: str,
    *,
    slices: tuple[int, int] | None = None,
    callback: Progress | None = None,
    begun: LungsReading | None = None,
) -> AttentionMap:
    """Where the network attends to a finding's denial, as a map 0..1 on the scan's own grid.

    Values are not rescaled to the scan's maximum, so a weak map stays weak.

    Args:
        source, target: the finding said and denied. begun: of the same scan and slices, perhaps
            read in part; from the start when None.

    Raises:
        UnsuitableInputError: the weights are no editor's, or have no cross-attention.
    """
    pipe.require_sight("attention map")
    lungs = begun or lungs_to_read(volume, anatomy, slices)
    lungs.read.go_on(pipe, target, callback)
    words = tuple(pipe.encoder.encode([source]).words[0][1:-1])
    return AttentionMap(term, volume.orientation().restore(lungs.attended()), tokens=words)


@dataclass(frozen=True, eq=False)
class PackedMap:
    """An attention map in less memory: the box that it fills, in whole steps.

    Args:
        empty: the map without its values. shape: of these. steps: uint16, of `STEPS`, in the box.
    """

    empty: AttentionMap
    shape: tuple[int, ...]
    box: Box
    steps: np.ndarray

    @classmethod
    def of(cls, attention: AttentionMap) -> PackedMap:
        """A map, packed."""
        values = attention.values
        box = box_around(values > 0) if values.any() else (slice(0, 0),) * values.ndim
        empty = replace(attention, values=np.empty(0, np.float32))
        return cls(empty, values.shape, box, np.rint(values[box] * STEPS).astype(np.uint16))

    def unpacked(self) -> AttentionMap:
        """The map as it was."""
        part = self.steps / np.float32(STEPS)
        return replace(self.empty, values=put_back(part, self.box, self.shape))


def lungs_in(anatomy: Anatomy, rows: tuple[int, int]) -> np.ndarray:
    """Both lungs in the chosen slices, bool (D,H,W).

    Raises:
        UnsuitableInputError: there is no lung in them.
    """
    lungs = anatomy.lungs.copy()
    lungs[: rows[0]] = False
    lungs[rows[1] :] = False
    if not lungs.any():
        raise UnsuitableInputError(
            "The chosen slices show no lung, so there is nothing to read; choose other slices."
        )
    return lungs


class RegionReading:
    """One pass of the editor over the slices of a region under a finding's denial. Stopped half
    way, it keeps what it has read, and `go_on` continues there.

    Args:
        region: slices with a mask are read. apart: slices from one that is read to the next; those
            between are filled in.
    """

    def __init__(self, region: Region, apart: int = 1) -> None:
        self.region = region
        filled = region.filled
        self._wanted = sorted({*filled[::apart], *filled[-1:]})
        depth, *sides = region.hu.shape
        # to the words, on tokens, and what they ask to change, on pixels; both 0..1
        self.attention = np.zeros((depth, *(side // PATCH for side in sides)), np.float32)
        self.change = np.zeros(region.hu.shape, np.float32)
        self._read = 0  # of the wanted slices

    def go_on(
        self, pipe: CounterfactualPipeline, denial: str, callback: Progress | None = None
    ) -> None:
        """Read what is not read yet, always by the same pipeline and denial.

        Args:
            callback: gets ("reading", share done); what it raises stops the pass.

        Raises:
            UnsuitableInputError: the weights are no editor's, or have no cross-attention.
        """
        pipe.require_sight("attention map")
        text, capacity, wanted = pipe.text(denial), pipe.capacity(self.region), self._wanted
        while self._read < len(wanted):
            rows = wanted[self._read : self._read + capacity]
            first = max(rows[0] - 1, 0)  # a slice is seen between its neighbours
            part = self.region.stack(first, min(rows[-1] + 2, len(self.region.hu)))
            editor = RegionEditor(pipe.edit_predictor(), part, text, capacity=capacity)
            here = [row - first for row in rows]
            seen = editor.look(here)
            if seen.attention is None:
                raise UnsuitableInputError(
                    "These weights have no cross-attention, so they give no attention map."
                )
            self.attention[rows], self.change[rows] = seen.attention[here], seen.change[here]
            self._read += len(rows)
            if callback:
                callback("reading", self._read / len(wanted))

    def attended(self) -> np.ndarray:
        """Attention to the words on the region's pixels, float32 (D,S,T), 0..1."""
        return np.stack([enlarged(plane) for plane in between(self.attention, self._wanted)])

    def asked(self) -> np.ndarray:
        """The change that the words ask for, float32 (D,S,T), 0..1, 0 outside the mask."""
        return between(self.change, self._wanted) * self.region.mask


def read_region(
    pipe: CounterfactualPipeline, region: Region, denial: str
) -> tuple[np.ndarray, np.ndarray]:
    """Attention to a denial's words, and the change that they ask for; float32 (D,S,T), 0..1.
    Errors as `go_on`."""
    read = RegionReading(region)
    read.go_on(pipe, denial)
    return read.attended(), read.asked()


@dataclass(frozen=True, eq=False)
class LungsReading:
    """Both lungs of a scan, to be read under a finding's denial, and the way back to the scan.

    Args:
        scan: canonical. lungs: bool (D,H,W).
    """

    scan: Volume
    lungs: np.ndarray
    read: RegionReading

    @classmethod
    def of(cls, scan: Volume, anatomy: Anatomy, rows: tuple[int, int]) -> LungsReading:
        """The lungs in slices [first, last) of a canonical scan; anatomy on its grid.

        Raises:
            UnsuitableInputError: there is no lung in them.
        """
        lungs, spacing_mm = lungs_in(anatomy, rows), max(READING_MM, *scan.spacing[1:])
        region = cut_region(scan, anatomy, lungs, rows, spacing_mm=spacing_mm)
        return cls(scan, lungs, RegionReading(region, max(int(APART_MM // scan.spacing[0]), 1)))

    def attended(self) -> np.ndarray:
        """Attention to the words, float32 (D,H,W), 0..1 in the lungs, 0 outside; blurred, in steps
        of 1/4096."""
        region = self.read.region
        dz, dy, dx = region.spacing
        sigma = (0.7 * SMOOTHING_MM / dz, SMOOTHING_MM / dy, SMOOTHING_MM / dx)
        blurred = smoothed(self.read.attended(), region.mask, sigma)
        return np.rint(self._on_scan(blurred) * STEPS) / np.float32(STEPS)

    def asked(self) -> np.ndarray:
        """The change that the words ask for, float32 (D,H,W), 0..1 in the lungs, 0 outside."""
        return self._on_scan(self.read.asked())

    def _on_scan(self, values: np.ndarray) -> np.ndarray:
        box = box_around(self.lungs)
        part = self.read.region.to_box(values, box) * self.lungs[box]
        return put_back(np.clip(part, 0, 1, out=part), box, self.scan.shape)


def between(values: np.ndarray, rows: list[int]) -> np.ndarray:
    """Values (D,...) with the slices between `rows` filled in, linear along z."""
    out = values.copy()
    for low, high in zip(rows, rows[1:]):
        for row in range(low + 1, high):
            share = (row - low) / (high - low)
            out[row] = (1 - share) * values[low] + share * values[high]
    return out


def enlarged(plane: np.ndarray) -> np.ndarray:
    """A field on the token grid (S/4,T/4) -> on the pixels (S,T)."""
    return ndimage.zoom(plane, PATCH, order=1, mode="nearest", grid_mode=True)
