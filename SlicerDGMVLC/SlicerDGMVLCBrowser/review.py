"""What the Review tab does: worklist, regions of a study, decisions that are saved at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.reading import stepFrom

from DGMVLCCore.errors import DGMVLCError
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.listing import UNREADABLE, WAITING, list_regions, list_studies

from . import choose
from .scans import ScanError

if TYPE_CHECKING:
    from .app import Viewer


class Review:
    """The tab's actions.

    Args:
        viewer: whose scan, worker and page it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state = viewer, viewer.state
        self.session: ReviewSession | None = None
        self._shown = ""  # study whose scan stands in the views

    # worklist ---------------------------------------------------------------------

    async def open(self, typed: str, session: str = "") -> None:
        """Make or continue the session of the typed folder."""
        try:
            folder = choose.clean_path(str(typed or ""))
            place = str(session or "").strip() or f"{str(folder).rstrip('/')}-review"
        except choose.PathError as error:
            self.viewer.say(str(error))
            return
        with self.state as state:
            state.message, state.review_session = "", place
        await self.viewer.jobs.task(
            "review-open", {"folder": str(folder), "session": place}, self._opened
        )

    def _opened(self, answer: dict[str, Any]) -> None:
        try:
            self.session = ReviewSession.open(Path(answer["session"]))
        except DGMVLCError as error:
            self.viewer.say(str(error))
            return
        self._shown = ""
        (
            self.state.review_open,
            self.state.review_study,
            self.state.review_regions,
            self.state.review_region,
        ) = True, "", [], 0
        self.state.review_exported = []
        self._list()

    def _list(self) -> None:
        """Tell the page the worklist and how far the reader is."""
        if self.session is None:
            return
        listed = list_studies(self.session)
        with self.state as state:
            state.review_studies, state.review_progress = listed["studies"], listed["progress"]

    async def look(self, identifier: str) -> None:
        """Show a study; look at it first when that was not done for the scan as it is now."""
        if self.session is None or self.state.running or self.state.scan_busy:
            return
        self._show_list(identifier)
        if self.session.state(identifier) in WAITING:
            await self.viewer.jobs.task("review-study", self._looking(identifier), self._looked)
            return
        await self._show_scan(identifier)

    def _looking(self, identifier: str) -> dict[str, Any]:
        return {"session": str(self.session.folder) if self.session else "", "study": identifier}

    async def _look_ahead(self) -> None:
        """Have the study after the shown one looked at while the reader is busy with this one."""
        rows = self.state.review_studies
        here = next((at for at, row in enumerate(rows) if row["id"] == self.state.review_study), -1)
        ahead = next((row["id"] for row in rows[here + 1 :] if row["waiting"]), "")
        if ahead:
            await self.viewer.jobs.ahead(
                "review-study", self._looking(ahead), lambda answer: self._reload()
            )

    def _looked(self, answer: dict[str, Any]) -> None:
        self._reload()
        if self.session is not None and self.state.review_study == answer["study"]:
            self._show_list(answer["study"])
            self.viewer._later(self._show_scan(answer["study"]))

    async def choose_series(self, number: int) -> None:
        """Read another series of the shown study."""
        if self.session is None or not self.state.review_study or self.state.running:
            return
        identifier = self.state.review_study
        request = {
            "folder": str(self.session.root),
            "session": str(self.session.folder),
            "study": identifier,
            "series": int(number),
        }

        def chosen(answer: dict[str, Any]) -> None:
            self._opened(answer)
            self.viewer._later(self.look(identifier))

        await self.viewer.jobs.task("review-open", request, chosen)

    def _reload(self) -> None:
        """The session as another process has just written it."""
        if self.session is not None:
            try:
                self.session = ReviewSession.open(self.session.folder)
            except DGMVLCError as error:
                self.viewer.say(str(error))
        self._list()

    # one study --------------------------------------------------------------------

    def _show_list(self, identifier: str) -> None:
        if self.session is None:
            return
        try:
            listed = list_regions(self.session, identifier)
        except DGMVLCError as error:
            self.viewer.say(str(error))
            return
        with self.state as state:
            another = state.review_study != identifier
            state.review_study, state.review_regions = identifier, listed["regions"]
            state.review_unseen, state.review_notes = listed["unseen"], listed["notes"]
            state.review_series, state.review_chosen = listed["series"], listed["chosen"]
            if another:
                state.review_region = 0
        self._list()

    async def _show_scan(self, identifier: str) -> None:
        """The study's scan in the views, at its first region."""
        if self.session is None or self.session.state(identifier) in UNREADABLE:
            return
        study = self.session.study(identifier)
        if self._shown != identifier:
            number = (
                study.series[study.chosen].number
                if study.kind == "dicom" and study.chosen is not None
                else None
            )
            if not await self.viewer.open_path(str(self.session.root / study.path), number):
                return
            self._shown = identifier
        if self.state.review_regions:
            self.choose(self.state.review_region or self.state.review_regions[0]["number"])
        self.viewer._later(self._look_ahead())

    def choose(self, number: int) -> None:
        """Outline a region in the views and go there."""
        row = next((row for row in self.state.review_regions if row["number"] == number), None)
        if row is None or self.session is None:
            return
        with self.state as state:
            state.review_region, state.review_comment = number, row["comment"]
        if self._shown != self.state.review_study or self.viewer.stage.scan is None:
            return
        try:
            self.viewer.stage.show_region(Path(row["outline"]))
        except ScanError as error:
            self.viewer.say(str(error))

    # decisions ----------------------------------------------------------------------

    def decide(self, verdict: str | None, comment: str | None = None) -> bool:
        """Save a verdict or a comment on the shown region."""
        if self.session is None or not self.state.review_region:
            return False
        try:
            self.session.decide(
                f"{self.state.review_study}/{self.state.review_region}", verdict, comment
            )
        except DGMVLCError as error:
            self.viewer.say(str(error))
            return False
        self._show_list(self.state.review_study)
        return True

    def save_comment(self, text: str) -> None:
        """Keep what stands in the comment field; the field itself says it, because the page's state
        follows a fast typist late."""
        row = next(
            (row for row in self.state.review_regions if row["number"] == self.state.review_region),
            None,
        )
        typed = str(text or "")[:2000]
        if row is not None and typed.strip() != row["comment"]:
            self.decide(None, typed)

    async def verdict(self, verdict: str) -> None:
        """Accept or reject, and go on to the next region that is not decided."""
        if self.decide(verdict) and verdict:
            await self.step(1)

    async def step(self, by: int) -> None:
        """The next or the previous region; past the last one, the next study."""
        state = self.state
        number, study = stepFrom(
            state.review_regions, state.review_region, state.review_studies, state.review_study, by
        )
        if number:
            self.choose(number)
        elif study:
            await self.look(study)

    async def key(self, action: str) -> None:
        """A key of the legend."""
        actions: dict[str, Callable[[], Any]] = {
            "accept": lambda: self.verdict("accepted"),
            "reject": lambda: self.verdict("rejected"),
            "undo": lambda: self.verdict(""),
            "next": lambda: self.step(1),
            "previous": lambda: self.step(-1),
        }
        if self.session is not None and action in actions:
            await actions[action]()

    # export -------------------------------------------------------------------------

    async def export(self) -> None:
        """Table, page and accepted regions beside the session's other files."""
        if self.session is None or self.state.running:
            return
        await self.viewer.jobs.task(
            "review-export",
            {"session": str(self.session.folder), "out": str(self.session.folder / "export")},
            self._exported,
        )

    def _exported(self, answer: dict[str, Any]) -> None:
        self.state.review_exported = [
            self._link(answer["html"], "Report (HTML)"),
            self._link(answer["pdf"], "Report (PDF)"),
            self._link(answer["csv"], "Table (CSV)"),
            *(self._link(path, Path(path).name) for path in answer["accepted"]),
        ]
        if answer["notes"]:
            self.viewer.say(" ".join(answer["notes"]), kind="info")

    def _link(self, path: str, title: str) -> dict[str, str]:
        return {
            "title": title,
            "address": self.viewer.transfers.offer(Path(path), Path(path).name),
            "path": path,
        }
