"""The panel's quiz: cases from a folder or a sentence; find it, name it, see the answer, the score
at the end. What may be done and what is said is the presenter's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.lesson import ANSWER, CHOOSE
from SlicerDGMVLCPresenters.lesson_records import Aid, Revealed
from SlicerDGMVLCPresenters.teach import Ask, Teach, Wish

from .cases import markedPlace
from .study_scene import UNKNOWN, StudyScene
from .tables import ANSWER_COLUMNS, RowsTable

HOW_TO_MARK = (
    "Press Mark and click where it is; press again to move the mark. Or choose “no finding”."
)
START = "Open the folder, or make cases of what the line asks for."


class TeachBox:
    """The widgets and the views of the lesson.

    Args:
        ask: has the worker do a task. newFolder: gives the name of a folder for new cases. changed:
            something for the panel to re-judge. problem: shows (message, advice).
    """

    def __init__(
        self,
        ui: Any,
        scene: Any,
        desk: Desk,
        ask: Ask,
        newFolder: Callable[[str], Path],
        changed: Callable[[], None],
        problem: Callable[[str, str], None],
    ) -> None:
        self._ui, self._lesson = ui, desk.lesson
        self._lesson.how_to_mark = HOW_TO_MARK
        self._view = StudyScene(scene, UNKNOWN)
        self._mark: Any = None
        self._answers = RowsTable(ui.teachAnswers, ANSWER_COLUMNS)
        self._rows: list[tuple[str, str, str]] = []
        self.presenter = Teach(
            self._lesson,
            self,
            ask,
            new_folder=lambda: newFolder("cases"),
            changed=changed,
            say=problem,
        )
        buttons = {
            "teachStart": lambda: self.presenter.start(self._wish()),
            "teachMark": self.mark,
            "teachReveal": self._reveal,
            "teachNext": self.presenter.next,
            "teachEnd": self.presenter.end,
        }
        for name, action in buttons.items():
            getattr(ui, name).connect(
                "clicked(bool)", lambda checked=False, action=action: action()
            )
        ui.teachFolder.connect("currentPathChanged(QString)", lambda path: changed())
        ui.teachQuery.connect("textChanged(QString)", lambda text: changed())
        ui.teachNamed.connect("currentIndexChanged(int)", lambda index: self._name())

    def _wish(self) -> Wish:
        ui = self._ui
        return Wish(
            folder=str(ui.teachFolder.currentPath).strip(),
            query=str(ui.teachQuery.text).strip(),
            number=int(ui.teachNumber.value),
        )

    def _name(self) -> None:
        self.presenter.name(str(self._ui.teachNamed.currentText))

    def mark(self) -> None:
        """The next click into a view says where it is."""
        if self._mark is None:
            self._mark = self._view.mark(lambda node: self._take_mark())
        self._view.place(self._mark)

    def _take_mark(self) -> None:
        self.presenter.mark(None if self._mark is None else markedPlace(self._mark))

    def _reveal(self) -> None:
        self._take_mark()  # it may have been moved or deleted
        self.presenter.reveal(bool(self._ui.teachAttention.checked))

    # the views

    def show_case(self, path: Path, title: str, aid: Aid | None = None) -> None:
        """A case alone in three planes; raises ValueError when it cannot be read."""
        self._view.show(str(path), title)
        self._mark = None

    def show_key(self, shown: Revealed) -> None:
        """The case beside its answer; raises ValueError when a file cannot be read."""
        self._view.reveal(shown)

    def clear(self) -> None:
        """Nothing of the lesson is in the scene any more."""
        self._view.clear()
        self._mark = None

    # what is shown and can be done now

    def refresh(self, reason: str, running: bool) -> None:
        """`reason`: why the worker cannot be asked, "" when it can."""
        ui, lesson, wish = self._ui, self._lesson, self._wish()
        free, why = not (reason or running), lesson.why_not_reveal()
        self._say()
        ui.teachStart.setEnabled(free and bool(wish.folder or wish.query))
        ui.teachStart.setToolTip(reason or START)
        ui.teachMark.setEnabled(free and lesson.may_mark)
        ui.teachNamed.setEnabled(free and lesson.may_mark)
        ui.teachReveal.setEnabled(free and not why)
        ui.teachReveal.setToolTip(why or "Save the answer, then show the key.")
        ui.teachNext.setEnabled(free and lesson.step == ANSWER)
        ui.teachEnd.setEnabled(free and lesson.step != CHOOSE)

    def _say(self) -> None:
        ui, lesson = self._ui, self._lesson
        self._offer(["", *lesson.choices], lesson.named)
        words = lesson.words or "\n".join(lesson.score)
        for label, text in (
            (ui.teachUnderstood, lesson.understood),
            (ui.teachCase, lesson.title),
            (ui.teachPlace, lesson.place),
            (ui.teachWords, words),
        ):
            label.setText(text)
        rows = [(row.case, "yes" if row.right else "no", row.words) for row in lesson.review]
        if rows != self._rows:  # a row that was chosen stays chosen
            self._answers.fill(rows)
            self._rows = rows

    def _offer(self, names: list[str], named: str) -> None:
        """What may be answered, and what was."""
        combo = self._ui.teachNamed
        blocked = combo.blockSignals(True)
        if [combo.itemText(index) for index in range(combo.count)] != names:
            combo.clear()
            for name in names:
                combo.addItem(name)
        combo.setCurrentIndex(names.index(named) if named in names else 0)
        combo.blockSignals(blocked)
