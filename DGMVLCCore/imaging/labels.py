"""Segmentations in: Slicer's .seg.nrrd, label volumes in NRRD, NIfTI or MetaImage, on the scan's
grid."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, UsageError, quoted
from DGMVLCCore.imaging import nifti
from DGMVLCCore.imaging.checks import check_sides
from DGMVLCCore.imaging.io import read_image, three_axes
from DGMVLCCore.imaging.stored import StoredImage, refused
from DGMVLCCore.imaging.untilt import Tilt, oriented, untilted_labels
from DGMVLCCore.imaging.volume import Volume

TOLERANCE_VOXELS = 0.1
MAX_LABEL, MAX_SEGMENTS, LONGEST_NAME = 65535, 1000, 200
SEGMENT = re.compile(r"Segment(\d{1,6})_(?:ID|Name)")


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Named segments on the reference scan's grid.

    Args:
        segments: name -> bool (D,H,W). names: label value -> name; segments of further layers that
            repeat a value get the next free number.
    """

    segments: dict[str, np.ndarray]
    names: dict[int, str] = field(default_factory=dict)

    def union(self) -> np.ndarray:
        """All segments together, bool (D,H,W)."""
        return reduce(np.logical_or, self.segments.values())


@dataclass(frozen=True)
class _Entry:
    """A row of the segment table: name, layer, label value."""

    name: str
    layer: int
    value: int


def _grid_words(shape: tuple[int, ...], affine: np.ndarray) -> str:
    """A grid in a reader's words."""
    step, origin = np.linalg.norm(affine[:3, :3], axis=0), affine[:3, 3]
    return (
        f"{shape[-1]}x{shape[-2]}x{shape[-3]} voxels of "
        f"{step[0]:.3f}x{step[1]:.3f}x{step[2]:.3f} mm "
        f"from ({origin[0]:.1f}, {origin[1]:.1f}, {origin[2]:.1f})"
    )


def _lattice(affine: np.ndarray, shape: tuple[int, ...], reference: Volume) -> np.ndarray | None:
    """Whole-number (3,4) map from own voxel index (x,y,z) to the reference's, or None when the
    grids do not share their voxels."""
    index = (np.linalg.inv(reference.affine) @ affine)[:3]
    whole = np.rint(index)
    corners = np.array(
        [[x, y, z, 1] for x in (0, shape[-1]) for y in (0, shape[-2]) for z in (0, shape[-3])],
        float,
    ).T
    turned = np.abs(whole[:, :3])
    square = (turned.sum(0) == 1).all() and (turned.sum(1) == 1).all()
    close = np.abs(index @ corners - whole @ corners).max() <= TOLERANCE_VOXELS
    return whole.astype(int) if square and close else None


def _place(layers: np.ndarray, affine: np.ndarray, reference: Volume, name: str) -> np.ndarray:
    """Lay labels (L,D,H,W) onto the reference grid: the same voxels, perhaps cropped, turned or
    flipped; nothing is interpolated.

    Raises:
        UnsuitableInputError: another grid, or labels outside the scan.
    """
    whole = _lattice(affine, layers.shape, reference)
    if whole is None:
        raise UnsuitableInputError(
            f"The segmentation {name} ({_grid_words(layers.shape, affine)}) lies on another grid "
            "than the scan "
            f"({_grid_words(reference.shape, reference.affine)}); resample it to the scan first."
        )
    axes = [
        2 - int(np.abs(whole[2 - k, :3]).argmax()) for k in range(3)
    ]  # own (z,y,x) axis of each reference axis
    turned = layers.transpose(0, *(1 + axis for axis in axes))
    target: list[slice] = [slice(None)]
    source: list[slice] = [slice(None)]
    for k, axis in enumerate(axes):
        start, n, limit = int(whole[2 - k, 3]), turned.shape[1 + k], reference.shape[k]
        if whole[2 - k, 2 - axis] < 0:
            turned, start = np.flip(turned, 1 + k), start - n + 1
        low = min(max(start, 0), limit)
        high = max(min(start + n, limit), low)
        target.append(slice(low, high))
        source.append(slice(low - start, high - start) if high > low else slice(0, 0))
    kept = turned[tuple(source)]
    total = int(np.count_nonzero(layers))
    if outside := total - int(np.count_nonzero(kept)):
        raise UnsuitableInputError(
            f"The segmentation {name} has {outside} of its {total} voxels outside the scan; crop "
            "it to the scan, or load the scan "
            "it was drawn on."
        )
    out = np.zeros((len(layers), *reference.shape), layers.dtype)
    out[tuple(target)] = kept
    return out


def _segment_table(fields: dict[str, str], layers: int, path: Path) -> list[_Entry]:
    """The segments a .seg.nrrd names, under distinct names; older ones do not name the layers, of
    which each segment then has its own.

    Raises:
        UnreadableError: a layer or label that is no whole number. UnsuitableInputError: more
            segments than a segmentation has.
    """

    def fact(index: int, key: str, default: str) -> str:
        return fields.get(f"Segment{index}_{key}", "") or default

    def number(index: int, key: str, default: str) -> int:
        text = fact(index, key, default)
        if not re.fullmatch(r"\d{1,6}", text):
            raise refused(path, f"gives Segment{index}_{key} as {quoted(text)}")
        return int(text)

    table: list[_Entry] = []
    times: dict[str, int] = {}
    indices = {int(found[1]) for name in fields if (found := SEGMENT.fullmatch(name))}
    if len(indices) > MAX_SEGMENTS:
        raise UnsuitableInputError(
            f"{path.name} names more than {MAX_SEGMENTS} segments, too many for a "
            "segmentation; keep those that are needed."
        )
    for place, index in enumerate(sorted(indices)):
        name = fact(index, "Name", fact(index, "ID", f"segment {index + 1}"))[:LONGEST_NAME]
        unique = name
        while unique in times:
            times[name] += 1
            unique = f"{name} ({times[name]})"
        times[unique] = 1
        own = str(place if layers > 1 else 0)
        table.append(_Entry(unique, number(index, "Layer", own), number(index, "LabelValue", "1")))
    return table


