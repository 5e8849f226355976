"""Hypotheses side by side on the page: the original and one linked view a hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.comparison import rankingRow, readComparison, resultPaths

from .runs import Run
from .stage import Stage
from .views import HYPOTHESES, compare_layout

CORNER = {
    "counterfactual": "synthetic, research use only",
    "difference": "difference, HU · synthetic, research use only",
}


@dataclass
class Comparison:
    """A comparison in the scene. record: its `comparison.json`. runs: one a hypothesis, the best
    fitting one first."""

    record: dict[str, Any]
    runs: list[Run]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The ranking as the page lists it."""
        out = []
        for row in self.record["hypotheses"]:
            name, error, agreement = rankingRow(row)
            change = f"{row['mean_change_hu']:+.0f} HU".replace("-", "−")
            out.append(
                {
                    "name": name,
                    "error": error,
                    "agreement": agreement,
                    "apart": bool(row["apart"]),
                    "change": change,
                }
            )
        return out


def load_comparison(stage: Stage, path: Path) -> Comparison:
    """Load every hypothesis as a run; raises ValueError or OSError when one cannot be read, and the
    scene is as it was."""
    record = readComparison(path)
    runs: list[Run] = []
    try:
        for row, manifest in zip(record["hypotheses"], resultPaths(path, record)):
            runs.append(stage.runs.add(manifest, f"{row['rank']}. {row['name']}"))
    except (OSError, ValueError):
        for run in runs:
            stage.runs.remove(run)
        raise
    return Comparison(record, runs)


def show_comparison(stage: Stage, comparison: Comparison, role: str) -> bool:
    """The original and every hypothesis that is still there, on the slice through the region; False
    when none is.

    Args:
        role: "counterfactual" or "difference".
    """
    runs = [run for run in comparison.runs if run in stage.runs.all]
    if not runs:
        return False
    names = HYPOTHESES[: len(runs)]
    titles = {name: f"{run.title} · {CORNER[role]}" for name, run in zip(names, runs)}
    stage.show_side_by_side(runs, names, role, compare_layout(len(runs)), titles)
    return True
