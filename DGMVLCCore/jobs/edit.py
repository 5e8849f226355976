"""The main job, end to end: scan + report (+ region) -> result folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from DGMVLCCore.editing.agreement import agreement_of, refuse_opposed
from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.checks import (
    changed_gate,
    evidence_gate,
    named_gate,
    refuse_other_side,
    vessels_of,
)
from DGMVLCCore.editing.find import Proposal, find
from DGMVLCCore.editing.gates import quality_gates
from DGMVLCCore.editing.insertion import hidden_for
from DGMVLCCore.editing.memory import ScanMemory, input_facts
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import AttentionMap, CounterfactualResult, EditPlan
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.ground.devices import choose_device
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.labels import load_region
from DGMVLCCore.imaging.masks import MARGIN_MM, lesion_region, share_near
from DGMVLCCore.imaging.profiles import require_ct
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import locate
from DGMVLCCore.jobs.attention import read_finding
from DGMVLCCore.jobs.progress import guarded, memory_named, part_of
from DGMVLCCore.jobs.region import (
    MarkedRegion,
    choose_finding,
    refuse_unseen,
    region_evidence,
    region_gates,
)
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import (
    absent_prompt,
    source_prompt,
    target_prompt,
)
from DGMVLCCore.language.vocabulary import load_vocabulary
from DGMVLCCore.report.edit import write_result
from DGMVLCCore.results.folders import check_output

MIN_LUNG_SHARE = 0.3
NOT_READ = (
    "Made by a network that fills holes and reads none of their voxels: it was not asked whether "
    "it sees the finding, and there is no attention map."
)
NO_ENCODER = (
    "Without a dual encoder no region can be proposed; give the region as a segmentation (--mask)."
)
Progress = Callable[[str, float], None]
OnPlan = Callable[[CounterfactualPipeline, Volume, Anatomy, EditPlan], None]


def propose_region(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    finding: Finding,
    slices: tuple[int, int] | None,
    tell: Progress,
    others: Sequence[Finding] = (),
    memory: ScanMemory | None = None,
) -> Proposal:
    """The region that fits the finding best, where the report places it and of about the size it
    names; not the one that fits another finding of its term better.

    Args:
        others: all findings of the report. memory: keeps what was seen of the scan, for the next
            finding.

    Raises:
        UnsuitableInputError: no dual encoder is loaded, it was not taught the finding, or it sees
            none there.
    """
    if pipe.alignment is None:
        raise UnsuitableInputError(NO_ENCODER)

    def looking(_: str, share: float) -> None:
        tell("reading", share)

    scan = (pipe.alignment, volume, anatomy)
    cells = memory.look(*scan, looking) if memory else None
    found = find(*scan, finding, rows=slices, most=1, others=others, cells=cells, callback=looking)
    if not found:
        place = " ".join(filter(None, (finding.side, finding.zone))) or "lungs"
        raise UnsuitableInputError(
            f"No region of the {place} looks like “{finding.term}”; check the side and the "
            "finding, or give the region as a segmentation (--mask)."
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


def check_options(request: Request, record: str = "result.json") -> None:
    """Refuse at once what could not be made or written.

    Raises:
        UsageError: noises, steps or mode out of range. OutputError: `out` holds something else than
            an earlier result with this record, or one and `overwrite` is not set.
    """
    if request.noises < 1 or request.steps < 1:
        raise UsageError(
            f"Noises and steps must be 1 or more, not {request.noises} and {request.steps}."
        )
    if request.mode not in ("replace", "shift"):
        raise UsageError(f"The mode must be replace or shift, not {request.mode}.")
    check_output(request.out, request.overwrite, record)


@dataclass(frozen=True)
class Asked:
    """What the report and the request ask for: the finding to edit among all findings, and the
    edit in sentences."""

    findings: list[Finding]
    finding: Finding
    source: str
    target: str
    term: str  # of the target
    removes: bool

    @property
    def to_read(self) -> list[Finding]:
        """The edited finding, then one of every other term of the report that is there and that
        the weights know."""
        known = load_vocabulary().known
        others = {
            f.taught: f
            for f in self.findings
            if f.presence != "absent" and f.taught in known and f.taught != self.finding.taught
        }
        return [self.finding, *others.values()]


def asked_of(request: Request) -> Asked:
    """What a request asks for.

    Raises:
        UsageError, UnsuitableInputError: there is nothing to edit.
    """
    findings = parse_report(request.report_text)
    finding = choose_finding(findings, request.finding)
    if finding.presence == "absent" and request.target is None:
        raise UnsuitableInputError(
            f"The report says “{finding.term}” is absent, so there is nothing to take away; name "
            "what to show with --target."
        )
    source = absent_prompt(finding.term) if finding.presence == "absent" else source_prompt(finding)
    return Asked(findings, finding, source, *target_prompt(finding.term, request.target))


def require_slices(request: Request, volume: Volume) -> None:
    """Refuse slices that the scan does not have.

    Raises:
        UsageError: they are not within it.
    """
    depth = len(volume.canonical()[0].array)
    if request.slices and not 0 <= request.slices[0] < request.slices[1] <= depth:
        raise UsageError(
            f"The slices {request.slices[0]}:{request.slices[1]} are not within 0:{depth}."
        )


def load_scan(request: Request, memory: ScanMemory) -> tuple[Volume, Anatomy]:
    """The scan and its anatomy, checked."""
    scan = memory.volume(request.image, request.modality, request.reading)
    volume = require_ct(scan, request.image.name)
    require_slices(request, volume)
    return volume, memory.anatomy(volume, request.anatomy)


def load_all(
    request: Request, memory: ScanMemory, pipe: CounterfactualPipeline | None, tell: Progress
) -> tuple[CounterfactualPipeline, Volume, Anatomy]:
    """The network on the device that is asked for, the scan and its anatomy, checked."""
    tell("loading", 0.0)
    device = choose_device(request.device)
    volume, anatomy = load_scan(request, memory)
    loaded = pipe or CounterfactualPipeline.from_pretrained(request.weights)
    return loaded.to(device), volume, anatomy


@dataclass
class _Edit:
    """One edit under way: what is asked, of which scan, by which network."""

    request: Request
    asked: Asked
    pipe: CounterfactualPipeline
    volume: Volume
    anatomy: Anatomy
    memory: ScanMemory

    @property
    def reads(self) -> bool:
        """A hole-filling network says neither whether it sees the finding nor where."""
        return self.pipe.sees

    def mark(self, tell: Progress) -> MarkedRegion:
        """The region, as given or proposed, on the side that the report names."""
        asked, scan = self.asked, (self.pipe, self.volume, self.anatomy)
        marked = edit_region(
            self.request,
            self.volume,
            self.anatomy,
            lambda: propose_region(
                *scan, asked.finding, self.request.slices, tell, asked.findings, self.memory
            ),
        )
        refuse_other_side(asked.finding, locate(marked.lesion, self.anatomy, self.volume))
        return marked

    def plan(self, marked: MarkedRegion) -> EditPlan:
        """The edit in the region."""
        asked = self.asked
        edit = (asked.source, asked.target, asked.term, asked.removes, self.request.mode)
        hidden = None
        if asked.finding.presence == "absent" and not asked.removes:
            hidden = hidden_for(asked.term, marked.lesion, marked.mask, self.volume.spacing)
        return EditPlan(marked.mask, *edit, asked.finding, hidden)

    def evidence(self, plan: EditPlan, tell: Progress) -> Evidence | None:
        """Does the network see the finding that the report states? None where nobody asks."""
        if not self.reads or self.asked.finding.presence == "absent":
            return None
        slices, seed, pipe = self.request.slices, self.request.seed, self.pipe
        asked = (plan.term, slices, seed, pipe.weights_sha256, str(pipe.device))
        scan, region = (pipe, self.volume, self.anatomy), (plan.mask, plan.term, slices)
        return self.memory.evidence(
            plan.mask, asked, lambda: region_evidence(*scan, *region, seed=seed, tell=tell)
        )

    def attention(self, tells: list[Progress]) -> dict[str, AttentionMap]:
        """The map of each finding to read, with a progress for each."""
        scan, slices = (self.pipe, self.volume, self.anatomy), self.request.slices
        wanted = zip(self.asked.to_read if self.reads else [], tells)
        return {
            finding.taught: read_finding(*scan, finding, slices, self.memory, tell)
            for finding, tell in wanted
        }

    def make(self, plan: EditPlan, tell: Progress) -> CounterfactualResult:
        """The counterfactual."""
        request = self.request
        return self.pipe(
            self.volume,
            plan,
            anatomy=self.anatomy,
            noises=request.noises,
            steps=request.steps,
            seed=request.seed,
            slices=request.slices,
            tiles=request.native,
            smooth_z=request.smooth_z,
            callback=tell,
        )

    def check(
        self, result: CounterfactualResult, marked: MarkedRegion, evidence: Evidence | None
    ) -> None:
        """Agreement, gates and what is to be known of the run, into the result.

        Raises:
            UnsuitableInputError: words and picture are opposed.
        """
        asked, anatomy, volume = self.asked, self.anatomy, self.volume
        if result.mask.any() and asked.source != asked.target:
            if self.pipe.alignment is not None:
                result.agreement = agreement_of(self.pipe.alignment, result, anatomy)
                refuse_opposed(result.agreement)
            location = locate(marked.lesion, anatomy, volume)
            seen = [evidence_gate(evidence)] if evidence else []
            result.gates = [
                *region_gates(asked.finding, marked, location, anatomy, volume),
                *seen,
                *quality_gates(result, anatomy),
                *filter(None, [vessels_of(result), changed_gate(result), named_gate(result)]),
            ]
        result.settings |= {
            "region": marked.origin,
            "evidence": asdict(evidence) if evidence else None,
            "clinical": self.request.clinical,
            "anatomy": anatomy.origin,
        }
        remarks = [*([] if self.reads else [NOT_READ]), *volume.metadata.get("notes", ())]
        if remarks:
            result.settings["note"] = " ".join(remarks)

    def write(self, result: CounterfactualResult) -> Path:
        """The result's folder; returns the path of `result.json`."""
        request = self.request
        return write_result(
            result,
            request.out,
            anatomy=self.anatomy,
            report=request.report_text,
            findings=self.asked.findings,
            inputs=input_facts(self.memory.facts, request.mask, request.report_source),
            weights={"name": self.pipe.weights, "sha256": self.pipe.weights_sha256},
            overwrite=request.overwrite,
            scene=request.scene,
        )


