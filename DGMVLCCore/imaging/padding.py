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
    array = np.where(padded, np.minimum(volume.array - WRAP, PADDED_HU), volume.array)
    note = (
        f"{int(padded.sum())} voxels of impossible values (up to "
        f"{volume.array[padded].max():.0f} HU) are padding outside the scan, taken as air."
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
    # Only what is connected with the border: inside the body the same number is tissue.
    marked, _ = ndimage.label(declared)
    border = np.unique(np.concatenate([marked[0], marked[-1], marked[:, 0], marked[:, -1]]))
    outside = np.isin(marked, border[border > 0])
    return np.where(outside, np.float32(PADDED_HU), hu)
