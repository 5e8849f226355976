"""The headline: the figures a reader looks for first, each with n and interval, and the targets
they are held against."""

from __future__ import annotations

from collections.abc import Callable
from operator import ge, le, lt

from DGMVLCCore.evaluation.statistics import largest, missing, over
from DGMVLCCore.evaluation.summary import best, flipped
from DGMVLCCore.evaluation.tables import Aim, Figure, Figures, Pooled, Row
from DGMVLCCore.evaluation.trial import MEAN, READING, SINGLE, SUBMITTED

NOT_OF_SUBMISSION = "not asked of a submission"


def subject(rows: list[Row]) -> tuple[str, str, str]:
    """Names of the method under test (one sample, mean) and of its map: the model's, or a
    submission's."""
    if any(SUBMITTED in row["methods"] for row in rows):
        return SUBMITTED, "", SUBMITTED
    return SINGLE, MEAN, READING


def _named(found: tuple[str, Figure] | None) -> Figure:
    return (
        missing("no ranked method of this family")
        if found is None
        else {**found[1], "method": found[0]}
    )


def _with_distance(table: dict[str, Row], distances: Figures) -> dict[str, Row]:
    """The table with each method's Fréchet distance, which is scored over all cases."""
    return {
        name: {**entry, "frd": distances.get(name, missing("not scored"))}
        for name, entry in table.items()
    }


def headline(
    rows: list[Row], table: dict[str, Row], pooled: Pooled, clean: list[Row]
) -> dict[str, Figure]:
    """The figures of the headline by name.

    Args:
        rows: of the cases with known truth. table: `method_table` of them.
        pooled: "frd" (method -> figure) and "reader" (with "auc_gain_subtle"), scored over all
            cases. clean: rows of clean regions.
    """
    single, mean, chart = subject(rows)
    frd = _with_distance(table, pooled["frd"])
    others, two_cells = ("classical", "generative"), [row for row in rows if row["cells"] >= 2]

    def of(name: str, score: str) -> Figure:
        return table[name][score] if name in table else missing(NOT_OF_SUBMISSION)

    def map_figure(part: list[Row], score: str) -> Figure:
        return over(part, lambda row: row["maps"].get(chart, {}).get(score), "no map")

    return {
        **_largest_differences(rows, (single, mean)),
        "mae_hu": of(mean, "mae_hu"),
        "mae_hu_single": of(single, "mae_hu"),
        "mae_hu_best_classical": _named(best(table, "mae_hu", ("classical",))),
        "mae_hu_best_generative": _named(best(table, "mae_hu", ("generative",))),
        "texture_error": of(single, "texture_error"),
        "texture_error_best_baseline": _named(best(table, "texture_error", others)),
        "frd": pooled["frd"].get(single, missing("not scored")),
        "frd_best_baseline": _named(best(frd, "frd", others)),
        "rim_within_range": of(single, "rim"),
        "flip_rate": over(rows, lambda row: flipped(row, single), "the probe saw no lesion before"),
        "clean_probe_fp": over(clean, lambda row: row.get("probe_fp"), NOT_OF_SUBMISSION),
        "clean_median_dhu": over(clean, lambda row: row.get("median_dhu"), NOT_OF_SUBMISSION),
        "pointing_game": map_figure(two_cells, "pointing"),
        "attention_cnr": map_figure(rows, "cnr"),
        "attention_iou": map_figure(rows, "iou"),
        "reader_auc_gain_subtle": pooled["reader"].get("auc_gain_subtle", missing("not scored")),
    }


def _largest_differences(rows: list[Row], methods: tuple[str, ...]) -> dict[str, Figure]:
    """What must be 0 HU: beside the composition, and outside the mask."""
    patients = [row["patient"] for row in rows]
    composed = [row["own"].get("composition_hu") for row in rows]
    outside = [
        row["methods"][name]["outside_hu"]
        for row in rows
        for name in methods
        if name in row["methods"]
    ]
    return {
        "composition_max_hu": largest(composed, patients, NOT_OF_SUBMISSION),
        "identity_max_hu": largest(outside, patients),
    }


# what is aimed at, the figure, how it is to lie, and to what limit or other figure
AIMS: tuple[tuple[str, str, Callable[[float, float], bool], float | str], ...] = (
    ("composition exactly 0 HU", "composition_max_hu", le, 0),
    ("identity exactly 0 HU", "identity_max_hu", le, 0),
    (
        "single seed: MAE below every ranked generative baseline",
        "mae_hu_single",
        lt,
        "mae_hu_best_generative",
    ),
    (
        "mean over seeds: MAE no worse than the best classical fill",
        "mae_hu",
        le,
        "mae_hu_best_classical",
    ),
    (
        "single seed: texture better than every ranked baseline",
        "texture_error",
        lt,
        "texture_error_best_baseline",
    ),
    ("single seed: FRD better than every ranked baseline", "frd", lt, "frd_best_baseline"),
    (
        "rim within the range of untouched scans in 95 % of cases",
        "rim_within_range",
        ge,
        0.95,
    ),
    ("probe flip rate at least 0.9", "flip_rate", ge, 0.9),
    ("clean regions: probe false positives at most 5 %", "clean_probe_fp", le, 0.05),
    ("clean regions: median change at most 10 HU", "clean_median_dhu", le, 10),
    (
        "pointing game at least 0.85 for lesions of two or more cells",
        "pointing_game",
        ge,
        0.85,
    ),
    ("signed CNR at least 1", "attention_cnr", ge, 1),
    (
        "reader proxy: AUC of the subtlest third rises by at least 0.05",
        "reader_auc_gain_subtle",
        ge,
        0.05,
    ),
)


def targets(found: dict[str, Figure]) -> list[Aim]:
    """The aims, and whether each is met; None where a figure is missing."""
    rows: list[Aim] = []
    for aim, key, lies, limit in AIMS:
        value = found[key]["value"]
        held = found[limit]["value"] if isinstance(limit, str) else limit
        met = None if value is None or held is None else bool(lies(value, held))
        rows.append({"aim": aim, "key": key, "value": value, "met": met})
    return rows
