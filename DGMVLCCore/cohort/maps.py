"""Effect maps: HU by region, drawn over the outline of a lung of the cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.cohort.frame import REGIONS, PatientScan, region_labels
from DGMVLCCore.cohort.patterns import Answer
from DGMVLCCore.imaging.zones import ZONES, zone_edges
from DGMVLCCore.report.drawing import (
    ACCENT,
    INK,
    MARK,
    PAPER,
    Scale,
    bar,
    bare,
    save,
    sheet,
    signed,
)

STEP_HU = 5.0
NOT_TESTED = "#3a3f44"


def reference_scan(scans: list[PatientScan]) -> PatientScan:
    """The patient whose lungs are of median height; only their outline is drawn."""
    tall = sorted(
        scans, key=lambda s: float(np.ptp(np.nonzero(s.lungs.any((1, 2)))[0])) * s.spacing[0]
    )
    return tall[len(tall) // 2]


def _planes(scan: PatientScan) -> list[tuple[str, np.ndarray]]:
    """The region numbers (H,W) of the middle slice of each third, from above downwards."""
    regions, (low, high) = region_labels(scan), zone_edges(scan.lungs)
    third = high - low
    rows = [int(np.clip(low + (i - 0.5) * third, 0, len(regions) - 1)) for i in range(3)]
    return [(zone, regions[row]) for zone, row in reversed(list(zip(ZONES, rows)))]


def _coloured(plane: np.ndarray, values: np.ndarray) -> np.ma.MaskedArray:
    """A plane of region numbers as their values; masked outside the lungs and where nothing could
    be said."""
    shown = values[plane]
    return np.ma.masked_where((plane == 0) | ~np.isfinite(shown), shown)


def _columns(answers: list[Answer]) -> list[tuple[str, np.ndarray, bool]]:
    """Title, value of each region, synthetic."""
    groups = np.array([a.groups["mean_hu"].effect for a in answers])
    columns = [("Real groups, adjusted", groups, False)]
    if all(a.swept is not None for a in answers):
        columns += [
            ("Model's sweep", np.array([a.swept.effect for a in answers if a.swept]), True),
            (
                "Both agree (groups' size)",
                np.where([a.pattern for a in answers], groups, np.nan),
                True,
            ),
        ]
    return columns


def _panel(axis: Any, plane: np.ndarray, values: np.ndarray, aspect: float, scale: Scale) -> None:
    from matplotlib.colors import ListedColormap

    axis.set_facecolor(PAPER)
    how = {"aspect": aspect, "interpolation": "nearest"}
    lung = np.ma.masked_where(plane == 0, np.ones(plane.shape))
    axis.imshow(lung, cmap=ListedColormap([NOT_TESTED]), **how)
    colours = {"cmap": scale.colours, "vmin": scale.low, "vmax": scale.high}
    axis.imshow(_coloured(plane, values), **how, **colours)
    axis.contour(plane > 0, [0.5], colors=INK, linewidths=0.9)
    axis.text(0.01, 0.98, "R", transform=axis.transAxes, color=INK, fontsize=9, va="top")
    bare(axis)


def _cropped(plane: np.ndarray) -> np.ndarray:
    """A plane of region numbers without its empty margin."""
    used = np.argwhere(plane)
    low, high = np.maximum(used.min(0) - 3, 0), used.max(0) + 4
    return plane[low[0] : high[0], low[1] : high[1]]


def draw_map(answers: list[Answer], scan: PatientScan) -> Any:
    """The figure of one contrast: rows are the zones, columns the real groups, the sweep and where
    both agree; one symmetric scale in HU."""
    by_region = sorted(answers, key=lambda a: REGIONS.index(a.region))
    columns, aspect = _columns(by_region), scan.spacing[1] / scan.spacing[2]
    largest = max(
        (float(np.nanmax(np.abs(v))) for _, v, _ in columns if np.isfinite(v).any()), default=0.0
    )
    scale = signed(max(STEP_HU * np.ceil(largest / STEP_HU), STEP_HU))
    size = (3.6 * len(columns) + 0.8, 9.0)
    figure, axes = sheet(3, len(columns), size, by_region[0].contrast.name)
    for (zone, plane), row in zip(_planes(scan), axes):
        for (title, values, synthetic), axis in zip(columns, row):
            _panel(axis, _cropped(plane), values, aspect, scale)
            if synthetic:
                word = {"color": ACCENT, "fontsize": 8, "ha": "center"}
                axis.text(0.5, 0.0, MARK, transform=axis.transAxes, **word)
            if zone == "upper":
                axis.set_title(title, color=INK, fontsize=11)
        row[0].set_ylabel(f"{zone} zone", color=INK, fontsize=10)
    label = "difference of the mean, HU (grey: not tested, or no agreement)"
    bar(figure, axes, label, scale)
    return figure


def save_map(answers: list[Answer], scan: PatientScan, path: Path) -> None:
    """Write the map of one contrast (PNG), radiological orientation.

    Raises:
        OutputError: it cannot be written.
    """
    save(lambda: draw_map(answers, scan), path, f"effect map, {MARK}")
