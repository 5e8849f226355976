"""In-plane resampling with half-pixel centres, and regions cut out and put back: what leaves the
scan returns to where it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.ground.devices import threads_of

Box = tuple[int, int, int, int]
THREADS = 4  # that resize planes; more wait for the memory


def resize_in_plane(array: np.ndarray, size: tuple[int, ...], order: int = 1) -> np.ndarray:
    """(D,H,W) -> (D,h,w) over the same field of view; pixel i of n covers i/n..(i+1)/n of it.

    Args:
        size: (h,w). order: 0 nearest (labels), 1 linear, 3 cubic (HU; blurred first where pixels
            get larger).

    Returns:
        float32, or the array's own type for order 0.
    """
    zoom = (size[0] / array.shape[1], size[1] / array.shape[2])
    if zoom == (1.0, 1.0):
        return array.copy()
    sigma = [0.5 * max(1 / z - 1, 0) if order else 0.0 for z in zoom]
    out = np.empty((len(array), *size), np.float32 if order else array.dtype)

    def resize(index: int) -> None:
        source = array[index].astype(out.dtype)
        if max(sigma) > 0:
            source = ndimage.gaussian_filter(source, sigma)
        ndimage.zoom(source, zoom, output=out[index], order=order, mode="nearest", grid_mode=True)

    with ThreadPoolExecutor(threads_of(THREADS)) as pool:
        list(pool.map(resize, range(len(array))))
    return out


def _overlap(box: Box, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Index of the part a box shares with an image: in the image, in the box."""
    inside: list[Any] = [...]
    within: list[Any] = [...]
    for low, high, n in ((box[0], box[1], shape[-2]), (box[2], box[3], shape[-1])):
        first = min(max(low, 0), n)
        last = max(min(high, n), first)
        inside.append(slice(first, last))
        within.append(slice(first - low, last - low) if last > first else slice(0, 0))
    return tuple(inside), tuple(within)


def crop(array: np.ndarray, box: Box, outside: float) -> np.ndarray:
    """Cut (D,H,W) to the in-plane box (y0, y1, x0, x1), which may reach outside; there it holds
    `outside`."""
    out = np.full((*array.shape[:-2], box[1] - box[0], box[3] - box[2]), outside, array.dtype)
    inside, within = _overlap(box, array.shape)
    out[within] = array[inside]
    return out


def paste(part: np.ndarray, box: Box, target: np.ndarray) -> np.ndarray:
    """Put a cropped part back into `target` (D,H,W), in place; what lies outside `target` is
    dropped. Inverse of `crop`."""
    inside, within = _overlap(box, target.shape)
    target[inside] = part[within]
    return target
