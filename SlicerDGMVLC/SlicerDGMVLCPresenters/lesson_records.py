"""What is asked of the worker in a quiz or a reading, and what it answers; places are LPS, mm."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

Point = tuple[float, float, float]


@dataclass(frozen=True)
class StartQuiz:
    """A folder of `cases` to go on with, or `out` and what cases to make into it."""

    cases: str = ""
    out: str = ""
    query: str = ""
    finding: str = ""
    subtlety: str = ""
    number: int = 5
    seed: int = 0
    image: str = ""


@dataclass(frozen=True)
class AnswerQuiz:
    """An answer to the current case; attention: also read where the network looks."""

    quiz: str
    case: str
    named: str
    point: Point | None
    seconds: float
    attention: bool


@dataclass(frozen=True)
class NextReading:
    """A reader of a study."""

    study: str
    reader: str


@dataclass(frozen=True)
class RecordReading(NextReading):
    """What a reader says of the case that was to be read; confidence 0 to 100."""

    case: str
    confidence: float
    point: Point | None
    seconds: float


@dataclass(frozen=True)
class QuizCase:
    """The case of a quiz that is to be read; number from 1."""

    case: str
    path: str
    number: int
    of: int


@dataclass(frozen=True)
class Reviewed:
    """A case of a finished quiz in words."""

    case: str
    words: str
    right: bool


@dataclass(frozen=True)
class Counted:
    """Answers to cases with a finding."""

    n: int
    found: int
    named: int
    both: int = field(metadata={"name": "found and named"})


@dataclass(frozen=True)
class Spared:
    """Answers to cases without a finding."""

    n: int
    alone: int = field(metadata={"name": "left alone"})


@dataclass(frozen=True)
class Score:
    """How many answers were right. by: what tells cases apart -> its value -> those cases."""

    present: Counted = field(metadata={"name": "with a finding"})
    clear: Spared = field(metadata={"name": "without a finding"})
    by: dict[str, dict[str, Counted]]
    median_seconds: float | None

    @property
    def lines(self) -> list[str]:
        """In words; kinds of cases that were not there are left out."""
        have, clear = self.present, self.clear
        lines = []
        if have.n:
            lines.append(
                f"{have.found} of {have.n} findings found, {have.named} of {have.n} named, "
                f"{have.both} both"
            )
        if clear.n:
            lines.append(f"{clear.alone} of {clear.n} scans without a finding left alone")
        lines += [f"{term}: {c.both} of {c.n}" for term, c in self.by["term"].items()]
        if self.median_seconds is not None:
            lines.append(f"median {self.median_seconds:.0f} s a case")
        return lines


@dataclass(frozen=True)
class QuizState:
    """The next case, and the score; at the end also the review."""

    next: QuizCase | None
    score: Score
    review: list[Reviewed]


@dataclass(frozen=True)
class QuizBegun(QuizState):
    """A quiz that was begun or is gone on with, what was understood, and what may be answered."""

    quiz: str
    understood: str
    choices: list[str]


@dataclass(frozen=True)
class Key:
    """What a case holds; term None for nothing."""

    term: str | None
    centre_mm: Point | None


@dataclass(frozen=True)
class Judged:
    """What of an answer was right."""

    found: bool
    right_name: bool


@dataclass(frozen=True)
class Revealed:
    """An answered case with its key and the files to show; attention: None when it was not read."""

    key: Key
    answer: Judged
    words: str
    before: Path
    difference: Path
    segments: Path
    attention: Path | None


@dataclass(frozen=True)
class Aid:
    """What a reader gets beside the scan."""

    counterfactual: Path
    difference: Path


@dataclass(frozen=True)
class ToRead:
    """A reading to be made. mode: with or without aid. asked: the finding in question."""

    case: str
    mode: str
    asked: str
    path: Path
    aid: Aid | None


@dataclass(frozen=True)
class ReadingState:
    """How many readings are left, and the next."""

    left: int
    next: ToRead | None
