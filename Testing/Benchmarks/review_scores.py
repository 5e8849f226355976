"""The review's regions against baselines: every map goes through the same peaks on the same working
grid, so that only the map differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from detection import Planted, ScanRow, hits
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.evaluation.anomaly import AnomalyNet, anomaly_map
from DGMVLCCore.imaging.resample import crop, resize_in_plane
from DGMVLCCore.models.finder import Finder
from DGMVLCCore.review.abnormality import Looked, look, peaks
from DGMVLCCore.review.ranking import SMALLEST_VOXELS, ranked

MOST, LEAST = 24, 0.02  # regions of a scan and method; the lowest peak that counts
UNCLEAR = 0.5  # a region in labelled disease is neither hit nor false
BLOB_MM = (2.0, 3.5, 6.0, 9.0)  # Gaussian sigma of the blob detectors
CLIP_HU = (-1000.0, 100.0)
Regions = list[tuple[np.ndarray, float]]


@dataclass(frozen=True, eq=False)
class Seen:
    """A planted scan as the review looks at it, and its lesions on the working grid (D,S,T)."""

    planted: Planted
    looked: Looked
    lesions: list[np.ndarray]


def onto(seen: Looked, values: np.ndarray, order: int) -> np.ndarray:
    """Values (D,H,W) of a scan whose slices are not averaged, on the working grid."""
    part = crop(values, seen.region.box, 0)
    return (
        part if seen.region.native else resize_in_plane(part, seen.region.hu.shape[1:], order=order)
    )


def see(planted: Planted, finder: Finder | None = None) -> Seen:
    """Look at a planted scan once for all methods."""
    looked = look(planted.scan, planted.anatomy, finder=finder)
    labels = np.zeros(planted.scan.shape, np.uint8)
    for number, lesion in enumerate(planted.lesions, 1):
        labels[lesion.mask] = number
    labels = onto(looked, labels, 0)
    return Seen(planted, looked, [labels == n for n in range(1, len(planted.lesions) + 1)])


def row_of(seen: Seen, regions: Regions) -> ScanRow:
    """What a method's regions hit; those in labelled disease are left out, unless they hit."""
    kept = []
    for mask, score in regions:
        slices, hit = np.nonzero(mask.any((1, 2)))[0], hits(mask, seen.lesions)
        if hit or seen.planted.unclear[slices].mean() <= UNCLEAR:
            kept.append((score, hit))
    kinds = tuple(lesion.kind for lesion in seen.planted.lesions)
    return ScanRow(seen.planted.patient, kept, len(seen.lesions), kinds)


def regions_of_review(pipe: CounterfactualPipeline, seen: Seen) -> Regions:
    """The review's own regions, scored by finder and editor."""
    return [(place.mask, place.score) for place in ranked(pipe, seen.looked)]


def regions_of_map(seen: Seen, values: np.ndarray) -> Regions:
    """A map's peaks (float32 (D,S,T), 0..1), scored by their height."""
    found = peaks(values, floor=LEAST, most=MOST)
    return [(mask, peak) for mask, peak in found if mask.sum() >= SMALLEST_VOXELS]


def _lung_hu(seen: Seen) -> np.ndarray:
    """HU of the lungs, the rest as their median: a wall is no blob."""
    region = seen.looked.region
    return np.where(region.lungs, np.clip(region.hu, *CLIP_HU), np.median(region.hu[region.lungs]))


def laplacian(seen: Seen) -> np.ndarray:
    """Blobs by the largest scale-normalised Laplacian of Gaussian (Lindeberg 1998), 0..1."""
    hu, spacing = _lung_hu(seen), np.array(seen.looked.region.spacing)
    best = np.zeros(hu.shape, np.float32)
    for mm in BLOB_MM:
        best = np.maximum(best, -ndimage.gaussian_laplace(hu, mm / spacing))
    best *= seen.looked.region.lungs
    return (best / (best + np.float32(100.0))).astype(np.float32)


def dots(seen: Seen) -> np.ndarray:
    """Blobs by the eigenvalues of the Hessian: the dot filter of Li, Sone and Doi (2003), 0..1."""
    hu, spacing = _lung_hu(seen), np.array(seen.looked.region.spacing)
    best = np.zeros(hu.shape, np.float32)
    for mm in BLOB_MM:
        hessian = np.empty((*hu.shape, 3, 3), np.float32)
        for a in range(3):
            for b in range(a, 3):
                order = [0, 0, 0]
                order[a] += 1
                order[b] += 1
                scale = mm**2 / (spacing[a] * spacing[b])
                each = ndimage.gaussian_filter(hu, mm / spacing, order=order) * scale
                hessian[..., a, b] = hessian[..., b, a] = each
        values = np.linalg.eigvalsh(hessian)  # ascending: the most negative first
        flat, steep = values[..., 2], values[..., 0]
        dot = np.where(flat < 0, flat**2 / np.maximum(-steep, 1e-3), 0)
        best = np.maximum(best, dot)
    best *= seen.looked.region.lungs
    return (best / (best + np.float32(50.0))).astype(np.float32)


def autoencoder(model: AnomalyNet) -> Callable[[Seen], np.ndarray]:
    """The map of a denoising autoencoder's residual, 0..1."""

    def make(seen: Seen) -> np.ndarray:
        residual = anomaly_map(model, seen.planted.scan, seen.planted.anatomy)
        values = onto(seen.looked, residual, 1) * seen.looked.region.lungs
        return (values / (values + 200.0)).astype(np.float32)

    return make


MAPS: dict[str, Callable[[Seen], np.ndarray]] = {
    "finder alone": lambda seen: seen.looked.map,
    "blobs, Laplacian of Gaussian": laplacian,
    "blobs, Hessian": dots,
}
