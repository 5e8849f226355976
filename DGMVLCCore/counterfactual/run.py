"""The main job, end to end: scan + report (+ region) -> result folder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.anatomy.labels import anatomy_from_labels
from DGMVLCCore.anatomy.masks import dilate_mm, lesion_region
from DGMVLCCore.anatomy.segment import Anatomy, segment_anatomy
from DGMVLCCore.anatomy.zones import zone_region
from DGMVLCCore.attention.reading import attention_map
from DGMVLCCore.counterfactual.evidence import presence_evidence
from DGMVLCCore.counterfactual.gates import quality_gates
from DGMVLCCore.counterfactual.pipeline import CounterfactualPipeline
from DGMVLCCore.counterfactual.result import AttentionMap, EditPlan
from DGMVLCCore.devices import choose_device
from DGMVLCCore.errors import DeviceError, UnsuitableInputError, UsageError
from DGMVLCCore.export.results import check_output, write_result
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.profiles import PROFILES
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import absent_prompt, known_findings, source_prompt, target_prompt
from DGMVLCCore.language.vocabulary import load_vocabulary
from DGMVLCCore.models.region import cut_region

log = logging.getLogger(__name__)
MARGIN_MM = 6.0
MIN_LUNG_SHARE = 0.3
PROPOSAL_FLOOR = 0.15  # attention below this everywhere means the network does not see the finding
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Args:
        image: scan. report_text: chest CT prose. out: result folder.
        finding: 1-based number in the parsed report; the first present one the weights know when None.
        mask: segmentation of the region; proposed from the attention when None. segment: name of one of its segments.
        target: free words; the finding's absence when None.
        slices: canonical slices [first, last), counted from the feet.
        clinical: sentence of clinical facts, recorded beside the report.
    """

    image: Path
    report_text: str
    out: Path
    finding: int | None = None
    mask: Path | None = None
    segment: str | None = None
    anatomy: Path | None = None
    target: str | None = None
    mode: str = "replace"
    slices: tuple[int, int] | None = None
    seed: int = 0
    noises: int = 8
    steps: int = 10
    device: str | None = None
    overwrite: bool = False
    clinical: str = ""
    modality: str | None = None
    weights: Path | None = None


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
        if finding.presence != "absent" and finding.term in load_vocabulary().known:
            return finding
    raise UnsuitableInputError(f"The report names no present finding the weights were taught (read: {listed}); they know: {known_findings()}.")


def propose_region(attention: AttentionMap, anatomy: Anatomy, volume: Volume, finding: Finding) -> np.ndarray:
    """The lesion-like region the reading pass points at, within the side and zone the report names.

    Raises:
        UnsuitableInputError: the network sees nothing there.
    """
    allowed = zone_region(anatomy, volume, finding.side, finding.zone)
    values = np.where(allowed, attention.values, 0)
    peak = float(values.max())
    if peak < PROPOSAL_FLOOR:
        place = " ".join(filter(None, (finding.side, finding.zone))) or "lungs"
        raise UnsuitableInputError(f"No region of the {place} looks like “{finding.term}” (attention at most {peak:.2f}, {PROPOSAL_FLOOR} needed); "
                                   "give the region as a segmentation (--mask).")
    parts, _ = ndimage.label(values >= max(0.5 * peak, PROPOSAL_FLOOR))
    best = parts.ravel()[values.argmax()]
    return parts == best


def _region(request: Request, volume: Volume, anatomy: Anatomy, attention: AttentionMap, finding: Finding) -> tuple[np.ndarray, str]:
    """Edit mask on the scan's grid and where it came from."""
    if request.mask is None:
        lesion, origin = propose_region(attention, anatomy, volume, finding), "proposed from the reading pass"
    else:
        labels = load_labels(request.mask, volume)
        if request.segment and request.segment not in labels.segments:
            raise UsageError(f"{request.mask.name} has no segment “{request.segment}”; it has {', '.join(labels.segments)}.")
        lesion = labels.segments[request.segment] if request.segment else labels.union()
        origin = f"segmentation {request.mask.name}"
    region = lesion_region(lesion, anatomy, volume.spacing, MARGIN_MM)
    share = float(dilate_mm(anatomy.lungs, volume.spacing, 3.0)[lesion].mean())
    if share < MIN_LUNG_SHARE:
        raise UnsuitableInputError(f"Only {share:.0%} of the region lies in the lungs; mark the finding in the lung, or give a lung segmentation (--anatomy).")
    return region, origin


def _read(pipe: CounterfactualPipeline, volume: Volume, anatomy: Anatomy, finding: Finding, findings: list[Finding], request: Request,
          tell: Progress) -> dict[str, AttentionMap]:
    """A map for the edited finding and for every other finding of the report that is there and that the weights know."""
    known = load_vocabulary().known
    wanted = {f.term: f for f in (finding, *findings) if f is finding or (f.presence != "absent" and f.term in known)}
    wanted[finding.term] = finding
    return {term: attention_map(pipe, volume, anatomy, term, source_prompt(said), absent_prompt(term), slices=request.slices,
                                seed=request.seed, callback=tell) for term, said in wanted.items()}