def look_ahead(
    request: Request,
    progress: Progress,
    pipe: CounterfactualPipeline,
    *,
    should_cancel: Callable[[], bool],
    memory: ScanMemory,
) -> list[Finding]:
    """Read of the scan what an edit will read, so that it finds it in memory: the maps of the
    findings, and the region where one is given. Returns the findings.

    Raises:
        DGMVLCError: every refusal of the scan or the words, with its sentence.
    """
    tell, asked = guarded(progress, should_cancel), asked_of(request)
    edit = _Edit(request, asked, *load_all(request, memory, pipe, tell), memory)
    if not edit.reads:
        return []
    edit.attention([tell for _ in asked.to_read])
    if request.mask is not None:
        with suppress(UnsuitableInputError, UnreadableError):  # the run will say why
            edit.evidence(edit.plan(edit.mark(tell)), tell)
    return asked.to_read


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
        should_cancel: asked at every report of progress. memory: what the last run left.
        on_plan: gets pipeline, scan, anatomy and plan once the region is known (for a preview).

    Raises:
        DGMVLCError: every refusal, with its sentence; then nothing was written.
    """
    tell, memory = guarded(progress, should_cancel), memory or ScanMemory()
    check_options(request)
    asked = asked_of(request)
    edit = _Edit(request, asked, *load_all(request, memory, pipe, tell), memory)
    parts = [part_of(tell, i, n) for n in (len(asked.to_read) + 1,) for i in range(n)]
    with memory_named(edit.pipe.device):
        marked = edit.mark(parts[0])
        plan = edit.plan(marked)
        if on_plan:
            on_plan(edit.pipe, edit.volume, edit.anatomy, plan)
        evidence = edit.evidence(plan, parts[0 if request.mask else 1])
        if evidence is not None:
            refuse_unseen(plan, evidence)
        attention = edit.attention(parts[1:])
        result = edit.make(plan, tell)
    result.attention = attention
    edit.check(result, marked, evidence)
    tell("writing", 0.0)
    path = edit.write(result)
    if progress:
        progress("writing", 1.0)  # no longer through the guard: what is written stays
    return path
