"""Scores of a map against the lesion it should show, and maps of the same network with random
weights."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.editing.reading import READING_MM
from DGMVLCCore.evaluation import metrics
from DGMVLCCore.evaluation.tables import Scores
from DGMVLCCore.models.denoiser import PATCH


def cells(lesion: np.ndarray, spacing: tuple[float, float, float]) -> float:
    """Attention cells (4 mm squares) that the lesion's largest slice covers."""
    return round(
        float(lesion.sum((1, 2)).max(initial=0) * np.prod(spacing[1:]) / (PATCH * READING_MM) ** 2),
        1,
    )


def map_scores(
    values: np.ndarray, lesion: np.ndarray, lungs: np.ndarray, spacing: tuple[float, float, float]
) -> Scores:
    """Pointing game, signed contrast-to-noise ratio, IoU (mean over thresholds 0.1–0.5 of the map's
    highest value) and hit.

    Args:
        values: map (D,H,W), any scale. lesion: bool (D,H,W), inside the lungs.
    """
    if not lesion.any():
        return {"pointing": None, "cnr": None, "iou": None, "hit": None, "cells": 0.0}
    return {
        "pointing": metrics.pointing_hit(values, lesion),
        "cnr": metrics.contrast_to_noise(values, lesion, lungs),
        "iou": metrics.iou_at_levels(values, lesion, lungs)["iou_mean"],
        "hit": metrics.hit(values, lesion, lungs),
        "cells": cells(lesion, spacing),
    }
