"""What a region is, and the scan without it: by the evidence and the network of an edit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from DGMVLCCore.editing.asked import SEEN, top_share
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.editing.see_through import RegionEditor
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import fullest_rows, lesion_region, rows_around
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import denial_prompt, present_prompt
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.review.abnormality import Looked
from DGMVLCCore.review.candidates import Candidate
from DGMVLCCore.review.crosscheck import Asked

READ_SLICES = 3  # of a region, the fullest


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


def name_regions(
    pipe: CounterfactualPipeline, looked: Looked, found: list[Candidate]
) -> list[Candidate]:
    """The same regions with every finding the editor knows, that whose denial asks for most change
    in the region first; without regions that an edit would rather leave as they are."""
    thick = looked.thick
    predict = pipe.edit_predictor()
    texts = [(term, pipe.text(denial_prompt(term))) for term in pipe.findings]
    named = []
    for one in found:
        starts = np.arange(0, len(one.mask), thick)
        mask = np.logical_or.reduceat(one.mask, starts) if thick > 1 else one.mask
        region = cut_region(looked.scan, looked.anatomy, mask, rows_around(mask))
        chosen = fullest_rows(region.mask, READ_SLICES)
        asked = []
        for term, text in texts:
            editor = RegionEditor(predict, region, text, capacity=pipe.capacity(region))
            change = editor.look(chosen).change
            values = [change[row][region.mask[row]] for row in chosen]
            asked.append(Asked(term, top_share(np.concatenate(values))))
        asked.sort(key=lambda each: -each.share)
        if asked[0].share >= SEEN:
            named.append(replace(one, phrases=asked))
    return named


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
