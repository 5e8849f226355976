"""A picture of one region: its slice and a close-up, outlined on the patient's own voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import OutputError
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.report.figure import ACCENT, INK, PAPER, WINDOW

MARK = "outline by software – research use only"
CLOSE_MM = 70.0


def _close_up(plane: np.ndarray, spacing: tuple[float, float]) -> tuple[slice, slice]:
    """A square of 70 mm, or larger where the region is, around the region's pixels."""
    out = []
    for axis, step in ((0, spacing[0]), (1, spacing[1])):
        where = np.nonzero(plane.any(1 - axis))[0]
        half = max(CLOSE_MM / 2, 0.7 * len(where) * step) / step
        middle = (where[0] + where[-1]) / 2
        low = int(np.clip(middle - half, 0, max(plane.shape[axis] - 2 * half, 0)))
        out.append(slice(low, min(int(low + 2 * half) + 1, plane.shape[axis])))
    return out[0], out[1]


def save_picture(scan: Volume, mask: np.ndarray, fact: dict[str, Any], path: Path) -> None:
    """Write a PNG: the slice that holds most of the region, whole and close; radiological
    orientation, lung window.

    Args:
        scan: canonical CT. mask: bool (D,H,W). fact: the region as `review.json` holds it.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    z, aspect = int(fact["slice"]), scan.spacing[1] / scan.spacing[2]
    image, plane = scan.array[z], mask[z]
    figure = Figure(figsize=(9.2, 4.7), facecolor=PAPER, layout="constrained")
    edge = [withStroke(linewidth=3, foreground=PAPER)]
    for axis, window in zip(
        figure.subplots(1, 2), ((slice(None), slice(None)), _close_up(plane, scan.spacing[1:]))
    ):
        axis.imshow(image[window], aspect=aspect, interpolation="hanning", **WINDOW)
        axis.contour(plane[window], [0.5], colors=ACCENT, linewidths=1.2)
        axis.text(
            0.01,
            0.98,
            "R",
            transform=axis.transAxes,
            color=INK,
            fontsize=9,
            va="top",
            path_effects=edge,
        )
        axis.set_axis_off()
        axis.text(
            0.02,
            0.02,
            MARK,
            transform=axis.transAxes,
            color=ACCENT,
            fontsize=8,
            bbox={"facecolor": PAPER, "alpha": 0.6, "lw": 0, "pad": 1.5},
        )
    figure.suptitle(
        f"Region {fact['number']}, slice {z + 1} of {len(mask)} from the feet, lung window",
        color=INK,
        fontsize=10,
    )
    try:
        figure.savefig(
            path,
            format="png",
            dpi=80,
            facecolor=PAPER,
            metadata={"Description": f"DGM-VLC review, {MARK}"},
        )
    except OSError as error:
        raise OutputError(
            f"{path} could not be written; check permission and free space."
        ) from error
