"""Anatomy from a segmentation the user brings: TotalSegmentator's names, ours, or anything that
says lung, left, right."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, LEFT, RIGHT, Anatomy, find_body
from DGMVLCCore.imaging.labels import LabelMap
from DGMVLCCore.imaging.volume import Volume

# Label numbers of TotalSegmentator's task "total" (version 2), for label images that carry no
# names.
TOTAL_SEGMENTATOR = {
    10: "lung_upper_lobe_left",
    11: "lung_lower_lobe_left",
    12: "lung_upper_lobe_right",
    13: "lung_middle_lobe_right",
    14: "lung_lower_lobe_right",
    16: "trachea",
}


def _named(labelmap: LabelMap) -> dict[str, np.ndarray]:
    """Segments under readable names; bare numbers are read as TotalSegmentator's when no name says
    lung."""
    segments = dict(labelmap.segments)
    if not any("lung" in name.lower() for name in segments):
        segments = {
            TOTAL_SEGMENTATOR.get(int(name.removeprefix("label ")), name)
            if name.startswith("label ")
            else name: mask
            for name, mask in segments.items()
        }
    return {name.lower().replace("_", " "): mask for name, mask in segments.items()}


def anatomy_from_labels(labelmap: LabelMap, volume: Volume) -> Anatomy:
    """Build `Anatomy` from named segments on the scan's grid; the body is found in the scan when no
    segment names it.

    Raises:
        UnsuitableInputError: no segment names a left or right lung.
    """
    labels = np.zeros(volume.shape, np.uint8)
    scan, turn = volume.canonical()
    named = _named(labelmap)
    body = [mask for name, mask in named.items() if name == "body"]
    labels[body[0] if body else turn.restore(find_body(scan.array, scan.spacing[1]))] = BODY
    for words, label in (
        (("airway", "trachea", "bronch"), AIRWAY),
        (("left",), LEFT),
        (("right",), RIGHT),
    ):
        for name, mask in named.items():
            if any(word in name for word in words) and (label == AIRWAY or "lung" in name):
                labels[mask] = label
    if not np.isin(labels, (LEFT, RIGHT)).any():
        raise UnsuitableInputError(
            "The segmentation names no left or right lung (it has "
            f"{', '.join(labelmap.segments) or 'no segments'}); "
            "rename the segments, or leave it out to have the lungs found."
        )
    return Anatomy(labels, origin="segmentation")
