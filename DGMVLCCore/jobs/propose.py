"""Propose the region of a finding, without an edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from DGMVLCCore.editing.find import Proposal
from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.jobs.edit import Request, load_all, propose_region
from DGMVLCCore.jobs.progress import guarded, memory_named
from DGMVLCCore.jobs.region import choose_finding
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import source_prompt


@dataclass(frozen=True, eq=False)
class Proposed:
    """A proposed region with what it was found in; the mask has no margin yet."""

    region: Proposal
    finding: Finding
    volume: Volume
    anatomy: Anatomy


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
    return Proposed(region, finding, volume, anatomy)
