"""Where a finding is put in: what of the scan is not shown, so that the network makes it anew."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.imaging.masks import dilate_mm

RIM_MM = 1.0  # the partial volume around a lesion is made with it
# The lung is still seen through these, so they are put in through it. All others are made anew
# where they shall lie (chosen on validation patients: seen through, they come out too faint).
SEEN_THROUGH = ("ground-glass opacity", "emphysema")


def hidden_for(
    term: str, lesion: np.ndarray, mask: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray | None:
    """What is hidden to put a finding in: bool (D,H,W), or None where nothing is.

    Args:
        lesion, mask: where it shall lie, and the edit's full support; bool (D,H,W).
    """
    if term in SEEN_THROUGH:
        return None
    return dilate_mm(lesion, spacing, RIM_MM) & mask
