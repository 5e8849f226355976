"""Which places of the abnormality map come first: what finder and editor both see.

The finder alone puts some vessels and dependent lung first, the editor alone others; the geometric
mean of both keeps what both point at. On validation patients it finds more at one false region a
scan than either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from DGMVLCCore.editing.asked import top_share
from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.imaging.masks import fullest_rows, rows_around
from DGMVLCCore.language.prompts import denial_prompt
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.review.abnormality import Looked, peaks
from DGMVLCCore.review.crosscheck import Asked

DENIED = ("nodule", "consolidation", "ground-glass opacity", "emphysema")
READ_SLICES = 3  # of a region, the fullest
SMALLEST_VOXELS = 6


@dataclass(frozen=True, eq=False)
class Place:
    """A peak of the map.

    Args:
        mask: bool (D,S,T) on the working grid. score: 0..1, for ranking; no probability of disease.
        asked: findings and how much change denying each asks the editor for there, the most first.
    """

    mask: np.ndarray
    score: float
    asked: list[Asked]


def asked_in(
    pipe: CounterfactualPipeline, looked: Looked, mask: np.ndarray, terms: tuple[str, ...]
) -> list[Asked]:
    """How much change the denial of each finding asks for in a region (bool (D,S,T) on the working
    grid), the most first."""
    whole = looked.region.to_scan(mask.astype(np.float32), looked.scan.shape) > 0.5
    if not whole.any():
        return [Asked(term, 0.0) for term in terms]
    region = cut_region(looked.scan, looked.anatomy, whole, rows_around(whole))
    chosen = fullest_rows(region.mask, READ_SLICES)
    texts = [pipe.text(denial_prompt(term)) for term in terms]
    capacity = pipe.capacity(region)
    changes = pipe.edit_predictor().changes_under(region, chosen, texts, capacity)
    inside = region.mask[chosen]
    found = [Asked(term, top_share(change[inside])) for term, change in zip(terms, changes)]
    return sorted(found, key=lambda each: -each.share)


def ranked(
    pipe: CounterfactualPipeline, looked: Looked, callback: Progress | None = None
) -> list[Place]:
    """The map's peaks, the highest score first."""
    found = [(mask, peak) for mask, peak in peaks(looked.map) if mask.sum() >= SMALLEST_VOXELS]
    places = []
    for number, (mask, peak) in enumerate(found, 1):
        asked = asked_in(pipe, looked, mask, DENIED)
        places.append(Place(mask, float(np.sqrt(peak * asked[0].share)), asked))
        if callback:
            callback("comparing", number / len(found))
    return sorted(places, key=lambda place: -place.score)


def named(pipe: CounterfactualPipeline, looked: Looked, place: Place) -> Place:
    """The same place, with every finding that the editor knows."""
    rest = tuple(term for term in pipe.findings if term not in DENIED)
    asked = [*place.asked, *asked_in(pipe, looked, place.mask, rest)]
    return replace(place, asked=sorted(asked, key=lambda each: -each.share))