def _check_presence(pipe: CounterfactualPipeline, volume: Volume, anatomy: Anatomy, plan: EditPlan, source: str, seed: int) -> dict[str, Any]:
    """Abstain when the scan fits the finding's absence better than the finding."""
    scan, turn = volume.canonical()
    mask = np.ascontiguousarray(turn.apply(plan.mask))
    rows = np.nonzero(mask.any((1, 2)))[0]
    region = cut_region(scan, anatomy.reoriented(turn), mask, (int(rows[0]), int(rows[-1]) + 1))
    evidence = presence_evidence(pipe, region, source, absent_prompt(plan.term), seed=seed)
    if plan.removes and evidence.absent:
        raise UnsuitableInputError(
            f"The region does not look like “{plan.term}”: “{absent_prompt(plan.term)}” explains its voxels better "
            f"(error difference {evidence.value:+.2%}, 95 % interval {evidence.low:+.2%} to {evidence.high:+.2%}); check the region or the finding.")
    return {"value": evidence.value, "low": evidence.low, "high": evidence.high, "noises": evidence.noises}


def _sha256(path: Path) -> dict[str, str]:
    """Name and hash of an input file; a folder's hash is that of its files' hashes in order."""
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]
    joined = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return {"name": path.name, "sha256": joined}


def _check_options(request: Request) -> None:
    if request.noises < 1 or request.steps < 1:
        raise UsageError(f"Noises and steps must be 1 or more, not {request.noises} and {request.steps}.")
    if request.mode not in ("replace", "shift"):
        raise UsageError(f"The mode must be replace or shift, not {request.mode}.")
    check_output(request.out, request.overwrite)


def run_counterfactual(request: Request, progress: Progress | None = None, pipe: CounterfactualPipeline | None = None) -> Path:
    """Do the whole job; returns the path of `result.json`.

    Args:
        progress: gets (stage, share done). pipe: a loaded pipeline, to keep it warm between runs.

    Raises:
        DGMVLCError: every refusal, with its sentence; then nothing was written.
    """
    tell = progress or (lambda stage, share: None)
    _check_options(request)
    findings = parse_report(request.report_text)
    finding = choose_finding(findings, request.finding)
    if finding.presence == "absent" and request.target is None:
        raise UnsuitableInputError(f"The report says “{finding.term}” is absent, so there is nothing to take away; name what to show with --target.")
    source = absent_prompt(finding.term) if finding.presence == "absent" else source_prompt(finding)
    target, target_term, removes = target_prompt(finding.term, request.target)
    tell("loading", 0.0)
    device = choose_device(request.device)
    volume = load_volume(request.image, request.modality)
    if volume.modality != "CT":
        raise UnsuitableInputError(f"{request.image.name}: {PROFILES[volume.modality].note}")
    if request.slices and not 0 <= request.slices[0] < request.slices[1] <= len(volume.canonical()[0].array):
        raise UsageError(f"The slices {request.slices[0]}:{request.slices[1]} are not within 0:{len(volume.canonical()[0].array)}.")
    anatomy = anatomy_from_labels(load_labels(request.anatomy, volume), volume) if request.anatomy else segment_anatomy(volume)
    pipe = (pipe or CounterfactualPipeline.from_pretrained(request.weights)).to(device)
    try:
        attention = _read(pipe, volume, anatomy, finding, findings, request, tell)
        mask, origin = _region(request, volume, anatomy, attention[finding.term], finding)
        plan = EditPlan(mask, source, target, target_term, removes, request.mode, finding.to_dict())
        evidence = _check_presence(pipe, volume, anatomy, plan, source, request.seed) if finding.presence != "absent" else None
        result = pipe(volume, plan, anatomy=anatomy, noises=request.noises, steps=request.steps, seed=request.seed,
                      slices=request.slices, callback=tell)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "out of memory" not in str(error) and "can't allocate" not in str(error):
            raise
        raise DeviceError(f"{device} ran out of memory; take fewer slices (--slices A:B) or another device.") from error
    result.attention = attention
    result.gates = quality_gates(result, anatomy) if result.mask.any() and source != target else []
    result.settings |= {"region": origin, "evidence": evidence, "clinical": request.clinical, "anatomy": anatomy.origin}
    tell("writing", 0.0)
    inputs = {"image": _sha256(request.image)} | ({"mask": _sha256(request.mask)} if request.mask else {})
    path = write_result(result, request.out, anatomy=anatomy, report=request.report_text, findings=findings, inputs=inputs,
                        weights={"name": pipe.weights, "sha256": pipe.weights_sha256}, overwrite=request.overwrite)
    tell("writing", 1.0)
    return path
