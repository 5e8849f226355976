"""The panel's review: a folder's worklist, the regions of a study in the views, decisions by
keyboard that are saved at once. What is listed and what a key acts on is the desk's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.keys import REVIEW_KEYS
from SlicerDGMVLCPresenters.review import LONGEST_COMMENT
from SlicerDGMVLCPresenters.review_records import (
    Decide,
    Exported,
    ExportReview,
    OneStudy,
    Opened,
    OpenReview,
    RegionRow,
    Shown,
    ShowStudy,
    StudyRow,
)

from .records import Fields, asFields, readRecord
from .session import Session
from .study_scene import StudyScene
from .tables import REGION_COLUMNS, STUDY_COLUMNS, RowsTable


def studyCells(row: StudyRow) -> tuple[str, ...]:
    """A study as the worklist shows it."""
    count = f"{row.unreported} of {row.regions}" if row.regions else ""
    return row.id, row.words, count


def regionCells(row: RegionRow) -> tuple[str, ...]:
    """A region as the list shows it."""
    decision = row.verdict or (f"{row.earlier} on an earlier scan" if row.earlier else "")
    return str(row.number), decision, row.size, row.place, row.tag, row.change, row.comment


def regionWords(row: RegionRow) -> str:
    """A region in sentences."""
    return (
        f"Region {row.number}, {row.size}, {row.volume}, {row.place}: "
        f"{row.change} against this patient's lungs.\n{row.sentence}\n"
        f"{row.phrases} (change its denial asks for, 0 to 1; no probability of disease)"
    )


class ReviewBox:
    """What a reader does; the worker reads, looks and saves.

    Args:
        session: the worker. newPath: gives a file name in the panel's own folder. problem: shows
            (message, advice). openFolder: shows a folder in the system's file browser.
    """

    def __init__(
        self,
        ui: Any,
        scene: Any,
        desk: Desk,
        session: Session,
        newPath: Callable[[str], Path],
        problem: Callable[[str, str], None],
        openFolder: Callable[[Path], None],
    ) -> None:
        self._ui, self._list, self._session = ui, desk.review, session
        self._newPath, self._problem = newPath, problem
        self._view = StudyScene(scene)
        self._exported, self._reason = "", ""
        self._shown = ""  # study whose scan is in the views
        self._wanted = 0  # region to show when its study is there, 0 for the first undecided
        self._all = self._locked = False
        self._studies = RowsTable(ui.reviewStudies, STUDY_COLUMNS, self._onStudyRow)
        self._regions = RowsTable(ui.reviewRegions, REGION_COLUMNS, self._onRegionRow)
        self._keys: list[Any] = []
        self._connect(openFolder)
        self._fill()

    def _connect(self, openFolder: Callable[[Path], None]) -> None:
        ui = self._ui
        actions: dict[str, Callable[[], Any]] = {
            "accept": lambda: self.verdict("accepted"),
            "reject": lambda: self.verdict("rejected"),
            "undo": self.undo,
            "comment": lambda: ui.reviewComment.setFocus(),
            "without it": self.swap,
            "next": lambda: self.step(1),
            "previous": lambda: self.step(-1),
        }
        buttons = {
            "reviewOpen": self.open,
            "reviewAll": self.lookAtAll,
            "reviewAccept": actions["accept"],
            "reviewReject": actions["reject"],
            "reviewUndo": self.undo,
            "reviewNext": actions["next"],
            "reviewWithout": self.swap,
            "reviewExport": self.export,
            "reviewExported": lambda: openFolder(Path(self._exported)),
        }
        for name, action in buttons.items():
            getattr(ui, name).connect(
                "clicked(bool)", lambda checked=False, action=action: action()
            )
        ui.reviewFolder.connect("currentPathChanged(QString)", lambda path: self._enable())
        ui.reviewComment.setMaxLength(LONGEST_COMMENT)
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
        self._openSession(lambda: None)

    def _openSession(
        self, then: Callable[[], None], study: str | None = None, series: int | None = None
    ) -> None:
        folder = str(self._ui.reviewFolder.currentPath).strip()
        session = str(self._ui.reviewSession.currentPath).strip() or f"{folder.rstrip('/')}-review"

        def opened(answer: Fields) -> None:
            made = readRecord(Opened, answer)
            self.clear()
            self._exported = ""
            self._list.open(made.session)
            self._list.take_list(made)
            self._fill()
            then()

        request = asFields(OpenReview(folder, session, study, series))
        self._session.task("review-open", request, "review", opened)

    def lookAtAll(self) -> None:
        """Look at every study that waits, one after the other; Cancel stops after what is done."""
        self._all = bool(self._list.waiting)
        if self._all:
            self._askStudy(self._list.waiting[0])

    def _askStudy(self, study: str) -> None:
        self._session.task(
            "review-study", self._of(study), f"looking at {study}", lambda _: self._askShow(study)
        )

    def _onStudyRow(self) -> None:
        row = self._studies.current()
        if 0 <= row < len(self._list.studies):
            self._goTo(self._list.studies[row].id)

    def _onRegionRow(self) -> None:
        row = self._regions.current()
        if 0 <= row < len(self._list.shown.regions):
            self.choose(self._list.shown.regions[row].number)

    def _goTo(self, study: str, region: int = 0) -> None:
        if not self._locked:
            self._saveComment()
            self._all, self._wanted = False, region
            self.look(study)

    def look(self, study: str) -> None:
        """Show a study; look at it first when that was not done for the scan as it is now."""
        self._list.show(study)
        self._fill()
        (self._askStudy if study in self._list.waiting else self._askShow)(study)

    def _askShow(self, study: str) -> None:
        new = study == self._list.study != self._shown
        out = str(self._newPath("study.nrrd")) if new else None
        request = asFields(ShowStudy(self._list.session, study, out))
        self._session.task("review-show", request, f"opening {study}", self._showed)

    def _take(self, answer: Fields) -> Shown:
        """A study's regions and the worklist."""
        shown = readRecord(Shown, answer)
        self._list.take_list(shown)
        self._list.take(shown)
        return shown

    def _showed(self, answer: Fields) -> None:
        shown = self._take(answer)
        if shown.study == self._list.study:
            if shown.scan:
                self._showScan(shown.scan)
            wanted, self._wanted = self._wanted, 0
            self.choose(wanted or self._list.undecided)
        self._fill()
        if self._all and shown.study not in self._list.waiting[:1]:
            self.lookAtAll()
        self._lookAhead()

    def _lookAhead(self) -> None:
        """Have the study after the shown one looked at while the reader is busy with this one."""
        study = self._list.after
        if study and not self._all:
            self._session.ahead(
                "review-study", self._of(study), lambda answer: self._list.looked(study)
            )

    def _of(self, study: str) -> Fields:
        return asFields(OneStudy(self._list.session, study))

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
        self._openSession(lambda: self.look(study), study=study, series=index + 1)

    # regions

    def choose(self, number: int) -> None:
        """Outline a region in the views and go there."""
        self._saveComment()
        row = self._list.choose(number)
        self._ui.reviewComment.setText(row.comment if row else "")
        if row is not None and self._shown == self._list.study:
            try:
                self._view.outline(row.outline, f"Region {number}")
            except ValueError as error:
                self._problem(str(error), "Look at the study again.")
        self._fill()

    def swap(self) -> None:
        """The scan without the shown region in the scan's place, and back."""
        row = self._list.row
        if row is None or self._shown != self._list.study:
            return
        try:
            self._view.swap("" if self._view.swapped else row.without_scan)
        except ValueError as error:
            self._problem(str(error), "Look at the study again.")

    def verdict(self, verdict: str) -> None:
        """Save a verdict on the shown region; it stays, so that a comment is on it, too."""
        self._saveComment()
        self._decide(verdict=verdict)

    def undo(self) -> None:
        """Take the last decision back, wherever it was, and show that region."""
        self._saveComment()
        act = None if self._locked else self._list.undo()
        if act is None:
            return
        self._save(act.study, act.region, act.verdict, act.comment)
        if act.study != self._list.study:
            self._goTo(act.study, act.region)
        elif self._list.choose(act.region):
            self._list.decide(act.verdict, act.comment)
            self._ui.reviewComment.setText(act.comment)
            self.choose(act.region)

    def step(self, by: int) -> None:
        """The next or the previous region; past the last one, the next study."""
        number, study = self._list.step(by)
        if number:
            self.choose(number)
        elif study:
            self._goTo(study)

    def _saveComment(self) -> None:
        row, typed = self._list.row, str(self._ui.reviewComment.text).strip()
        if row is not None and typed != row.comment:
            self._decide(comment=typed)

    def _decide(self, verdict: str | None = None, comment: str | None = None) -> None:
        act = None if self._locked else self._list.remember(verdict, comment)
        if act is not None:
            self._save(act.study, act.region, verdict, comment)

    def _save(self, study: str, region: int, verdict: str | None, comment: str | None) -> None:
        request = asFields(Decide(self._list.session, study, region, verdict, comment))
        self._session.save("review-decide", request, self._decided)
        self._fill()

    def _decided(self, answer: Fields) -> None:
        self._take(answer)
        self._fill()
        self._lookAhead()

    # export

    def export(self) -> None:
        """Table, pages and accepted regions into the session's folder."""
        session = self._list.session
        request = asFields(ExportReview(session, str(Path(session) / "export")))
        self._session.task("review-export", request, "export", self._onExported)

    def _onExported(self, answer: Fields) -> None:
        made = readRecord(Exported, answer)
        self._exported = str(Path(made.html).parent)
        paths = (made.html, made.pdf, made.csv, *made.accepted)
        files = ", ".join(Path(path).name for path in paths)
        self._ui.reviewNotes.setText(" ".join([f"Written: {files}.", *made.notes]))
        self._enable()

    # what is shown and can be done now

    def refresh(self, reason: str, running: bool) -> None:
        """`reason`: why the worker cannot be asked, "" when it can. Decisions on their way do not
        keep the reader waiting, other work does."""
        self._reason, self._locked = reason, bool(reason) or running
        self._enable()

    def _fill(self) -> None:
        """The lists and words as they are now."""
        ui, listed = self._ui, self._list
        row = listed.row
        ids = [one.id for one in listed.studies]
        self._studies.fill(
            [studyCells(one) for one in listed.studies],
            ids.index(listed.study) if listed.study in ids else -1,
        )
        self._regions.fill(
            [regionCells(one) for one in listed.shown.regions],
            listed.shown.regions.index(row) if row else -1,
        )
        ui.reviewProgress.setText(listed.counted)
        unseen = [f"Reported, not seen: {line}" for line in listed.shown.unseen]
        ui.reviewNotes.setText(
            "\n".join(filter(None, [*listed.shown.notes, *unseen, listed.nothing]))
        )
        ui.reviewText.setPlainText(regionWords(row) if row else "")
        if row is None:
            ui.reviewComment.setText("")
        self._offerSeries()
        self._enable()

    def _offerSeries(self) -> None:
        combo = self._ui.reviewSeries
        blocked = combo.blockSignals(True)
        combo.clear()
        for words in self._list.shown.series:
            combo.addItem(words)
        combo.setCurrentIndex(self._list.shown.chosen - 1)
        combo.blockSignals(blocked)
        combo.setVisible(len(self._list.shown.series) > 1)

    def _enable(self) -> None:
        ui, free, row = self._ui, not self._locked, self._list.row
        ui.reviewOpen.setEnabled(free and bool(str(ui.reviewFolder.currentPath).strip()))
        ui.reviewOpen.setToolTip(self._reason or "Make or continue the session of this folder.")
        ui.reviewAll.setEnabled(free and bool(self._list.waiting))
        ui.reviewExport.setEnabled(free and bool(self._list.session))
        ui.reviewExported.setEnabled(bool(self._exported))
        ui.reviewStudies.setEnabled(free)
        ui.reviewSeries.setEnabled(free and len(self._list.shown.series) > 1)
        for widget in (ui.reviewAccept, ui.reviewReject, ui.reviewComment):
            widget.setEnabled(row is not None and free)
        ui.reviewWithout.setEnabled(bool(row and row.without_scan))
        undo = self._list.undo_words()
        ui.reviewUndo.setEnabled(bool(undo) and free)
        ui.reviewUndo.setToolTip(f"Take back: {undo} (U)." if undo else "Nothing to take back.")
        for widget in (ui.reviewNext, *self._keys):
            widget.setEnabled(bool(self._list.session) and free)

    def clear(self) -> None:
        """The scene is gone; the session stays open, its decisions are on disk."""
        self._view.clear()
        self._shown, self._all = "", False
        self._list.leave()
        self._fill()
