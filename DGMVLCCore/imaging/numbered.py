"""Anatomy from a cohort's masks: named segments, or a few bare numbers told apart by what they
cover."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import (
    AIRWAY,
    BODY,
    LEFT,
    RIGHT,
    Anatomy,
    find_body,
    segment_anatomy,
    split_lungs,
)
from DGMVLCCore.imaging.labels import LabelMap
from DGMVLCCore.imaging.lung_labels import TOTAL_SEGMENTATOR, anatomy_from_labels
from DGMVLCCore.imaging.volume import Volume

BODY_HU = -500.0  # the median of a label that is body; fibrosis leaves a lung's below it
AIRWAY_SHARE = 0.2  # an airway tree is smaller than this share of a lung
LUNGS_SHARE = 0.3  # a lone label that covers less of the lungs than this is an airway tree
ACCEPTED = (
    "segments named left lung, right lung, airway and body; TotalSegmentator's numbers (10 to "
    "14, 16); or bare numbers for the lungs "
    "(together, or left and right), the airway and the body"
)


def _refuse(labels: LabelMap, why: str) -> UnsuitableInputError:
    numbers = ", ".join(name.removeprefix("label ") for name in labels.segments)
    return UnsuitableInputError(
        f"The mask holds the labels {numbers}, {why}; accepted are {ACCEPTED}."
    )


def _tell_apart(parts: list[np.ndarray], labels: LabelMap) -> tuple[np.ndarray, np.ndarray | None]:
    """Left and right lung (D,H,W) of LEFT and RIGHT, and the airway, from two or three canonical
    masks that are no body."""
    parts = sorted(parts, key=lambda mask: -int(mask.sum()))
    airway = parts.pop() if parts[-1].sum() < AIRWAY_SHARE * parts[-2].sum() else None
    if len(parts) > 2:
        raise _refuse(labels, "more than two of which could be lungs")
    if len(parts) == 1:
        return split_lungs(parts[0]), airway
    left, right = sorted(
        parts, key=lambda mask: -float(np.nonzero(mask)[2].mean())
    )  # x ascends to the patient's left
    return np.where(left, LEFT, np.where(right, RIGHT, 0)).astype(np.uint8), airway


def cohort_anatomy(labels: LabelMap, volume: Volume) -> Anatomy:
    """Anatomy of a scan (HU) from a mask of a cohort, on the scan's own grid.

    Names and TotalSegmentator's numbers are read as such. Of bare numbers, dense ones are the body,
    small ones the airway, and the lungs are told by their side; what is missing (a body beside
    lungs, lungs beside an airway tree) is found in the scan.

    Raises:
        UnsuitableInputError: other labels; the sentence lists them and what is accepted.
    """
    bare = {name for name in labels.segments if name.startswith("label ")}
    numbers = {f"label {number}" for number in TOTAL_SEGMENTATOR}
    if len(bare) < len(labels.segments) or numbers & bare:
        return anatomy_from_labels(labels, volume)
    if len(bare) > 4:
        raise _refuse(labels, "too many to be told apart")
    scan, turn = volume.canonical()
    masks = [np.ascontiguousarray(turn.apply(mask)) for mask in labels.segments.values()]
    dense = [bool(np.median(scan.array[mask]) > BODY_HU) for mask in masks]
    rest = [mask for mask, body in zip(masks, dense) if not body]
    if not rest:
        raise _refuse(labels, "none of which is lung or airway")
    if sum(dense) > 1:
        raise _refuse(labels, "more than one of which is dense as the body is")
    if len(rest) == 1:
        found = segment_anatomy(scan)
        if (rest[0] & found.lungs).sum() < LUNGS_SHARE * found.lungs.sum():
            return Anatomy(
                turn.restore(np.where(rest[0], AIRWAY, found.labels).astype(np.uint8)),
                origin="classical, airway from the mask",
            )
        sides, airway = split_lungs(rest[0]), found.airway & ~rest[0]
    else:
        sides, airway = _tell_apart(rest, labels)  # type: ignore[assignment]
    body = masks[dense.index(True)] if any(dense) else find_body(scan.array, scan.spacing[1])
    out = np.where(body, BODY, 0).astype(np.uint8)
    out[sides > 0] = sides[sides > 0]
    if airway is not None:
        out[airway] = AIRWAY
    return Anatomy(turn.restore(out), origin="segmentation")
