"""The panel's review: a folder's worklist, the regions of a study in the views, decisions by
keyboard that are saved at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from SlicerDGMVLCPresenters.review import Act

from .reading import REVIEW_KEYS, stepFrom
from .review_list import ReviewList
from .study_scene import StudyScene

Ask = Callable[[str, dict[str, Any], str, Callable[[dict[str, Any]], None]], None]


class ReviewBox:
    """What a reader does; the worker reads, looks and saves.

    Args:
        ask: asks the worker for (task, request, title, answered). ahead: the same, unseen, for what
            will be wanted soon. newPath: gives a file name in the
            panel's own folder.
        problem: shows (message, advice). openFolder: shows a folder in the system's file browser.
    """

    def __init__(
        self,
        ui: Any,
        scene: Any,
        ask: Ask,
        ahead: Ask,
        newPath: Callable[[str], Path],
        problem: Callable[[str, str], None],
        openFolder: Callable[[Path], None],
    ) -> None:
        self._ui, self._ask, self._newPath, self._problem = ui, ask, newPath, problem
        self._askAhead = ahead
        self._view = StudyScene(scene)
        self._session, self._exported, self._reason = "", "", ""
        self._shown = ""  # study whose scan is in the views
        self._deciding = 0  # decisions on their way to the worker
        self._all = self._locked = False
        self._acts: list[Act] = []
        self._list = ReviewList(ui, self._onStudy, self.choose)
        self._keys: list[Any] = []
        self._connect(openFolder)
        self._enable()

    def _connect(self, openFolder: Callable[[Path], None]) -> None:
        ui = self._ui
        actions: dict[str, Callable[[], Any]] = {
            "accept": lambda: self.verdict("accepted"),
            "reject": lambda: self.verdict("rejected"),
            "undo": self.undo,
            "comment": lambda: ui.reviewComment.setFocus(),
            "next": lambda: self.step(1),
            "previous": lambda: self.step(-1),
        }
        buttons = {
            "reviewOpen": self.open,
            "reviewAll": self.lookAtAll,
            "reviewAccept": actions["accept"],
            "reviewReject": actions["reject"],
            "reviewNext": actions["next"],
            "reviewExport": self.export,
            "reviewExported": lambda: openFolder(Path(self._exported)),
        }
        for name, action in buttons.items():
            getattr(ui, name).connect(
                "clicked(bool)", lambda checked=False, action=action: action()
            )
        ui.reviewFolder.connect("currentPathChanged(QString)", lambda path: self._enable())
        ui.reviewComment.connect("editingFinished()", self._saveComment)
        ui.reviewComment.connect("returnPressed()", lambda: ui.reviewRegions.setFocus())
        ui.reviewSeries.connect("activated(int)", self._onSeries)
        for keys, name in REVIEW_KEYS:
            for key in keys.split():
                shortcut = qt.QShortcut(
                    ui.reviewSection
                )  # in the whole window, while the panel is seen and no text is being typed
                shortcut.setKey(qt.QKeySequence(key))
                shortcut.connect("activated()", actions[name])
                self._keys.append(shortcut)
        ui.reviewLegend.setText("   ".join(f"{keys} {name}" for keys, name in REVIEW_KEYS))

    # worklist

    def open(self) -> None:
        """Make or continue the session of the chosen folder."""
        self._openSession(lambda answer: None)

    def _openSession(self, then: Callable[[dict[str, Any]], None], **more: Any) -> None:
        folder = str(self._ui.reviewFolder.currentPath).strip()
        session = str(self._ui.reviewSession.currentPath).strip() or f"{folder.rstrip('/')}-review"

        def opened(answer: dict[str, Any]) -> None:
            self._view.clear()
            if answer["session"] != self._session:
                self._acts = []
            self._session, self._shown, self._exported, self._all = answer["session"], "", "", False
            self._list.leave()
            self._list.take(answer)
            self._enable()
            then(answer)

        self._ask("review-open", {"folder": folder, "session": session, **more}, "review", opened)

    def lookAtAll(self) -> None:
        """Look at every study that waits, one after the other; Cancel stops after what is done."""
        self._all = bool(self._list.waiting)
        if self._all:
            self._askStudy(self._list.waiting)

    def _askStudy(self, study: str) -> None:
        self._ask(
            "review-study",
            self._looking(study),
            f"looking at {study}",
            lambda answer: self._askShow(study),
        )

    def _onStudy(self, study: str) -> None:
        if not self._locked:
            self._saveComment()
            self._all = False
            self.look(study)

    def look(self, study: str) -> None:
        """Show a study; look at it first when that was not done for the scan as it is now."""
        self._list.leave(study)
        waits = any(row["waiting"] for row in self._list.studies if row["id"] == study)
        (self._askStudy if waits else self._askShow)(study)

    def _askShow(self, study: str) -> None:
        request = {"session": self._session, "study": study}
        if study == self._list.study != self._shown:
            request["out"] = str(self._newPath("study.nrrd"))
        self._ask("review-show", request, f"opening {study}", self._showed)

    def _showed(self, answer: dict[str, Any]) -> None:
        self._list.take(answer)
        if answer["study"] == self._list.study:
            if answer["scan"]:
                self._showScan(answer["scan"])
            if self._list.regions:
                self.choose(self._list.undecided)
        self._enable()
        if self._all and self._list.waiting != answer["study"]:
            self.lookAtAll()
        self._lookAhead()

    def _lookAhead(self) -> None:
        """Have the study after the shown one looked at while the reader is busy with this one."""
        study = self._list.after
        if study and not self._all and not self._deciding:
            self._askAhead(
                "review-study", self._looking(study), "", lambda answer: self._list.seen(study)
            )

    def _looking(self, study: str) -> dict[str, Any]:
        return {"session": self._session, "study": study}

    def _showScan(self, path: str) -> None:
        try:
            self._view.show(path, self._list.study)
            self._shown = self._list.study
        except ValueError as error:
            self._problem(str(error), "")
        Path(path).unlink(missing_ok=True)  # it is in the scene now

    def _onSeries(self, index: int) -> None:
        """Read another series of the study."""
        study = self._list.study
        self._openSession(lambda answer: self.look(study), study=study, series=index + 1)

    # regions

    def choose(self, number: int) -> None:
        """Outline a region in the views and go there."""
        self._saveComment()
        row = self._list.choose(number)
        if row is not None and self._shown == self._list.study:
            try:
                self._view.outline(row["outline"], f"Region {number}")
            except ValueError as error:
                self._problem(str(error), "Look at the study again.")
        self._enable()

    def verdict(self, verdict: str) -> None:
        """Save a verdict on the shown region; it stays, so that a comment is on it, too."""
        self._saveComment()
        self._decide(verdict=verdict)

    def undo(self) -> None:
        """Take the last decision back, wherever it was, and show that region."""
        self._saveComment()
        if not self._acts or self._locked:
            return
        act = self._acts.pop()
        self._deciding += 1
        request = {
            "session": self._session,
            "study": act.study,
            "region": act.region,
            "verdict": act.verdict,
            "comment": act.comment,
        }
        self._ask("review-decide", request, "saving", self._decided)
        if act.study != self._list.study:
            self._onStudy(act.study)
        else:
            self.choose(act.region)

    def step(self, by: int) -> None:
        """The next or the previous region; past the last one, the next study."""
        if not self._session or self._locked:
            return
        number, study = stepFrom(
            self._list.regions, self._list.region, self._list.studies, self._list.study, by
        )
        if number:
            self.choose(number)
        elif study:
            self._onStudy(study)

    def _saveComment(self) -> None:
        row, typed = self._list.row(), str(self._ui.reviewComment.text).strip()
        if row is not None and typed != row["comment"] and self._decide(comment=typed):
            row["comment"] = typed  # so that it is asked for once

    def _decide(self, **said: str) -> bool:
        if not self._list.region or self._locked:
            return False
        self._deciding += 1
        if row := self._list.row():
            act = Act(self._list.study, self._list.region, row["verdict"], row["comment"])
            self._acts.append(act)
        request = {
            "session": self._session,
            "study": self._list.study,
            "region": self._list.region,
            **said,
        }
        self._ask("review-decide", request, "saving", self._decided)
        return True

    def _decided(self, answer: dict[str, Any]) -> None:
        self._deciding = max(self._deciding - 1, 0)
        self._list.take(answer)
        self._enable()
        self._lookAhead()

    # export

    def export(self) -> None:
        """Table, pages and accepted regions into the session's folder."""
        self._ask(
            "review-export",
            {"session": self._session, "out": str(Path(self._session) / "export")},
            "export",
            self._onExported,
        )

    def _onExported(self, answer: dict[str, Any]) -> None:
        self._exported = str(Path(answer["html"]).parent)
        files = [Path(answer[kind]).name for kind in ("html", "pdf", "csv")] + [
            Path(path).name for path in answer["accepted"]
        ]
        self._ui.reviewNotes.setText(" ".join([f"Written: {', '.join(files)}.", *answer["notes"]]))
        self._enable()

    # what can be done now

    def refresh(self, reason: str, running: bool) -> None:
        """`reason`: why the worker cannot be asked, "" when it can. Decisions on their way do not
        keep the reader waiting, other work does."""
        if not running:
            self._deciding = 0
        self._reason, self._locked = reason, bool(reason) or (running and not self._deciding)
        self._enable()

    def _enable(self) -> None:
        ui, free = self._ui, not self._locked and not self._deciding
        ui.reviewOpen.setEnabled(free and bool(str(ui.reviewFolder.currentPath).strip()))
        ui.reviewOpen.setToolTip(self._reason or "Make or continue the session of this folder.")
        ui.reviewAll.setEnabled(free and bool(self._list.waiting))
        ui.reviewExport.setEnabled(free and bool(self._session))
        ui.reviewExported.setEnabled(bool(self._exported))
        ui.reviewStudies.setEnabled(not self._locked)
        ui.reviewSeries.setEnabled(free and ui.reviewSeries.count > 1)
        for widget in (ui.reviewAccept, ui.reviewReject, ui.reviewComment):
            widget.setEnabled(bool(self._list.region) and not self._locked)
        for widget in (ui.reviewNext, *self._keys):
            widget.setEnabled(bool(self._session) and not self._locked)

    def clear(self) -> None:
        """The scene is gone; the session stays open, its decisions are on disk."""
        self._view.clear()
        self._shown, self._all = "", False
        self._list.leave()
        self._enable()
