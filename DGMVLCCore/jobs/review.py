"""What a viewer asks a worker for in the reading room: compare hypotheses; open a folder for
review, look at a study, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from DGMVLCCore.errors import UsageError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.jobs.archive import local_studies
from DGMVLCCore.jobs.requests import Name
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import WORKLIST
from DGMVLCCore.review.listing import UNREADABLE, list_regions, list_studies
from DGMVLCCore.review.records import Listed, Regions, StudyRow
from DGMVLCCore.review.review_report import Exported, export
from DGMVLCCore.review.worklist import load_study

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session


class OpenReview(Struct, frozen=True):
    """A folder (or address) to review and where its session is kept; study and series: to choose a
    series."""

    folder: Path
    session: Path
    study: Name | None = None
    series: int | None = None


class OneStudy(Struct, frozen=True):
    """A study of a session."""

    session: Path
    study: Name


class ShowStudy(OneStudy, frozen=True):
    """A study to show; out: where its scan is written (a new .nrrd)."""

    out: Path | None = None


class Decide(OneStudy, frozen=True):
    """A decision on a region: verdict, comment or both."""

    region: int | str | None = None
    verdict: str | None = None
    comment: str | None = None


class ExportReview(Struct, frozen=True):
    """A session to export, and where to."""

    session: Path
    out: Path


class Opened(Listed, frozen=True, kw_only=True):
    """A session's folder and its worklist."""

    session: str


class Looked(Struct, frozen=True):
    """A study that was looked at, and why it could not be."""

    study: str
    problem: str | None


class Shown(Regions, frozen=True, kw_only=True):
    """A study's regions with the worklist, as `Listed`; scan: where its scan was written."""

    studies: list[StudyRow]
    progress: dict[str, int]
    scan: str | None = None


def _shown(session: ReviewSession, identifier: str, scan: str | None = None) -> Shown:
    regions, listed = list_regions(session, identifier), list_studies(session)
    return Shown(**structs.asdict(regions), **structs.asdict(listed), scan=scan)


def review_open(
    session: Session,
    request: OpenReview,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> Opened:
    """A new session, or that of this folder looked at anew.

    Raises:
        UsageError: the session belongs to another folder.
    """
    tell("reading the folder", 0.0)
    place = request.session
    folder = local_studies(request.folder, place, tell)[0].absolute()
    series = {str(request.study): request.series} if request.study and request.series else None
    if (place / WORKLIST).is_file():
        made = ReviewSession.open(place)
        if made.root != folder:
            raise UsageError(
                f"The session {place} belongs to the folder {made.root}; choose another session "
                f"folder for {folder}."
            )
        made = ReviewSession.open(place, refresh=True, series=series)
    else:
        made = ReviewSession.create(folder, place, series=series)
    return Opened(session=str(made.folder), **structs.asdict(list_studies(made)))


def review_study(
    session: Session,
    request: OneStudy,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> Looked:
    """Look at a study, whose folder then holds what was found."""
    # with the network; a worklist does not wait for it
    from DGMVLCCore.review.analyse import analyse_study

    identifier, opened = request.study, ReviewSession.open(request.session)
    done = analyse_study(session.pipeline(), opened, identifier, tell, should_cancel)
    return Looked(identifier, done.problem)


def review_show(
    session: Session,
    request: ShowStudy,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> Shown:
    """A study's regions, its scan written where that was asked for, and the worklist.

    Raises:
        UnreadableError, UnsuitableInputError: the scan cannot be read any more.
    """
    made, identifier = ReviewSession.open(request.session), request.study
    if request.out is None or made.state(identifier) in UNREADABLE:
        return _shown(made, identifier)
    tell("reading the scan", 0.0)
    save_volume(load_study(made.study(identifier), made.root), request.out)
    return _shown(made, identifier, str(request.out))


def review_decide(
    session: Session,
    request: Decide,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> Shown:
    """The study's regions and the worklist, after the decision was saved.

    Raises:
        UsageError: no such region or verdict. OutputError: it cannot be saved; nothing changes
            then.
    """
    made, identifier = ReviewSession.open(request.session), request.study
    if request.verdict is None and request.comment is None:
        raise UsageError("A decision needs the field verdict or comment, as text.")
    made.decide(f"{identifier}/{request.region}", request.verdict, request.comment)
    return _shown(made, identifier)


def review_export(
    session: Session,
    request: ExportReview,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> Exported:
    """The exported files; an earlier export there is replaced."""
    tell("writing", 0.0)
    return export(ReviewSession.open(request.session), request.out, overwrite=True)
