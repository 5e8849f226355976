"""The picture of a comparison: the original, then a column a hypothesis with its counterfactual and
its difference; marked synthetic."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.editing.result import CounterfactualResult
from DGMVLCCore.errors import OutputError
from DGMVLCCore.report.figure import (
    ACCENT,
    DIVERGING,
    INK,
    MARK,
    PAPER,
    WINDOW,
    bar,
    close_up,
    edge,
    panel,
    ruler,
)


def caption(row: dict[str, Any], rank: int) -> str:
    """Two lines over a column: rank and name; error and agreement beside the first one's."""
    fits = "" if row["agreement"] is None else f" · agreement {row['agreement']:.2f}"
    error = (
        "fits best"
        if rank == 1
        else f"error {row['excess']:+.1%} [{row['low']:+.1%}, {row['high']:+.1%}]"
    )
    return f"{rank}. {row['name']}\n{error}{fits}"


def save_comparison_figure(
    results: list[CounterfactualResult], record: dict[str, Any], path: Path
) -> None:
    """Write the figure (PNG): close-ups around the region on its fullest slice, radiological
    orientation.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False, "text.usetex": False}):
        figure = _draw(results, record)
        try:
            figure.savefig(
                path,
                format="png",
                dpi=100,
                facecolor=PAPER,
                metadata={"Description": f"DGM-VLC comparison, {MARK}"},
            )
        except OSError as error:
            raise OutputError(
                f"{path} could not be written; check permission and free space."
            ) from error


def _title(axis: Any, text: str) -> None:
    axis.set_title(text, color=INK, fontsize=11, pad=6)


def _outline(axis: Any, mask: np.ndarray, synthetic: bool) -> None:
    if mask.any() and not mask.all():
        axis.contour(mask, [0.5], colors=ACCENT, linewidths=0.7, linestyles="dashed")
    axis.text(
        0.01,
        0.98,
        "R",
        transform=axis.transAxes,
        color=INK,
        fontsize=9,
        va="top",
        path_effects=edge(),
    )
    if synthetic:
        axis.text(
            0.02,
            0.02,
            MARK,
            transform=axis.transAxes,
            color=ACCENT,
            fontsize=9,
            bbox={"facecolor": PAPER, "alpha": 0.6, "lw": 0, "pad": 1.5},
        )


def _draw(results: list[CounterfactualResult], record: dict[str, Any]) -> Any:
    """The matplotlib figure; not through pyplot, so that the caller's backend stays as it is."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    scan, turn = results[0].original.canonical()
    mask = turn.apply(results[0].mask)
    z = int(mask.sum((1, 2)).argmax())
    spacing = scan.spacing[1:]
    window, aspect = close_up(mask[z], spacing), spacing[0] / spacing[1]
    changes = [turn.apply(result.difference)[z][window] for result in results]
    limit = max(100.0, float(np.ceil(max(np.abs(change).max() for change in changes) / 100) * 100))
    diverging = LinearSegmentedColormap.from_list("difference", DIVERGING)
    figure = Figure(figsize=(4.2 * (len(results) + 1), 9.8), facecolor=PAPER, layout="constrained")
    axes = figure.subplots(2, len(results) + 1)
    original = scan.array[z]
    panel(axes[0, 0], original[window], aspect, "", **WINDOW)
    _title(axes[0, 0], "Original\n")
    ruler(axes[0, 0], original[window].shape, spacing[1])
    panel(axes[1, 0], original, aspect, "", **WINDOW)
    _title(axes[1, 0], "Original, whole slice")
    _outline(axes[0, 0], mask[z][window], False)
    _outline(axes[1, 0], mask[z], False)
    for column, (row, result, change) in enumerate(zip(record["hypotheses"], results, changes), 1):
        panel(
            axes[0, column],
            turn.apply(result.counterfactual.array)[z][window],
            aspect,
            "",
            **WINDOW,
        )
        _title(axes[0, column], caption(row, column))
        panel(
            axes[1, column],
            change,
            aspect,
            "",
            cmap=diverging,
            vmin=-limit,
            vmax=limit,
            smooth=False,
        )
        _title(axes[1, column], "Difference from the original")
        for line in (0, 1):
            _outline(axes[line, column], mask[z][window], True)
    for column in range(1, len(results) + 1):
        bar(figure, axes[1, column], "HU", diverging, -limit, limit)
    figure.suptitle(
        f"Same mask, same noise, same slices   ·   slice {z + 1} of {len(mask)} from the feet, "
        "lung window",
        color=INK,
        fontsize=12,
    )
    words = textwrap.fill(
        f"{record['ranking']['sentence']} {record['ranking']['note']}", 30 * (len(results) + 1)
    )
    figure.supxlabel(
        words, color=INK if record["ranking"]["distinguishable"] else ACCENT, fontsize=11
    )
    return figure
