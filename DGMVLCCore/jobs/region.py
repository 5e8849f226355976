"""The finding and the region of an edit: which, where it was marked, whether the finding is there,
and whether the report speaks of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DGMVLCCore.editing.asked import SEEN, Evidence, change_evidence
from DGMVLCCore.editing.checks import place_gate, size_gate, tissue_gate
from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.result import EditPlan, Gate
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import denial_prompt, known_findings
from DGMVLCCore.language.vocabulary import load_vocabulary


@dataclass(frozen=True, eq=False)
class MarkedRegion:
    """Where to edit, bool (D,H,W) on the scan's grid.

    Args:
        lesion: as it was marked or proposed. mask: with its margin. origin: where it came from.
    """

    lesion: np.ndarray
    mask: np.ndarray
    origin: str


def choose_finding(findings: list[Finding], number: int | None) -> Finding:
    """The finding to edit.

    Raises:
        UsageError: no such number. UnsuitableInputError: the report names none the weights know.
    """
    listed = "; ".join(f"{i} {f.term} ({f.presence})" for i, f in enumerate(findings, 1)) or "none"
    if number is not None:
        if not 1 <= number <= len(findings):
            raise UsageError(f"There is no finding {number}; the report names: {listed}.")
        return findings[number - 1]
    for finding in findings:
        if finding.presence != "absent" and finding.taught in load_vocabulary().known:
            return finding
    raise UnsuitableInputError(
        f"The report names no present finding the weights were taught (read: {listed}); they "
        f"know: {known_findings()}."
    )


def region_evidence(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    mask: np.ndarray,
    term: str,
    slices: tuple[int, int] | None,
    *,
    others: bool = True,
    seed: int = 0,
    tell: Progress | None = None,
) -> Evidence:
    """Whether the scan shows a finding in a region (bool (D,H,W), with its margin), in the slices
    to edit."""
    scan, turn = volume.canonical()
    mask = turn.apply(mask).copy()
    if slices and mask[slices[0] : slices[1]].any():
        mask[: slices[0]] = mask[slices[1] :] = False
    own, denial = anatomy.reoriented(turn), denial_prompt(term)
    return change_evidence(pipe, scan, own, mask, denial, others=others, seed=seed, callback=tell)


def refuse_unseen(plan: EditPlan, evidence: Evidence) -> None:
    """Abstain when the scan, in the slices to edit, does not show the finding that is to go.

    Raises:
        UnsuitableInputError: it does not.
    """
    if plan.removes and evidence.absent:
        raise UnsuitableInputError(
            f"The region does not look like “{plan.term}”: what “{denial_prompt(plan.term)}” asks "
            f"to change and what looks like disease come to {evidence.value:.0%} in its most "
            f"suspicious part (95 % interval {evidence.low:.0%} to {evidence.high:.0%}, {SEEN:.0%} "
            "needed); check the region or the finding."
        )


def region_gates(
    finding: Finding, marked: MarkedRegion, location: Location, anatomy: Anatomy, volume: Volume
) -> list[Gate]:
    """Do report and region speak of the same thing?"""
    gates = [place_gate(finding, location), size_gate(finding, location.diameter_mm)]
    return [*filter(None, gates), tissue_gate(marked.lesion, anatomy, volume)]
