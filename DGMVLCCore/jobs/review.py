"""What a viewer asks a worker for in the reading room: compare hypotheses; open a folder for
review, look at a study, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from DGMVLCCore.errors import UsageError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.jobs.archive import local_studies
from DGMVLCCore.jobs.requests import Name
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import WORKLIST
from DGMVLCCore.review.listing import UNREADABLE, list_regions, list_studies
from DGMVLCCore.review.review_report import export
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


def review_open(
    session: Session,
    request: OpenReview,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"folder", "session"} -> {"session"} and its worklist: a new session, or that of this folder
    looked at anew; {"study", "series"} also choose a series.

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
    return {"session": str(made.folder), **list_studies(made)}


def review_study(
    session: Session,
    request: OneStudy,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "study"} -> {"study", "problem"}; the study's folder then holds what was
    found."""
    # with the network; a worklist does not wait for it
    from DGMVLCCore.review.analyse import analyse_study

    identifier, opened = request.study, ReviewSession.open(request.session)
    done = analyse_study(session.pipeline(), opened, identifier, tell, should_cancel)
    return {"study": identifier, "problem": done["problem"]}


def review_show(
    session: Session,
    request: ShowStudy,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "study"} -> the study's regions, the worklist, and with "out" (a new .nrrd) the
    study's scan written there as "scan" (null when unreadable).

    Raises:
        UnreadableError, UnsuitableInputError: the scan cannot be read any more.
    """
    made, identifier = ReviewSession.open(request.session), request.study
    answer: dict[str, Any] = {**list_regions(made, identifier), **list_studies(made), "scan": None}
    if request.out and made.state(identifier) not in UNREADABLE:
        tell("reading the scan", 0.0)
        save_volume(load_study(made.study(identifier), made.root), request.out)
        answer["scan"] = str(request.out)
    return answer


def review_decide(
    session: Session,
    request: Decide,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "study", "region", "verdict" and/or "comment"} -> the study's regions and the
    worklist, after the decision was saved.

    Raises:
        UsageError: no such region or verdict. OutputError: it cannot be saved; nothing changes
            then.
    """
    made, identifier = ReviewSession.open(request.session), request.study
    if request.verdict is None and request.comment is None:
        raise UsageError("A decision needs the field verdict or comment, as text.")
    made.decide(f"{identifier}/{request.region}", request.verdict, request.comment)
    return {**list_regions(made, identifier), **list_studies(made)}


def review_export(
    session: Session,
    request: ExportReview,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "out"} -> the exported files; an earlier export there is replaced."""
    tell("writing", 0.0)
    return export(
        ReviewSession.open(request.session),
        request.out,
        overwrite=True,
    )
