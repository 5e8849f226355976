"""The review's map against baselines: every map goes through the same peaks and outlines, so that
only the map differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, special

from detection import Planted, ScanRow, hits
from DGMVLCCore.imaging.resample import crop, resize_in_plane
from DGMVLCCore.models.alignment import AlignmentPipeline
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.review.abnormality import Cells, look_at_cells
from DGMVLCCore.review.candidates import outline, peaks
from perceptron import fit_perceptron

MOST, LEAST = 20, 0.02  # regions a scan and method; the lowest peak that counts
HIDDEN, MOST_CLEAR = 12, 6000  # units of the cells' score; clear cells of a scan it is fitted on
UNCLEAR = 0.5  # a region in labelled disease is neither hit nor false
Map = Callable[[Cells], np.ndarray]


@dataclass(frozen=True, eq=False)
class Looked:
    """A planted scan, its cells, and the lesions on the working grid (bool (D,S,T) each)."""

    planted: Planted
    cells: Cells
    lesions: list[np.ndarray]


def _feature(name: str) -> Map:
    return lambda cells: special.expit(cells.features[cells.names.index(name)] - 4) * cells.lung


# Classical and single-look maps; each is monotone in what its name says, squashed to 0..1.
MAPS: dict[str, Map] = {
    "HU threshold": _feature("density"),
    "HU threshold without vessels": _feature("opened density"),
    "HU threshold, dark": _feature("darkness"),
    "dual-encoder heat": lambda cells: special.expit(cells.logits.max(0)) * cells.lung,
    "dual-encoder heat against own lung": _feature("most agreement"),
}


def map_of_scan(looked: Looked, values: np.ndarray, half: float) -> np.ndarray:
    """A map on the scan's grid, float (D,H,W) 0 and up, as cells 0..1: the mean of each cell,
    `half` becomes 0.5."""
    region = looked.cells.region
    part = crop(values[region.rows[0] : region.rows[1]], region.box, 0.0)
    part = part if region.native else resize_in_plane(part, region.hu.shape[1:], order=1)
    d, h, w = looked.cells.lung.shape
    mean = part.reshape(d, h, PATCH, w, PATCH).mean((2, 4))
    return (mean / (mean + half) * looked.cells.lung).astype(np.float32)


def look(pipe: AlignmentPipeline, planted: Planted) -> Looked:
    """Look at a planted scan once for all methods."""
    cells = look_at_cells(pipe, planted.scan, planted.anatomy)
    labels = np.zeros(planted.scan.shape, np.uint8)
    for number, lesion in enumerate(planted.lesions, 1):
        labels[lesion.mask] = number
    labels = crop(labels, cells.region.box, 0)
    if not cells.region.native:
        labels = resize_in_plane(labels, cells.region.hu.shape[1:], order=0)
    return Looked(
        planted, cells, [labels == number for number in range(1, len(planted.lesions) + 1)]
    )


def rows_of_map(looked: Looked, values: np.ndarray) -> ScanRow:
    """A map's peaks as regions, scored by their peak; values float32 (D,h,w) 0..1.

    Regions in labelled disease are left out, unless they hit a lesion.
    """
    cells = looked.cells
    dz, (_, dy, dx) = looked.planted.scan.spacing[0], cells.region.spacing
    steps = (dz, PATCH * dy, PATCH * dx)
    unclear, regions = looked.planted.unclear, []
    for mask, peak in peaks(values.astype(np.float32), steps, floor=LEAST, most=MOST):
        drawn = outline(mask, cells.region)
        slices, hit = np.nonzero(drawn.any((1, 2)))[0], hits(drawn, looked.lesions)
        if hit or (len(slices) and unclear[slices].mean() <= UNCLEAR):
            regions.append((peak, hit))
    return ScanRow(
        looked.planted.patient,
        regions,
        len(looked.lesions),
        tuple(lesion.kind for lesion in looked.planted.lesions),
    )


def cell_samples(looked: Looked) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N,F), lesion or not (N,), weights (N,): each lesion counts as much as any other,
    clear lung as all lesions of its scan."""
    cells, parts = looked.cells, []
    d, h, w = cells.lung.shape

    def share(mask: np.ndarray) -> np.ndarray:
        return mask.reshape(d, h, PATCH, w, PATCH).mean((2, 4))

    anything = np.zeros(cells.lung.shape, bool)
    for lesion in looked.lesions:
        part = share(lesion)
        anything |= part > 0
        inside = (
            (part >= 0.5 * part.max()) & cells.lung if part.any() else np.zeros_like(cells.lung)
        )
        if inside.any():
            parts.append((cells.features[:, inside].T, True, 1 / inside.sum()))
    clear = cells.lung & ~ndimage.binary_dilation(anything, np.ones((1, 3, 3), bool))
    clear[looked.planted.unclear] = False
    if clear.any():
        where = np.flatnonzero(clear)
        clear = np.zeros_like(clear)
        clear.ravel()[
            np.random.default_rng(0).choice(where, min(MOST_CLEAR, len(where)), replace=False)
        ] = True
        parts.append((cells.features[:, clear].T, False, max(len(looked.lesions), 1) / clear.sum()))
    counts = [len(x) for x, *_ in parts]
    return (
        np.concatenate([x for x, *_ in parts]),
        np.repeat([y for _, y, _ in parts], counts),
        np.repeat([v for *_, v in parts], counts),
    )


def fit_cells(
    samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    names: tuple[str, ...],
    sha256: str,
    ridge: float = 1e-2,
) -> dict[str, Any]:
    """The score of cells from `cell_samples` of several scans, as the fields of its file.

    Args:
        names: of the features. sha256: of the dual encoder's weights they were made with.
    """
    features, true, weights = (np.concatenate(part) for part in zip(*samples))
    return {
        "weights_sha256": sha256,
        "names": list(names),
        **fit_perceptron(features.astype(np.float64), true, weights, hidden=HIDDEN, ridge=ridge),
    }
