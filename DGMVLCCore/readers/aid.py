"""The counterfactual that a reader may be given beside a case: found and made without the answer
key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.editing.agreement import agreement_of, refuse_opposed
from DGMVLCCore.editing.asked import change_evidence
from DGMVLCCore.editing.find import find
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.masks import lesion_region
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import denial_prompt, present_prompt, wanted_finding
from DGMVLCCore.readers.make import MARGIN_MM, Made
from DGMVLCCore.readers.records import NOTICE


def counterfactual_without(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Any,
    term: str,
    *,
    noises: int = 4,
    seed: int = 0,
) -> np.ndarray:
    """The scan without `term` as the program would show it: float32 (D,H,W) HU.

    The region is proposed from the word alone. Where none is found, where the finding's denial
    asks for little change, or where the change would run against the words, the program gives no
    image, and the scan comes back unchanged.
    """
    if pipe.alignment is None:
        raise UnsuitableInputError(
            "Without a dual encoder no region can be proposed, so there is no counterfactual to "
            "read beside the cases."
        )
    found = find(pipe.alignment, volume, anatomy, wanted_finding(term), most=1)
    if not found:
        return volume.array.copy()
    mask = lesion_region(found[0].mask, anatomy, volume.spacing, MARGIN_MM)
    source, target = present_prompt(term), denial_prompt(term)
    if change_evidence(pipe, volume, anatomy, mask, target, seed=seed).absent:
        return volume.array.copy()
    result = pipe(
        volume, EditPlan(mask, source, target, term), anatomy=anatomy, noises=noises, seed=seed
    )
    try:
        refuse_opposed(agreement_of(pipe.alignment, result, anatomy))
    except UnsuitableInputError:
        return volume.array.copy()
    return result.counterfactual.array


def aid_writer(
    pipe: CounterfactualPipeline, noises: int = 4
) -> Callable[[Made, Path, str], dict[str, str]]:
    """Writes `NAME-counterfactual.nrrd` and `NAME-difference.nrrd` beside each case, for the
    finding that its reader is asked for."""

    def write(made: Made, folder: Path, name: str) -> dict[str, str]:
        edited = counterfactual_without(
            pipe, made.after, made.anatomy, made.spec.asked, noises=noises
        )
        facts = {
            "DGMVLC_Synthetic": "a counterfactual",
            "DGMVLC_Notice": NOTICE,
            "DGMVLC_Unit": "HU",
        }
        files = {
            "counterfactual": (edited, facts),
            "difference": (
                edited - made.after.array,
                {**facts, "DGMVLC_Sign": "counterfactual - case"},
            ),
        }
        for what, (array, header) in files.items():
            save_volume(
                made.after.with_array(array, stored_dtype="int16"),
                folder / f"{name}-{what}.nrrd",
                header,
            )
        return {what: f"{name}-{what}.nrrd" for what in files}

    return write
