"""One case through everything: the model's own edit, every other method's, every map, and what only
the model can be asked."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from DGMVLCCore.editing.agreement import agreement_of
from DGMVLCCore.editing.asked import change_evidence
from DGMVLCCore.editing.gates import quality_gates
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.evaluation.calibration import calibration
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.consistency import z_consistency
from DGMVLCCore.evaluation.hole import Hole, removal
from DGMVLCCore.evaluation.localisation import cells, map_scores
from DGMVLCCore.evaluation.localisers import LOCALISERS
from DGMVLCCore.evaluation.methods import METHODS
from DGMVLCCore.evaluation.observer import reader_row
from DGMVLCCore.evaluation.profile import Profile
from DGMVLCCore.evaluation.realism import radiomic_features, region_features
from DGMVLCCore.evaluation.reversibility import reversibility
from DGMVLCCore.evaluation.rim import untouched_rims
from DGMVLCCore.evaluation.scoring import LEFT_IN_PLACE, Judge, composition_hu, kept_arrays
from DGMVLCCore.evaluation.submission import Answer
from DGMVLCCore.evaluation.tables import CaseFacts, CaseRow, Own, Questions, ReaderRow
from DGMVLCCore.evaluation.text import text_alignment
from DGMVLCCore.language.prompts import absent_prompt, denial_prompt, present_prompt
from DGMVLCCore.simulation.insert import HELD_OUT_KIND
from DGMVLCCore.simulation.phrases import HELD_OUT_FAMILY, TERMS, say

log = logging.getLogger(__name__)
SINGLE, MEAN, MEDOID, PHRASED = (
    "replace, one noise",
    "replace, mean of noises",
    "replace, medoid of noises",
    "replace, phrasing never taught",
)
SUBMITTED = "submission"
READING, TRUE = "reading pass", "true"
NO_FRD = (MEDOID, PHRASED)  # shown for their MAE; radiomics take a second a region
SENTENCES = [(present_prompt(term), absent_prompt(term)) for term in TERMS]
Arrays = dict[str, np.ndarray]


def facts(case: Case) -> CaseFacts:
    """What is known of a case."""
    lesion = case.lesion
    return {
        "case": case.name,
        "patient": case.patient,
        "kind": lesion.kind,
        "term": lesion.term,
        "size_mm": round(lesion.size_mm, 1),
        "side": lesion.side,
        "contrast_hu": round(case.contrast_hu, 1),
        "cells": cells(lesion.mask, case.scan.spacing),
        "held_out_kind": lesion.kind == HELD_OUT_KIND,
        "mask_ml": round(float(case.mask.sum() * np.prod(case.scan.spacing) / 1000), 2),
    }


def run_case(
    pipe: CounterfactualPipeline,
    case: Case,
    profile: Profile,
    judge: Judge,
    seed: int,
    answer: Answer | None = None,
) -> tuple[CaseRow, Arrays]:
    """The row of a case and the arrays to keep; with an answer, the answer is scored in the model's
    place and only classical fills stand beside it."""
    row: CaseRow = {**facts(case)}
    extra: Arrays = {}
    if answer is None:
        fills, extra, row["own"] = _own(pipe, case, profile, judge, seed)
        maps = {
            name: make(pipe, case, seed)
            for name, make in LOCALISERS.items()
            if profile.localisers is None or name in profile.localisers
        }
    else:
        fills, row["own"] = {SUBMITTED: answer.made}, {}
        maps = {} if answer.values is None else {SUBMITTED: answer.values}
    fills |= _others(pipe, case, profile, seed, classical=answer is not None)
    fills[LEFT_IN_PLACE] = case.scan.array
    places = untouched_rims(case.scan.array, case.mask, case.anatomy.lungs, seed)
    row["probe_before"] = judge.probed(case, case.scan.array)
    row["probe_true"] = judge.probed(case, case.true.array)
    row["methods"] = {name: judge.score(case, made, places) for name, made in fills.items()}
    lungs = case.anatomy.lungs
    row["maps"] = {
        name: map_scores(values, case.lesion.mask & lungs, lungs, case.scan.spacing)
        for name, values in maps.items()
    }
    shown = maps.get(READING, maps.get(SUBMITTED))
    arrays = kept_arrays(case, fills, extra | ({"map": shown} if shown is not None else {}))
    return row, arrays | features(pipe, case, {**fills, TRUE: case.true.array}, judge)


def features(
    pipe: CounterfactualPipeline, case: Case, fills: dict[str, np.ndarray], judge: Judge
) -> Arrays:
    """Features of the case's region for distances between sets.

    Returns:
        "feat:METHOD" (C,) of the dual encoder's vision tower, empty without one; "radiomics:METHOD"
        (F,), empty where frd-score is not installed;
        "inception:METHOD" (2048,) with a user's network.
    """
    out = {
        f"radiomics:{name}": found
        for name, made in fills.items()
        if name not in NO_FRD and (found := radiomics_of(case, made)) is not None
    }
    if judge.inception is not None:
        out |= {
            f"inception:{name}": judge.inception.features(made, case.mask, case.scan.spacing)
            for name, made in fills.items()
        }
    if pipe.alignment is None:
        return out
    return out | {
        f"feat:{name}": region_features(
            pipe.alignment, case.scan.with_array(made), case.anatomy, case.mask
        )
        for name, made in fills.items()
    }


def radiomics_of(case: Case, made: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray | None:
    """Radiomic features (F,) of a case's region (or of another mask) in a scan (D,H,W) HU; None
    where they cannot be had."""
    inside = (case.mask if mask is None else mask) & case.anatomy.lungs
    try:
        return radiomic_features([(made, inside, case.scan.spacing)])[0]
    except UsageError:
        log.warning(
            "The Fréchet radiomics distance is left out: frd-score is not installed (pip install "
            "'dgmvlc[evaluate]')."
        )
    except UnsuitableInputError:
        log.warning("%s: the region is too small for radiomics.", case.name)
    return None


def _others(
    pipe: CounterfactualPipeline, case: Case, profile: Profile, seed: int, *, classical: bool
) -> dict[str, np.ndarray]:
    """Fills of the other methods; a method that does not apply to the case is left out."""
    fills = {}
    for method in METHODS:
        wanted = profile.methods is None or method.name in profile.methods
        if (
            wanted
            and not method.name.startswith("replace")
            and (method.family == "classical" or not classical)
        ):
            made = method.make(pipe, case, seed)
            if made is not None:
                fills[method.name] = made
    return fills


def _own(
    pipe: CounterfactualPipeline, case: Case, profile: Profile, judge: Judge, seed: int
) -> tuple[dict[str, np.ndarray], Arrays, Own]:
    """The model's own edits of a case, extra arrays, and facts that need the model."""
    hole, plan = Hole.cut(case), removal(case)
    samples = hole.samples(pipe, plan, seed, noises=profile.noises, steps=profile.steps)
    each = np.stack([hole.filled(sample) for sample in samples])
    chosen = int(((each - each.mean(0))[:, case.mask] ** 2).sum(1).argmin())
    fills = {SINGLE: each[0], MEAN: hole.filled(*samples), MEDOID: each[chosen]}
    said = say(
        case.lesion.term, np.random.default_rng(seed), present=False, family=HELD_OUT_FAMILY
    ).text
    other = EditPlan(case.mask, case.source, said, case.lesion.term)
    fills[PHRASED] = hole.filled(*hole.samples(pipe, other, seed, noises=1, steps=profile.steps))
    clear = _untouched(pipe, case, profile, seed)
    spread = each.std(0) * case.mask
    result = CounterfactualResult(
        case.scan, case.scan.with_array(fills[MEDOID]), fills[MEAN], spread, case.mask, plan
    )
    own: Own = {
        "composition_hu": composition_hu(pipe, case, profile.steps, seed),
        "phrase": said,
        "reversibility": reversibility(
            pipe, case.scan, removal(case, "shift"), case.anatomy, steps=profile.steps, seed=seed
        ),
        "clear_median_dhu": float(np.median((clear - case.true.array)[case.mask])),
        "clear_probe": judge.probed(case, clear),
        "calibration": calibration(fills[MEAN], spread, case.true.array, case.mask),
        "z": z_consistency(fills[SINGLE], case.true.array, case.mask, case.anatomy.lungs),
        "reader": _reader(case, fills[SINGLE], clear),
        **_questions(pipe, case, result, seed),
    }
    return fills, {"fill_clear": clear, "spread": spread}, own


