"""What every picture is drawn with: slices and their marks, colour scales, rulers, one way to save.

All on matplotlib, never through pyplot, so that the caller's backend stays as it is.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from DGMVLCCore.errors import OutputError

MARK = "synthetic – research use only"
INK, PAPER, ACCENT = "#e8e8e8", "#101214", "#f2b134"
WHOLE = (slice(None), slice(None))


@dataclass(frozen=True)
class Scale:
    """Colours of the values from `low` to `high`; smooth between pixels, as a CT is shown."""

    low: float
    high: float
    colours: Any = "gray"
    smooth: bool = True


LUNG = Scale(-1250, 250)
HEAT = Scale(0, 1, "inferno", smooth=False)


def signed(limit: float) -> Scale:
    """Differences from -limit to limit. Black at 0, so that unchanged tissue does not glare beside
    the CT: pale blue – blue – black – red – pale orange."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = ("#9eebff", "#1f70db", "#0a0d0f", "#d13329", "#ffd685")
    diverging = LinearSegmentedColormap.from_list("difference", colours)
    return Scale(-limit, limit, diverging, smooth=False)


@dataclass(frozen=True)
class Layer:
    """A slice (H,W) to be shown, and what is drawn over it."""

    image: np.ndarray
    title: str = ""
    scale: Scale = LUNG
    mark: str = ""  # burned in
    mask: np.ndarray | None = None  # bool (H,W), outlined
    dashed: bool = True
    heat: np.ndarray | None = None  # (H,W), 0 to 1, laid over the image
    side: bool = True  # says which side is the patient's right


def hu_limit(change: np.ndarray) -> float:
    """The end of a difference's colours: whole hundreds of HU, at least 100."""
    return max(100.0, float(np.ceil(np.abs(change).max() / 100) * 100))


def key_slice(difference: np.ndarray, mask: np.ndarray) -> int:
    """The slice (canonical z) that changed most."""
    changed, rows = np.zeros(len(mask)), mask.any((1, 2))
    changed[rows] = (np.abs(difference[rows]) * mask[rows]).sum((1, 2))
    return int(changed.argmax())


def close_up(
    mask: np.ndarray, spacing: Sequence[float], least_mm: float = 80.0
) -> tuple[slice, slice]:
    """A square of at least `least_mm` around the mask (H,W) of a slice."""
    ys, xs = np.nonzero(mask if mask.any() else np.ones_like(mask))
    half = max(least_mm / 2, 0.62 * max(np.ptp(ys) * spacing[0], np.ptp(xs) * spacing[1]))
    out = []
    for centre, step, n in (
        (ys.min() / 2 + ys.max() / 2, spacing[0], mask.shape[0]),
        (xs.min() / 2 + xs.max() / 2, spacing[1], mask.shape[1]),
    ):
        size = min(int(2 * half / step), n)
        start = int(np.clip(centre - size / 2, 0, n - size))
        out.append(slice(start, start + size))
    return out[0], out[1]


def sheet(rows: int, columns: int, size: tuple[float, float], title: str = "") -> tuple[Any, Any]:
    """A dark figure of `size` inches and its axes (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor=PAPER, layout="constrained")
    figure.suptitle(title, color=INK, fontsize=12)
    return figure, figure.subplots(rows, columns, squeeze=False)


def chart(columns: int, size: tuple[float, float], **how: Any) -> tuple[Any, Any]:
    """A light figure of `size` inches with `columns` open axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **how)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def panel(
    axis: Any,
    layer: Layer,
    spacing: Sequence[float],
    window: tuple[slice, slice] = WHOLE,
    size: float = 11,
) -> None:
    """One slice without axes; spacing: mm of a row and of a column. `size`: points of the title."""
    aspect = float(spacing[0] / spacing[1])
    # A kernel without negative lobes: sharper ones draw dark halos around vessels that are not in
    # the scan.
    _image(axis, layer.image[window], layer.scale, aspect)
    if layer.heat is not None:
        heat = layer.heat[window]
        _image(axis, heat, HEAT, aspect, alpha=np.clip(1.2 * heat, 0, 0.65))
    if layer.mask is not None and (inside := layer.mask[window]).any() and not inside.all():
        style = {"linewidths": 0.7, "linestyles": "dashed"} if layer.dashed else {"linewidths": 1.2}
        axis.contour(inside, [0.5], colors=ACCENT, **style)
    if layer.side:
        _word(axis, 0.01, 0.98, "R", INK, size - 2, va="top", path_effects=_rim())
    if layer.mark:
        box = {"facecolor": PAPER, "alpha": 0.6, "lw": 0, "pad": 1.5}
        _word(axis, 0.02, 0.02, layer.mark, ACCENT, size - 2, bbox=box)
    lines = layer.title.split("\n")
    title = "\n".join(textwrap.fill(line, 48) for line in lines)
    axis.set_title(title, color=INK, fontsize=size, pad=6)
    bare(axis)


