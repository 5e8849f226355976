"""A comparison's record and its results, read and put into the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.comparison import rankingRow, readComparison, resultPaths


def ranking_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The ranking of a `comparison.json` as the page lists it."""
    rows = []
    for row in record["hypotheses"]:
        name, asked, agreement = rankingRow(row)
        change = f"{row['mean_change_hu']:+.0f} HU".replace("-", "−")
        rows.append(
            {
                "name": name,
                "asked": asked,
                "agreement": agreement,
                "apart": bool(row["apart"]),
                "change": change,
            }
        )
    return rows


def hypothesis_files(path: Path) -> tuple[dict[str, Any], list[tuple[str, Path]]]:
    """A comparison's record, and title and manifest of every hypothesis, the best first; raises
    ValueError or OSError when it cannot be read."""
    record = readComparison(path)
    titles = [f"{row['rank']}. {row['name']}" for row in record["hypotheses"]]
    return record, list(zip(titles, resultPaths(path, record)))
