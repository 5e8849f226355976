"""A quiz, or a reading of a study, as both viewers hold it: which case, what was marked and named,
what may be done now, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from SlicerDGMVLCLib.reading import placeWords

from .lesson_records import Point, QuizBegun, QuizCase, QuizState, Revealed, Reviewed, ToRead
from .page_fields import TeachFields

NOTHING = "no finding"
CHOOSE, CASE, ANSWER, SCORE, READING = "choose", "case", "answer", "score", "reading"
QUIZ = (CASE, ANSWER, SCORE)
SAVED, ALL_READ = "Every reading is saved at once.", "All is read. Thank you."


class Lesson:
    """One quiz or one reader of a study at a time.

    Args:
        clock: seconds, monotonic.
    """

    how_to_mark = "Click where it is; click again to move the mark."

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.turn = 0  # counts what was put into the views
        self.note = ""  # on the study
        self.leave()

    def leave(self) -> None:
        """Back to the choice; a quiz or a study is saved and can be gone on with."""
        self.step, self.header = CHOOSE, ""  # header: what the views show
        self.quiz, self.understood, self.choices = "", "", list[str]()
        self.case: QuizCase | None = None
        self.item: ToRead | None = None
        self.left = 0
        self.score, self.review = list[str](), list[Reviewed]()
        self._fresh()

    def _fresh(self) -> None:
        """Nothing is marked or named yet, and the clock starts."""
        self.mark: Point | None = None  # RAS, mm
        self.named, self.words, self.right, self.attention = "", "", False, False
        self._began = self._clock()

    def _show(self, step: str, header: str) -> None:
        self.step, self.header = step, header
        self.turn += 1

    # what came of the worker's answers ------------------------------------------

    def begin(self, begun: QuizBegun) -> None:
        """Another quiz; its first case comes with `show`, when the views have it."""
        self.leave()
        self.quiz, self.understood, self.choices = begun.quiz, begun.understood, begun.choices

    def show(self, case: QuizCase) -> None:
        """A case of the quiz stands in the views."""
        self.case = case
        self._fresh()
        self._show(CASE, f"Case {case.number} of a quiz")

    def judge(self, shown: Revealed) -> None:
        """The answer was judged."""
        self.step, self.words = ANSWER, shown.words
        self.right = shown.answer.found and shown.answer.right_name

    def reveal(self, shown: Revealed) -> None:
        """The key of the case stands in the views."""
        self.attention = shown.attention is not None
        self._show(ANSWER, f"{self.header}, answered")

    def end(self, state: QuizState) -> None:
        """Every case was answered: the score, and every answer beside what was true."""
        self._show(SCORE, "")
        self._fresh()
        self.case = None
        self.score, self.review = state.score.lines, state.review

    def read(self, item: ToRead, left: int) -> None:
        """A scan of the study stands in the views."""
        self.item, self.left, self.note = item, left, SAVED
        self._fresh()
        self._show(READING, f"Reading {item.case}")

    # what may be done, and what is said -----------------------------------------

    @property
    def may_mark(self) -> bool:
        """Whether a place can be marked."""
        return self.step in (CASE, READING)

    @property
    def point(self) -> Point | None:
        """The mark as the core counts (LPS, mm); None without one, and for no finding."""
        if self.mark is None or self.named == NOTHING:
            return None
        x, y, z = self.mark
        return -x, -y, z

    @property
    def seconds(self) -> float:
        """How long the case has been read."""
        return round(self._clock() - self._began, 1)

    def why_not_reveal(self) -> str:
        """What is missing before the case can be answered; "" for nothing."""
        if self.step != CASE:
            return "There is no case to answer."
        if not self.named:
            return f"Choose what it is, or “{NOTHING}”."
        return "" if self.named == NOTHING or self.mark else f"Mark it, or choose “{NOTHING}”."

    @property
    def title(self) -> str:
        """Which case it is."""
        if self.step == SCORE:
            return "Score"
        if self.step == READING and self.item:
            return f"Is there {self.item.asked}?"
        return f"Case {self.case.number} of {self.case.of}" if self.case else ""

    @property
    def place(self) -> str:
        """Where the reader marked, or how that is done."""
        if self.mark:
            return f"Marked: {placeWords(self.mark)}"
        if self.step == READING:
            return "Click where it would be most likely."
        return self.how_to_mark if self.case else ""

    def page(self) -> TeachFields:
        """What the page says of it."""
        return TeachFields(
            teach_on=self.step in QUIZ,
            teach_shown=self.step == ANSWER,
            teach_done=self.step == SCORE,
            teach_title=self.title,
            teach_place=self.place,
            teach_understood=self.understood,
            teach_choices=self.choices,
            teach_named=self.named or None,
            teach_why=self.why_not_reveal(),
            teach_words=self.words,
            teach_right=self.right,
            teach_has_heat=self.attention,
            teach_score=self.score,
            teach_review=self.review,
            teach_study_on=self.step == READING,
            teach_study_note=self.note,
            teach_mode=f"{self.item.mode} · {self.left} to read" if self.item else "",
        )
