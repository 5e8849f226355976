"""Pictures of an evaluation: best, median and worst cases; every method's error; real lesions. All
marked synthetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.evaluation.records import Row
from DGMVLCCore.report.figure import ACCENT, DIVERGING, INK, MARK, PAPER, WINDOW

COLOURS = {
    "ours": "#2a9d8f",
    "submission": "#2a9d8f",
    "classical": "#8d99ae",
    "generative": "#4a7fc1",
    "reference": "#c9a227",
    "other": "#8d99ae",
}
RULER_MM, CLOSE_MM = 20, 25.0
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


def _save(figure: Any, path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False, "text.usetex": False}):
        figure.savefig(
            path,
            format="png",
            dpi=90,
            facecolor=figure.get_facecolor(),
            metadata={"Description": f"DGM-VLC evaluation, {MARK}", "Software": None},
        )


def _cell(
    axis: Any, image: np.ndarray, spacing: np.ndarray, title: str, synthetic: bool, **how: Any
) -> Any:
    """One picture without axes; the mark is burned into what is synthetic."""
    shown = axis.imshow(
        image, aspect=float(spacing[1] / spacing[2]), interpolation="nearest", **how
    )
    axis.set_title(title, color=INK, fontsize=9, pad=4)
    axis.set_xticks([])
    axis.set_yticks([])
    for edge in axis.spines.values():
        edge.set_visible(False)
    if synthetic:
        axis.text(
            0.02,
            0.02,
            MARK,
            transform=axis.transAxes,
            color=ACCENT,
            fontsize=7,
            bbox={"facecolor": PAPER, "alpha": 0.6, "lw": 0, "pad": 1.5},
        )
    return shown


def _ruler(axis: Any, shape: tuple[int, ...], spacing: np.ndarray) -> None:
    from matplotlib.patheffects import withStroke

    right, low, edge = 0.96 * shape[1], 0.94 * shape[0], [withStroke(linewidth=4, foreground=PAPER)]
    axis.plot(
        [right - RULER_MM / float(spacing[2]), right],
        [low, low],
        color=INK,
        linewidth=2,
        path_effects=edge,
    )
    axis.text(
        right,
        low - 0.02 * shape[0],
        f"{RULER_MM} mm",
        color=INK,
        fontsize=8,
        ha="right",
        va="bottom",
        path_effects=edge,
    )


def _grid(rows: int, columns: int, title: str) -> tuple[Any, Any]:
    """A dark figure of square cells with one colour bar's room below; not through pyplot."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(
        figsize=(3.1 * columns, 3.6 * rows + 1.3),
        facecolor=PAPER,
        layout=ConstrainedLayoutEngine(h_pad=0.16, w_pad=0.04),
    )
    figure.suptitle(title, color=INK, fontsize=11)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _scale(figure: Any, axes: Any, shown: Any, label: str) -> None:
    bar = figure.colorbar(
        shown, ax=axes, orientation="horizontal", fraction=0.035, pad=0.02, aspect=60
    )
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8)


def draw_cases(
    chosen: list[tuple[str, Row, Arrays]], name: str, baseline: str | None, path: Path
) -> None:
    """Rows best, median, worst: scan with lesion | true | counterfactual | its difference from the
    scan | a baseline; one HU scale for all."""
    from matplotlib.colors import LinearSegmentedColormap

    diverging, limit = LinearSegmentedColormap.from_list("difference", DIVERGING), 400
    figure, axes = _grid(
        len(chosen),
        5 if baseline else 4,
        "Best, median and worst case by MAE inside the edit mask (dashed); lung window",
    )
    shown = None
    for line, (rank, row, arrays) in zip(axes, chosen):
        made, spacing = arrays[f"fill:{name}"], arrays["spacing"]
        z = int(arrays["lesion"].sum((1, 2)).argmax())
        said = f"{row['kind'].replace('_', ' ')}, {row['size_mm']:.0f} mm"
        error = row["methods"][name]["mae_hu"]
        _cell(line[0], arrays["scan"][z], spacing, f"{rank}: {said}", True, **WINDOW)
        _cell(line[1], arrays["true"][z], spacing, f"true ({row['patient']})", False, **WINDOW)
        _cell(line[2], made[z], spacing, f"{name}: MAE {error:.0f} HU", True, **WINDOW)
        shown = _cell(
            line[3],
            (made - arrays["scan"])[z],
            spacing,
            "difference",
            True,
            cmap=diverging,
            vmin=-limit,
            vmax=limit,
        )
        if baseline:
            other = arrays.get(f"fill:{baseline}")
            score = row["methods"].get(baseline, {}).get("mae_hu")
            _cell(
                line[4],
                np.full_like(made[z], -1250) if other is None else other[z],
                spacing,
                f"{baseline}: " + ("does not apply" if score is None else f"MAE {score:.0f} HU"),
                True,
                **WINDOW,
            )
        _ruler(line[0], made[z].shape, spacing)
        for axis in line[[0, 1, 2, *([4] if baseline else [])]]:
            axis.contour(
                arrays["mask"][z], [0.5], colors=ACCENT, linewidths=0.7, linestyles="dashed"
            )
    if shown is not None:
        _scale(figure, axes, shown, "counterfactual − scan, HU")
    _save(figure, path)


