"""`comparison.json`: hypotheses of one region, each a normal result; read and put into words for
every viewer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

COMPARISON_VERSIONS = ("1.0", "1.1")
FEWEST, MOST = 2, 6
CLEAR = "no finding (clear lung)"


def readComparison(path: str | Path) -> dict[str, Any]:
    """The record of a comparison; raises ValueError with a sentence when it is of another
    version."""
    record: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    if (
        record.get("kind") != "comparison"
        or record.get("schema_version") not in COMPARISON_VERSIONS
    ):
        raise ValueError(
            f"{path} follows comparison schema {record.get('schema_version')}, this module reads "
            f"{' and '.join(COMPARISON_VERSIONS)}; update the extension."
        )
    return record


def resultPaths(path: str | Path, record: dict[str, Any]) -> list[Path]:
    """`result.json` of each hypothesis, the best fitting one first."""
    return [Path(path).parent / row["folder"] / "result.json" for row in record["hypotheses"]]


def percent(share: float) -> str:
    """A signed share in per cent with one decimal."""
    return f"{100 * share:+.1f} %".replace("-", "−")


def hounsfield(value: float) -> str:
    """A signed difference in HU."""
    return f"{value:+.0f} HU".replace("-", "−")


def rankingRow(row: dict[str, Any]) -> tuple[str, str, str]:
    """Name, change asked for beyond the first one's with its interval, agreement, in words; of an
    earlier version's comparison the denoising error in its place."""
    unit = hounsfield if "more_hu" in row else percent
    beyond = row["more_hu"] if "more_hu" in row else row["excess"]
    asked = (
        "0 (reference)"
        if row["rank"] == 1
        else f"{unit(beyond)} [{unit(row['low'])}, {unit(row['high'])}]"
    )
    agreement = "" if row["agreement"] is None else f"{row['agreement']:.2f}"
    return f"{row['rank']}. {row['name']}", asked, agreement


def splitWords(text: str) -> list[str]:
    """Free words, separated by commas, semicolons or lines, as a list without empty ones."""
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


def whyNotCompare(words: list[str]) -> str:
    """What is wrong with the number of hypotheses; "" when nothing is."""
    if len(words) < FEWEST:
        return f"Choose {FEWEST} to {MOST} hypotheses."
    if len(words) > MOST:
        return f"{len(words)} hypotheses are too many; choose {MOST} at most."
    twice = next(
        (
            word
            for index, word in enumerate(words)
            if word.lower() in [other.lower() for other in words[:index]]
        ),
        "",
    )
    return f"“{twice}” is there twice; choose different hypotheses." if twice else ""


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
