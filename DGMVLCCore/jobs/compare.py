"""A differential for one region: every hypothesis drawn under the same mask, noise and slices, and
ranked by the patient's own voxels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from DGMVLCCore.editing.agreement import agreement_of
from DGMVLCCore.editing.find import Proposal
from DGMVLCCore.editing.gates import organ_gate, rim_gate
from DGMVLCCore.editing.memory import ScanMemory, input_facts
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan, Gate
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location, locate
from DGMVLCCore.jobs.edit import (
    Progress,
    check_options,
    edit_region,
    load_all,
    propose_region,
)
from DGMVLCCore.jobs.progress import guarded, memory_named, part_of
from DGMVLCCore.jobs.ranking import NOTE, Ranked, Ranking, rank
from DGMVLCCore.jobs.region import MarkedRegion, choose_finding
from DGMVLCCore.jobs.requests import CompareRequest
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.report.comparison import RECORD, write_comparison
from DGMVLCCore.report.edit import Facts
from DGMVLCCore.results.comparison import ComparedWith, Comparison, HypothesisRow, RankingFact
from DGMVLCCore.results.manifest import Inputs, measures
from DGMVLCCore.review.hypotheses import Hypothesis, as_reported, differential, resolve

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session

NO_REGION = (
    "The region is missing; give it as a segmentation (--mask), or a report (-r) from whose "
    "finding "
    "it can be proposed."
)


def _asked(request: CompareRequest) -> tuple[list[Hypothesis], list[Finding], Finding | None]:
    """Hypotheses, what the report says, and the finding they are about (None without a report)."""
    findings = parse_report(request.report_text) if request.report_text.strip() else []
    finding = (
        choose_finding(findings, request.finding)
        if findings and (request.finding or not (request.hypotheses and request.mask))
        else None
    )
    if request.hypotheses:
        asked = as_reported(resolve(request.hypotheses), findings)
    elif finding is not None:
        asked = differential(finding)
    else:
        raise UsageError(
            "There is nothing to compare; give hypotheses (--hypothesis, twice or more) or a "
            "report (-r) that names a finding."
        )
    if finding is None and request.mask is None:
        raise UsageError(NO_REGION)
    return asked, findings, finding


def _cut(
    volume: Volume, anatomy: Anatomy, mask: np.ndarray, slices: tuple[int, int] | None
) -> Region:
    """The region the ranking looks at, in the slices to edit."""
    scan, turn = volume.canonical()
    inside = turn.apply(mask).copy()
    if slices:
        inside[: slices[0]] = inside[slices[1] :] = False
    if not inside.any():
        raise UnsuitableInputError(
            "The region holds no voxel in the chosen slices; choose other slices or another region."
        )
    rows = np.nonzero(inside.any((1, 2)))[0]
    return cut_region(scan, anatomy.reoriented(turn), inside, (int(rows[0]), int(rows[-1]) + 1))


def _gates(result: CounterfactualResult, anatomy: Anatomy) -> list[Gate]:
    """Is the rim invisible, and clear lung as dense as lung? No direction is asked for: what is
    there is what is in question."""
    turn = result.original.orientation()
    original, edited = (turn.apply(v.array) for v in (result.original, result.counterfactual))
    mask, lungs = turn.apply(result.mask), turn.apply(anatomy.lungs)
    gates = [rim_gate(original, edited, mask, lungs)]
    return gates + [organ_gate(edited, mask, lungs)] if result.plan.removes else gates


@dataclass(frozen=True)
class _Differential:
    """A comparison under way: what is asked, of which scan, by which network."""

    request: CompareRequest
    asked: list[Hypothesis]
    findings: list[Finding]
    finding: Finding | None
    pipe: CounterfactualPipeline
    volume: Volume
    anatomy: Anatomy

    def mark(self, tell: Progress) -> MarkedRegion:
        """The region, as given or proposed from the finding."""
        scan, slices = (self.pipe, self.volume, self.anatomy), self.request.slices

        def propose() -> Proposal:
            if self.finding is None:
                raise UsageError(NO_REGION)
            return propose_region(*scan, self.finding, slices, tell, self.findings)

        return edit_region(self.request, self.volume, self.anatomy, propose)

    def rank(self, mask: np.ndarray, tell: Progress) -> Ranking:
        """The hypotheses by how well they fit the patient's own voxels."""
        seen = _cut(self.volume, self.anatomy, mask, self.request.slices)
        return rank(self.pipe, seen, self.asked, self._logits(mask), callback=tell)

    def _logits(self, mask: np.ndarray) -> np.ndarray | None:
        """The dual encoder's logits (K,) of the hypotheses for the region; None without one."""
        if self.pipe.alignment is None:
            return None
        sentences = [each.sentence for each in self.asked]
        found = self.pipe.alignment.agreement(self.volume, self.anatomy, mask, sentences)
        fits = np.clip(found, 1e-6, 1 - 1e-6)
        return np.log(fits / (1 - fits))

    def draw(
        self,
        ranking: Ranking,
        mask: np.ndarray,
        tell: Progress,
        should_cancel: Callable[[], bool] | None,
    ) -> list[CounterfactualResult]:
        """One counterfactual a hypothesis, in the ranking's order; all from the same noise fields,
        shown in the sample that is the first one's medoid."""
        results: list[CounterfactualResult] = []
        asked, request = [each.hypothesis for each in ranking.ranked], self.request
        for index, one in enumerate(asked):
            result = self.pipe(
                self.volume,
                self._plan(one, asked, mask),
                anatomy=self.anatomy,
                noises=request.noises,
                steps=request.steps,
                seed=request.seed,
                slices=request.slices,
                smooth_z=request.smooth_z,
                draw=results[0].settings["shown"] if results else None,
                callback=part_of(tell, index, len(asked)),
                should_cancel=should_cancel,
            )
            if self.pipe.alignment is not None:
                result.agreement = agreement_of(self.pipe.alignment, result, self.anatomy)
            result.gates = _gates(result, self.anatomy)
            results.append(result)
        return results

    def _plan(self, one: Hypothesis, asked: list[Hypothesis], mask: np.ndarray) -> EditPlan:
        """The edit that draws a hypothesis, set against the best fitting other one."""
        other = next(each for each in asked if each is not one)
        term = one.term or str(other.term)
        words = (other.sentence, one.sentence, term, one.term is None)
        return EditPlan(mask, *words, "replace", self.finding)

    def write(self, results: list[CounterfactualResult], ranked: Comparison, read: Inputs) -> Path:
        """The folder of the comparison; returns the path of `comparison.json`."""
        weights = {"name": self.pipe.weights, "sha256": self.pipe.weights_sha256}
        facts = Facts(self.request.report_text, self.findings, read, weights)
        out, overwrite = self.request.out, self.request.overwrite
        return write_comparison(
            results, ranked, out, anatomy=self.anatomy, facts=facts, overwrite=overwrite
        )


