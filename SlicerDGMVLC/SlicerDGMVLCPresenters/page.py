"""What the page says and allows now."""

from __future__ import annotations

from . import words
from .case import Result
from .comparison import ranking_rows
from .desk import COLUMNS, Desk
from .page_fields import (
    CompareFields,
    EditFields,
    Page,
    ReviewFields,
    RunFields,
    RunRow,
    ScanFields,
)
from .review_records import Counts
from .work import REGION


def page(desk: Desk) -> Page:
    """Everything the page says and allows now."""
    tabs = _compare(desk), _review(desk), desk.lesson.page()
    parts = _scan(desk), _edit(desk), _run(desk), *tabs
    return Page(**{name: value for part in parts for name, value in vars(part).items()})


def _scan(desk: Desk) -> ScanFields:
    scan = None if desk.opening else desk.case.scan
    return ScanFields(
        header=desk.header(),
        scan_name=scan.title if scan else "",
        scan_facts=scan.facts if scan else "",
        scan_path=scan.path if scan else "",
        scan_note=desk.case.scan_note if scan else "",
        prepared=desk.case.prepared if scan else "",
        slices_whole=scan.slices if scan else 0,
        scan_busy=bool(desk.opening),
    )


def _edit(desk: Desk) -> EditFields:
    case = desk.case
    hidden = bool(desk.opening)
    note = words.region_note(case, desk.known)
    return EditFields(
        report=desk.report,
        report_note="" if hidden else case.report_note,
        findings=desk.rows(),
        finding=0 if hidden else case.finding,
        region_from=case.region.origin,
        region_path="" if hidden else case.region.path,
        region_segment="" if hidden else case.region.segment,
        region_note="" if hidden else note,
        region_busy=desk.work.busy == REGION,
        what=case.what,
        target="" if hidden else case.target,
        next_step="" if hidden else words.next_step(case, desk.known),
        cannot_propose=desk.why_not_propose(),
    )


def _run(desk: Desk) -> RunFields:
    progress, cancelling = desk.work.progress, desk.work.cancelling
    case = desk.case
    single = case.shown[0] if len(case.shown) == 1 and not desk.opening else 0
    return RunFields(
        running=bool(desk.work.busy),
        cancelling=cancelling,
        stage="Stopping" if cancelling else progress.words if progress else "",
        share=progress.share if progress else 0.0,
        time_left=progress.left if progress and not cancelling else "",
        cannot_run=desk.why_not_run(),
        preflight="" if desk.opening else desk.preflight().words,
        run_undo=case.last_run is not None and not desk.opening,
        run_redo=bool(case.undone) and not desk.opening,
        runs=[] if desk.opening else list(map(_run_row, reversed(case.results))),
        shown_run=single or "",
        columns=desk.layout or COLUMNS,
    )


def _run_row(result: Result) -> RunRow:
    return RunRow(result.number, result.title, result.when, result.passed)


def _compare(desk: Desk) -> CompareFields:
    comparison = None if desk.opening else desk.case.comparison
    return CompareFields(
        compare_why=desk.why_not_compare(),
        compare_rows=ranking_rows(comparison.record) if comparison else [],
        compare_sentence=comparison.record.ranking.sentence if comparison else "",
        compare_note=comparison.record.ranking.note if comparison else "",
    )


def _review(desk: Desk) -> ReviewFields:
    review = desk.review
    here = desk.reviewing() and not desk.opening
    return ReviewFields(
        review_open=bool(review.session),
        review_studies=review.studies,
        review_progress=review.counts or Counts(),
        review_study=review.study,
        review_regions=review.shown.regions if here else (),
        review_region=review.region if here else 0,
        review_unseen=review.shown.unseen if here else (),
        review_notes=review.shown.notes,
        review_counted=review.counted,
        review_nothing=review.nothing if here else "",
        review_series=review.shown.series,
        review_chosen=review.shown.chosen,
        review_comment=review.row.comment if here and review.row else "",
        review_undo=review.undo_words(),
    )
