"""The panel's quiz: cases from a folder or a sentence; find it, name it, see the answer, the score
at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .cases import Point, markedPlace
from .reading import placeWords, scoreLines
from .study_scene import UNKNOWN, StudyScene
from .tables import ANSWER_COLUMNS, RowsTable

Ask = Callable[[str, dict[str, Any], str, Callable[[dict[str, Any]], None]], None]
NOTHING = "no finding"
ASKED = "Press Mark and click where it is; press again to move the mark. Or choose “no finding”."


class TeachBox:
    """One quiz at a time; the worker makes the cases, keeps and judges the answers.

    Args:
        ask: asks the worker for (task, request, title, answered). newFolder: gives the name of a
            folder for new cases. problem: shows (message, advice).
    """

    def __init__(
        self,
        ui: Any,
        scene: Any,
        ask: Ask,
        newFolder: Callable[[str], Path],
        problem: Callable[[str, str], None],
    ) -> None:
        self._ui, self._ask, self._newFolder, self._problem = ui, ask, newFolder, problem
        self._view = StudyScene(scene, UNKNOWN)
        self._quiz, self._case, self._reason = "", "", ""
        self._mark: Any = None
        self._began = 0.0
        self._locked = self._revealed = False
        self._answers = RowsTable(ui.teachAnswers, ANSWER_COLUMNS)
        buttons = {
            "teachStart": self.start,
            "teachMark": self.mark,
            "teachReveal": self.reveal,
            "teachNext": self.next,
            "teachEnd": self.clear,
        }
        for name, action in buttons.items():
            getattr(ui, name).connect(
                "clicked(bool)", lambda checked=False, action=action: action()
            )
        for widget, signal in (
            (ui.teachFolder, "currentPathChanged(QString)"),
            (ui.teachQuery, "textChanged(QString)"),
            (ui.teachNamed, "currentIndexChanged(int)"),
        ):
            widget.connect(signal, lambda value: self._enable())
        self._enable()

    def start(self) -> None:
        """Open the folder of cases, or make the cases that the sentence asks for."""
        folder, query = (
            str(self._ui.teachFolder.currentPath).strip(),
            str(self._ui.teachQuery.text).strip(),
        )
        request: dict[str, Any] = {"seed": int(time.time()) % 100_000}
        try:
            request |= (
                {"cases": folder}
                if folder
                else {
                    "query": query,
                    "number": int(self._ui.teachNumber.value),
                    "out": str(self._newFolder("cases")),
                }
            )
        except OSError as error:
            self._problem(str(error), "")
            return
        self._ask("start-quiz", request, "cases", self._started)

    def _started(self, answer: dict[str, Any]) -> None:
        self._quiz = answer["quiz"]
        combo = self._ui.teachNamed
        combo.clear()
        for name in ("", *answer["choices"]):
            combo.addItem(name)
        self._ui.teachUnderstood.setText(answer["understood"])
        self._next(answer)

    def _next(self, answer: dict[str, Any]) -> None:
        self._mark, self._revealed, self._began = None, False, time.monotonic()
        self._ui.teachNamed.setCurrentIndex(0)
        self._ui.teachWords.setText("")
        case = answer["next"]
        if case is None:
            self._finish(answer)
            return
        try:
            self._view.show(case["path"], f"Case {case['number']}")
        except ValueError as error:
            self._problem(str(error), "Make the cases again.")
            return
        self._case = case["case"]
        self._ui.teachCase.setText(f"Case {case['number']} of {case['of']}")
        self._ui.teachPlace.setText(ASKED)
        self._enable()

    def _finish(self, answer: dict[str, Any]) -> None:
        """The score, and every answer beside what was true."""
        self._view.clear()
        self._case = ""
        self._ui.teachCase.setText("Score")
        self._ui.teachPlace.setText("")
        self._ui.teachWords.setText("\n".join(scoreLines(answer["score"])))
        self._answers.fill(
            [
                (row["case"], "yes" if row["right"] else "no", row["words"])
                for row in answer["review"]
            ]
        )
        self._enable()

    def mark(self) -> None:
        """The next click into a view says where it is."""
        if self._mark is None:
            self._mark = self._view.mark(self._onMark)
        self._view.place(self._mark)

    def _onMark(self, node: Any) -> None:
        place = markedPlace(node)
        self._ui.teachPlace.setText(f"Marked: {placeWords(place)}" if place else ASKED)
        self._enable()

    def _place(self) -> Point | None:
        return None if self._mark is None else markedPlace(self._mark)

    def reveal(self) -> None:
        """Have the answer judged and saved, then show the key."""
        named, place = str(self._ui.teachNamed.currentText), self._place()
        point = (
            [-place[0], -place[1], place[2]] if place and named != NOTHING else None
        )  # the core counts in LPS
        request = {
            "quiz": self._quiz,
            "case": self._case,
            "named": named,
            "point": point,
            "seconds": round(time.monotonic() - self._began, 1),
            "attention": bool(self._ui.teachAttention.checked),
        }
        self._ask("answer-quiz", request, "answer", self._onRevealed)

    def _onRevealed(self, answer: dict[str, Any]) -> None:
        self._revealed = True
        self._ui.teachWords.setText(answer["words"])
        try:
            self._view.reveal(answer)
        except ValueError as error:
            self._problem(str(error), "Make the cases again.")
        self._enable()

    def next(self) -> None:
        """The next case, or the score."""
        self._ask("next-quiz", {"quiz": self._quiz}, "next case", self._next)

    def refresh(self, reason: str, running: bool) -> None:
        """`reason`: why the worker cannot be asked, "" when it can."""
        self._reason, self._locked = reason, bool(reason) or running
        self._enable()

    def _enable(self) -> None:
        ui, open_ = self._ui, bool(self._case) and not self._revealed and not self._locked
        wish = str(ui.teachFolder.currentPath).strip() or str(ui.teachQuery.text).strip()
        named = str(ui.teachNamed.currentText)
        ui.teachStart.setEnabled(not self._locked and bool(wish))
        ui.teachStart.setToolTip(
            self._reason or "Open the folder, or make cases of what the line asks for."
        )
        ui.teachMark.setEnabled(open_)
        ui.teachNamed.setEnabled(open_)
        ui.teachReveal.setEnabled(
            open_ and bool(named) and (named == NOTHING or self._place() is not None)
        )
        ui.teachNext.setEnabled(self._revealed and not self._locked)
        ui.teachEnd.setEnabled(bool(self._quiz) and not self._locked)

    def clear(self) -> None:
        """End the quiz, also because the scene is gone; it is saved and can be gone on with."""
        self._view.clear()
        self._quiz, self._case, self._mark, self._revealed = "", "", None, False
        for label in (
            self._ui.teachCase,
            self._ui.teachPlace,
            self._ui.teachWords,
            self._ui.teachUnderstood,
        ):
            label.setText("")
        self._answers.fill([])
        self._enable()
