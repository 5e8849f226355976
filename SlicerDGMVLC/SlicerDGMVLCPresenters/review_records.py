"""What a review asks of the worker and what it answers; fields as the core's `jobs.review` and
`review.records` have them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StudyRow:
    """A study of the worklist. words: its state as a reader says it. waiting: it was not looked at
    as it is now."""

    id: str
    name: str
    state: str
    words: str
    regions: int
    unreported: int
    waiting: bool
    readable: bool


@dataclass(frozen=True)
class Counts:
    """How far the reader is."""

    studies: int = 0
    regions: int = 0
    decided: int = 0


@dataclass(frozen=True)
class Listed:
    """The worklist."""

    studies: list[StudyRow]
    progress: Counts


@dataclass(frozen=True)
class RegionRow:
    """A region in words. earlier: the verdict on an earlier version of the scan. outline,
    without_scan: files, the latter "" where there is none."""

    number: int
    size: str
    volume: str
    place: str
    change: str
    tag: str
    alert: bool
    sentence: str
    phrases: str
    verdict: str
    earlier: str
    comment: str
    outline: str
    without_scan: str


@dataclass(frozen=True)
class Regions:
    """A study's regions, what its report names and no region shows, its notes and series. chosen:
    the number of its series, 0 without one."""

    study: str = ""
    regions: tuple[RegionRow, ...] = ()
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    chosen: int = 0


@dataclass(frozen=True)
class OpenReview:
    """A folder to review and where its session is kept; study and series: to choose a series."""

    folder: str
    session: str
    study: str | None = None
    series: int | None = None


@dataclass(frozen=True)
class Opened(Listed):
    """A session that was opened: its folder."""

    session: str


@dataclass(frozen=True)
class OneStudy:
    """A study to look at."""

    session: str
    study: str


@dataclass(frozen=True)
class Looked:
    """A study that was looked at."""

    study: str


@dataclass(frozen=True)
class ShowStudy(OneStudy):
    """A study to show; out: where its scan is written, None when it is shown already."""

    out: str | None = None


@dataclass(frozen=True)
class Shown(Regions, Listed):
    """A study's regions with the worklist; scan: where its scan was written."""

    scan: str | None = None


@dataclass(frozen=True)
class Decide(OneStudy):
    """A decision on a region: verdict, comment or both."""

    region: int
    verdict: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class ExportReview:
    """A session to export, and where to."""

    session: str
    out: str


@dataclass(frozen=True)
class Exported:
    """The files of an export, and notes."""

    csv: str
    html: str
    pdf: str
    accepted: list[str]
    notes: list[str]
