"""What the page says, field by field; a skin binds its controls to these names."""

from __future__ import annotations

from dataclasses import dataclass

from .comparison import RankingRow
from .findings import FindingRow
from .lesson_records import Reviewed
from .review_records import Counts, RegionRow, StudyRow


@dataclass(frozen=True)
class ScanFields:
    """The open scan."""

    header: str
    scan_name: str
    scan_facts: str
    scan_path: str
    scan_note: str
    prepared: str
    slices_whole: int
    scan_busy: bool


@dataclass(frozen=True)
class EditFields:
    """Report, finding, region and what to show."""

    report: str
    report_note: str
    findings: list[FindingRow]
    finding: int
    region_from: str
    region_path: str
    region_segment: str
    region_note: str
    region_busy: bool
    what: str
    target: str
    next_step: str
    cannot_propose: str


@dataclass(frozen=True)
class RunRow:
    """A run as the list shows it. ok: every check passed."""

    number: int
    title: str
    when: str
    ok: bool


@dataclass(frozen=True)
class RunFields:
    """The work that is seen, and the runs. shown_run: "" for none."""

    running: bool
    cancelling: bool
    stage: str
    share: float
    time_left: str
    cannot_run: str
    preflight: str
    run_undo: bool
    run_redo: bool
    runs: list[RunRow]
    shown_run: int | str
    columns: str


@dataclass(frozen=True)
class CompareFields:
    """Hypotheses side by side."""

    compare_why: str
    compare_rows: list[RankingRow]
    compare_sentence: str
    compare_note: str


@dataclass(frozen=True)
class ReviewFields:
    """The worklist and the shown study's regions."""

    review_open: bool
    review_studies: list[StudyRow]
    review_progress: Counts
    review_study: str
    review_regions: tuple[RegionRow, ...]
    review_region: int
    review_unseen: tuple[str, ...]
    review_notes: tuple[str, ...]
    review_counted: str
    review_nothing: str
    review_series: tuple[str, ...]
    review_chosen: int
    review_comment: str
    review_undo: str


@dataclass(frozen=True)
class TeachFields:
    """A quiz, or a reading of a study. teach_named: None before something is."""

    teach_on: bool
    teach_shown: bool
    teach_done: bool
    teach_title: str
    teach_place: str
    teach_understood: str
    teach_choices: list[str]
    teach_named: str | None
    teach_why: str
    teach_words: str
    teach_right: bool
    teach_has_heat: bool
    teach_score: list[str]
    teach_review: list[Reviewed]
    teach_study_on: bool
    teach_study_note: str
    teach_mode: str


@dataclass(frozen=True)
class Page(ScanFields, EditFields, RunFields, CompareFields, ReviewFields, TeachFields):
    """Everything the page says and allows now."""
