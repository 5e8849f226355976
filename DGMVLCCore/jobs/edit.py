"""The main job, end to end: scan + report (+ region) -> result folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from DGMVLCCore.editing.agreement import agreement_of, refuse_opposed
from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.checks import (
    evidence_gate,
    named_gate,
    refuse_other_side,
    vessels_of,
)
from DGMVLCCore.editing.find import Proposal, find
from DGMVLCCore.editing.gates import quality_gates
from DGMVLCCore.editing.memory import ScanMemory, input_facts
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.reading import attention_map
from DGMVLCCore.editing.result import AttentionMap, EditPlan
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.ground.devices import choose_device
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.labels import load_region
from DGMVLCCore.imaging.masks import lesion_region, share_near
from DGMVLCCore.imaging.profiles import require_ct
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import locate
from DGMVLCCore.jobs.progress import guarded, memory_named, part_of
from DGMVLCCore.jobs.region import MarkedRegion, check_presence, region_gates
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import (
    absent_prompt,
    denial_prompt,
    known_findings,
    source_prompt,
    target_prompt,
)
from DGMVLCCore.language.vocabulary import load_vocabulary
from DGMVLCCore.report.edit import write_result
from DGMVLCCore.results.folders import check_output

log = logging.getLogger(__name__)
MARGIN_MM = 6.0
MIN_LUNG_SHARE = 0.3
NOT_READ = (
    "Made by the one-pass network, which reads no voxels: it was not asked whether it sees the "
    "finding, and there is no attention map."
)
Progress = Callable[[str, float], None]
OnPlan = Callable[[CounterfactualPipeline, Volume, Anatomy, EditPlan], None]


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


def propose_region(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    finding: Finding,
    slices: tuple[int, int] | None,
    tell: Progress,
    others: Sequence[Finding] = (),
) -> Proposal:
    """The region that fits the finding best, where the report places it and of about the size it
    names; not the one that fits another finding of its term better.

    Args:
        others: all findings of the report.

    Raises:
        UnsuitableInputError: no dual encoder is loaded, it was not taught the finding, or it sees
            none there.
    """
    if pipe.alignment is None:
        raise UnsuitableInputError(
            "Without a dual encoder no region can be proposed; give the region as a segmentation "
            "(--mask)."
        )
    found = find(
        pipe.alignment,
        volume,
        anatomy,
        finding,
        rows=slices,
        most=1,
        others=[
            f for f in others if f.term == finding.term and f != finding and f.presence == "present"
        ],
        callback=lambda _, share: tell("reading", share),
    )
    if not found:
        place = " ".join(filter(None, (finding.side, finding.zone))) or "lungs"
        raise UnsuitableInputError(
            f"No region of the {place} looks like “{finding.term}”; check the side and the "
            "finding, "
            "or give the region as a segmentation (--mask)."
        )
    return found[0]


def edit_region(
    request: Request, volume: Volume, anatomy: Anatomy, propose: Callable[[], Proposal]
) -> MarkedRegion:
    """The region to edit; `propose` finds one when the user gave none."""
    if request.mask is None:
        lesion, origin = propose().mask, "proposed from the finding's words"
    else:
        lesion, origin = (
            load_region(request.mask, volume, request.segment),
            f"segmentation {request.mask.name}",
        )
    region = lesion_region(lesion, anatomy, volume.spacing, MARGIN_MM)
    share = share_near(lesion, anatomy.lungs, volume.spacing, 3.0)
    if share < MIN_LUNG_SHARE:
        raise UnsuitableInputError(
            f"Only {share:.0%} of the region lies in the lungs; mark the finding in the lung, or "
            "give a lung segmentation (--anatomy)."
        )
    return MarkedRegion(lesion, region, origin)


def _reader(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    request: Request,
    memory: ScanMemory,
) -> Callable[[Finding, Progress], AttentionMap]:
    """The reading pass of a finding, from memory when it was read before."""

    def read(finding: Finding, tell: Progress) -> AttentionMap:
        source = source_prompt(finding)
        key = (
            finding.term,
            source,
            request.slices,
            request.seed,
            pipe.weights_sha256,
            str(pipe.device),
        )
        return memory.attention(
            key,
            lambda: attention_map(
                pipe,
                volume,
                anatomy,
                finding.term,
                source,
                denial_prompt(finding.term) if pipe.sees else absent_prompt(finding.term),
                slices=request.slices,
                seed=request.seed,
                callback=tell,
            ),
        )

    return read


def _to_read(finding: Finding, findings: list[Finding]) -> list[Finding]:
    """The edited finding, then one of every other term of the report that is there and that the
    weights know."""
    known = load_vocabulary().known
    others = {
        f.taught: f
        for f in findings
        if f.presence != "absent" and f.taught in known and f.taught != finding.taught
    }
    return [finding, *others.values()]


def _check_options(request: Request) -> None:
    if request.noises < 1 or request.steps < 1:
        raise UsageError(
            f"Noises and steps must be 1 or more, not {request.noises} and {request.steps}."
        )
    if request.mode not in ("replace", "shift"):
        raise UsageError(f"The mode must be replace or shift, not {request.mode}.")
    check_output(request.out, request.overwrite)


def _sentences(request: Request, finding: Finding) -> tuple[str, str, str, bool]:
    """Source and target sentence, the target's term, and whether it removes the finding."""
    if finding.presence == "absent" and request.target is None:
        raise UnsuitableInputError(
            f"The report says “{finding.term}” is absent, so there is nothing to take away; name "
            "what to show with --target."
        )
    source = absent_prompt(finding.term) if finding.presence == "absent" else source_prompt(finding)
    return (source, *target_prompt(finding.term, request.target))


