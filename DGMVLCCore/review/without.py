"""The scan without a region, by the network of an edit."""

from __future__ import annotations

from dataclasses import dataclass

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import lesion_region
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import denial_prompt, present_prompt
from DGMVLCCore.review.candidates import Candidate


@dataclass(frozen=True, eq=False)
class Without:
    """A scan without one of its regions.

    Args:
        scan: as it was, but for the region and a margin. denied: the sentence it was edited by.
        removed_hu: mean change in the region.
    """

    scan: Volume
    denied: str
    removed_hu: float


def without(
    pipe: CounterfactualPipeline, scan: Volume, anatomy: Anatomy, one: Candidate
) -> Without:
    """The scan as it would be without a region, by the denial that asks for most change there.

    Args:
        scan, anatomy: canonical.
    """
    term = one.phrases[0].term
    mask = lesion_region(one.mask, anatomy, scan.spacing)  # with the margin of an edit
    plan = EditPlan(mask, present_prompt(term), denial_prompt(term), term)
    made = pipe(scan, plan, anatomy=anatomy, noises=1)
    change = made.counterfactual.array[one.mask] - scan.array[one.mask]
    return Without(made.counterfactual, plan.target, float(change.mean()))
