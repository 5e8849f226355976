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
from pathlib import Path

from msgspec import Struct

from DGMVLCCore.archive.archive import Archive, open_archive
from DGMVLCCore.archive.records import StudyQuery
from DGMVLCCore.errors import (
    ArchiveAwayError,
    ArchiveError,
    DGMVLCError,
    OutputError,
    as_dgmvlc_error,
)
from DGMVLCCore.jobs.archive import check_whole_scan
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
            ArchiveError: the archive does not answer; what was brought before is reviewed then,
                too. OutputError: the folder takes nothing any more.
        """
        away: ArchiveError | None = None
        try:
            self._list()
            self._bring()
        except ArchiveError as error:
            away = error
        for day in sorted({study.day for study in self.state.studies(HERE)}):
            self._review(day, on_row)
        if self.request.send:
            self._send(self.request.send)
        if away is not None:
            raise away

    def _list(self) -> None:
        now, day = time.time(), datetime.now().date().isoformat()
        for study in reversed(self._archive.find(self.request.query)):
            self.state.seen(study.uid, study.instances, day, now)

    def _bring(self) -> None:
        """Every study that has settled, whole or not at all."""
        for study in self.state.studies(ARRIVING):
            if time.time() - study.changed < self.request.settle_s:
                continue
            place = self.request.folder / study.day / "studies" / study.uid
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                if not place.exists():  # else a watch was killed before it noted this
                    self._archive.get(study.uid, None, place, check=check_whole_scan)
            except (ArchiveAwayError, OutputError):
                raise
            except DGMVLCError as error:  # of this study; the others are brought all the same
                last = study.tries + 1 >= MOST_TRIES
                self.state.note(study.uid, REFUSED if last else ARRIVING, str(error), failed=True)
                continue
            self.state.note(study.uid, HERE)

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
            ArchiveAwayError: it is away. OutputError: the folder takes nothing any more.
        """
        for study in self.state.studies(REVIEWED):
            if study.sent or study.tries >= MOST_TRIES:
                continue
            try:
                open_archive(name).send([self._objects(study)])
            except (ArchiveAwayError, OutputError):
                raise
            except Exception as error:
                if as_dgmvlc_error(error) is None:
                    log.exception("results of %s", study.uid)
                said = f"Its results were not sent: {problem_of(error)}"
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
        UsageError: no such archive, or another watch works in the folder. ArchiveError: of a
            single look, or of the first: the archive does not answer.
    """
    archive = open_archive(request.archive)
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {request.folder} could not be made ({error.strerror or error})."
        ) from error
    with alone(request.folder / "watch.lock"):
        state = WatchState(request.folder / "watch.sqlite")
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
        except ArchiveError as error:
            if once:
                raise
            tell(f"{error} It is asked again in {watch.request.every_s:.0f} s.")
        if (now := watch.state.counts()) != counts:
            counts = now
            tell(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
        if once:
            return
        time.sleep(watch.request.every_s)
