"""Scores that need all cases at once: realism of sets of regions, and the reader proxy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.evaluation.observer import THIRDS, reader_gain
from DGMVLCCore.evaluation.realism import FEWEST, fid, frechet_radiomics, kid
from DGMVLCCore.evaluation.records import Records
from DGMVLCCore.evaluation.statistics import missing, rounded
from DGMVLCCore.evaluation.tables import Figure, Figures, Gain, Pooled, ReaderRow, Third
from DGMVLCCore.evaluation.trial import NO_FRD, TRUE

REALISM_NOTE = (
    "FRD (frd-score, version 1), KID and FID (own encoder's features) compare the edited regions "
    "with the same regions of the untouched scans, as "
    "sets; they have no interval, because resampling a few patients' sets says little. FRD is a "
    "logarithm, can be negative and scales each image "
    "by its own mean and SD, so that it does not see a change of brightness. FID is biased "
    "upwards for so few regions. Methods that miss cases are "
    "compared on the cases they did, so their distances do not rank."
)
NO_RADIOMICS = "needs radiomics of two or more regions in each set (pip install dgmvlc[evaluate])"
Kept = dict[str, np.ndarray]


def pooled_scores(records: Records) -> Pooled:
    """What `set_scores` gives; "reader": figures of the observer; "nodules": realism of real
    nodules' counterfactuals."""
    rows = records.of("case")
    names = list(dict.fromkeys(name for row in rows for name in row["methods"]))
    reader = _reader([entry for row in rows for entry in row["own"].get("reader", [])])
    return {
        **set_scores([records.kept(row["case"]) for row in rows], names),
        "reader": reader,
        "nodules": _nodules(records),
    }


def set_scores(kept: list[Kept], names: list[str]) -> dict[str, dict[str, Figure]]:
    """Distances between the edited and the true regions of all cases: "frd", "kid", "fid" and, with
    a user's network, "fid_inception": method -> figure."""
    out: dict[str, dict[str, Figure]] = {"frd": {}, "kid": {}, "fid": {}, "fid_inception": {}}
    for name in names:
        if name not in NO_FRD:
            out["frd"][name] = frd(*_pairs(kept, f"radiomics:{TRUE}", f"radiomics:{name}"))
        features = _pairs(kept, f"feat:{TRUE}", f"feat:{name}")
        out["kid"][name], out["fid"][name] = _distance(kid, *features), _distance(fid, *features)
        if any(f"inception:{name}" in arrays for arrays in kept):
            out["fid_inception"][name] = _distance(
                fid, *_pairs(kept, f"inception:{TRUE}", f"inception:{name}")
            )
    return out


def _pairs(kept: list[Kept], first: str, second: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both arrays of the cases that have both."""
    both = [
        (arrays[first], arrays[second]) for arrays in kept if first in arrays and second in arrays
    ]
    return [pair[0] for pair in both], [pair[1] for pair in both]


def frd(real: list[np.ndarray], made: list[np.ndarray]) -> Figure:
    """Fréchet radiomics distance of two sets of features (F,); null, with the reason, where it
    cannot be had."""
    if min(len(real), len(made)) < FEWEST:
        return missing(NO_RADIOMICS)
    try:
        return {
            "value": rounded(frechet_radiomics(np.stack(real), np.stack(made))),
            "n": len(made),
            "ci95": None,
        }
    except (UsageError, UnsuitableInputError) as error:
        return missing(str(error))


def _distance(
    measure: Callable[[np.ndarray, np.ndarray], float],
    real: list[np.ndarray],
    made: list[np.ndarray],
) -> Figure:
    """A distance of two sets of features (C,)."""
    if len(made) < FEWEST:
        return missing(f"needs {FEWEST} or more regions in each set")
    return {"value": rounded(measure(np.stack(real), np.stack(made))), "n": len(made), "ci95": None}


def _reader(entries: list[ReaderRow]) -> dict[str, Figure]:
    """Figures of the observer, leave one patient out, by third of contrast; `auc_gain_subtle` is
    the headline's."""
    if not entries:
        return {
            "auc_gain_subtle": missing(
                "needs the counterfactual of the untouched scan, which a submission does not give"
            )
        }
    try:
        found = reader_gain(entries)
    except UnsuitableInputError as error:
        return {"auc_gain_subtle": missing(str(error))}
    parts: dict[Third, Figures | None] = {third: found.get(third) for third in THIRDS}
    thirds = {third: part for third, part in parts.items() if part}
    figures = {
        f"{key.replace('_', ' ')}, {third}": _shared(value, found)
        for third, part in thirds.items()
        for key, value in part.items()
    }
    return {"auc_gain_subtle": _shared(found["subtle"]["gain"], found), **figures}


def _shared(value: Figure, found: Gain) -> Figure:
    ends, mean = value["ci95"], value["value"]
    interval = [rounded(limit) for limit in ends] if ends else None
    return {
        "value": None if mean is None else rounded(mean),
        "n": value["n"],
        "ci95": interval,
        "patients": found["patients"],
        "exploratory": found["exploratory"],
    }


def _nodules(records: Records) -> dict[str, Figure]:
    """Real nodules' counterfactuals against healthy regions of the same squares, and the nodules
    themselves for comparison."""
    squares = [records.kept(f"nodule-{index:04d}") for index in range(len(records.of("nodule")))]
    if not squares:
        return {}
    found = {
        key: [one[f"radiomics:{key}"] for one in squares if f"radiomics:{key}" in one]
        for key in ("healthy", "made", "scan")
    }
    return {
        f"FRD against healthy regions, {said}": frd(found["healthy"], found[key])
        for said, key in (("edited", "made"), ("nodule in place", "scan"))
    }
