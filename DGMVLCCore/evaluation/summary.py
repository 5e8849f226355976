"""Rows -> tables and headline: means with n and intervals over patients, ranking, pairs of
methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from DGMVLCCore.evaluation.methods import METHODS
from DGMVLCCore.evaluation.scoring import LEFT_IN_PLACE
from DGMVLCCore.evaluation.statistics import at, figure, missing, over, rounded
from DGMVLCCore.evaluation.tables import Figure, Figures, Group, Row
from DGMVLCCore.evaluation.trial import MEAN, MEDOID, PHRASED, SINGLE, SUBMITTED
from DGMVLCCore.models import probe
from DGMVLCCore.stats import roc_area

SCORES = (
    "mae_hu",
    "psnr_db",
    "ssim",
    "ms_ssim",
    "sd_ratio",
    "gradient_w1",
    "texture_error",
    "log_spectral_db",
    "hu_w1",
    "changed_share",
    "rim",
)
MAP_SCORES = ("pointing", "cnr", "iou", "hit")
FEWEST_FLIPS = 0.5
FAMILY = {method.name: method.family for method in METHODS} | dict.fromkeys(
    (SINGLE, MEAN, MEDOID, PHRASED), "ours"
)
FAMILY |= {SUBMITTED: "submission", LEFT_IN_PLACE: "reference"}
SIZES = (("below 10 mm", 0.0, 10.0), ("10 to 20 mm", 10.0, 20.0), ("20 mm and more", 20.0, np.inf))


def flipped(row: Row, name: str) -> bool | None:
    """The probe saw the lesion before and does not after; None where it did not see it before or
    the method does not apply."""
    return (
        probe.flipped(row["probe_before"], row["methods"][name]["probe"])
        if name in row["methods"]
        else None
    )


def names_of(rows: Iterable[Row]) -> list[str]:
    """Methods in the order they were first scored."""
    return list(dict.fromkeys(name for row in rows for name in row["methods"]))


def scored(rows: list[Row], name: str, score: str) -> Figure:
    """One score of one method."""
    return at(rows, "methods", name, score)


def method_table(rows: list[Row]) -> dict[str, Row]:
    """Every method's scores over the given cases; `ranked` says whether it takes part in a
    comparison, and `why` if not."""
    table: dict[str, Row] = {}
    for name in names_of(rows):
        entry: Row = {"family": FAMILY.get(name, "other")}
        entry |= {score: scored(rows, name, score) for score in SCORES}
        entry["flip_rate"] = figure(
            ((row["patient"], flipped(row, name)) for row in rows), "the probe saw no lesion before"
        )
        done = sum(name in row["methods"] for row in rows)
        entry["cases"], entry["why"] = done, _why_not(name, entry, done, len(rows))
        entry["ranked"] = not entry["why"]
        table[name] = entry
    return table


def _why_not(name: str, entry: Row, done: int, total: int) -> str:
    """Why a method is shown but not ranked; empty when it is."""
    if name == LEFT_IN_PLACE:
        return "the scan itself"
    if entry["flip_rate"]["value"] is None:
        return "the probe could not say whether the lesion went"
    if entry["flip_rate"]["value"] < FEWEST_FLIPS:
        return f"leaves the lesion in place (flip rate {entry['flip_rate']['value']:.2f})"
    return f"does not apply to {total - done} of {total} cases" if done < total else ""


def best(table: dict[str, Row], score: str, families: tuple[str, ...]) -> tuple[str, Figure] | None:
    """The ranked method of these families with the lowest score."""
    ranked = {
        name: entry[score]
        for name, entry in table.items()
        if entry["ranked"] and entry["family"] in families and entry[score]["value"] is not None
    }
    name = min(ranked, key=lambda one: (ranked[one]["value"], one), default=None)
    return None if name is None else (name, ranked[name])


def paired(rows: list[Row], name: str, other: str, score: str) -> Figure:
    """Mean of (name − other) over the cases that both have, interval over patients; below 0 the
    first is better."""

    def difference(row: Row) -> float | None:
        first, second = (row["methods"].get(n, {}).get(score) for n in (name, other))
        return None if first is None or second is None else first - second

    return {**over(rows, difference), "first": name, "second": other}


def broken_down(
    rows: list[Row],
    key: Callable[[Row], str],
    order: Callable[[Row], float] | None = None,
    scores: tuple[str, ...] = ("mae_hu", "psnr_db", "ssim", "texture_error"),
) -> dict[str, Group]:
    """Scores of every method by kind, size or contrast: group -> {"n", method -> score -> figure};
    groups by `order`, else as they come."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=order) if order else rows:
        groups.setdefault(key(row), []).append(row)
    return {
        group: {
            "n": len(part),
            "methods": {
                name: {score: scored(part, name, score) for score in scores}
                for name in names_of(part)
            },
        }
        for group, part in groups.items()
    }


