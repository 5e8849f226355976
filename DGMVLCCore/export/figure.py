"""The picture of a result: original, counterfactual, HU difference, attention; marked synthetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.counterfactual.result import CounterfactualResult
from DGMVLCCore.errors import OutputError

MARK = "synthetic – research use only"
INK, PAPER, ACCENT = "#e8e8e8", "#101214", "#f2b134"


def key_slice(difference: np.ndarray, mask: np.ndarray) -> int:
    """The slice (canonical z) that changed most."""
    return int((np.abs(difference) * mask).sum((1, 2)).argmax())


def _close_up(mask: np.ndarray, spacing: tuple[float, float]) -> tuple[slice, slice]:
    """A square of at least 80 mm around the mask of a slice."""
    ys, xs = np.nonzero(mask if mask.any() else np.ones_like(mask))
    half = max(40.0, 0.62 * max(np.ptp(ys) * spacing[0], np.ptp(xs) * spacing[1]))
    out = []
    for centre, step, n in ((ys.min() / 2 + ys.max() / 2, spacing[0], mask.shape[0]), (xs.min() / 2 + xs.max() / 2, spacing[1], mask.shape[1])):
        size = min(int(2 * half / step), n)
        start = int(np.clip(centre - size / 2, 0, n - size))
        out.append(slice(start, start + size))
    return out[0], out[1]


def _panel(axis: Any, image: np.ndarray, aspect: float, title: str, **how: Any) -> Any:
    shown = axis.imshow(image, aspect=aspect, interpolation="lanczos" if how.pop("smooth", True) else "nearest", **how)
    axis.set_title(title, color=INK, fontsize=11, pad=6)
    axis.set_xticks([])
    axis.set_yticks([])
    for edge in axis.spines.values():
        edge.set_visible(False)
    return shown


def _bar(figure: Any, shown: Any, axis: Any, label: str) -> None:
    bar = figure.colorbar(shown, ax=axis, orientation="horizontal", fraction=0.05, pad=0.03)
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8)
    bar.outline.set_edgecolor("#555555")


def save_figure(result: CounterfactualResult, path: Path) -> None:
    """Write the figure (PNG): a row of whole slices and a row of close-ups, radiological orientation.

    Raises:
        OutputError: it cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    turn = result.original.orientation()
    original, edited = (turn.apply(v.array) for v in (result.original, result.counterfactual))
    mask, change = turn.apply(result.mask), turn.apply(result.difference)
    scan, _ = result.original.canonical()
    z, spacing = key_slice(change, mask), scan.spacing[1:]
    attention = next(iter(result.attention.values()), None)
    heat = turn.apply(attention.values)[z] if attention else np.zeros_like(change[z])
    limit = max(100.0, float(np.ceil(np.abs(change[z]).max() / 100) * 100))
    figure, axes = plt.subplots(2, 4, figsize=(17, 9.2), facecolor=PAPER, layout="constrained")
    grey = {"cmap": "gray", "vmin": -1250, "vmax": 250}
    for row, window in zip(axes, ((slice(None), slice(None)), _close_up(mask[z], spacing))):
        aspect = spacing[0] / spacing[1]
        _panel(row[0], original[z][window], aspect, "Original", **grey)
        _panel(row[1], edited[z][window], aspect, f"Counterfactual: “{result.plan.target.rstrip('.')}”", **grey)
        delta = _panel(row[2], change[z][window], aspect, "Difference (counterfactual − original)", cmap="RdBu_r", vmin=-limit, vmax=limit, smooth=False)
        _panel(row[3], original[z][window], aspect, f"Attention to “{attention.term}”" if attention else "Attention (not read)", **grey)
        shade = row[3].imshow(np.ma.masked_less(heat[window], 0.1), cmap="inferno", vmin=0, vmax=1, alpha=0.6, aspect=aspect)
        for axis in row[:2]:
            axis.contour(mask[z][window], [0.5], colors=ACCENT, linewidths=0.7, linestyles="dashed")
        row[1].text(0.02, 0.02, MARK, transform=row[1].transAxes, color=ACCENT, fontsize=9)
        row[2].text(0.02, 0.02, MARK, transform=row[2].transAxes, color="#333333", fontsize=9)
        for axis in (row[0], row[1], row[3]):
            axis.text(0.01, 0.97, "R", transform=axis.transAxes, color=INK, fontsize=9, va="top")
    _bar(figure, delta, axes[1, 2], "HU")
    _bar(figure, shade, axes[1, 3], "attention (0–1)")
    failed = [gate.sentence for gate in result.gates if not gate.passed]
    verdict = "checks: " + (" ".join(failed) if failed else "all passed")
    finding = result.plan.finding
    said = f"Report: “{finding['sentence'][:140]}”\n" if finding else ""
    figure.suptitle(f"{said}slice {z + 1} of {len(mask)} · {verdict}", color=ACCENT if failed else INK, fontsize=11)
    try:
        figure.savefig(path, dpi=100, facecolor=PAPER, metadata={"Description": f"DGM-VLC counterfactual, {MARK}"})
    except OSError as error:
        raise OutputError(f"{path} could not be written; check permission and free space.") from error
    finally:
        plt.close(figure)
