"""The picture of a result: original, counterfactual, HU difference, attention; marked synthetic."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.editing.result import CounterfactualResult
from DGMVLCCore.errors import OutputError

HEADING = re.compile(r"^[A-Z][A-Za-z ]{2,30}:\s*")
MARK = "synthetic – research use only"
INK, PAPER, ACCENT = "#e8e8e8", "#101214", "#f2b134"
# Black at 0, so that unchanged tissue does not glare beside the CT: pale blue – blue – black – red
# – pale orange.
DIVERGING = ("#9eebff", "#1f70db", "#0a0d0f", "#d13329", "#ffd685")
WINDOW = {"cmap": "gray", "vmin": -1250, "vmax": 250}


def key_slice(difference: np.ndarray, mask: np.ndarray) -> int:
    """The slice (canonical z) that changed most."""
    return int((np.abs(difference) * mask).sum((1, 2)).argmax())


def close_up(mask: np.ndarray, spacing: tuple[float, float]) -> tuple[slice, slice]:
    """A square of at least 80 mm around the mask of a slice."""
    ys, xs = np.nonzero(mask if mask.any() else np.ones_like(mask))
    half = max(40.0, 0.62 * max(np.ptp(ys) * spacing[0], np.ptp(xs) * spacing[1]))
    out = []
    for centre, step, n in (
        (ys.min() / 2 + ys.max() / 2, spacing[0], mask.shape[0]),
        (xs.min() / 2 + xs.max() / 2, spacing[1], mask.shape[1]),
    ):
        size = min(int(2 * half / step), n)
        start = int(np.clip(centre - size / 2, 0, n - size))
        out.append(slice(start, start + size))
    return out[0], out[1]


def panel(axis: Any, image: np.ndarray, aspect: float, title: str, **how: Any) -> Any:
    # A kernel without negative lobes: sharper ones draw dark halos around vessels that are not in
    # the scan.
    shown = axis.imshow(
        image,
        aspect=aspect,
        interpolation="hanning" if how.pop("smooth", True) else "nearest",
        **how,
    )
    axis.set_title(textwrap.fill(title, 48), color=INK, fontsize=11, pad=6)
    axis.set_xticks([])
    axis.set_yticks([])
    for edge in axis.spines.values():
        edge.set_visible(False)
    return shown


def bar(figure: Any, axis: Any, label: str, cmap: Any, low: float, high: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(low, high), cmap),
        ax=axis,
        orientation="horizontal",
        fraction=0.05,
        pad=0.03,
    )
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8)
    bar.outline.set_edgecolor("#555555")


def edge() -> list[Any]:
    """A dark rim for light marks, so that they can be read over bone and table, too."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=4, foreground=PAPER)]


def ruler(axis: Any, shape: tuple[int, int], step: float) -> None:
    """A length scale along the lower edge; `step` is the pixel width in mm."""
    mm = next((mm for mm in (100, 50, 20, 10, 5) if mm / step < 0.35 * shape[1]), 5)
    right, low = shape[1] * 0.96, shape[0] * 0.95
    rim = edge()
    axis.plot(
        [right - mm / step, right],
        [low, low],
        color=INK,
        linewidth=2,
        solid_capstyle="butt",
        path_effects=rim,
    )
    axis.text(
        right - mm / step / 2,
        low - 0.015 * shape[0],
        f"{mm} mm",
        color=INK,
        fontsize=8,
        ha="center",
        va="bottom",
        path_effects=rim,
    )


