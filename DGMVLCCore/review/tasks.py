"""What a viewer asks a worker for in the reading room: compare hypotheses; open a folder for review, look at a study, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from DGMVLCCore.counterfactual.session import Session, read_request
from DGMVLCCore.errors import UsageError
from DGMVLCCore.review.analyse import analyse_study
from DGMVLCCore.review.compare import CompareRequest, run_comparison
from DGMVLCCore.review.decisions import WORKLIST, ReviewSession
from DGMVLCCore.review.review_report import export


def _text(request: dict[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise UsageError(f"The request's field {name} must be text that is not empty.")
    return value


def review_open(session: Session, request: dict[str, Any], tell: Callable[[str, float], None], should_cancel: Callable[[], bool]) -> dict[str, Any]:
    """{"folder", "session"} -> {"session"}: a new session, or that of this folder looked at anew; {"study", "series"} also choose a series.

    Raises:
        UsageError: the session belongs to another folder.
    """
    tell("reading the folder", 0.0)
    folder, place = Path(_text(request, "folder")).absolute(), Path(_text(request, "session"))
    series = {_text(request, "study"): int(request["series"])} if request.get("series") else None
    if (place / WORKLIST).is_file():
        made = ReviewSession.open(place)
        if made.root != folder:
            raise UsageError(f"The session {place} belongs to the folder {made.root}; choose another session folder for {folder}.")
        made = ReviewSession.open(place, refresh=True, series=series)
    else:
        made = ReviewSession.create(folder, place, series=series)
    return {"session": str(made.folder)}


def review_study(session: Session, request: dict[str, Any], tell: Callable[[str, float], None], should_cancel: Callable[[], bool]) -> dict[str, Any]:
    """{"session", "study"} -> {"study", "problem"}; the study's folder then holds what was found."""
    pipe = session.pipeline().alignment
    if pipe is None:
        raise UsageError("These weights come without a dual encoder, so no study can be reviewed.")
    identifier = _text(request, "study")
    done = analyse_study(pipe, ReviewSession.open(Path(_text(request, "session"))), identifier, tell, should_cancel)
    return {"study": identifier, "problem": done["problem"]}


def review_export(session: Session, request: dict[str, Any], tell: Callable[[str, float], None], should_cancel: Callable[[], bool]) -> dict[str, Any]:
    """{"session", "out"} -> the exported files; an earlier export there is replaced."""
    tell("writing", 0.0)
    return export(ReviewSession.open(Path(_text(request, "session"))), Path(_text(request, "out")), overwrite=True)


def compare(session: Session, request: dict[str, Any], tell: Callable[[str, float], None], should_cancel: Callable[[], bool]) -> dict[str, Any]:
    """Hypotheses of one region; the answer is the path of `comparison.json`."""
    wanted = read_request(request, CompareRequest, scene=False)
    path = run_comparison(wanted, tell, session.pipeline(wanted.weights), should_cancel=should_cancel, memory=session.memory)
    return {"record": str(path)}
