"""The pictures of a result, of a comparison, of a demonstration and of one region."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.editing.result import CounterfactualResult
from DGMVLCCore.imaging.masks import rows_around
from DGMVLCCore.imaging.profiles import PROFILES
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.report.drawing import (
    ACCENT,
    HEAT,
    INK,
    MARK,
    WHOLE,
    Layer,
    Scale,
    bar,
    close_up,
    hu_limit,
    key_slice,
    panel,
    ruler,
    save,
    sheet,
    signed,
)
from DGMVLCCore.results.comparison import Comparison, HypothesisRow

HEADING = re.compile(r"^[A-Z][A-Za-z ]{2,30}:\s*")
OUTLINED = "outline by software – research use only"


def _rows(axes: Any, layers: list[Layer], mask: np.ndarray, scan: Volume) -> None:
    """Whole slices above, close-ups of the mask (H,W) below, all with a ruler in the first."""
    spacing = scan.spacing[1:]
    for row, window in zip(axes, (WHOLE, close_up(mask, spacing))):
        for axis, layer in zip(row, layers):
            panel(axis, layer, spacing, window)
        ruler(row[0], layers[0].image[window].shape, spacing[1])


def _attention(result: CounterfactualResult) -> tuple[str, np.ndarray | None]:
    """Title and values (D,H,W) of the map of the asked term, else of any."""
    maps = result.attention
    shown = maps.get(result.plan.term) or next(iter(maps.values()), None)
    if shown is None:
        return "Attention (not read)", None
    return f"Attention to “{shown.term}”", shown.values


def _heading(result: CounterfactualResult, z: int, depth: int) -> tuple[str, str]:
    """Two lines: what the report says and what is shown; what the checks say, in plain words."""
    finding, said = result.plan.finding, ""
    if finding:
        sentence = textwrap.shorten(HEADING.sub("", finding.sentence), 140, placeholder=" …")
        said = f"Report: “{sentence}”   ·   "
    failed = [gate.sentence for gate in result.gates if not gate.passed]
    if failed:
        verdict = f"{len(failed)} of {len(result.gates)} checks failed. " + " ".join(failed)
    else:
        verdict = (
            f"All {len(result.gates)} checks passed." if result.gates else "No checks were made."
        )
    return f"{said}slice {z + 1} of {depth} from the feet, lung window", textwrap.fill(verdict, 190)


def save_figure(result: CounterfactualResult, path: Path) -> None:
    """Write the figure of a result (PNG), radiological orientation: original, counterfactual, HU
    difference and attention.

    Raises:
        OutputError: it cannot be written.
    """
    save(lambda: _result(result), path, f"counterfactual, {MARK}")


def _result(result: CounterfactualResult) -> Any:
    scan, turn = result.original.canonical()
    made, mask = turn.apply(result.counterfactual.array), turn.apply(result.mask)
    held = slice(*rows_around(mask)) if mask.any() else slice(0, 1)  # no other slice is chosen
    z = held.start + key_slice(made[held] - scan.array[held], mask[held])
    edited, change = made[z], made[z] - scan.array[z]
    scale = signed(hu_limit(change))
    title, values = _attention(result)
    heat = np.zeros_like(change) if values is None else turn.apply(values)[z]
    name = f"Counterfactual: “{result.plan.target.rstrip('.')}”"
    difference = "Difference (counterfactual − original)"
    layers = [
        Layer(scan.array[z], "Original", mask=mask[z]),
        Layer(edited, name, mark=MARK, mask=mask[z]),
        Layer(change, difference, scale, mark=MARK, mask=mask[z]),
        Layer(scan.array[z], title, heat=heat),
    ]
    shown, verdict = _heading(result, z, len(mask))
    figure, axes = sheet(2, 4, (17, 9.6), shown)
    _rows(axes, layers, mask[z], scan)
    bar(figure, axes[1, 2], "HU", scale)
    bar(figure, axes[1, 3], "attention (0–1)", HEAT)
    passed = all(gate.passed for gate in result.gates)
    figure.supxlabel(verdict, color=INK if passed else ACCENT, fontsize=11)
    return figure


def save_comparison_figure(
    results: list[CounterfactualResult], record: Comparison, path: Path
) -> None:
    """Write the figure of a comparison (PNG): the original, then a column a hypothesis with its
    counterfactual and its difference, close up on the region's fullest slice.

    Raises:
        OutputError: it cannot be written.
    """
    save(lambda: _comparison(results, record), path, f"comparison, {MARK}")


def caption(row: HypothesisRow, rank: int) -> str:
    """Two lines over a column: rank and name; the change that the words ask for beyond the first
    one's, and agreement."""
    fits = "" if row.agreement is None else f" · agreement {row.agreement:.2f}"
    more = row.more_hu or 0.0
    error = f"asks {more:+.0f} HU [{row.low:+.0f}, {row.high:+.0f}]" if rank > 1 else "fits best"
    return f"{rank}. {row.name}\n{error}{fits}"


