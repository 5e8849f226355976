"""Simulated lesions in held-out patients: the untouched scan is the true counterfactual."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.attention.reading import READING_MM, attention_map
from DGMVLCCore.counterfactual.evidence import presence_evidence
from DGMVLCCore.counterfactual.gates import quality_gates
from DGMVLCCore.counterfactual.pipeline import CounterfactualPipeline
from DGMVLCCore.counterfactual.result import CounterfactualResult, EditPlan
from DGMVLCCore.evaluation import metrics
from DGMVLCCore.evaluation.baselines import BASELINES
from DGMVLCCore.evaluation.cases import MARGIN_MM, SLAB, Case, make_case, make_cases
from DGMVLCCore.language.prompts import absent_prompt, present_prompt
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.region import cut_region

__all__ = ["MARGIN_MM", "SLAB", "Case", "make_case", "make_cases", "score_case", "summarise"]


def _fills(case: Case, result: CounterfactualResult) -> dict[str, np.ndarray]:
    """Every method's scan for one case."""
    made = {"single seed": result.counterfactual.array, "mean of seeds": result.mean}
    for name, fill in BASELINES.items():
        filled: np.ndarray | None = fill(case.scan.array, case.mask, case.anatomy.lungs)
        if filled is not None:
            made[name] = filled
    return made


def score_case(pipe: CounterfactualPipeline, case: Case, noises: int = 8, steps: int = 10, seed: int = 0) -> dict[str, Any]:
    """All scores of one case: fills, attention, evidence, gates; also kept: the largest change outside the mask."""
    term = case.lesion.term
    source, target = present_prompt(term), absent_prompt(term)
    plan = EditPlan(case.mask, source, target, term)
    result = pipe(case.scan, plan, anatomy=case.anatomy, noises=noises, steps=steps, seed=seed)
    row: dict[str, Any] = {"case": case.name, "patient": case.patient, "kind": case.lesion.kind, "size_mm": round(case.lesion.size_mm, 1)}
    row["outside_hu"] = float(np.abs(result.difference[~case.mask]).max())
    inside = case.mask & case.anatomy.lungs
    for name, made in _fills(case, result).items():
        scores = {"mae_hu": metrics.mae(made, case.true.array, case.mask), **metrics.texture_error(made, case.true.array, inside)}
        spectral = metrics.log_spectral_distance(made, case.true.array, inside)
        row[name] = scores | ({"log_spectral_db": spectral} if spectral is not None else {})
    row["lesion left in place"] = {"mae_hu": metrics.mae(case.scan.array, case.true.array, case.mask)}
    row["gates"] = {gate.name: gate.passed for gate in quality_gates(result, case.anatomy)}
    return row | _score_reading(pipe, case, source, target, seed) | _score_evidence(pipe, case, source, target, seed)


def _score_reading(pipe: CounterfactualPipeline, case: Case, source: str, target: str, seed: int) -> dict[str, Any]:
    lungs = case.anatomy.lungs
    lesion = case.lesion.mask & lungs
    values = attention_map(pipe, case.scan, case.anatomy, case.lesion.term, source, target, seed=seed).values
    centre = np.zeros(lungs.shape, np.float32)
    middle = ndimage.center_of_mass(lungs)
    nearest = np.argwhere(lungs)[np.argmin(((np.argwhere(lungs) - middle) ** 2).sum(1))]
    centre[tuple(nearest)] = 1
    cells = float(lesion.sum((1, 2)).max() * np.prod(case.scan.spacing[1:]) / (PATCH * READING_MM) ** 2)
    return {"pointing": metrics.pointing_hit(values, lesion), "pointing_centre": metrics.pointing_hit(centre, lesion),
            "pointing_random": float(lesion.sum() / lungs.sum()), "attention_cnr": metrics.contrast_to_noise(values, lesion, lungs),
            "attention_cells": round(cells, 1), "attention_peak": float(values.max())}


def _score_evidence(pipe: CounterfactualPipeline, case: Case, source: str, target: str, seed: int) -> dict[str, Any]:
    """The presence check on the lesion and, with the same mask, on the untouched scan."""
    rows = np.nonzero(case.mask.any((1, 2)))[0]
    found = {}
    for name, volume in (("evidence", case.scan), ("evidence_clear", case.true)):
        region = cut_region(volume, case.anatomy, case.mask, (int(rows[0]), int(rows[-1]) + 1))
        evidence = presence_evidence(pipe, region, source, target, seed=seed)
        found[name], found[f"{name}_abstains"] = evidence.value, evidence.absent
    return found


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means with n and 95 % intervals over patients (exploratory below eight patients)."""
    def stat(pick: Any) -> dict[str, Any]:
        groups: dict[str, list[float]] = {}
        for row in rows:
            value = pick(row)
            if value is not None:
                groups.setdefault(row["patient"], []).append(float(value))
        values = [v for group in groups.values() for v in group]
        if not values:
            return {"value": None, "n": 0, "patients": 0, "ci95": None}
        interval = metrics.bootstrap_interval(groups)
        return {"value": round(float(np.mean(values)), 4), "n": len(values), "patients": len(groups), "ci95": [round(v, 4) for v in interval]}

    methods = ["single seed", "mean of seeds", *BASELINES, "lesion left in place"]
    table = {m: {k: stat(lambda r, m=m, k=k: r.get(m, {}).get(k)) for k in ("mae_hu", "sd_ratio", "gradient_w1", "log_spectral_db")} for m in methods}
    named = ("outside_hu", "pointing", "pointing_centre", "pointing_random", "attention_cnr", "evidence_abstains", "evidence_clear_abstains")
    facts = {name: stat(lambda r, name=name: r[name]) for name in named}
    facts["pointing_two_cells"] = stat(lambda r: r["pointing"] if r["attention_cells"] >= 2 else None)
    for gate in ("rim gradient", "direction", "lung density"):
        facts[f"gate {gate}"] = stat(lambda r, gate=gate: r["gates"].get(gate))
    positive, negative = [r["evidence"] for r in rows], [r["evidence_clear"] for r in rows]
    better = np.mean([(p > q) + 0.5 * (p == q) for p in positive for q in negative]) if rows else None
    facts["evidence_auc"] = {"value": None if better is None else round(float(better), 4), "n": 2 * len(rows)}
    return {"methods": table, "facts": facts}
