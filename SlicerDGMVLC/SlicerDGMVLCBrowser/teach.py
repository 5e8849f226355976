"""The tab “Teach”: what is chosen on the page and clicked in the views, for the presenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.records import Fields
from SlicerDGMVLCPresenters.desk import TEACH
from SlicerDGMVLCPresenters.lesson_records import Point
from SlicerDGMVLCPresenters.teach import Teach, Wish

from .readout import value_at
from .teach_views import TeachViews

if TYPE_CHECKING:
    from .app import Viewer


class TeachTab:
    """The page's side of a quiz or a reading.

    Args:
        viewer: the page's viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.lesson = viewer, viewer.state, viewer.desk.lesson
        self.views = TeachViews(viewer.stage)
        self.presenter = Teach(
            self.lesson,
            self.views,
            self._ask,
            new_folder=lambda: viewer.workspace.new("results", "cases"),
            changed=viewer.refresh,
            say=viewer.say,
        )
        viewer.stage.views.on_click(self._on_click)
        self.state.change("teach_named")(lambda teach_named, **_: self._name(teach_named))

    def _ask(
        self, name: str, request: Fields, title: str, answered: Callable[[Fields], None]
    ) -> None:
        self.viewer.later(self.viewer.jobs.task(name, dict(request), answered))

    def _on_click(self, name: str, ras: Point) -> None:
        desk, case = self.viewer.desk, self.viewer.stage.case
        if desk.tab != TEACH or desk.work.busy or not self.lesson.may_mark:
            return
        if case and value_at(case[0], ras) is None:  # beside the scan there is nothing to mark
            return
        self.views.show_mark(ras)
        self.presenter.mark(ras)

    def _name(self, named: str | None) -> None:
        self.presenter.name(str(named or ""))

    def start(self, chosen: dict[str, Any]) -> None:
        """Make the cases that were chosen, or open a folder of cases; `chosen` are the fields of
        the tab."""
        words = {
            name: str(chosen[name] or "").strip()
            for name in ("folder", "query", "finding", "subtlety", "number")
        }
        number = words.pop("number")
        image = self.state.scan_path if chosen["own"] else ""
        many = int(number) if number.isdecimal() else 0
        self.presenter.start(Wish(**words, number=many, image=image))

    def reveal(self, named: str | None, attention: bool) -> None:
        """Answer the case."""
        self._name(named)
        self.presenter.reveal(bool(attention))

    def begin_study(self, folder: str, reader: str) -> None:
        """Go on where the reader left off."""
        self.presenter.begin_study(str(folder or "").strip(), str(reader or "").strip())

    def save_reading(self, confidence: float) -> None:
        """Save a reading."""
        self.presenter.save_reading(confidence)
