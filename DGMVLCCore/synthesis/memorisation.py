"""Are synthetic lesions copies of training lesions? Each one's nearest training patch, beside that
of real patches of other patients."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.imaging.resample import resize_in_plane

SIDE, WHOLE, SHIFTS = 24, 48, (-4, -2, 0, 2, 4)  # pixels of 1 mm


class Nearness(TypedDict):
    """Correlations of patches with their nearest training patch."""

    n: int
    median: float
    highest: float


class _Compared(TypedDict):
    measure: str
    synthetic: Nearness
    training_patches: int


class Memorisation(_Compared, total=False):
    """memorisation.json; held out: real patches of other patients, where they were given."""

    held_out_real: Nearness
    held_out_99th_percentile: float
    synthetic_above_it: float


def reference_patches(folder: Path) -> np.ndarray:
    """Middle slices (N,48,48), HU, 1 mm, of the real nodules in a shard folder.

    Raises:
        UnreadableError: it holds no nodule shard.
    """
    path = folder / "nodules.npz"
    try:
        with np.load(path) as file:
            patches = file["hu"][:, 1].astype(np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableError(
            f"{path} holds no nodule patches; give a folder made by dgmvlc data."
        ) from error
    if patches.shape[1:] != (WHOLE, WHOLE):
        raise UnreadableError(
            f"{path} holds patches of {patches.shape[1:]} pixels, not {WHOLE}x{WHOLE}; make the "
            "shards again."
        )
    return patches


def lesion_patch(
    hu: np.ndarray, lesion: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """The 24x24 mm around a lesion in its fullest slice, resampled to 1 mm: (24,24) HU; hu and
    lesion (D,H,W), canonical."""
    z = int(lesion.sum((1, 2)).argmax())
    y, x = (int(round(float(v.mean()))) for v in np.nonzero(lesion[z]))
    half = [int(np.ceil(SIDE / 2 / mm)) for mm in spacing[1:]]
    padded = np.pad(hu[z], [(h, h) for h in half], constant_values=-1000.0)
    return resize_in_plane(
        padded[y : y + 2 * half[0], x : x + 2 * half[1]][None].astype(np.float32), (SIDE, SIDE)
    )[0]


def _normal(patches: np.ndarray) -> np.ndarray:
    """(N,24,24) -> (N,576) of mean 0 and length 1, in the lung window."""
    flat = np.clip(patches, -1100, 200).reshape(len(patches), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def nearest(patches: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Highest correlation of each patch (M,24,24) with any reference (N,48,48), over shifts of up
    to 4 mm, mirrored or not; and which one."""
    wanted, best, which = _normal(patches), np.full(len(patches), -1.0), np.zeros(len(patches), int)
    start = (WHOLE - SIDE) // 2
    for mirrored in (reference, reference[:, :, ::-1]):
        for dy in SHIFTS:
            for dx in SHIFTS:
                found = (
                    wanted
                    @ _normal(
                        mirrored[:, start + dy : start + dy + SIDE, start + dx : start + dx + SIDE]
                    ).T
                )
                better = found.max(1) > best
                which[better], best[better] = found.argmax(1)[better], found.max(1)[better]
    return best, which


def memorisation(
    patches: np.ndarray, reference: np.ndarray, held_out: np.ndarray | None = None
) -> Memorisation:
    """How near synthetic patches (M,24,24) lie to training ones, and how near real ones of other
    patients (K,48,48) do.

    A share far above 1 % over the held-out patches' 99th percentile would mean that training
    lesions are repeated.
    """

    def facts(values: np.ndarray) -> Nearness:
        return {
            "n": len(values),
            "median": round(float(np.median(values)), 4),
            "highest": round(float(values.max()), 4),
        }

    made, _ = nearest(patches, reference)
    answer: Memorisation = {
        "measure": "highest correlation with a training patch (24x24 mm, shifts to 4 mm, mirrored)",
        "synthetic": facts(made),
        "training_patches": len(reference),
    }
    if held_out is not None:
        start = (WHOLE - SIDE) // 2
        real, _ = nearest(held_out[:, start : start + SIDE, start : start + SIDE], reference)
        limit = float(np.percentile(real, 99))
        answer["held_out_real"] = facts(real)
        answer["held_out_99th_percentile"] = round(limit, 4)
        answer["synthetic_above_it"] = round(float((made > limit).mean()), 4)
    return answer
