"""Pictures of an evaluation: best, median and worst cases; every method's error; real lesions. All
marked synthetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.evaluation.tables import Row
from DGMVLCCore.report.drawing import MARK, Layer, bar, chart, panel, ruler, save, sheet, signed

COLOURS = {
    "ours": "#2a9d8f",
    "submission": "#2a9d8f",
    "classical": "#8d99ae",
    "generative": "#4a7fc1",
    "reference": "#c9a227",
    "other": "#8d99ae",
}
CLOSE_MM, LIMIT_HU = 25.0, 400.0
ABOUT = f"evaluation, {MARK}"
CHARTED = (
    ("mae_hu", "MAE inside the mask, HU (lower is better)"),
    ("texture_error", "texture error (lower is better)"),
)
Arrays = dict[str, np.ndarray]


def extremes(rows: list[Row], name: str) -> list[tuple[str, Row]]:
    """The best, the median and the worst case by the MAE of a method."""
    ordered = sorted(
        (row for row in rows if name in row["methods"]),
        key=lambda row: (row["methods"][name]["mae_hu"], row["case"]),
    )
    return (
        [("best", ordered[0]), ("median", ordered[(len(ordered) - 1) // 2]), ("worst", ordered[-1])]
        if ordered
        else []
    )


def _grid(rows: int, columns: int, title: str) -> tuple[Any, Any]:
    """A figure of square cells with one colour bar's room below."""
    return sheet(rows, columns, (3.1 * columns, 3.6 * rows + 1.3), title)


def _row(axes: Any, layers: list[Layer], spacing: np.ndarray) -> None:
    """One line of pictures with a ruler in the first; spacing: mm (D,H,W)."""
    for axis, layer in zip(axes, layers):
        panel(axis, replace(layer, side=False), spacing[1:].tolist(), size=9)
    ruler(axes[0], layers[0].image.shape, float(spacing[2]))


def draw_cases(
    chosen: list[tuple[str, Row, Arrays]], name: str, baseline: str | None, path: Path
) -> None:
    """Rows best, median, worst: scan with lesion | true | counterfactual | its difference from the
    scan | a baseline; one HU scale for all."""
    scale = signed(LIMIT_HU)

    def draw() -> Any:
        title = "Best, median and worst case by MAE inside the edit mask (dashed); lung window"
        figure, axes = _grid(len(chosen), 5 if baseline else 4, title)
        for line, (rank, row, arrays) in zip(axes, chosen):
            layers = _case_layers(rank, row, arrays, name)
            if baseline:
                layers.append(_baseline_layer(row, arrays, baseline))
            _row(line, layers, arrays["spacing"])
        bar(figure, axes, "counterfactual − scan, HU", scale)
        return figure

    save(draw, path, ABOUT, dpi=90)


def _case_layers(rank: str, row: Row, arrays: Arrays, name: str) -> list[Layer]:
    """Scan, truth, counterfactual and difference of a case, on the lesion's fullest slice."""
    z = int(arrays["lesion"].sum((1, 2)).argmax())
    made, scan, mask = arrays[f"fill:{name}"][z], arrays["scan"][z], arrays["mask"][z]
    lesion = f"{row['kind'].replace('_', ' ')}, {row['size_mm']:.0f} mm"
    error = row["methods"][name]["mae_hu"]
    return [
        Layer(scan, f"{rank}: {lesion}", mark=MARK, mask=mask),
        Layer(arrays["true"][z], f"true ({row['patient']})", mask=mask),
        Layer(made, f"{name}: MAE {error:.0f} HU", mark=MARK, mask=mask),
        Layer(made - scan, "difference", signed(LIMIT_HU), mark=MARK),
    ]


def _baseline_layer(row: Row, arrays: Arrays, baseline: str) -> Layer:
    z = int(arrays["lesion"].sum((1, 2)).argmax())
    other, score = arrays.get(f"fill:{baseline}"), row["methods"].get(baseline, {}).get("mae_hu")
    image = np.full_like(arrays["scan"][z], -1250) if other is None else other[z]
    error = "does not apply" if score is None else f"MAE {score:.0f} HU"
    return Layer(image, f"{baseline}: {error}", mark=MARK, mask=arrays["mask"][z])


def draw_methods(table: dict[str, Row], path: Path, count: int, note: str) -> None:
    """Bars with intervals of MAE and texture error for every method; methods that are not ranked
    are pale."""
    save(lambda: _methods(table, count, note), path, ABOUT, dpi=90)


def _methods(table: dict[str, Row], count: int, note: str) -> Any:
    labels = [name if table[name]["ranked"] else f"{name} (not ranked)" for name in table]
    figure, axes = chart(2, (13, 0.42 * len(labels) + 1.8), sharey=True)
    for axis, (score, label) in zip(axes, CHARTED):
        for place, entry in enumerate(table.values()):
            _bar_of_method(axis, place, entry, entry[score])
        axis.set_xlabel(label)
        axis.margins(x=0.14)
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].invert_yaxis()
    figure.suptitle(
        f"Methods on {count} cases with known truth; bars: 95 % interval over patients. {note} "
        "Research use only.",
        fontsize=10,
    )
    return figure


def _bar_of_method(axis: Any, place: int, entry: Row, score: Row) -> None:
    value = score["value"]
    if value is None:
        return
    low, high = score["ci95"] or (value, value)
    pale = 0.95 if entry["ranked"] else 0.3
    axis.barh(place, value, color=COLOURS[entry["family"]], alpha=pale)
    axis.plot([low, high], [place, place], color="black", linewidth=1)
    words = f" {value:.3g} (n={score['n']})"
    axis.text(max(high, value), place, words, va="center", fontsize=8)


def _close_up(arrays: Arrays) -> Arrays:
    """The volumes cut in the slice to the mask and 25 mm around it."""
    cut = [
        slice(max(int(at.min() - CLOSE_MM / mm), 0), int(at.max() + CLOSE_MM / mm) + 1)
        for at, mm in zip(np.nonzero(arrays["mask"])[1:], arrays["spacing"][1:])
    ]
    return {
        name: array[:, cut[0], cut[1]] if array.ndim == 3 else array
        for name, array in arrays.items()
    }


def draw_real(chosen: list[tuple[Row, Arrays]], path: Path) -> None:
    """Real lesions, close up: scan | counterfactual | difference | map of the reading pass; nobody
    knows the truth."""

    def draw() -> Any:
        title = "Real lesions: no truth is known; edit mask dashed, lung window"
        figure, axes = _grid(len(chosen), 4, title)
        for line, (row, arrays) in zip(axes, chosen):
            _row(line, _real_layers(row, _close_up(arrays)), arrays["spacing"])
        bar(figure, axes, "counterfactual − scan, HU", signed(LIMIT_HU))
        return figure

    save(draw, path, ABOUT, dpi=90)


def _real_layers(row: Row, arrays: Arrays) -> list[Layer]:
    z = int(arrays["lesion"].sum((1, 2)).argmax())
    scan, made, mask = arrays["scan"][z], arrays["made"][z], arrays["mask"][z]
    after = "sees it" if row["probe_after"] > 0 else "sees none"
    return [
        Layer(scan, row["name"], mask=mask),
        Layer(made, f"counterfactual; the probe {after}", mark=MARK, mask=mask),
        Layer(made - scan, "difference", signed(LIMIT_HU), mark=MARK),
        Layer(scan, "reading pass, 0–1", heat=arrays["map"][z]),
    ]
