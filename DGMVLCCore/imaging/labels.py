"""Segmentations in: Slicer's .seg.nrrd, label volumes in NRRD, NIfTI or MetaImage, on the scan's grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.io import affine_of, read_image
from DGMVLCCore.imaging.volume import Volume

TOLERANCE_VOXELS = 0.05


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Named segments on the reference scan's grid: name -> bool (D,H,W)."""

    segments: dict[str, np.ndarray]

    def union(self) -> np.ndarray:
        """All segments together, bool (D,H,W)."""
        return np.any(list(self.segments.values()), axis=0)


def _place(array: np.ndarray, affine: np.ndarray, reference: Volume, name: str) -> np.ndarray:
    """Lay labels (L,D,H,W) of the same lattice but perhaps another extent onto the reference grid."""
    index = np.linalg.inv(reference.affine) @ affine
    offset = np.rint(index[:3, 3]).astype(int)
    same = np.abs(index[:3, :3] - np.eye(3)).max() * max(array.shape[-3:]) < max(TOLERANCE_VOXELS * 10, 0.5) \
        and np.abs(index[:3, 3] - offset).max() < 0.1
    if not same:
        own = np.round(np.linalg.norm(affine[:3, :3], axis=0), 3)
        raise UnsuitableInputError(
            f"The segmentation {name} ({array.shape[-1]}x{array.shape[-2]}x{array.shape[-3]} voxels of {own[0]}x{own[1]}x{own[2]} mm) lies on "
            f"another grid than the scan ({reference.shape[2]}x{reference.shape[1]}x{reference.shape[0]} voxels of "
            f"{reference.spacing[2]:.3f}x{reference.spacing[1]:.3f}x{reference.spacing[0]:.3f} mm); resample it to the scan first.")
    out = np.zeros(array.shape[:-3] + reference.shape, array.dtype)
    x, y, z = offset
    target: list[slice] = []
    source: list[slice] = []
    for start, n, limit in zip((z, y, x), array.shape[-3:], reference.shape):
        low, high = max(start, 0), min(start + n, limit)
        target.append(slice(low, max(high, low)))
        source.append(slice(low - start, max(high, low) - start))
    out[:, target[0], target[1], target[2]] = array[:, source[0], source[1], source[2]]
    return out


def _segment_table(image: sitk.Image) -> list[tuple[str, int, int]]:
    """(name, layer, label value) of each segment of a .seg.nrrd."""
    table, index = [], 0
    while image.HasMetaDataKey(f"Segment{index}_Name"):
        def fact(key: str, default: str, at: int = index) -> str:
            full = f"Segment{at}_{key}"
            return image.GetMetaData(full) if image.HasMetaDataKey(full) else default

        table.append((fact("Name", ""), int(fact("Layer", "0")), int(fact("LabelValue", "1"))))
        index += 1
    return table


def load_labels(path: str | Path, reference: Volume, names: dict[int, str] | None = None) -> LabelMap:
    """Read a segmentation onto a scan's grid.

    Args:
        path: .seg.nrrd or an integer label image. names: label value -> name, for images that carry none.

    Raises:
        UnsuitableInputError: another grid, not labels, or no voxel set.
    """
    path = Path(path)
    image = read_image(path)
    if image.GetDimension() == 2:
        image = sitk.JoinSeries(image)
    array = sitk.GetArrayFromImage(image)
    if image.GetDimension() != 3:
        raise UnsuitableInputError(f"{path.name} has {image.GetDimension()} dimensions; give a 3D segmentation.")
    layers = np.moveaxis(array, -1, 0) if array.ndim == 4 else array[None]
    if not np.array_equal(layers, np.rint(layers)) or layers.min() < 0 or layers.max() > 1000:
        raise UnsuitableInputError(f"{path.name} holds values from {layers.min():g} to {layers.max():g}, which are no labels; give a segmentation.")
    placed = _place(layers.astype(np.int16), affine_of(image), reference, path.name)
    table = _segment_table(image)
    if not table:
        values = [int(v) for v in np.unique(placed[0]) if v]
        table = [((names or {}).get(v, f"label {v}"), 0, v) for v in values]
    segments = {name: placed[layer] == value for name, layer, value in table}
    segments = {name: mask for name, mask in segments.items() if mask.any()}
    if not segments:
        raise UnsuitableInputError(f"The segmentation {path.name} is empty on this scan; draw a region first.")
    return LabelMap(segments)
