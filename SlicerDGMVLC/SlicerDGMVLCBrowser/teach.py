"""What the tab “Teach” does: cases and answers through the worker, marks in the views, the
reveal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.cases import Point
from SlicerDGMVLCLib.reading import placeWords, scoreLines

from .readout import value_at
from .teach_views import TeachViews

if TYPE_CHECKING:
    from .app import Viewer

NO_CASE = {"number": 0, "of": 0}
NO_ITEM = {"asked": "", "mode": ""}


class Teach:
    """One quiz or one reader of a study at a time; the worker keeps and judges the answers.

    Args:
        viewer: the page's viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.views = viewer, viewer.state, TeachViews(viewer.stage)
        self._quiz, self._study = "", {"study": "", "reader": ""}
        self._mark: Point | None = None
        self._began = 0.0
        viewer.stage.views.on_click(self._on_click)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 1)

    def _lps(self) -> list[float] | None:
        return None if self._mark is None else [-self._mark[0], -self._mark[1], self._mark[2]]

    def _on_click(self, name: str, ras: Point) -> None:
        state = self.state
        if (
            state.tab != "teach"
            or state.running
            or not (
                state.teach_study_on
                or (state.teach_on and not state.teach_shown and not state.teach_done)
            )
        ):
            return
        case = self.viewer.stage.case
        if case and value_at(case[0], ras) is None:  # beside the scan there is nothing to mark
            return
        self._mark = ras
        self.views.show_mark(ras)
        with state:
            state.teach_mark = placeWords(ras)

    def _fresh(self) -> None:
        """Nothing is marked or named yet, and the clock starts."""
        self._mark, self._began = None, time.monotonic()
        self.state.update(
            {
                "teach_mark": "",
                "teach_named": None,
                "teach_shown": False,
                "teach_words": "",
                "teach_has_heat": False,
                "teach_confidence": 50,
            }
        )

    # quiz ------------------------------------------------------------------

    async def start(self, chosen: dict[str, Any]) -> None:
        """Make the cases that were chosen, or open a folder of cases; `chosen` are the fields of
        the tab."""
        state = self.state
        number = str(chosen["number"] or "")
        request: dict[str, Any] = {
            "seed": int(time.time()) % 100_000,
            **{name: chosen[name] or "" for name in ("query", "finding", "subtlety")},
            "number": int(number) if number.isdecimal() else 0,
            "image": state.scan_path if chosen["own"] else "",
        }
        folder = str(chosen["folder"] or "").strip()
        request |= (
            {"cases": folder}
            if folder
            else {"out": str(self.viewer.workspace.new("results", "cases"))}
        )
        with state:
            state.message, state.advice = "", ""
        await self.viewer.jobs.task("start-quiz", request, self._on_started)

    def _on_started(self, answer: dict[str, Any]) -> None:
        self._quiz = answer["quiz"]
        state = self.state
        state.teach_on, state.teach_choices, state.teach_understood = (
            True,
            answer["choices"],
            answer["understood"],
        )
        self._on_next(answer)

    def _show(self, case: dict[str, Any]) -> None:
        try:
            self.views.load_case(Path(case["path"]), f"Case {case['number']}")
        except ValueError as error:
            self.viewer.say(str(error))
            return
        self.viewer.desk.show_quiz(f"Case {case['number']} of a quiz")
        self._fresh()
        self.state.teach_case, self.state.teach_done = case, False

    async def reveal(self, named: str, attention: bool) -> None:
        """Have the answer judged and show the key, with the network's attention when it is
        wanted."""
        request = {
            "quiz": self._quiz,
            "case": self.state.teach_case["case"],
            "named": named,
            "point": None if named == "no finding" else self._lps(),
            "seconds": self._seconds(),
            "attention": bool(attention),
        }
        await self.viewer.jobs.task("answer-quiz", request, self._on_revealed)

    def _on_revealed(self, answer: dict[str, Any]) -> None:
        state, judged = self.state, answer["answer"]
        state.teach_words, state.teach_shown, state.teach_right = (
            answer["words"],
            True,
            judged["found"] and judged["right_name"],
        )
        state.teach_has_heat = bool(answer["attention"])
        try:
            self.views.load_key(answer)
        except ValueError as error:
            self.viewer.say(str(error))
            return
        self.viewer.desk.show_quiz(f"Case {state.teach_case['number']} of a quiz, answered")

    async def next(self) -> None:
        """The next case, or the score."""
        await self.viewer.jobs.task("next-quiz", {"quiz": self._quiz}, self._on_next)

    def _on_next(self, answer: dict[str, Any]) -> None:
        if answer["next"]:
            self._show(answer["next"])
            return
        state = self.state
        state.teach_done, state.teach_score, state.teach_review = (
            True,
            scoreLines(answer["score"]),
            answer["review"],
        )

    def end(self) -> None:
        """Back to the choice; the scan that was open comes back."""
        self.viewer.desk.show_quiz("")
        self.viewer.refresh()
        self.views.clear()
        self._mark = None
        self.state.update(
            {
                "teach_on": False,
                "teach_done": False,
                "teach_shown": False,
                "teach_study_on": False,
                "teach_mark": "",
                "teach_case": NO_CASE,
                "teach_item": NO_ITEM,
            }
        )

    # reader study ------------------------------------------------------------

    async def begin_study(self, folder: str, reader: str) -> None:
        """Go on where the reader left off."""
        self._study = {"study": str(folder or "").strip(), "reader": str(reader or "").strip()}
        await self.viewer.jobs.task("next-reading", self._study, self._on_item)

    def _on_item(self, answer: dict[str, Any]) -> None:
        state, item = self.state, answer["next"]
        state.teach_left = answer["left"]
        if item is None:
            self.end()
            state.teach_study_note = "All is read. Thank you."
            return
        try:
            self.views.load_case(Path(item["path"]), "Scan", item["aid"])
        except ValueError as error:
            self.viewer.say(str(error))
            return
        self.viewer.desk.show_quiz(f"Reading {item['case']}")
        self._fresh()
        state.teach_item, state.teach_study_on, state.teach_study_note = (
            item,
            True,
            "Every reading is saved at once.",
        )

    async def save_reading(self, confidence: float) -> None:
        """Save the confidence and the mark; there is no reveal."""
        request = {
            **self._study,
            "case": self.state.teach_item["case"],
            "confidence": confidence,
            "point": self._lps(),
            "seconds": self._seconds(),
        }
        await self.viewer.jobs.task("record-reading", request, self._on_item)