def load_scan(request: Request, memory: ScanMemory) -> tuple[Volume, Anatomy]:
    """The scan and its anatomy, checked."""
    volume = require_ct(
        memory.volume(request.image, request.modality, request.reading), request.image.name
    )
    if request.slices and not 0 <= request.slices[0] < request.slices[1] <= len(
        volume.canonical()[0].array
    ):
        raise UsageError(
            f"The slices {request.slices[0]}:{request.slices[1]} are not within "
            f"0:{len(volume.canonical()[0].array)}."
        )
    return volume, memory.anatomy(volume, request.anatomy)


def run_counterfactual(
    request: Request,
    progress: Progress | None = None,
    pipe: CounterfactualPipeline | None = None,
    *,
    should_cancel: Callable[[], bool] | None = None,
    memory: ScanMemory | None = None,
    on_plan: OnPlan | None = None,
) -> Path:
    """Do the whole job; returns the path of `result.json`.

    Args:
        progress: gets (stage, share done); stages are loading, reading, editing, writing. pipe: a
            loaded pipeline, to keep it warm between runs.
        should_cancel: asked at every report of progress. memory: what the last run left. on_plan:
            gets pipeline, scan, anatomy and plan once the
            region is known, before the long work (for a preview).

    Raises:
        DGMVLCError: every refusal, with its sentence; then nothing was written.
    """
    tell, memory = guarded(progress, should_cancel), memory or ScanMemory()
    _check_options(request)
    findings = parse_report(request.report_text)
    finding = choose_finding(findings, request.finding)
    source, target, target_term, removes = _sentences(request, finding)
    tell("loading", 0.0)
    device = choose_device(request.device)
    volume, anatomy = load_scan(request, memory)
    pipe = (pipe or CounterfactualPipeline.from_pretrained(request.weights)).to(device)
    wanted, read = _to_read(finding, findings), _reader(pipe, volume, anatomy, request, memory)
    parts = len(wanted) + 1
    with memory_named(device):
        marked = edit_region(
            request,
            volume,
            anatomy,
            lambda: propose_region(
                pipe, volume, anatomy, finding, request.slices, part_of(tell, 0, parts), findings
            ),
        )
        location = locate(marked.lesion, anatomy, volume)
        refuse_other_side(finding, location)
        plan = EditPlan(
            marked.mask, source, target, target_term, removes, request.mode, finding.to_dict()
        )
        if on_plan:
            on_plan(pipe, volume, anatomy, plan)
        check = part_of(tell, 0 if request.mask else 1, parts)
        reads = (
            not pipe.one_pass
        )  # a one-pass network says neither whether it sees the finding nor where
        evidence = (
            check_presence(pipe, volume, anatomy, plan, request.slices, request.seed, check)
            if reads and finding.presence != "absent"
            else None
        )
        attention = (
            {f.taught: read(f, part_of(tell, i + 1, parts)) for i, f in enumerate(wanted)}
            if reads
            else {}
        )
        result = pipe(
            volume,
            plan,
            anatomy=anatomy,
            noises=request.noises,
            steps=request.steps,
            seed=request.seed,
            slices=request.slices,
            tiles=request.native,
            callback=tell,
        )
    result.attention = attention
    if result.mask.any() and source != target:
        if pipe.alignment is not None:
            result.agreement = agreement_of(pipe.alignment, result, anatomy)
            refuse_opposed(result.agreement)
        result.gates = [
            *region_gates(finding, marked, location, anatomy, volume),
            *([evidence_gate(Evidence(**evidence))] if evidence and pipe.sees else []),
            *quality_gates(result, anatomy),
            *filter(None, [vessels_of(result), named_gate(result)]),
        ]
    result.settings |= {
        "region": marked.origin,
        "evidence": evidence,
        "clinical": request.clinical,
        "anatomy": anatomy.origin,
    }
    remarks = [*([] if reads else [NOT_READ]), *volume.metadata.get("notes", ())]
    if remarks:
        result.settings["note"] = " ".join(remarks)
    tell("writing", 0.0)
    inputs = input_facts(memory.facts, request.mask, request.report_source)
    path = write_result(
        result,
        request.out,
        anatomy=anatomy,
        report=request.report_text,
        findings=findings,
        inputs=inputs,
        weights={"name": pipe.weights, "sha256": pipe.weights_sha256},
        overwrite=request.overwrite,
        scene=request.scene,
    )
    if progress:
        progress("writing", 1.0)  # no longer through the guard: what is written stays
    return path