def _checked_table(table: list[_Entry], layers: np.ndarray, path: Path) -> list[_Entry]:
    """The segments that a file names, and those that its voxels (L,D,H,W) hold beside them.

    Raises:
        UnreadableError: a layer that is not there, the background, or one part under two names.
    """
    places = [(entry.layer, entry.value) for entry in table]
    for entry, place in zip(table, places):
        if entry.layer >= len(layers) or entry.value == 0 or places.count(place) > 1:
            raise refused(
                path,
                f"names the segment {quoted(entry.name)} in layer {entry.layer} with the value "
                f"{entry.value}, which is not there or another's",
            )
    return table + [
        _Entry(f"label {value}" + (f" (layer {layer + 1})" if layer else ""), layer, int(value))
        for layer, plane in enumerate(layers)
        for value in _values(plane)
        if (layer, int(value)) not in places
    ]


def _values(plane: np.ndarray) -> np.ndarray:
    """Label values of a layer (D,H,W), the background left out, in order."""
    return np.flatnonzero(np.bincount(plane[plane > 0]))


def _label_layers(image: StoredImage, name: str) -> np.ndarray:
    """Labels as uint8 or uint16 (L,D,H,W).

    Raises:
        UnsuitableInputError: not 3D, or not whole numbers of labels.
    """
    parts = np.moveaxis(image.array, -1, 0) if image.components > 1 else image.array[None]
    layers = np.stack([three_axes(part, name) for part in parts]) if parts.ndim != 4 else parts
    whole = np.issubdtype(layers.dtype, np.integer)
    if (
        image.complex_values
        or not (whole or (np.isfinite(layers).all() and np.array_equal(layers, np.rint(layers))))
        or layers.min() < 0
        or layers.max() > MAX_LABEL
    ):
        raise UnsuitableInputError(
            f"{name} holds values from {layers.min():g} to {layers.max():g}, which are no "
            "labels; give a segmentation."
        )
    return layers.astype(np.uint8 if layers.dtype == np.uint8 else np.uint16, copy=False)


def _plain_table(layers: np.ndarray, names: dict[int, str], name: str) -> list[_Entry]:
    """Segments of an image that names none itself: one a label value (and layer)."""
    table = [
        _Entry(
            names.get(int(value), f"label {value}") + (f" (layer {layer + 1})" if layer else ""),
            layer,
            int(value),
        )
        for layer, plane in enumerate(layers)
        for value in _values(plane)
    ]
    if len(table) > MAX_SEGMENTS:
        raise UnsuitableInputError(
            f"{name} holds {len(table)} different values, too many for a segmentation; it may be "
            "a scan."
        )
    return table


def _untilted(
    layers: np.ndarray, affine: np.ndarray, reference: Volume
) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn on the tilted grid that the scan was resampled from, resampled with it; others
    as they are."""
    tilt = reference.metadata.get("tilt")
    if not isinstance(tilt, Tilt) or layers.shape[1:] != tilt.shape:
        return layers, affine
    if not np.allclose(affine, tilt.affine, atol=1e-2):
        return layers, affine
    return untilted_labels(layers, tilt), reference.affine


def load_labels(
    path: str | Path, reference: Volume, names: dict[int, str] | None = None
) -> LabelMap:
    """Read a segmentation onto a scan's grid.

    Args:
        path: .seg.nrrd or an integer label image, on the scan's voxels; may be cropped, or stored
            in another axis order.
        names: label value -> name, for images that carry none (a .seg.nrrd and TotalSegmentator's
            NIfTI do).

    Raises:
        UnreadableError: no such image. UnsuitableInputError: another grid, not labels, outside the
            scan, or no voxel set.
    """
    path = Path(path)
    image = read_image(path)
    layers, affine = _label_layers(image, path.name), image.affine
    if not layers.any():
        raise UnsuitableInputError(f"The segmentation {path.name} is empty; draw a region first.")
    known = names or (nifti.label_names(path) if nifti.is_nifti(path) else {})
    named = _segment_table(image.fields, len(layers), path)
    table = _checked_table(named, layers, path) if named else _plain_table(layers, known, path.name)
    if not image.sides_known and (said := reference.metadata.get("orientation")):
        affine = oriented(affine, said)  # as the scan's, which does not say it either
    else:
        check_sides(image.sides_known, layers.shape[1], path.name)
    layers, affine = _untilted(layers, affine, reference)
    placed = _place(layers, affine, reference, path.name)
    segments: dict[str, np.ndarray] = {}
    numbers: dict[int, str] = {}
    for entry in table:
        mask = placed[entry.layer] == entry.value
        if mask.any():
            segments[entry.name] = mask
            numbers[entry.value if entry.value not in numbers else max(numbers) + 1] = entry.name
    return LabelMap(segments, numbers)


def load_region(path: str | Path, reference: Volume, segment: str | None = None) -> np.ndarray:
    """One segment of a segmentation, or all of them together, bool (D,H,W) on the scan's grid.

    Raises:
        UsageError: it has no segment of this name. Others as `load_labels`.
    """
    labels = load_labels(path, reference)
    if segment and segment not in labels.segments:
        raise UsageError(
            f"{Path(path).name} has no segment “{segment}”; it has {', '.join(labels.segments)}."
        )
    return labels.segments[segment] if segment else labels.union()