def size_group(row: Row) -> str:
    """By the lesion's diameter (effusion: depth)."""
    return next(name for name, low, high in SIZES if low <= row["size_mm"] < high)


def contrast_groups(rows: list[Row]) -> Callable[[Row], str]:
    """Thirds of the cases by how much the lesion changed its voxels."""
    edges = (
        np.percentile([row["contrast_hu"] for row in rows], (100 / 3, 200 / 3))
        if rows
        else np.zeros(2)
    )
    names = (
        f"subtlest third (under {edges[0]:.0f} HU)",
        "middle third",
        f"strongest third (over {edges[1]:.0f} HU)",
    )
    return lambda row: names[int(np.searchsorted(edges, row["contrast_hu"], side="right"))]


def localisation_table(rows: list[Row]) -> dict[str, dict[str, Figures]]:
    """Every map's scores: all lesions, by size, and those of two or more attention cells."""

    def table(part: list[Row]) -> dict[str, Figures]:
        names = dict.fromkeys(name for row in part for name in row["maps"])
        return {
            name: {score: at(part, "maps", name, score, note="no map") for score in MAP_SCORES}
            for name in names
        }

    out = {
        "all": table(rows),
        "two cells or more": table([row for row in rows if row["cells"] >= 2]),
    }
    return out | {
        name: table(part)
        for name, low, high in SIZES
        if (part := [row for row in rows if low <= row["size_mm"] < high])
    }


def own_table(rows: list[Row]) -> dict[str, Figure]:
    """What only the model was asked: presence check, gates, agreement, consistency,
    reversibility."""

    def ask(*path: str) -> Figure:
        return at(rows, "own", *path, note="not asked of a submission")

    table = {
        "presence check abstains on the lesion": ask("evidence_abstains"),
        "presence check abstains on the untouched scan": ask("evidence_clear_abstains"),
        "shift, MAE of back(forth(scan)) to the scan, HU": ask("reversibility", "back_hu"),
        "shift, MAE of forth(scan) to the scan, HU": ask("reversibility", "forth_hu"),
        "text direction": ask("text", "direction"),
        "text direction, other findings' sentences": ask("text", "shuffled"),
        "share of other sentences that fit the edit worse": ask("text", "above"),
    }
    gates = dict.fromkeys(gate for row in rows for gate in row["own"].get("gates", {}))
    table |= {f"gate: {gate}": ask("gates", gate) for gate in gates}
    return table | {
        f"along z: {key}": ask("z", key)
        for key in dict.fromkeys(key for row in rows for key in row["own"].get("z", {}))
    }


def calibration_table(rows: list[Row]) -> dict[str, Figure]:
    """Of the uncertainty map, mean over cases: coverage by mean ± k SD, rank correlation with the
    error, calibration error."""
    asked = [row for row in rows if row["own"]]
    names = dict.fromkeys(
        key
        for row in asked
        for key, value in row["own"]["calibration"].items()
        if not isinstance(value, list)
    )
    return {name.replace("_", " "): at(asked, "own", "calibration", name) for name in names}


def real_table(rows: list[Row]) -> dict[str, Figure]:
    """Real lesions: everything that needs no counterfactual truth."""
    seen = [row for row in rows if row["probe_before"] > 0]
    table: Figures = {
        "identity_max_hu": {
            "value": rounded(max(row["outside_hu"] for row in rows)),
            "n": len(rows),
            "ci95": None,
        }
        if rows
        else missing("no real lesion"),
        "rim": over(rows, lambda row: row["rim"]),
        "probe sees it before": over(rows, lambda row: row["probe_before"] > 0),
        "flip_rate": over(seen, lambda row: row["probe_after"] <= 0, "the probe saw none before"),
        "median_dhu": over(rows, lambda row: row["median_dhu"]),
    }
    return table | {score: at(rows, "map", score) for score in MAP_SCORES}


def auc_figure(positive: list[float], negative: list[float]) -> Figure:
    """Area under the ROC curve; n counts both kinds."""
    if not positive or not negative:
        return missing("needs both kinds")
    return {
        "value": rounded(float(roc_area(np.array(positive), np.array(negative)))),
        "n": len(positive) + len(negative),
        "ci95": None,
    }


def infection_table(rows: list[Row]) -> dict[str, Figure]:
    """How well the reading pass tells infected lungs of labelled slices from the others."""
    strengths = {
        said: [row["score"] for row in rows if row["infected"] == said] for said in (True, False)
    }
    return {
        "AUC, infected against not infected lungs": auc_figure(strengths[True], strengths[False]),
        "reading pass in infected lungs, 99th percentile": over(
            [row for row in rows if row["infected"]], lambda row: row["score"]
        ),
        "reading pass in other lungs, 99th percentile": over(
            [row for row in rows if not row["infected"]], lambda row: row["score"]
        ),
    }