def _comparison(results: list[CounterfactualResult], record: Comparison) -> Any:
    scan, turn = results[0].original.canonical()
    mask = turn.apply(results[0].mask)
    z, spacing = int(mask.sum((1, 2)).argmax()), scan.spacing[1:]
    window, outline = close_up(mask[z], spacing), mask[z]
    changes = [turn.apply(result.difference)[z] for result in results]
    scale = signed(hu_limit(np.stack([change[window] for change in changes])))
    shown = f"Same mask, same noise, same slices   ·   slice {z + 1} of {len(mask)} from the feet"
    columns = len(results) + 1
    figure, axes = sheet(2, columns, (4.2 * columns, 9.8), f"{shown}, lung window")
    original = Layer(scan.array[z], "Original\n", mask=outline)
    panel(axes[0, 0], original, spacing, window)
    ruler(axes[0, 0], original.image[window].shape, spacing[1])
    panel(axes[1, 0], replace(original, title="Original, whole slice"), spacing)
    for column, (row, result, change) in enumerate(zip(record.hypotheses, results, changes), 1):
        edited = turn.apply(result.counterfactual.array)[z]
        above = Layer(edited, caption(row, column), mark=MARK, mask=outline)
        panel(axes[0, column], above, spacing, window)
        below = Layer(change, "Difference from the original", scale, MARK, outline)
        panel(axes[1, column], below, spacing, window)
        bar(figure, axes[1, column], "HU", scale)
    ranking = record.ranking
    words = textwrap.fill(f"{ranking.sentence} {ranking.note}", 30 * columns)
    figure.supxlabel(words, color=INK if ranking.distinguishable else ACCENT, fontsize=11)
    return figure


def save_fill_figure(result: CounterfactualResult, path: Path) -> None:
    """Write the figure of an edited MR or X-ray picture (PNG): original, edited, difference.

    Raises:
        OutputError: it cannot be written.
    """
    save(lambda: _fill(result), path, f"demonstration, {MARK}")


def _fill(result: CounterfactualResult) -> Any:
    scan, turn = result.original.canonical()
    mask, change = turn.apply(result.mask), turn.apply(result.difference)
    z, profile = key_slice(change, mask), PROFILES[scan.modality]
    grey = Scale(*profile.window(scan.array))
    scale = signed(max(float(np.abs(change[z]).max()), 1e-6))
    edited, name = turn.apply(result.counterfactual.array), result.plan.target.rstrip(".")
    layers = [
        Layer(scan.array[z], "Original", grey, mask=mask[z]),
        Layer(edited[z], f"Filled: “{name}”", grey, MARK, mask[z]),
        Layer(change[z], "Difference (filled − original)", scale, MARK, mask[z]),
    ]
    title = f"{scan.modality}, slice {z + 1} of {len(mask)}, demonstration"
    figure, axes = sheet(2, 3, (13, 9), title)
    _rows(axes, [replace(layer, side=False) for layer in layers], mask[z], scan)
    bar(figure, axes[1, 2], f"stored units ({profile.unit})", scale)
    return figure


def save_region_figure(
    scan: Volume, without: Volume, mask: np.ndarray, number: int, z: int, denied: str, path: Path
) -> None:
    """Write the picture of one region (PNG): its slice whole and close, the same without it, and
    the difference; radiological orientation, lung window.

    Args:
        scan: canonical CT. without: the same, edited. mask: bool (D,H,W). number: the region's
            name. z: the slice, from 0. denied: the sentence it was edited by.

    Raises:
        OutputError: it cannot be written.
    """

    def draw() -> Any:
        title = f"Region {number}, slice {z + 1} of {len(mask)} from the feet, lung window"
        figure, axes = sheet(1, 4, (15, 4.5), title)
        spacing, change = scan.spacing[1:], without.array[z] - scan.array[z]
        near, outline = close_up(mask[z], spacing, 70.0), mask[z]
        scale = signed(hu_limit(change[near]))
        whole = Layer(scan.array[z], "Whole slice", mark=OUTLINED, mask=outline, dashed=False)
        panel(axes[0, 0], whole, spacing, size=10)
        layers = [
            Layer(scan.array[z], "Original", mask=outline),
            Layer(without.array[z], f"Without it: “{denied.rstrip('.')}”", mark=MARK),
            Layer(change, "Difference (without − original)", scale, mark=MARK, mask=outline),
        ]
        for axis, layer in zip(axes[0, 1:], layers):
            panel(axis, layer, spacing, near, size=10)
        ruler(axes[0, 1], scan.array[z][near].shape, spacing[1])
        bar(figure, axes[0, 3], "HU", scale)
        return figure

    save(draw, path, f"review, {MARK}", dpi=80)
