"""The use cases that run over many scans, and what a row of the summary says of each result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from DGMVLCCore.archive.address import is_address, parse_address
from DGMVLCCore.archive.reports import report_in
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.ground.scratch import scratch_folder
from DGMVLCCore.jobs.many import Cells, Item, OnRow, Pace, Place, Row, Use, run_many
from DGMVLCCore.language.report_files import read_report
from DGMVLCCore.report.comparison import read_comparison
from DGMVLCCore.report.summary import write_summary
from DGMVLCCore.results.manifest import read_manifest
from DGMVLCCore.review.decisions import ReviewSession

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session

Progress = Callable[[str, float], None]
SHOWN = ("mean_change_hu", "mean_uncertainty_hu", "region_ml")


@contextmanager
def brought(request: Any) -> Iterator[Any]:
    """The request, with a scan in an archive brought here for as long as it is needed, and the
    archive's report where none was given.

    Raises:
        UnsuitableInputError: neither the list nor the archive has a report. Others as
            `Archive.get`.
    """
    if not is_address(request.image):
        yield request
        return
    from DGMVLCCore.archive.archive import open_archive

    address = parse_address(request.image)
    with scratch_folder("archive") as folder:
        archive = open_archive(address.archive)
        scan = archive.get(address.study, address.series, folder / "scan")
        if not request.report_text:
            report = report_in(scan)
            if report is None:
                raise UnsuitableInputError("The archive has no report of this study.")
            said = read_report(report)
            request = replace(request, report_text=said.text, report_source=said.source)
        yield replace(request, image=scan)


def _edit(session: Session, request: Any, tell: Progress) -> Cells:
    with brought(request) as here:
        path = session.run(here, tell)
    record = read_manifest(path)
    passed = sum(gate.passed for gate in record.gates)
    return {
        "result": str(path.parent),
        "checks": f"{passed} of {len(record.gates)} passed",
        **{name: record.measures[name] for name in SHOWN if name in record.measures},
    }


def _compare(session: Session, request: Any, tell: Progress) -> Cells:
    from DGMVLCCore.jobs.compare import compare

    with brought(request) as here:
        path = Path(compare(session, here, tell, lambda: False).record)
    return {"result": str(path.parent), "conclusion": read_comparison(path).ranking.sentence}


@dataclass(frozen=True)
class OneReview:
    """A study of a review session. weights: folder of an editor, the shipped one when None."""

    session: Path
    study: str
    weights: Path | None = None
    device: str | None = None


def _review(session: Session, request: OneReview, tell: Progress) -> Cells:
    from DGMVLCCore.ground.devices import choose_device
    from DGMVLCCore.review.analyse import analyse_study

    opened = ReviewSession.open(request.session)
    opened.states.clear()  # marks belong to whoever opened the list; several write here at once
    pipe = session.pipeline(request.weights).to(choose_device(request.device))
    analysis = analyse_study(pipe, opened, request.study, tell)
    if analysis.problem:
        raise UnsuitableInputError(analysis.problem)
    return {
        "result": str(opened.place(request.study)),
        "regions": len(analysis.regions),
        "not mentioned": sum(one.check.status == "not mentioned" for one in analysis.regions),
    }


COUNTERFACTUAL = Use(_edit, "result.json")
COMPARE = Use(_compare, "comparison.json")
REVIEW = Use(_review)


def review_items(session: ReviewSession, weights: Path | None, device: str | None) -> list[Item]:
    """Every study of a session that has no current analysis."""
    return [
        Item(study.id, REVIEW, OneReview(session.folder, study.id, weights, device))
        for study in session.studies
        if session.state(study.id) in ("waiting", "changed", "new")
    ]


def review_all(
    session: ReviewSession, items: Sequence[Item], place: Place, on_row: OnRow | None = None
) -> list[Row]:
    """Look at these studies of a session, and write `summary.csv` and `summary.html` beside its
    worklist. Errors as `run_many`."""
    rows: list[Row] = []

    def seen(row: Row, pace: Pace) -> None:
        rows.append(row)
        if session.states.pop(row.id, None) is not None:
            session.save()
        if on_row:
            on_row(row, pace)

    try:
        return run_many(items, place, seen)
    finally:
        if rows:
            write_summary("review", [row.columns() for row in rows], session.folder)
