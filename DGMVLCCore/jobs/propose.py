"""Propose the region of a finding, without an edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.find import Proposal
from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import MARGIN_MM, lesion_region
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.jobs.edit import Request, load_all, propose_region
from DGMVLCCore.jobs.progress import guarded, memory_named
from DGMVLCCore.jobs.region import choose_finding, region_evidence
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import source_prompt


@dataclass(frozen=True, eq=False)
class Proposed:
    """A proposed region with what it was found in.

    Args:
        region: without a margin. evidence: whether the finding's denial asks for a change there;
            None where nobody was asked, as for a finding that the report denies.
    """

    region: Proposal
    finding: Finding
    volume: Volume
    anatomy: Anatomy
    evidence: Evidence | None = None


def propose(
    request: Request,
    progress: Progress | None = None,
    pipe: CounterfactualPipeline | None = None,
    *,
    should_cancel: Callable[[], bool] | None = None,
    memory: ScanMemory | None = None,
) -> Proposed:
    """The region of the chosen finding that a run without a mask would edit; arguments as
    `run_counterfactual`.

    Raises:
        DGMVLCError: every refusal, with its sentence.
    """
    tell, memory = guarded(progress, should_cancel), memory or ScanMemory()
    findings = parse_report(request.report_text)
    finding = choose_finding(findings, request.finding)
    source_prompt(finding)
    pipe, volume, anatomy = load_all(request, memory, pipe, tell)
    with memory_named(pipe.device):
        region = propose_region(
            pipe, volume, anatomy, finding, request.slices, tell, findings, memory
        )
        evidence = None
        if pipe.sees and finding.presence != "absent":  # of a denied one a run asks nobody
            mask = lesion_region(region.mask, anatomy, volume.spacing, MARGIN_MM)
            scan = (pipe, volume, anatomy)
            evidence = region_evidence(*scan, mask, finding.taught, request.slices, others=False)
    return Proposed(region, finding, volume, anatomy, evidence)