def between(results: list[CounterfactualResult]) -> np.ndarray:
    """Mean |Δ| (K,K), HU, inside the mask between the counterfactuals of different hypotheses, each
    the mean of its samples."""
    out = np.zeros((len(results), len(results)))
    for i, j in combinations(range(len(results)), 2):
        inside = results[i].mask
        out[i, j] = out[j, i] = float(
            np.abs(results[i].mean[inside] - results[j].mean[inside]).mean()
        )
    return out


def _row(each: Ranked, result: CounterfactualResult) -> HypothesisRow:
    numbers = measures(result)
    return HypothesisRow(
        name=each.hypothesis.name,
        sentence=each.hypothesis.sentence,
        term=each.hypothesis.term,
        asked_hu=each.asked_hu,
        more_hu=each.more_hu,
        low=each.low,
        high=each.high,
        agreement=each.agreement,
        lead=each.lead,
        apart=each.apart,
        mean_change_hu=numbers["mean_change_hu"],
        mean_uncertainty_hu=numbers["mean_uncertainty_hu"],
    )


def _ranked(
    ranking: Ranking,
    results: list[CounterfactualResult],
    request: CompareRequest,
    location: Location,
) -> Comparison:
    """What `comparison.json` says of the hypotheses, in the ranking's order."""
    return Comparison(
        hypotheses=[_row(each, result) for each, result in zip(ranking.ranked, results)],
        between_hu=between(results).tolist(),
        location=location,
        settings=ComparedWith(
            noises=request.noises,
            steps=request.steps,
            seed=request.seed,
            slices=request.slices,
            shown=results[0].settings["shown"],
        ),
        ranking=RankingFact(
            distinguishable=ranking.distinguishable,
            sentence=ranking.sentence,
            note=NOTE,
            noises=ranking.readings,
            slices=ranking.slices,
        ),
    )


def run_comparison(
    request: CompareRequest,
    progress: Progress | None = None,
    pipe: CounterfactualPipeline | None = None,
    *,
    should_cancel: Callable[[], bool] | None = None,
    memory: ScanMemory | None = None,
) -> Path:
    """Rank and draw the hypotheses; returns the path of `comparison.json`. Arguments as
    `run_counterfactual`.

    Raises:
        DGMVLCError: every refusal, with its sentence; then nothing was written.
    """
    tell, memory = guarded(progress, should_cancel), memory or ScanMemory()
    check_options(request, RECORD)
    asked = _asked(request)
    job = _Differential(request, *asked, *load_all(request, memory, pipe, tell))
    with memory_named(job.pipe.device):
        region = job.mark(tell)
        ranking = job.rank(region.mask, tell)
        results = job.draw(ranking, region.mask, tell, should_cancel)
    known = {"evidence": None, "clinical": request.clinical, "anatomy": job.anatomy.origin}
    for result in results:
        result.settings |= {"region": region.origin, **known}
    tell("writing", 0.0)
    place = locate(region.mask, job.anatomy, job.volume)
    read = input_facts(memory.facts, request.mask, request.report_source)
    path = job.write(results, _ranked(ranking, results, request, place), read)
    if progress:
        progress("writing", 1.0)
    return path


class Compared(Struct, frozen=True):
    """Where `comparison.json` lies."""

    record: str


def compare(
    session: Session,
    request: CompareRequest,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> Compared:
    """Hypotheses of one region, for a viewer, which builds its own scene."""
    path = run_comparison(
        replace(request, scene=False),
        tell,
        session.pipeline(request.weights),
        should_cancel=should_cancel,
        memory=session.memory,
    )
    return Compared(str(path))
