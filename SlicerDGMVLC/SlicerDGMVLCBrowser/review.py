"""What the Review tab does: worklist, regions of a study, decisions that are saved at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.records import Fields, asFields, readRecord
from SlicerDGMVLCPresenters.case import FILE
from SlicerDGMVLCPresenters.requests import Reading
from SlicerDGMVLCPresenters.review import LONGEST_COMMENT
from SlicerDGMVLCPresenters.review_records import (
    Exported,
    ExportReview,
    Listed,
    Looked,
    OneStudy,
    Opened,
    OpenReview,
    Regions,
)

from DGMVLCCore.errors import DGMVLCError
from DGMVLCCore.results.records import builtins_of
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.listing import UNREADABLE, WAITING, list_regions, list_studies

from . import choose

if TYPE_CHECKING:
    from .app import Viewer


class Review:
    """The tab's actions; what is listed and what a key acts on is the desk's.

    Args:
        viewer: whose scan, worker and page it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.desk = viewer, viewer.state, viewer.desk
        self.list = viewer.desk.review
        self.session: ReviewSession | None = None
        self._offered = ""  # session folder that was put into the field

    # worklist ---------------------------------------------------------------------

    async def open(self, typed: str, session: str = "") -> None:
        """Make or continue the session of the typed folder."""
        try:
            folder = choose.clean_path(str(typed or ""))
            place = str(session or "").strip()
            if place in ("", self._offered):  # not typed: that of this folder
                place = self._offered = f"{str(folder).rstrip('/')}-review"
        except choose.PathError as error:
            self.viewer.say(str(error))
            return
        self.viewer.unsay()
        with self.state as state:
            state.review_session = place
        request = asFields(OpenReview(str(folder), place))
        await self.viewer.jobs.task("review-open", request, self._opened)

    def _opened(self, answer: Fields) -> None:
        opened = readRecord(Opened, answer)
        try:
            self.session = ReviewSession.open(Path(opened.session))
        except DGMVLCError as error:
            self.viewer.say(str(error))
            return
        self.list.open(opened.session)
        self.desk.case.study = ""  # a study of another folder may have the same name
        with self.state as state:
            state.review_exported = []
        self._list()

    def _list(self) -> None:
        """The worklist, how far the reader is, and the shown study's regions."""
        if self.session is None:
            return
        self.list.take_list(readRecord(Listed, builtins_of(list_studies(self.session))))
        if self.list.study:
            try:
                listed = builtins_of(list_regions(self.session, self.list.study))
                self.list.take(readRecord(Regions, listed))
            except DGMVLCError as error:
                self.viewer.say(str(error))
        self.viewer.refresh()

    async def look(self, identifier: str) -> None:
        """Show a study: its scan at once, its regions as soon as it was looked at as it is now."""
        session = self.session
        if session is None:
            return
        if reason := self.desk.why_not_open():
            self.viewer.say(reason, kind="info")
            return
        unreadable = session.state(identifier) in UNREADABLE
        open_already = self.desk.case.study == identifier and self.desk.case.scan is not None
        if unreadable or not (open_already or await self._open_scan(identifier)):
            self.viewer.opening.close(identifier)
        self.list.show(identifier)
        self._list()
        if unreadable:
            return
        if session.state(identifier) in WAITING:
            await self.viewer.jobs.task("review-study", self._looking(identifier), self._looked)
            return
        self._go(identifier)

    async def _open_scan(self, identifier: str) -> bool:
        if self.session is None:
            return False
        study = self.session.study(identifier)
        number = (
            study.series[study.chosen].number
            if study.kind == "dicom" and study.chosen is not None
            else None
        )
        try:
            report = self.session.report(study)
        except DGMVLCError as error:
            report = None
            self.viewer.say(str(error))
        text = report.text if report else ""
        path = str(self.session.root / study.path)
        reading = Reading(series=number)
        return await self.viewer.opening.path(
            path, reading, study=identifier, report=text, title=identifier
        )

    def _go(self, identifier: str) -> None:
        """Its first undecided region, and the next study looked at meanwhile."""
        if self.list.study != identifier:
            return
        self.choose(self.list.region or self.list.undecided)
        self.viewer.later(self._look_ahead())

    def _looking(self, identifier: str) -> Fields:
        return asFields(OneStudy(self.list.session, identifier))

    async def _look_ahead(self) -> None:
        """Have the study after the shown one looked at while the reader is busy with this one."""
        ahead = self.list.after
        if ahead:
            await self.viewer.jobs.ahead(
                "review-study", self._looking(ahead), lambda answer: self._reload()
            )

    def _looked(self, answer: Fields) -> None:
        self._reload()
        self._go(readRecord(Looked, answer).study)

    async def choose_series(self, number: int) -> None:
        """Read another series of the shown study."""
        if self.session is None or not self.list.study or self.desk.work.busy:
            return
        identifier = self.list.study
        folders = str(self.session.root), str(self.session.folder)
        request = asFields(OpenReview(*folders, identifier, int(number)))

        def chosen(answer: Fields) -> None:
            self._opened(answer)
            self.viewer.later(self.look(identifier))

        await self.viewer.jobs.task("review-open", request, chosen)

    def _reload(self) -> None:
        """The session as another process has just written it."""
        if self.session is not None:
            try:
                self.session = ReviewSession.open(self.session.folder)
            except DGMVLCError as error:
                self.viewer.say(str(error))
                return
            self._list()

    def choose(self, number: int) -> None:
        """Outline a region in the views and go there."""
        if self.list.choose(int(number)) is not None and self.desk.reviewing():
            self.desk.show_scan()
        self.viewer.refresh()

    # decisions ----------------------------------------------------------------------

    def decide(self, verdict: str | None, comment: str | None = None) -> bool:
        """Save a verdict or a comment on the shown region."""
        act = self.list.remember() if self.desk.reviewing() else None
        if act is None:
            return False
        if not self._write(act.study, act.region, verdict, comment):
            self.list.undo()
            return False
        return True

    def _write(self, study: str, region: int, verdict: str | None, comment: str | None) -> bool:
        if self.session is None:
            return False
        try:
            self.session.decide(f"{study}/{region}", verdict, comment)
        except DGMVLCError as error:
            self.viewer.say(str(error))
            return False
        self._list()
        return True

    def save_comment(self, text: str, study: str, region: int) -> None:
        """Keep what stands in the comment field of a region; the field itself says it, because the
        page's state follows a fast typist late."""
        row, typed = self.list.row, str(text or "")[:LONGEST_COMMENT]
        if not self._shows(study) or self.list.region != int(region or 0):
            if typed.strip() and region:  # it was left for another region meanwhile
                self._write(str(study), int(region), None, typed)
        elif row is not None and typed.strip() != row.comment:
            self.decide(None, typed)

    def comment_shown(self) -> tuple[str, int, str]:
        """Whose comment the field shows, and what is saved of it."""
        row = self.list.row if self.desk.reviewing() else None
        return self.list.study, self.list.region, row.comment if row else ""

    def _shows(self, study: str) -> bool:
        """Whether a page that shows this study is up to date."""
        return self.list.study == str(study) and not self.desk.opening

    def verdict(self, verdict: str, study: str) -> None:
        """Accept or reject the shown region; it stays, so that a comment is on it, too. What was
        pressed while the page showed another study decides nothing."""
        if self._shows(study):
            self.decide(verdict)
        else:
            said = "Another study is shown by now, so nothing was decided; look at it first."
            self.viewer.say(said, kind="info")

    async def undo(self) -> None:
        """Take the last act back, wherever it was, and show that region."""
        elsewhere = self.list.acts[-1:] and self.list.acts[-1].study != self.list.study
        if (elsewhere or not self.desk.reviewing()) and (reason := self.desk.why_not_open()):
            self.viewer.say(reason, kind="info")  # it could not be shown
            return
        act = self.list.undo()
        if act is None:
            self.viewer.say("Nothing was decided in this session yet.", kind="info")
            return
        if self._write(act.study, act.region, act.verdict, act.comment):
            if act.study != self.list.study or not self.desk.reviewing():
                await self.look(act.study)
            if self.list.study == act.study:
                self.choose(act.region)

    async def step(self, by: int) -> None:
        """The next or the previous region; past the last one, the next study."""
        number, study = self.list.step(by)
        if number:
            self.choose(number)
        elif study:
            await self.look(study)

    async def key(self, action: str, study: str) -> None:
        """A key of the legend, pressed while the page showed this study."""
        actions: dict[str, Callable[[], Any]] = {
            "undo": self.undo,
            "next": lambda: self.step(1),
            "previous": lambda: self.step(-1),
        }
        if self.session is None:
            return
        if action in ("accept", "reject"):
            self.verdict(f"{action}ed", study)
        elif action == "edit":
            self.edit()
        elif action in actions:
            await actions[action]()

    def edit(self) -> None:
        """The shown region as the region to edit, in the tab Edit."""
        row = self.list.row
        if row is None or not self.desk.reviewing():
            return
        self.desk.tab = "edit"
        self.desk.choose_region(FILE, row.outline)
        with self.state as state:
            state.tab = "edit"
        self.viewer.refresh()

    # export -------------------------------------------------------------------------

    async def export(self) -> None:
        """Table, page and accepted regions beside the session's other files."""
        if self.session is None:
            return
        folder = self.session.folder
        request = asFields(ExportReview(str(folder), str(folder / "export")))
        await self.viewer.jobs.task("review-export", request, self._exported)

    def _exported(self, answer: Fields) -> None:
        made = readRecord(Exported, answer)
        with self.state as state:
            state.review_exported = [
                self._link(made.html, "Report (HTML)"),
                self._link(made.pdf, "Report (PDF)"),
                self._link(made.csv, "Table (CSV)"),
                *(self._link(path, Path(path).name) for path in made.accepted),
            ]
        if made.notes:
            self.viewer.say(" ".join(made.notes), kind="info")

    def _link(self, path: str, title: str) -> dict[str, str]:
        return {
            "title": title,
            "address": self.viewer.transfers.offer(Path(path), Path(path).name),
            "path": path,
        }
