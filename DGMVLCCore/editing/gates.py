"""After an edit: is the rim invisible, does the organ look like itself, did the change go the right
way?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.result import Agreement, CounterfactualResult, Gate
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import box_around, put_back

DARKER = ("emphysema",)  # findings that lower HU; all others raise it
RIM_TOLERANCE = 1.25
ORGAN_TOLERANCE_HU = 120.0
MIN_DIRECTION = 0.1
SHIFTS = 24


def mask_rim(mask: np.ndarray) -> np.ndarray:
    """One voxel on either side of the mask's border in the slice."""
    cross = np.zeros((3, 3, 3), bool)
    cross[1] = ndimage.generate_binary_structure(2, 1)
    return ndimage.binary_dilation(mask, cross) & ~ndimage.binary_erosion(mask, cross)


def gradient(hu: np.ndarray) -> np.ndarray:
    """In-plane gradient magnitude, HU a voxel."""
    gy, gx = np.gradient(np.clip(hu, -1024, 400), axis=(1, 2))
    return np.hypot(gy, gx)


def rim_gate(
    original: np.ndarray, edited: np.ndarray, mask: np.ndarray, lungs: np.ndarray, seed: int = 0
) -> Gate:
    """Mean gradient on the mask's rim against the same rim laid elsewhere in the untouched lung of
    this scan."""
    box = box_around(mask, (0, 2, 2))  # as far as its rim and the gradient there reach
    rim = put_back(mask_rim(mask[box]) & lungs[box], box, mask.shape)
    before, after = gradient(original), gradient(edited[box])
    value = float(after[rim[box]].mean()) if rim.any() else 0.0
    rng, elsewhere = np.random.default_rng(seed), []
    reach = np.array(mask.shape[1:]) // 3
    for _ in range(20 * SHIFTS):
        step = tuple(int(v) for v in rng.integers(-reach, reach + 1))
        moved = np.roll(rim, step, (1, 2))
        if rim.any() and lungs[moved].mean() > 0.9 and not (moved & mask).any():
            elsewhere.append(float(before[moved & lungs].mean()))
        if len(elsewhere) == SHIFTS:
            break
    if len(elsewhere) < 5:
        own = float(before[rim].mean()) if rim.any() else 0.0
        elsewhere = [own]
    low, high = min(elsewhere) / RIM_TOLERANCE, max(elsewhere) * RIM_TOLERANCE
    passed = bool(low <= value <= high)
    sentence = (
        "No border of the edit is visible."
        if passed
        else "The border of the edit is visible; read the rim with care."
    )
    return Gate(
        "rim gradient", passed, round(value, 1), f"{low:.1f} to {high:.1f}", "HU/voxel", sentence
    )


def organ_gate(edited: np.ndarray, mask: np.ndarray, lungs: np.ndarray) -> Gate:
    """Median HU of the edited lung against the untouched lung of the same slices."""
    rows = mask.any((1, 2))
    inside, around = (mask & lungs)[rows], (lungs & ~mask)[rows]
    if not inside.any() or not around.any():
        return Gate(
            "lung density",
            True,
            0.0,
            "no untouched lung to compare with",
            "HU",
            "The lung's density could not be compared.",
        )
    value = float(np.median(edited[rows][inside]) - np.median(edited[rows][around]))
    passed = bool(abs(value) <= ORGAN_TOLERANCE_HU)
    sentence = (
        "The edited lung is as dense as the lung around it."
        if passed
        else f"The edited lung differs from the lung around it by {value:+.0f} HU."
    )
    return Gate(
        "lung density", passed, round(value, 1), f"within ±{ORGAN_TOLERANCE_HU:.0f}", "HU", sentence
    )


def direction_gate(difference: np.ndarray, mask: np.ndarray, term: str, removes: bool) -> Gate:
    """The mean change inside the mask goes the way the sentence asks."""
    value = float(difference[mask].mean())
    wanted = -1 if removes != (term in DARKER) else 1
    passed = value * wanted > 0
    way = "lower" if wanted < 0 else "higher"
    sentence = (
        f"HU went {way}, as asked."
        if passed
        else f"HU should have gone {way} and did not; do not rely on this result."
    )
    return Gate(
        "direction", passed, round(value, 1), f"{'<' if wanted < 0 else '>'} 0", "HU", sentence
    )


def words_gate(agreement: Agreement) -> Gate:
    """The image moved the way the words did, in the space image and words share."""
    passed = agreement.direction >= MIN_DIRECTION
    sentence = (
        "The change of the image follows the change of the words."
        if passed
        else (
            "The change of the image does not follow the change of the words; do not rely on this "
            "result."
        )
    )
    return Gate(
        "words and image",
        passed,
        round(agreement.direction, 2),
        f"at least {MIN_DIRECTION:.2f}",
        "cosine",
        sentence,
    )


def quality_gates(result: CounterfactualResult, anatomy: Anatomy) -> list[Gate]:
    """All gates of a result, on the scan's canonical grid."""
    turn = result.original.orientation()
    original, edited = (turn.apply(v.array) for v in (result.original, result.counterfactual))
    mask, lungs = turn.apply(result.mask), turn.apply(anatomy.lungs)
    rows = slice(*(np.nonzero(mask.any((1, 2)))[0][[0, -1]] + (0, 1)))
    original, edited, mask, lungs = original[rows], edited[rows], mask[rows], lungs[rows]
    gates = [
        rim_gate(original, edited, mask, lungs),
        direction_gate(edited - original, mask, result.plan.term, result.plan.removes),
    ]
    if result.plan.removes:
        gates.append(organ_gate(edited, mask, lungs))
    if result.agreement is not None:
        gates.append(words_gate(result.agreement))
    return gates