def _row(
    axes: Any,
    images: tuple[np.ndarray, ...],
    spacing: tuple[float, float],
    limit: float,
    titles: list[str],
    diverging: Any,
) -> None:
    """One row of panels from (original, edited, change, heat, mask), each (H,W)."""
    original, edited, change, heat, mask = images
    aspect = spacing[0] / spacing[1]
    panel(axes[0], original, aspect, titles[0], **WINDOW)
    panel(axes[1], edited, aspect, titles[1], **WINDOW)
    panel(axes[2], change, aspect, titles[2], cmap=diverging, vmin=-limit, vmax=limit, smooth=False)
    panel(axes[3], original, aspect, titles[3], **WINDOW)
    axes[3].imshow(
        heat,
        cmap="inferno",
        vmin=0,
        vmax=1,
        alpha=np.clip(1.2 * heat, 0, 0.65),
        aspect=aspect,
        interpolation="nearest",
    )
    ruler(axes[0], original.shape, spacing[1])  # type: ignore[arg-type]
    for axis in axes[:3]:
        if mask.any() and not mask.all():
            axis.contour(mask, [0.5], colors=ACCENT, linewidths=0.7, linestyles="dashed")
    for axis in axes:
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
    for axis in axes[1:3]:
        axis.text(
            0.02,
            0.02,
            MARK,
            transform=axis.transAxes,
            color=ACCENT,
            fontsize=9,
            bbox={"facecolor": PAPER, "alpha": 0.6, "lw": 0, "pad": 1.5},
        )


def _heading(result: CounterfactualResult, z: int, depth: int) -> tuple[str, str]:
    """Two lines: what the report says and what is shown; what the checks say, in plain words."""
    finding = result.plan.finding
    said = (
        "Report: "
        f"“{textwrap.shorten(HEADING.sub('', finding['sentence']), 140, placeholder=' …')}”   ·  "
        " "
        if finding
        else ""
    )
    failed = [gate.sentence for gate in result.gates if not gate.passed]
    if failed:
        verdict = f"{len(failed)} of {len(result.gates)} checks failed. " + " ".join(failed)
    else:
        verdict = (
            f"All {len(result.gates)} checks passed." if result.gates else "No checks were made."
        )
    return f"{said}slice {z + 1} of {depth} from the feet, lung window", textwrap.fill(verdict, 190)


def save_figure(result: CounterfactualResult, path: Path) -> None:
    """Write the figure (PNG): a row of whole slices and a row of close-ups, radiological
    orientation.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib import rc_context

    # Words of reports and users are no formulas (a $ would start one); the caller's plotting style
    # stays out.
    with rc_context({"text.parse_math": False, "text.usetex": False}):
        figure = _draw(result)
        try:
            figure.savefig(
                path,
                format="png",
                dpi=100,
                facecolor=PAPER,
                metadata={"Description": f"DGM-VLC counterfactual, {MARK}"},
            )
        except OSError as error:
            raise OutputError(
                f"{path} could not be written; check permission and free space."
            ) from error


def _draw(result: CounterfactualResult) -> Any:
    """The matplotlib figure of a result; not through pyplot, so that the caller's backend stays as
    it is."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    scan, turn = result.original.canonical()
    change, mask = turn.apply(result.difference), turn.apply(result.mask)
    z, spacing = key_slice(change, mask), scan.spacing[1:]
    attention = result.attention.get(result.plan.term) or next(
        iter(result.attention.values()), None
    )
    heat = turn.apply(attention.values)[z] if attention else np.zeros_like(change[z])
    slices = (scan.array[z], turn.apply(result.counterfactual.array)[z], change[z], heat, mask[z])
    limit = max(100.0, float(np.ceil(np.abs(change[z]).max() / 100) * 100))
    titles = [
        "Original",
        f"Counterfactual: “{result.plan.target.rstrip('.')}”",
        "Difference (counterfactual − original)",
        f"Attention to “{attention.term}”" if attention else "Attention (not read)",
    ]
    diverging = LinearSegmentedColormap.from_list("difference", DIVERGING)
    figure = Figure(figsize=(17, 9.6), facecolor=PAPER, layout="constrained")
    axes = figure.subplots(2, 4)
    for row, window in zip(axes, ((slice(None), slice(None)), close_up(mask[z], spacing))):
        _row(row, tuple(image[window] for image in slices), spacing, limit, titles, diverging)
    bar(figure, axes[1, 2], "HU", diverging, -limit, limit)
    bar(figure, axes[1, 3], "attention (0–1)", "inferno", 0, 1)
    shown, verdict = _heading(result, z, len(mask))
    figure.suptitle(shown, color=INK, fontsize=12)
    figure.supxlabel(
        verdict, color=INK if all(gate.passed for gate in result.gates) else ACCENT, fontsize=11
    )
    return figure
