"""Scores that need all cases at once: realism of sets of regions, and the reader proxy."""

from __future__ import annotations

from typing import Any

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.evaluation.observer import reader_gain
from DGMVLCCore.evaluation.realism import FEWEST, frechet_radiomics, kid
from DGMVLCCore.evaluation.records import Records
from DGMVLCCore.evaluation.statistics import Figure, missing, rounded
from DGMVLCCore.evaluation.trial import MEDOID, PHRASED, TRUE

REALISM_NOTE = ("FRD (frd-score, version 1) and KID (own encoder's features) compare the edited regions with the same regions of the untouched scans, as sets; "
                "they have no interval, because resampling four patients' sets says little. FRD is a logarithm and may be negative. Methods that miss cases "
                "are compared on the cases they did, so their distances do not rank.")
NO_FRD = (MEDOID, PHRASED)  # shown for their MAE; radiomics of every method take minutes
Regions = list[tuple[np.ndarray, np.ndarray, tuple[float, float, float]]]


def pooled_scores(records: Records) -> dict[str, Any]:
    """"frd" and "kid": method -> figure; "reader": figures of the observer; "nodules": realism of real nodules' counterfactuals."""
    rows = records.of("case")
    kept = {row["case"]: records.kept(row["case"]) for row in rows}
    names = list(dict.fromkeys(name for row in rows for name in row["methods"]))
    out: dict[str, Any] = {"frd": {}, "kid": {}, "reader": _reader([entry for row in rows for entry in row["own"].get("reader", [])])}
    for name in names:
        done = [arrays for arrays in kept.values() if f"fill:{name}" in arrays]
        if name not in NO_FRD:
            out["frd"][name] = frd(*([_region(arrays, key) for arrays in done] for key in ("true", f"fill:{name}")))
        out["kid"][name] = _kid(done, name)
    return out | {"nodules": _nodules(records)}


def _region(arrays: dict[str, np.ndarray], key: str) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    dz, dy, dx = map(float, arrays["spacing"])
    return arrays[key], arrays["mask"] & arrays["lungs"], (dz, dy, dx)


def frd(real: Regions, made: Regions) -> Figure:
    """Fréchet radiomics distance of sets of regions; null, with the reason, where it cannot be had."""
    if min(len(real), len(made)) < FEWEST:
        return missing(f"needs {FEWEST} or more regions in each set")
    try:
        return {"value": rounded(frechet_radiomics(real, made)), "n": len(made), "ci95": None}
    except (UsageError, UnsuitableInputError) as error:
        return missing(str(error))


def _kid(done: list[dict[str, np.ndarray]], name: str) -> Figure:
    pairs = [(arrays[f"feat:{TRUE}"], arrays[f"feat:{name}"]) for arrays in done if f"feat:{name}" in arrays]
    if len(pairs) < FEWEST:
        return missing(f"needs {FEWEST} or more regions in each set")
    return {"value": rounded(kid(*(np.stack(part) for part in zip(*pairs)))), "n": len(pairs), "ci95": None}


def _reader(entries: list[dict[str, Any]]) -> dict[str, Figure]:
    """Figures of the observer, leave one patient out, by third of contrast; `auc_gain_subtle` is the headline's."""
    if not entries:
        return {"auc_gain_subtle": missing("needs the counterfactual of the untouched scan, which a submission does not give")}
    try:
        found = reader_gain(entries)
    except UnsuitableInputError as error:
        return {"auc_gain_subtle": missing(str(error))}
    thirds = {third: part for third, part in found.items() if isinstance(part, dict)}
    figures = {f"{key.replace('_', ' ')}, {third}": _shared(value, found) for third, part in thirds.items() for key, value in part.items()}
    return {"auc_gain_subtle": _shared(found["subtle"]["gain"], found), **figures}


def _shared(value: dict[str, Any], found: dict[str, Any]) -> Figure:
    interval = value["ci95"] and [rounded(limit) for limit in value["ci95"]]
    return {"value": rounded(value["value"]), "n": value["n"], "ci95": interval, "patients": found["patients"], "exploratory": found["exploratory"]}


def _nodules(records: Records) -> dict[str, Figure]:
    """Real nodules' counterfactuals against healthy regions of the same squares, and the nodules themselves for comparison."""
    squares = [records.kept(f"nodule-{index:04d}") for index in range(len(records.of("nodule")))]
    healthy: Regions = [(one["scan"], one["healthy"], tuple(one["spacing"])) for one in squares if "healthy" in one]
    if not squares:
        return {}
    return {f"FRD against healthy regions, {said}": frd(healthy, [(one[key], one["mask"], tuple(one["spacing"])) for one in squares])
            for said, key in (("edited", "made"), ("nodule in place", "scan"))}


