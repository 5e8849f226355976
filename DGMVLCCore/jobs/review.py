"""What a viewer asks a worker for in the reading room: compare hypotheses; open a folder for
review, look at a study, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from DGMVLCCore.errors import UsageError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.review.decisions import WORKLIST, ReviewSession
from DGMVLCCore.review.listing import UNREADABLE, list_regions, list_studies
from DGMVLCCore.review.review_report import export
from DGMVLCCore.review.worklist import load_study

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session


def _text(request: dict[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise UsageError(f"The request's field {name} must be text that is not empty.")
    return value


def review_open(
    session: Session,
    request: dict[str, Any],
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"folder", "session"} -> {"session"} and its worklist: a new session, or that of this folder
    looked at anew; {"study", "series"} also choose a series.

    Raises:
        UsageError: the session belongs to another folder.
    """
    tell("reading the folder", 0.0)
    folder, place = Path(_text(request, "folder")).absolute(), Path(_text(request, "session"))
    series = {_text(request, "study"): int(request["series"])} if request.get("series") else None
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
    request: dict[str, Any],
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "study"} -> {"study", "problem"}; the study's folder then holds what was
    found."""
    from DGMVLCCore.review.analyse import (
        analyse_study,
    )  # with the network; a worklist does not wait for it

    pipe = session.pipeline().alignment
    if pipe is None:
        raise UsageError("These weights come without a dual encoder, so no study can be reviewed.")
    identifier = _text(request, "study")
    done = analyse_study(
        pipe, ReviewSession.open(Path(_text(request, "session"))), identifier, tell, should_cancel
    )
    return {"study": identifier, "problem": done["problem"]}


def review_show(
    session: Session,
    request: dict[str, Any],
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "study"} -> the study's regions, the worklist, and with "out" (a new .nrrd) the
    study's scan written there as "scan" (null when unreadable).

    Raises:
        UnreadableError, UnsuitableInputError: the scan cannot be read any more.
    """
    made, identifier = ReviewSession.open(Path(_text(request, "session"))), _text(request, "study")
    answer: dict[str, Any] = {**list_regions(made, identifier), **list_studies(made), "scan": None}
    if request.get("out") and made.state(identifier) not in UNREADABLE:
        tell("reading the scan", 0.0)
        out = Path(_text(request, "out"))
        save_volume(load_study(made.study(identifier), made.root), out)
        answer["scan"] = str(out)
    return answer


def review_decide(
    session: Session,
    request: dict[str, Any],
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "study", "region", "verdict" and/or "comment"} -> the study's regions and the
    worklist, after the decision was saved.

    Raises:
        UsageError: no such region or verdict. OutputError: it cannot be saved; nothing changes
            then.
    """
    made, identifier = ReviewSession.open(Path(_text(request, "session"))), _text(request, "study")
    said = {name: request[name] for name in ("verdict", "comment") if request.get(name) is not None}
    if not said or not all(isinstance(value, str) for value in said.values()):
        raise UsageError("A decision needs the field verdict or comment, as text.")
    made.decide(f"{identifier}/{request.get('region')}", **said)
    return {**list_regions(made, identifier), **list_studies(made)}


def review_export(
    session: Session,
    request: dict[str, Any],
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """{"session", "out"} -> the exported files; an earlier export there is replaced."""
    tell("writing", 0.0)
    return export(
        ReviewSession.open(Path(_text(request, "session"))),
        Path(_text(request, "out")),
        overwrite=True,
    )


def compare(
    session: Session,
    request: dict[str, Any],
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> dict[str, Any]:
    """Hypotheses of one region; the answer is the path of `comparison.json`."""
    from DGMVLCCore.jobs.compare import CompareRequest, run_comparison
    from DGMVLCCore.jobs.session import read_request

    wanted = read_request(request, CompareRequest, scene=False)
    path = run_comparison(
        wanted,
        tell,
        session.hole_filler(wanted.weights),
        should_cancel=should_cancel,
        memory=session.memory,
    )
    return {"record": str(path)}
