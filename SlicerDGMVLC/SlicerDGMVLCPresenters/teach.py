"""Teach, the same for both skins: cases and answers through the worker, cases and keys into the
views."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from SlicerDGMVLCLib.records import Fields, asFields, readRecord

from .lesson import ALL_READ, CASE, READING, Lesson
from .lesson_records import (
    Aid,
    AnswerQuiz,
    NextReading,
    Point,
    QuizBegun,
    QuizState,
    ReadingState,
    RecordReading,
    Revealed,
    StartQuiz,
)

AGAIN = "Make the cases again."
# asks the worker for (task, request, what it is about, who gets the answer)
Ask = Callable[[str, Fields, str, Callable[[Fields], None]], None]


@dataclass(frozen=True)
class Wish:
    """Which cases. folder: some that were made before. query: in words, in the place of finding and
    subtlety. image: the scan they are put into, "" for the sample."""

    folder: str = ""
    query: str = ""
    finding: str = ""
    subtlety: str = ""
    number: int = 5
    image: str = ""


class Views(Protocol):
    """What a skin shows; a file that cannot be read is a ValueError and the views are as before."""

    def show_case(self, path: Path, title: str, aid: Aid | None = None) -> None: ...
    def show_key(self, shown: Revealed) -> None: ...
    def clear(self) -> None: ...


class Teach:
    """One quiz or one reader of a study at a time; the worker makes the cases, keeps and judges the
    answers.

    Args:
        lesson: of the desk. views: of the skin. ask: the worker. new_folder: gives the name of a
            folder for new cases, or raises OSError. changed: called after every change. say: gets
            (sentence, advice).
    """

    def __init__(
        self,
        lesson: Lesson,
        views: Views,
        ask: Ask,
        *,
        new_folder: Callable[[], Path],
        changed: Callable[[], None],
        say: Callable[[str, str], None],
    ) -> None:
        self.lesson, self._views, self._ask = lesson, views, ask
        self._new_folder, self._changed, self._say = new_folder, changed, say
        self._reader = NextReading("", "")

    def start(self, wish: Wish) -> None:
        """Open the folder of cases, or make those that are wished for."""
        self._say("", "")
        seed = int(time.time()) % 100_000
        if wish.folder:
            request = StartQuiz(cases=wish.folder, seed=seed)
        else:
            try:
                out = str(self._new_folder())
            except OSError as error:
                self._say(str(error), "")
                return
            chosen = (wish.query, wish.finding, wish.subtlety, wish.number)
            request = StartQuiz("", out, *chosen, seed, wish.image)
        self._ask("start-quiz", asFields(request), "cases", self._started)

    def _started(self, answer: Fields) -> None:
        begun = readRecord(QuizBegun, answer)
        self.lesson.begin(begun)
        self._go_on(begun)

    def _go_on(self, state: QuizState) -> None:
        case = state.next
        if case is None:
            self.lesson.end(state)
            self._leave_views()
        elif self._shown(lambda: self._views.show_case(Path(case.path), f"Case {case.number}")):
            self.lesson.show(case)

    def _shown(self, show: Callable[[], None]) -> bool:
        try:
            show()
        except ValueError as error:
            self._say(str(error), AGAIN)
            return False
        return True

    def _leave_views(self) -> None:
        """What was shown before comes back, then the case goes."""
        self._changed()
        self._views.clear()

    def mark(self, ras: Point | None) -> None:
        """The reader marked a place (RAS, mm), or took the mark away."""
        if self.lesson.may_mark and ras != self.lesson.mark:
            self.lesson.mark = ras
            self._changed()

    def name(self, named: str) -> None:
        """The reader says what it is; "" for nothing yet."""
        if self.lesson.step == CASE and named != self.lesson.named:
            self.lesson.named = named
            self._changed()

    def reveal(self, attention: bool) -> None:
        """Have the answer judged and saved, then show the key, with the network's attention when it
        is wanted."""
        lesson = self.lesson
        if lesson.why_not_reveal() or lesson.case is None:
            return
        said = (lesson.named, lesson.point, lesson.seconds, attention)
        request = AnswerQuiz(lesson.quiz, lesson.case.case, *said)
        self._ask("answer-quiz", asFields(request), "answer", self._revealed)

    def _revealed(self, answer: Fields) -> None:
        shown = readRecord(Revealed, answer)
        self.lesson.judge(shown)
        if self._shown(lambda: self._views.show_key(shown)):
            self.lesson.reveal(shown)

    def next(self) -> None:
        """The next case, or the score."""
        request = {"quiz": self.lesson.quiz}
        self._ask(
            "next-quiz", request, "next case", lambda a: self._go_on(readRecord(QuizState, a))
        )

    def end(self) -> None:
        """Back to the choice; the scan that was open comes back."""
        self.lesson.leave()
        self._leave_views()

    # reader study ---------------------------------------------------------------

    def begin_study(self, folder: str, reader: str) -> None:
        """Go on where the reader left off."""
        self._reader = NextReading(folder, reader)
        self._ask("next-reading", asFields(self._reader), "reading", self._read_on)

    def _read_on(self, answer: Fields) -> None:
        state = readRecord(ReadingState, answer)
        item = state.next
        if item is None:
            self.end()
            self.lesson.note = ALL_READ
        elif self._shown(lambda: self._views.show_case(item.path, "Scan", item.aid)):
            self.lesson.read(item, state.left)

    def save_reading(self, confidence: float) -> None:
        """Save the confidence (0 to 100) and the mark; there is no reveal."""
        lesson, reader = self.lesson, self._reader
        if lesson.step != READING or lesson.item is None:
            return
        said = (lesson.item.case, confidence, lesson.point, lesson.seconds)
        request = RecordReading(reader.study, reader.reader, *said)
        self._ask("record-reading", asFields(request), "reading", self._read_on)