def _reader(case: Case, made: np.ndarray, clear: np.ndarray) -> list[ReaderRow]:
    """What the observer sees of the case with and without its lesion, under one mask and the same
    sentences."""
    return [
        reader_row(
            scan,
            edited,
            case.mask,
            case.anatomy.lungs,
            case.scan.spacing,
            patient=case.patient,
            case=case.name,
            present=present,
            contrast_hu=case.contrast_hu,
        )
        for scan, edited, present in (
            (case.scan.array, made, True),
            (case.true.array, clear, False),
        )
    ]


def _untouched(pipe: CounterfactualPipeline, case: Case, profile: Profile, seed: int) -> np.ndarray:
    """The same edit, mask and sentences asked of the untouched scan; one noise, (D,H,W) HU."""
    clear = replace(case, scan=case.true)
    hole = Hole.cut(clear)
    return hole.filled(*hole.samples(pipe, removal(clear), seed, noises=1, steps=profile.steps))


def _questions(
    pipe: CounterfactualPipeline,
    case: Case,
    result: CounterfactualResult,
    seed: int,
) -> Questions:
    """Presence check on the lesion and on the untouched scan, gates, agreement of image and
    words."""
    evidence = []
    for asked in (case, replace(case, scan=case.true)):
        hole, denial = Hole.cut(asked), denial_prompt(case.lesion.term)
        evidence.append(
            change_evidence(pipe, hole.scan, hole.anatomy, hole.mask, denial, seed=seed)
        )
    there, clear = evidence
    found: Questions = {
        "evidence": there.value,
        "evidence_abstains": there.absent,
        "evidence_clear": clear.value,
        "evidence_clear_abstains": clear.absent,
    }
    if pipe.alignment is not None:
        result.agreement = agreement_of(pipe.alignment, result, case.anatomy)
        found["text"] = text_alignment(
            pipe.alignment,
            case.scan,
            result.counterfactual,
            case.anatomy,
            case.mask,
            (case.source, case.target),
            SENTENCES,
        )
    found["gates"] = {gate.name: gate.passed for gate in quality_gates(result, case.anatomy)}
    return found