def draw_methods(table: dict[str, Row], path: Path, count: int, note: str) -> None:
    """Bars with intervals of MAE and texture error for every method; methods that are not ranked
    are pale."""
    from matplotlib.figure import Figure

    names = list(table)
    figure = Figure(figsize=(13, 0.42 * len(names) + 1.8), facecolor="white", layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (score, label) in zip(
        axes,
        (
            ("mae_hu", "MAE inside the mask, HU (lower is better)"),
            ("texture_error", "texture error (lower is better)"),
        ),
    ):
        for place, name in enumerate(names):
            entry = table[name]
            found = entry[score]
            if found["value"] is None:
                continue
            low, high = found["ci95"] or (found["value"], found["value"])
            axis.barh(
                place,
                found["value"],
                color=COLOURS[entry["family"]],
                alpha=0.95 if entry["ranked"] else 0.3,
            )
            axis.plot([low, high], [place, place], color="black", linewidth=1)
            axis.text(
                max(high, found["value"]),
                place,
                f" {found['value']:.3g} (n={found['n']})",
                va="center",
                fontsize=8,
            )
        axis.set_xlabel(label)
        axis.margins(x=0.14)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_yticks(
        range(len(names)),
        [name if table[name]["ranked"] else f"{name} (not ranked)" for name in names],
    )
    axes[0].invert_yaxis()
    figure.suptitle(
        f"Methods on {count} cases with known truth; bars: 95 % interval over patients. {note} "
        "Research use only.",
        fontsize=10,
    )
    _save(figure, path)


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
    from matplotlib.colors import LinearSegmentedColormap

    diverging = LinearSegmentedColormap.from_list("difference", DIVERGING)
    figure, axes = _grid(
        len(chosen), 4, "Real lesions: no truth is known; edit mask dashed, lung window"
    )
    shown = None
    for line, (row, whole) in zip(axes, chosen):
        arrays = _close_up(whole)
        z, spacing = int(arrays["lesion"].sum((1, 2)).argmax()), arrays["spacing"]
        after = "sees it" if row["probe_after"] > 0 else "sees none"
        _cell(line[0], arrays["scan"][z], spacing, row["name"], False, **WINDOW)
        _cell(
            line[1],
            arrays["made"][z],
            spacing,
            f"counterfactual; the probe {after}",
            True,
            **WINDOW,
        )
        shown = _cell(
            line[2],
            (arrays["made"] - arrays["scan"])[z],
            spacing,
            "difference",
            True,
            cmap=diverging,
            vmin=-400,
            vmax=400,
        )
        _cell(line[3], arrays["scan"][z], spacing, "reading pass, 0–1", False, **WINDOW)
        heat = arrays["map"][z]
        line[3].imshow(
            heat,
            cmap="inferno",
            vmin=0,
            vmax=1,
            alpha=np.clip(1.2 * heat, 0, 0.65),
            aspect=float(spacing[1] / spacing[2]),
            interpolation="nearest",
        )
        for axis in line[:2]:
            axis.contour(
                arrays["mask"][z], [0.5], colors=ACCENT, linewidths=0.7, linestyles="dashed"
            )
        _ruler(line[0], heat.shape, spacing)
    if shown is not None:
        _scale(figure, axes, shown, "counterfactual − scan, HU")
    _save(figure, path)
