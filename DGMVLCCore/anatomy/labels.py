"""Anatomy from a segmentation the user brings: TotalSegmentator's names, ours, or anything that says lung, left, right."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.anatomy.segment import AIRWAY, BODY, LEFT, RIGHT, Anatomy, find_body
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.labels import LabelMap
from DGMVLCCore.imaging.volume import Volume


def anatomy_from_labels(labelmap: LabelMap, volume: Volume) -> Anatomy:
    """Build `Anatomy` from named segments on the scan's grid; the body is found in the scan when no segment names it.

    Raises:
        UnsuitableInputError: no segment names a left or right lung.
    """
    labels = np.zeros(volume.shape, np.uint8)
    scan, turn = volume.canonical()
    named = {name.lower().replace("_", " "): mask for name, mask in labelmap.segments.items()}
    body = [mask for name, mask in named.items() if name == "body"]
    labels[body[0] if body else turn.restore(find_body(scan.array, scan.spacing[1]))] = BODY
    for words, label in ((("airway", "trachea", "bronch"), AIRWAY), (("left",), LEFT), (("right",), RIGHT)):
        for name, mask in named.items():
            if any(word in name for word in words) and (label == AIRWAY or "lung" in name):
                labels[mask] = label
    if not np.isin(labels, (LEFT, RIGHT)).any():
        raise UnsuitableInputError(f"The segmentation names no left or right lung (it has {', '.join(labelmap.segments) or 'no segments'}); "
                                   "rename the segments, or leave it out to have the lungs found.")
    return Anatomy(labels, origin="segmentation")