def _image(axis: Any, image: np.ndarray, scale: Scale, aspect: float, alpha: Any = None) -> None:
    axis.imshow(
        image,
        aspect=aspect,
        interpolation="hanning" if scale.smooth else "nearest",
        cmap=scale.colours,
        vmin=scale.low,
        vmax=scale.high,
        alpha=alpha,
    )


def _word(axis: Any, x: float, y: float, text: str, color: str, size: float, **how: Any) -> None:
    axis.text(x, y, text, transform=axis.transAxes, color=color, fontsize=size, **how)


def bare(axis: Any) -> None:
    """No ticks and no frame."""
    axis.set_xticks([])
    axis.set_yticks([])
    for edge in axis.spines.values():
        edge.set_visible(False)


def bar(figure: Any, axes: Any, label: str, scale: Scale) -> None:
    """The colours of a scale with their values, below one axis or many."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    fraction, aspect = (0.035, 60) if isinstance(axes, np.ndarray) else (0.05, 20)
    colours = ScalarMappable(Normalize(scale.low, scale.high), scale.colours)
    where = {"orientation": "horizontal", "fraction": fraction, "pad": 0.03, "aspect": aspect}
    colour_bar = figure.colorbar(colours, ax=axes, **where)
    colour_bar.set_label(label, color=INK, fontsize=9)
    colour_bar.ax.tick_params(colors=INK, labelsize=8)
    colour_bar.outline.set_edgecolor("#555555")


def _rim() -> list[Any]:
    """A dark rim for light marks, so that they can be read over bone and table, too."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=4, foreground=PAPER)]


def ruler(axis: Any, shape: Sequence[int], step: float) -> None:
    """A length scale along the lower edge; `step` is the pixel width in mm."""
    mm = next((mm for mm in (100, 50, 20, 10, 5) if mm / step < 0.35 * shape[1]), 5)
    right, low = shape[1] * 0.96, shape[0] * 0.95
    line = {"color": INK, "linewidth": 2, "solid_capstyle": "butt", "path_effects": _rim()}
    axis.plot([right - mm / step, right], [low, low], **line)
    word = {"color": INK, "fontsize": 8, "ha": "center", "va": "bottom", "path_effects": _rim()}
    axis.text(right - mm / step / 2, low - 0.015 * shape[0], f"{mm} mm", **word)


def save(draw: Callable[[], Any], path: Path | BinaryIO, about: str, dpi: float = 100) -> None:
    """Draw a figure and write it (PNG); `about` goes into the file.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib import rc_context

    # Words of reports, tables and users are no formulas (a $ would start one); the caller's
    # plotting style stays out.
    with rc_context({"text.parse_math": False, "text.usetex": False}):
        figure = draw()
        facts = {"Description": f"DGM-VLC {about}", "Software": None}
        try:
            ground, packing = figure.get_facecolor(), {"compress_level": 3}  # 6 takes twice as long
            figure.savefig(
                path, format="png", dpi=dpi, facecolor=ground, metadata=facts, pil_kwargs=packing
            )
        except OSError as error:
            raise OutputError(
                f"{path} could not be written; check permission and free space."
            ) from error
