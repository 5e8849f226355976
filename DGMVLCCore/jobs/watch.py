"""Studies of an archive, as they arrive -> a worklist a day, looked at before somebody reads it.

FOLDER/watch.sqlite     what is known of each study
FOLDER/DAY/studies/UID  the scan and its report, as the archive has them
FOLDER/DAY/dicom/UID    what is sent of it, made once, so that its UIDs stay
FOLDER/DAY/session      the review session (dgmvlc review -o FOLDER/DAY/session --accept ...)
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec import Struct

from DGMVLCCore.archive.archive import Archive, open_archive
from DGMVLCCore.archive.records import StudyQuery
from DGMVLCCore.errors import Cancelled, DGMVLCError, OutputError, as_dgmvlc_error
from DGMVLCCore.jobs.archive import check_whole_scan, of_all
from DGMVLCCore.jobs.many import OnRow, Place, Row, problem_of
from DGMVLCCore.jobs.uses import review_all, review_items
from DGMVLCCore.jobs.watch_state import (
    ARRIVING,
    HERE,
    REFUSED,
    REVIEWED,
    Watched,
    WatchState,
    alone,
)
from DGMVLCCore.results.folders import replaced_folder
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import WORKLIST
from DGMVLCCore.review.worklist import MOST

log = logging.getLogger(__name__)
MOST_TRIES = 5  # of a study that cannot be brought or sent; those of an absent archive are none


@dataclass(frozen=True)
class WatchRequest:
    """What is watched.

    Args:
        archive: its name. query: the filter. folder: of the watch, new or that of an earlier one.
        every_s: between two looks. settle_s: how long a study must not have grown before it is
            taken.
        weights: folder of a dual encoder. place: where the looking runs. send: the archive that
            gets the results; none when None.
    """

    archive: str
    query: StudyQuery
    folder: Path
    every_s: float = 60.0
    settle_s: float = 60.0
    weights: Path | None = None
    device: str | None = None
    place: Place = Place()
    send: str | None = None


class Watch:
    """One look after another at an archive."""

    def __init__(self, request: WatchRequest, state: WatchState, archive: Archive) -> None:
        self.request, self.state, self._archive = request, state, archive

    def look(self, on_row: OnRow | None = None) -> None:
        """Bring what has arrived and review it.

        Raises:
            DGMVLCError: the archive does not answer, or a day's worklist cannot be used; everything
                else is done before it is said. OutputError: the folder takes nothing any more.
        """
        failed = [self._failure(self._arrivals)]
        for day in sorted({study.day for study in self.state.studies(HERE)}):
            failed.append(self._failure(partial(self._review, day, on_row)))
        if self.request.send:
            failed.append(self._failure(partial(self._send, self.request.send)))
        if first := next(filter(None, failed), None):
            raise first

    @staticmethod
    def _failure(step: Callable[[], None]) -> DGMVLCError | None:
        """What kept a step from its end, so that the others are done all the same."""
        try:
            step()
        except (OutputError, Cancelled):
            raise
        except DGMVLCError as error:
            return error
        return None

    def _arrivals(self) -> None:
        self._list()
        self._bring()

    def _list(self) -> None:
        """Note what the archive lists: all that is known, and of the rest the latest."""
        now, today = time.time(), datetime.now().date().isoformat()
        known = {study.uid: study for study in self.state.studies()}
        room = self.request.query.most
        listed = []
        for study in self._archive.all_studies(self.request.query):
            room -= study.uid not in known
            if study.uid in known or room >= 0:
                listed.append(study)
        for study in reversed(listed):
            earlier, count = known.get(study.uid), study.instances
            if count is None and (earlier is None or earlier.state in (ARRIVING, REFUSED)):
                count = self._archive.count(study.uid)
            if earlier and earlier.state == REFUSED and earlier.instances != count:
                shutil.rmtree(self._place(earlier), ignore_errors=True)  # brought again, whole
            day = earlier.day if earlier else self.state.room_of(today, MOST)
            self.state.seen(study.uid, count, day, now)

    def _place(self, study: Watched) -> Path:
        """Where a study lies."""
        return self.request.folder / study.day / "studies" / study.uid

    def _bring(self) -> None:
        """Every study that has settled, whole or not at all."""
        for study in self.state.studies(ARRIVING):
            if time.time() - study.changed < self.request.settle_s:
                continue
            place = self._place(study)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                if not place.exists():  # else a watch was killed before it noted this
                    self._archive.get(study.uid, None, place, check=check_whole_scan)
            except Exception as error:
                if of_all(error, self._archive):
                    raise
                # of this study; the others are brought all the same
                last = study.tries + 1 >= MOST_TRIES
                said = self._said(study, error)
                self.state.note(study.uid, REFUSED if last else ARRIVING, said, failed=True)
                continue
            self.state.note(study.uid, HERE)

    @staticmethod
    def _said(study: Watched, error: Exception) -> str:
        """A failure in a sentence; one that nobody foresaw goes to the log, too."""
        if as_dgmvlc_error(error) is None:
            log.exception("study %s", study.uid)
        return problem_of(error)

    def _session(self, day: str) -> ReviewSession:
        folder = self.request.folder / day / "session"
        if (folder / WORKLIST).is_file():
            return ReviewSession.open(folder, refresh=True)
        if folder.is_dir():  # a watch was killed while it made it: nothing was decided in it
            shutil.rmtree(folder)
        return ReviewSession.create(self.request.folder / day / "studies", folder)

    def _review(self, day: str, on_row: OnRow | None) -> None:
        """Look at all studies of a day that were not looked at, and note what became of them."""
        session, wanted = self._session(day), self.request
        items = review_items(session, wanted.weights, wanted.device)
        rows = {row.id: row for row in review_all(session, items, wanted.place, on_row)}
        for study in self.state.studies(HERE):
            if study.day == day:
                self._note(session, study, rows)

    def _send(self, name: str) -> None:
        """Results of every reviewed study to the archive `name`; what it holds is not sent again.
        A study whose results cannot be made or are not taken keeps no other from being sent.

        Raises:
            ArchiveError: it is away, or lets nobody in. OutputError: the folder takes nothing any
                more.
        """
        archive = open_archive(name)
        for study in self.state.studies(REVIEWED):
            if study.sent or study.tries >= MOST_TRIES:
                continue
            try:
                archive.send([self._objects(study)])
            except Exception as error:
                if of_all(error, archive):
                    raise
                said = f"Its results were not sent: {self._said(study, error)}"
                self.state.note(study.uid, REVIEWED, said, failed=True)
            else:
                self.state.note_sent(study.uid)

    def _objects(self, study: Watched) -> Path:
        """The folder of what is sent of a study. Errors as `write_study_dicom`."""
        from DGMVLCCore.review.review_dicom import write_study_dicom

        place = self.request.folder / study.day / "dicom" / study.uid
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            session = ReviewSession.open(self.request.folder / study.day / "session")
            listed = next(s for s in session.studies if study.uid in Path(s.path).parts)
            with replaced_folder(place) as folder:
                write_study_dicom(session, listed, folder)
        return place

    def _note(self, session: ReviewSession, study: Watched, rows: dict[str, Row]) -> None:
        """What the session, or the row of this look, says of a study."""
        for listed in session.studies:
            if study.uid not in Path(listed.path).parts:
                continue
            analysis = session.analysis(listed.id)
            problem = listed.problem or (analysis.problem if analysis else None) or ""
            if problem or session.current(listed.id):
                self.state.note(study.uid, REFUSED if problem else REVIEWED, problem)
            elif listed.id in rows:  # it could not be looked at this time
                last = study.tries + 1 >= MOST_TRIES
                said = rows[listed.id].problem
                self.state.note(study.uid, REFUSED if last else HERE, said, failed=True)
            return
        self.state.note(study.uid, REFUSED, "The study holds no scan that can be read.")


class WatchReport(Struct, frozen=True):
    """Counts of studies by state, the worklists, and what went wrong with which study."""

    studies: dict[str, int]
    sessions: list[str]
    problems: list[str]


def run_watch(
    request: WatchRequest,
    *,
    once: bool = False,
    tell: Callable[[str], None] | None = None,
    on_row: OnRow | None = None,
) -> WatchReport:
    """Watch until interrupted, or look once.

    Args:
        tell: gets a sentence when something has changed.

    Raises:
        UsageError: no such archive, or another watch works in the folder. OutputError: the folder
            takes nothing any more. Other DGMVLCErrors: of a single look, as `Watch.look`.
    """
    archive = open_archive(request.archive)
    if request.send:
        open_archive(request.send)  # a wrong name is said now, not when something is to be sent
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {request.folder} could not be made ({error.strerror or error})."
        ) from error
    with alone(request.folder / "watch.lock"):
        state = WatchState(request.folder / "watch.sqlite")
        state.try_again()
        watch = Watch(request, state, archive)
        try:
            _rounds(watch, once, tell or log.info, on_row)
        finally:
            counts, studies = state.counts(), state.studies()
            state.close()
    days = sorted({study.day for study in studies if study.state == REVIEWED})
    return WatchReport(
        counts,
        [str(request.folder / day / "session") for day in days],
        [f"{study.uid}: {study.problem}" for study in studies if study.problem],
    )


def _rounds(watch: Watch, once: bool, tell: Callable[[str], None], on_row: OnRow | None) -> None:
    counts: dict[str, int] = {}
    while True:
        try:
            watch.look(on_row)
        except (OutputError, Cancelled):
            raise
        except DGMVLCError as error:
            if once:
                raise
            tell(f"{error} It is asked again in {watch.request.every_s:.0f} s.")
        if (now := watch.state.counts()) != counts:
            counts = now
            tell(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
        if once:
            return
        time.sleep(watch.request.every_s)
