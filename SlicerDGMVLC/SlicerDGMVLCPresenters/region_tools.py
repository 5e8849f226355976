"""A region drawn on the scan's grid: strokes, shapes, growing by mm, interpolation, undo and redo.

Arrays are (D,H,W), spacing is (z,y,x) in mm; a plane is the index of the axis across it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Spacing = tuple[float, float, float]
Voxel = tuple[float, float, float]
Box = tuple[slice, ...]
Locked = Callable[[Box], np.ndarray]  # a box of the scan -> bool, what no tool may add there
DEEPEST_UNDO = 60
SMALLEST_ML = 0.02  # about a nodule of 3 mm
LUNG_HU = -400.0  # what is lighter than this is counted as aerated lung
CONNECTED = np.ones((3, 3, 3), bool)
LUNGS = (2, 3)  # left and right among the core's labels
LEAST_IN_LUNG = 0.3  # as the core asks for
VESSEL_MM, VESSEL_HU = 3.0, 60.0  # half width of what is called a vessel; contrast to the lung


@dataclass(frozen=True)
class _Step:
    """One change: the voxels of a box before it."""

    box: Box
    before: np.ndarray


class RegionDrawing:
    """The region while it is drawn.

    Args:
        scan: HU (D,H,W); read, never changed. spacing: mm (z,y,x). mask: where to begin, bool
            (D,H,W); nothing when None. locked: tells which voxels no tool may add.
    """

    def __init__(
        self,
        scan: np.ndarray,
        spacing: Spacing,
        mask: np.ndarray | None = None,
        locked: Locked | None = None,
    ) -> None:
        self.scan, self.spacing = scan, spacing
        self.mask = np.zeros(scan.shape, bool) if mask is None else mask.astype(bool).copy()
        self.locked = locked
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._open: np.ndarray | None = None  # the mask before a stroke that is under way

    # undo ---------------------------------------------------------------------------

    def begin(self) -> None:
        """A stroke begins; all of it is one step of undo."""
        self._open = self.mask.copy()

    def end(self) -> bool:
        """The stroke ends; True when it changed something."""
        before, self._open = self._open, None
        return before is not None and self._keep(before)

    def _keep(self, before: np.ndarray) -> bool:
        box = box_of(before != self.mask)
        if box is None:
            return False
        if self.locked is not None:
            self.mask[box] &= ~(self.locked(box) & ~before[box])
        if np.array_equal(before[box], self.mask[box]):
            return False
        self._undo = [*self._undo[-DEEPEST_UNDO + 1 :], _Step(box, before[box].copy())]
        self._redo = []
        return True

    def _swap(self, source: list[_Step], target: list[_Step]) -> bool:
        if not source:
            return False
        step = source.pop()
        target.append(_Step(step.box, self.mask[step.box].copy()))
        self.mask[step.box] = step.before
        return True

    def undo(self) -> bool:
        """Take the last step back; False when there is none."""
        return self._swap(self._undo, self._redo)

    def redo(self) -> bool:
        """Do a step again that was taken back; False when there is none."""
        return self._swap(self._redo, self._undo)

    @property
    def can(self) -> tuple[bool, bool]:
        """Whether something can be undone, and redone."""
        return bool(self._undo), bool(self._redo)

    def _change(self, mask: np.ndarray) -> bool:
        before, self.mask = self.mask, mask
        return self._keep(before)

    # strokes and shapes -------------------------------------------------------------

    def dab(
        self,
        at: Voxel,
        radius_mm: float,
        add: bool,
        plane: int | None = 0,
        between: tuple[float, float] | None = None,
    ) -> None:
        """A round brush at a voxel: a disc in the plane, a ball when `plane` is None.

        Args:
            between: only voxels of these HU are added (lowest, highest).
        """
        reach = [int(np.ceil(radius_mm / s)) for s in self.spacing]
        if plane is not None:
            reach[plane] = 0
        centre = [round(c) for c in at]
        box = tuple(
            slice(max(c - r, 0), max(min(c + r + 1, n), 0))
            for c, r, n in zip(centre, reach, self.mask.shape)
        )
        grid = np.ogrid[box]
        squared = sum(
            ((axis - (centre[i] if i == plane else at[i])) * self.spacing[i]) ** 2
            for i, axis in enumerate(grid)
        )
        self._add(box, np.broadcast_to(squared <= radius_mm**2, self.mask[box].shape), add, between)

    def stroke(
        self,
        start: Voxel,
        stop: Voxel,
        radius_mm: float,
        add: bool,
        plane: int | None = 0,
        between: tuple[float, float] | None = None,
    ) -> None:
        """The brush moved from one voxel to another, without gaps."""
        length = float(np.linalg.norm((np.subtract(stop, start)) * np.asarray(self.spacing)))
        count = max(1, int(np.ceil(length / max(radius_mm / 2, min(self.spacing)))))
        for share in np.linspace(0, 1, count + 1):
            at = tuple(float(a + share * (b - a)) for a, b in zip(start, stop))
            self.dab((at[0], at[1], at[2]), radius_mm, add, plane, between)

    def ellipse(self, corner: Voxel, opposite: Voxel, plane: int = 0) -> bool:
        """The ellipse inside the rectangle of two voxels of a plane."""
        before = self.mask.copy()
        index = round(corner[plane])
        axes = [i for i in range(3) if i != plane]
        middle = [(corner[i] + opposite[i]) / 2 for i in axes]
        half = [max(abs(corner[i] - opposite[i]) / 2, 0.5) for i in axes]
        rows, columns = np.ogrid[tuple(slice(0, self.mask.shape[i]) for i in axes)]
        inside = ((rows - middle[0]) / half[0]) ** 2 + ((columns - middle[1]) / half[1]) ** 2 <= 1
        self._plane(plane, index)[...] |= inside
        return self._keep(before)

    def outline(self, points: list[Voxel], plane: int = 0, add: bool = True) -> bool:
        """What a closed line of a plane holds."""
        if len(points) < 3:
            return False
        before = self.mask.copy()
        axes = [i for i in range(3) if i != plane]
        line = np.array([[p[i] for i in axes] for p in points])
        shape = tuple(self.mask.shape[i] for i in axes)
        inside = _inside(line, shape)
        target = self._plane(plane, round(points[0][plane]))
        target[...] = target | inside if add else target & ~inside
        return self._keep(before)

    def _plane(self, plane: int, index: int) -> np.ndarray:
        at: list[int | slice] = [slice(None)] * 3
        at[plane] = min(max(index, 0), self.mask.shape[plane] - 1)
        return self.mask[tuple(at)]

    def _add(
        self,
        box: Box,
        touched: np.ndarray,
        add: bool,
        between: tuple[float, float] | None,
    ) -> None:
        if between is not None and add:
            touched = touched & (self.scan[box] >= between[0]) & (self.scan[box] <= between[1])
        if add and self.locked is not None:
            touched = touched & ~self.locked(box)
        part = self.mask[box]
        part[...] = part | touched if add else part & ~touched

    # whole region -------------------------------------------------------------------

    def grow(self, mm: float) -> bool:
        """Grow by so many mm in space, shrink when negative."""
        if not self.mask.any() or not mm:
            return False
        box = self._around(abs(mm))
        part = self.mask[box]
        if mm > 0:
            part = ndimage.distance_transform_edt(~part, sampling=self.spacing) <= mm
        else:
            padded = np.pad(part, 1)
            far = ndimage.distance_transform_edt(padded, sampling=self.spacing) > -mm
            part = far[1:-1, 1:-1, 1:-1]
        mask = self.mask.copy()
        mask[box] = part
        return self._change(mask)

    def keep_between(self, low: float, high: float) -> bool:
        """Only the voxels of these HU stay."""
        return self._change(self.mask & (self.scan >= low) & (self.scan <= high))

    def keep_largest(self) -> bool:
        """Only the largest connected part stays."""
        labels, count = ndimage.label(self.mask, CONNECTED)
        if count < 2:
            return False
        return self._change(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))

    def drop_islands(self, smallest_ml: float) -> bool:
        """Parts smaller than this go."""
        labels, count = ndimage.label(self.mask, CONNECTED)
        if not count:
            return False
        sizes = np.bincount(labels.ravel()) * self._voxel_ml
        sizes[0] = 0
        return self._change((sizes >= smallest_ml)[labels])

    def fill_between_slices(self, plane: int = 0) -> bool:
        """Slices between two drawn ones get the shape half-way between them (signed distances,
        Raya and Udupa 1990)."""
        mask = np.moveaxis(self.mask, plane, 0).copy()
        sampling = [s for i, s in enumerate(self.spacing) if i != plane]
        drawn = np.flatnonzero(mask.any((1, 2)))
        for low, high in zip(drawn[:-1], drawn[1:]):
            if high - low < 2:
                continue
            first, second = (_signed(mask[i], sampling) for i in (low, high))
            for index in range(low + 1, high):
                share = (index - low) / (high - low)
                mask[index] = (1 - share) * first + share * second > 0
        return self._change(np.moveaxis(mask, 0, plane).copy())

    def clear(self) -> bool:
        """Nothing is drawn any more."""
        return self._change(np.zeros_like(self.mask))

    def _around(self, mm: float) -> tuple[slice, ...]:
        where = np.argwhere(self.mask)
        reach = [int(np.ceil(mm / s)) + 1 for s in self.spacing]
        low, high = where.min(0) - reach, where.max(0) + reach + 1
        return tuple(
            slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(low, high, self.mask.shape)
        )

    # what is said -------------------------------------------------------------------

    @property
    def _voxel_ml(self) -> float:
        return float(np.prod(self.spacing)) / 1000

    @property
    def volume_ml(self) -> float:
        """Volume, ml."""
        return float(np.count_nonzero(self.mask)) * self._voxel_ml

    @property
    def diameter_mm(self) -> float:
        """Longest side of the box around the region within a slice, mm."""
        where = np.argwhere(self.mask.any(0))
        if not len(where):
            return 0.0
        return float(((where.max(0) - where.min(0) + 1) * np.asarray(self.spacing[1:])).max())

    @property
    def centre(self) -> Voxel | None:
        """Voxel in the middle of the region; None for an empty one."""
        where = np.argwhere(self.mask)
        if not len(where):
            return None
        low, high = where.min(0), where.max(0)
        return (low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2

    def outside_words(self, labels: np.ndarray | None) -> str:
        """Where the region lies when it is not in the lungs; "" when it is, or nobody knows.

        Args:
            labels: body, lungs and airway on the scan's grid, as the core numbers them.
        """
        box = box_of(self.mask)
        if labels is None or box is None:
            return ""
        inside, here = self.mask[box], labels[box]
        share = float(np.isin(here[inside], LUNGS).mean())
        if share >= LEAST_IN_LUNG:
            return ""
        if not (here[inside] > 0).any():
            return "The region lies outside the patient; draw it in the lung."
        rows = labels[box[0], box[1], :]
        lung = np.isin(rows, LUNGS)
        before = np.maximum.accumulate(lung, axis=2)
        after = np.maximum.accumulate(lung[:, :, ::-1], axis=2)[:, :, ::-1]
        between = float((before & after & ~lung)[:, :, box[2]][inside].mean())
        where = "the heart or the mediastinum" if between > 0.5 else "the chest wall"
        return (
            f"Only {share:.0%} of the region lies in the lungs; the rest is in {where}. Draw the "
            "finding in the lung, or lock what is outside."
        )

    def aerated_near(self, mm: float = 6.0) -> float:
        """Share of the shell of `mm` around the region that is aerated lung, 0..1."""
        if not self.mask.any():
            return 0.0
        box = self._around(mm)
        part = self.mask[box]
        shell = (ndimage.distance_transform_edt(~part, sampling=self.spacing) <= mm) & ~part
        return float((self.scan[box][shell] < LUNG_HU).mean()) if shell.any() else 0.0

    def words(self) -> str:
        """Volume, size and slices, while it is drawn."""
        slices = int(self.mask.any((1, 2)).sum())
        if not slices:
            return "Nothing is drawn yet."
        return (
            f"{self.volume_ml:.2f} ml · {self.diameter_mm:.0f} mm across · {slices} "
            f"slice{'s' * (slices > 1)}"
        )

    def why_not(self, labels: np.ndarray | None = None) -> str:
        """Why the region cannot be edited as it stands; "" when it can. labels: as
        `outside_words`."""
        if not self.mask.any():
            return "Draw the region first."
        if self.volume_ml < SMALLEST_ML:
            return f"The region is too small ({self.volume_ml:.3f} ml); draw the whole finding."
        if labels is not None:
            return self.outside_words(labels)
        if self.aerated_near() < 0.05:
            return "There is no aerated lung around the region; draw the finding in the lung."
        return ""


def box_of(mask: np.ndarray) -> Box | None:
    """The smallest box around a mask; None for an empty one."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(i for i in range(mask.ndim) if i != axis)
        where = np.flatnonzero(mask.any(others))
        if not len(where):
            return None
        box.append(slice(int(where[0]), int(where[-1]) + 1))
    return tuple(box)


