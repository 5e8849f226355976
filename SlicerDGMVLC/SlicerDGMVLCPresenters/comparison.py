"""`comparison.json`: hypotheses of one region, each a normal result; read and put into words for
every viewer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from SlicerDGMVLCLib.records import readRecord

COMPARISON_VERSIONS = ("1.0", "1.1")
FEWEST, MOST = 2, 6
CLEAR = "no finding (clear lung)"


@dataclass(frozen=True)
class Hypothesis:
    """What the patient's own voxels say of a hypothesis. more_hu: change that is asked for beyond
    the first one's; of version 1.0 the excess of its denoising error. low, high: the interval.
    apart: it can be told from the first."""

    rank: int
    name: str
    folder: str
    low: float
    high: float
    agreement: float | None
    apart: bool
    mean_change_hu: float
    more_hu: float | None = None
    excess: float | None = None

    @property
    def title(self) -> str:
        """Its place and name."""
        return f"{self.rank}. {self.name}"

    @property
    def asked(self) -> str:
        """Change asked for beyond the first one's with its interval, in words; of an earlier
        version's comparison the denoising error in its place."""
        if self.rank == 1:
            return "0 (reference)"
        unit = percent if self.more_hu is None else hounsfield
        beyond = (self.excess if self.more_hu is None else self.more_hu) or 0.0
        return f"{unit(beyond)} [{unit(self.low)}, {unit(self.high)}]"


@dataclass(frozen=True)
class Ranking:
    """Whether the first hypothesis can be told from the others."""

    sentence: str
    note: str


@dataclass(frozen=True)
class Hypotheses:
    """What both skins show of a `comparison.json`, the best fitting one first."""

    hypotheses: list[Hypothesis]
    ranking: Ranking


@dataclass(frozen=True)
class RankingRow:
    """A hypothesis as a list shows it."""

    name: str
    asked: str
    agreement: str
    apart: bool
    change: str


def read_comparison(path: Path) -> tuple[Hypotheses, list[Path]]:
    """The record of a comparison, and `result.json` of every hypothesis; raises ValueError with a
    sentence when it is of another version, OSError when it cannot be read."""
    said = json.loads(path.read_text(encoding="utf-8"))
    if said.get("kind") != "comparison" or said.get("schema_version") not in COMPARISON_VERSIONS:
        raise ValueError(
            f"{path} follows comparison schema {said.get('schema_version')}, this module reads "
            f"{' and '.join(COMPARISON_VERSIONS)}; update the extension."
        )
    record = readRecord(Hypotheses, said)
    return record, [path.parent / each.folder / "result.json" for each in record.hypotheses]


def percent(share: float) -> str:
    """A signed share in per cent with one decimal."""
    return f"{100 * share:+.1f} %".replace("-", "−")


def hounsfield(value: float) -> str:
    """A signed difference in HU."""
    return f"{value:+.0f} HU".replace("-", "−")


def ranking_rows(record: Hypotheses) -> list[RankingRow]:
    """The ranking as a list shows it."""
    return [
        RankingRow(
            each.title,
            each.asked,
            "" if each.agreement is None else f"{each.agreement:.2f}",
            each.apart,
            hounsfield(each.mean_change_hu),
        )
        for each in record.hypotheses
    ]


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
