"""Edits asked of lung that is clear, and of the wrong place: what do they change, and does the
presence check refuse them?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.asked import change_evidence
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.hole import removal
from DGMVLCCore.evaluation.metrics import minimality
from DGMVLCCore.evaluation.tables import Abstentions, CleanRow
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import denial_prompt, require_known

VESSEL_HU = -500.0
INTERIOR = 2  # voxels from the lung's edge, where dense voxels are vessels and not the wall
UNTAUGHT = "pneumothorax"  # a finding of the vocabulary that the weights do not know
Score = Callable[
    [np.ndarray, np.ndarray, np.ndarray, tuple[float, float, float]], float
]  # hu, mask, lungs, spacing -> logit of a lesion there


def lost_vessels(
    before: np.ndarray, after: np.ndarray, mask: np.ndarray, lungs: np.ndarray
) -> tuple[int, int]:
    """Vessel voxels of the hole (denser than −500 HU, at least two voxels inside the lung) and how
    many of them are no longer so; arrays (D,H,W), HU."""
    cross = ndimage.generate_binary_structure(2, 1)[None]
    vessels = (
        mask & ndimage.binary_erosion(lungs, cross, iterations=INTERIOR) & (before > VESSEL_HU)
    )
    return int(vessels.sum()), int((vessels & (after <= VESSEL_HU)).sum())


def abstains(
    pipe: CounterfactualPipeline, volume: Volume, case: Case, mask: np.ndarray, seed: int = 0
) -> bool:
    """Would the presence check refuse to remove the case's finding from `mask` (bool (D,H,W)) of
    this scan?"""
    scan, turn = volume.canonical()
    inside, denial = np.ascontiguousarray(turn.apply(mask)), denial_prompt(case.lesion.term)
    anatomy = case.anatomy.reoriented(turn)
    return change_evidence(pipe, scan, anatomy, inside, denial, seed=seed).absent


def misplaced(case: Case, seed: int = 0, tries: int = 200) -> np.ndarray | None:
    """The case's mask moved in its slices to lung that the mask does not touch; bool (D,H,W), None
    when there is no such place."""
    lungs, rng = case.anatomy.lungs, np.random.default_rng(seed)
    keep_off = ndimage.binary_dilation(case.mask, np.ones((1, 5, 5)))
    height, width = lungs.shape[1:]
    for _ in range(tries):
        step = (int(rng.integers(height)), int(rng.integers(width)))
        moved = np.roll(case.mask, step, (1, 2))
        if not (moved & keep_off).any() and lungs[moved].mean() > 0.9:
            return moved & lungs
    return None


def refuses_untaught(term: str = UNTAUGHT) -> bool:
    """Is a finding that the weights were never taught refused by a sentence?"""
    try:
        require_known(term)
    except UnsuitableInputError:
        return True
    return False


def _removed(
    pipe: CounterfactualPipeline, case: Case, mode: str, noises: int, steps: int, seed: int
) -> np.ndarray:
    """The untouched scan of a case after the removal of what is not there, HU (D,H,W)."""
    plan, anatomy = removal(case, mode), case.anatomy
    result = pipe(case.true, plan, anatomy=anatomy, noises=noises, steps=steps, seed=seed)
    return result.counterfactual.array


def clean_region_row(
    pipe: CounterfactualPipeline,
    case: Case,
    seed: int = 0,
    *,
    noises: int = 4,
    steps: int = 10,
    score: Score | None = None,
) -> CleanRow:
    """What removing a finding that is not there does to the untouched scan of a case, in the case's
    mask, with the presence check overruled.

    Args:
        noises: the counterfactual is their medoid, as for a user. score: a held-out probe's logit.
    """
    true, mask, lungs = case.true.array, case.mask, case.anatomy.lungs
    shift, replaced = (
        _removed(pipe, case, mode, noises, steps, seed) for mode in ("shift", "replace")
    )
    vessels, lost = lost_vessels(true, replaced, mask, lungs)
    row: CleanRow = {
        "case": case.name,
        "patient": case.patient,
        "kind": case.lesion.kind,
        "term": case.lesion.term,
        "mask_voxels": int(mask.sum()),
        "noises": noises,
        "shift_changed": minimality(shift, true, mask),
        "replace_median_dhu": float(np.median((replaced - true)[mask])),
        "vessel_voxels": vessels,
        "lost_vessel_voxels": lost,
        **_abstentions(pipe, case, seed),
        "refuses_untaught": refuses_untaught(),
    }
    if score is not None:
        row["probe_before"], row["probe_after"] = (
            score(array, mask, lungs, case.true.spacing) for array in (true, replaced)
        )
    return row


def _abstentions(pipe: CounterfactualPipeline, case: Case, seed: int) -> Abstentions:
    """Does it abstain where nothing is, where the finding is elsewhere, and where it is?"""
    elsewhere = misplaced(case, seed)
    return {
        "abstains_absent": abstains(pipe, case.true, case, case.mask, seed),
        "abstains_misplaced": None
        if elsewhere is None
        else abstains(pipe, case.scan, case, elsewhere, seed),
        "abstains_present": abstains(pipe, case.scan, case, case.mask, seed),
    }