def locks(
    scan: np.ndarray, spacing: Spacing, labels: np.ndarray | None, vessels: bool, outside: bool
) -> Locked | None:
    """What stays as it is: thin dense structures in the slice, everything but the lungs, or both.

    Args:
        scan: HU (D,H,W). labels: as the core numbers them; without them nothing is outside.
    """
    wide = max(round(VESSEL_MM / spacing[2]) * 2 + 1, 3)

    def locked(box: Box) -> np.ndarray:
        held = np.zeros(tuple(part.stop - part.start for part in box), bool)
        if outside and labels is not None:
            held |= ~np.isin(labels[box], LUNGS)
        if vessels:
            padded = (box[0], *(slice(max(p.start - wide, 0), p.stop + wide) for p in box[1:]))
            near = np.clip(scan[padded], -1024, 200).astype(np.float32)
            thin = ndimage.white_tophat(near, size=(1, wide, wide)) > VESSEL_HU
            first = [part.start - pad.start for part, pad in zip(box, padded)]
            held |= thin[tuple(slice(f, f + n) for f, n in zip(first, held.shape))]
        return held

    return locked if vessels or (outside and labels is not None) else None


def _signed(shape: np.ndarray, sampling: list[float]) -> np.ndarray:
    """Distance to the border, mm; positive inside."""
    inside = ndimage.distance_transform_edt(shape, sampling=sampling)
    return inside - ndimage.distance_transform_edt(~shape, sampling=sampling)


def _inside(line: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels (H,W) inside a closed line of (row, column) points, by crossings."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, bool)
    for (r0, c0), (r1, c1) in zip(line, np.roll(line, -1, axis=0)):
        if r0 == r1:
            continue
        crosses = (r0 > rows) != (r1 > rows)
        inside ^= crosses & (columns < (c1 - c0) * (rows - r0) / (r1 - r0) + c0)
    return inside
