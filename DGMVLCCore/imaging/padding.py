"""Padding: what a scanner writes outside its field of view is air there, whatever number it is."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.imaging.volume import Volume

WRAP = 65_536.0
PADDING_HU = (WRAP - 5_536.0, WRAP)  # what -5,536 to 0 became in 16 bits without sign
PADDED_HU = -2048.0
AIR_HU = -850.0


def outside_as_air(volume: Volume) -> Volume:
    """A CT whose unsigned padding (63,536 for -2,000 in 16 bits) is below air, as it was meant,
    with a note; other modalities as they are."""
    if volume.modality != "CT" or volume.array.max() <= PADDING_HU[0]:
        return volume
    padded = (volume.array > PADDING_HU[0]) & (volume.array <= PADDING_HU[1])
    if not padded.any():
        return volume
    array = np.where(padded, volume.array - WRAP, volume.array)
    outside = np.stack([_from_border(plane) for plane in padded])
    array[outside] = np.minimum(array[outside], PADDED_HU)
    inside = int(padded.sum() - outside.sum())
    note = (
        f"{int(padded.sum())} voxels of impossible values (up to "
        f"{volume.array[padded].max():.0f} HU) are padding outside the scan, taken as air"
        + (f", but for {inside} within it, taken as negative numbers." if inside else ".")
    )
    facts = {**volume.metadata, "notes": (*volume.metadata.get("notes", ()), note)}
    return volume.with_array(array.astype(np.float32), metadata=facts)


def pad_plane(hu: np.ndarray, stored: np.ndarray, padding: tuple[int, int] | None) -> np.ndarray:
    """A slice (H,W) whose declared padding is air.

    Args:
        hu: rescaled values. stored: as in the file. padding: lowest and highest stored value that
            the file says is padding.

    Returns:
        `hu` itself when it holds no padding, or padding that is air already.
    """
    if padding is None:
        return hu
    declared = (stored >= padding[0]) & (stored <= padding[1]) & (hu > AIR_HU)
    if not declared.any():
        return hu
    # inside the body the same number is tissue
    return np.where(_from_border(declared), np.float32(PADDED_HU), hu)


def _from_border(marked: np.ndarray) -> np.ndarray:
    """What of a mask (H,W) is connected with the border."""
    parts, _ = ndimage.label(marked)
    border = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return np.isin(parts, border[border > 0])
