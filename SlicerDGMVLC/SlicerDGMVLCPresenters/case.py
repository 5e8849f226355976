"""One patient's work as one object: scan, report, findings, region, results, review decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .comparison import Hypotheses
from .findings import Finding, FindingRow, finding_rows
from .requests import Reading

READING = "Reading …"
PROPOSED, FILE, DRAWN = "proposed", "file", "drawn"
# a report, its finding, the slices, a region's segmentation and segment
Asked = tuple[str, int, tuple[int, int] | None, str, str]
NOTHING: Asked = ("", 0, None, "", "")


@dataclass(frozen=True)
class Scan:
    """An opened scan. title: whose it is, as the header says it. facts: size and spacing in
    words. reading: how it is read, for every request. why_not: what keeps it from being edited, ""
    for nothing."""

    path: str
    title: str
    facts: str
    modality: str = "CT"
    reading: Reading = Reading()
    voxels: int = 0
    slices: int = 0
    why_not: str = ""


@dataclass
class Region:
    """Where to edit. origin: `proposed`, `file` or `drawn`. path: its segmentation, "" while there
    is none. note: a sentence on it. why_not: what is wrong with it."""

    origin: str = PROPOSED
    path: str = ""
    segment: str = ""
    note: str = ""
    why_not: str = ""

    @property
    def given(self) -> bool:
        """Whether there is a region, so that none has to be proposed."""
        return bool(self.path) or (self.origin == DRAWN and not self.why_not)


@dataclass(frozen=True)
class Result:
    """A finished edit of the case. manifest: its `result.json`. hypothesis: it belongs to a
    comparison."""

    number: int
    title: str
    manifest: str
    when: str
    passed: bool
    hypothesis: bool = False


@dataclass
class Comparison:
    """Hypotheses of a region, the best fitting first. results: their numbers in the case."""

    record: Hypotheses
    results: tuple[int, ...]


@dataclass
class Case:
    """Everything that belongs to one patient's scan; nothing of it outlives the next scan.

    Args:
        number: counts the cases of this session; 0 before the first scan. study: its id in the
            review's worklist, "" when it was opened elsewhere.
        shown: numbers of the results that stand in the views; empty for the scan alone.
        also: further findings that are edited one after the other, each in a region of its own.
    """

    number: int = 0
    scan: Scan | None = None
    study: str = ""
    report: str = ""
    report_note: str = ""
    raw_findings: list[Finding] = field(default_factory=list)
    finding: int = 0
    also: tuple[int, ...] = ()
    what: str = "without"
    target: str = ""
    region: Region = field(default_factory=Region)
    preview: tuple[str, int] | None = None
    results: list[Result] = field(default_factory=list)
    shown: tuple[int, ...] = ()
    comparison: Comparison | None = None
    undone: list[Result] = field(default_factory=list)
    prepared: str = ""  # "", "asked", "ready" or "failed"
    labels: str = ""  # file of its lungs, airway and body, once they were found
    scan_note: str = ""  # what is uncertain of them
    suggested: tuple[str, int] = ("", 0)  # report and finding a region was last looked for
    looking: Asked = NOTHING  # what the scan was last asked to be read for
    looked: Asked = NOTHING  # and what it was read for, or cannot be
    clinical: dict[str, str] = field(default_factory=dict)
    slices: tuple[int, int] | None = None  # [first, last) that an edit is limited to
    form_wrong: str = ""  # what of the form cannot be

    @property
    def asks(self) -> Asked:
        """What the scan would be read for now."""
        region = self.region
        return self.report, self.finding, self.slices, region.path, region.segment

    def begin_look(self) -> Callable[..., None]:
        """The scan is being read for what is asked now; to be called when they were, or cannot
        be."""
        asked = self.looking = self.asks

        def read(*_: object) -> None:
            self.looked = asked

        return read

    def result(self, number: int) -> Result | None:
        """The result of this number."""
        return next((result for result in self.results if result.number == number), None)

    @property
    def last_run(self) -> Result | None:
        """The result that undo would take back; hypotheses are none."""
        return next((one for one in reversed(self.results) if not one.hypothesis), None)

    def row(self, known: tuple[str, ...]) -> FindingRow | None:
        """The chosen finding as the list shows it."""
        return next(iter(self.chosen(known)), None)

    def chosen(self, known: tuple[str, ...]) -> list[FindingRow]:
        """The chosen findings as the list shows them, the first one first."""
        rows = {row.number: row for row in finding_rows(self.raw_findings, known)}
        return [rows[number] for number in (self.finding, *self.also) if number in rows]
