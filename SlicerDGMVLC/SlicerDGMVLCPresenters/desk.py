"""The viewer's desk: one patient's case at a time, what stands in the views, what may be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from SlicerDGMVLCLib.records import Fields

from . import words
from .case import (
    DRAWN,
    FILE,
    PROPOSED,
    READING,
    Case,
    Comparison,
    Region,
    Result,
    Scan,
)
from .comparison import Hypotheses
from .findings import Finding, FindingRow, finding_rows, findings_note, first_usable
from .lesson import Lesson
from .picture import Picture
from .preflight import Machine, Preflight
from .review import Worklist
from .review_records import RegionRow
from .work import AHEAD, LOOK, PREPARE, REGION, REPORT, RUN, SUGGEST, TASK, Order, Work

SCAN_LAYOUT, COLUMNS = "scan", "columns"
TEACH = "teach"


class Desk:
    """The session: the open case, the work under way, the tabs.

    Args:
        suggests: whether a region is looked for before anybody asks for one.
    """

    def __init__(self, suggests: bool = True) -> None:
        self._suggests = suggests
        self.case, self.work, self.review = Case(), Work(), Worklist()
        self.tab, self.opening, self.layout, self.role = "edit", "", COLUMNS, "counterfactual"
        self.known: tuple[str, ...] = ()
        self.lesson = Lesson()
        self.hypotheses: list[str] = []
        self.machine = Machine()
        self._coming = ""  # a report that was typed before its scan was there
        self._cases = self._results = 0

    # scan -----------------------------------------------------------------------

    def why_not_open(self) -> str:
        """Why another scan cannot be opened now."""
        return words.why_not_open(self.work.busy, self.opening)

    def begin_opening(self, title: str) -> None:
        """A scan is being read: nothing of the open case is shown meanwhile."""
        self._coming = self._typed_early()
        self.opening = title

    def open_failed(self) -> None:
        """It could not be read: the open case is as it was."""
        self.opening = ""
        if self.case.scan is None:
            self.write_report(self._coming)

    def opened(self, scan: Scan, study: str = "", report: str = "", beside: str = "") -> list[str]:
        """A scan is there: the case before is closed; returns the ids of the work to cancel.

        A report that was typed before there was any scan, or while this one was being opened,
        belongs to it.

        Args:
            report: that is known to be this scan's. beside: one that lay with the scan's files; it
                gives way to a typed one.
        """
        typed = self._coming if self.opening else self._typed_early()
        return self._begin(scan, study, report or typed or beside)

    def _typed_early(self) -> str:
        return self.case.report if self.case.scan is None else ""

    @property
    def report(self) -> str:
        """The report on the page: the open case's, or what is typed for the scan to come."""
        return self._coming if self.opening else self.case.report

    def closed(self, study: str = "") -> list[str]:
        """No scan is open any more; `study` is one of the worklist that cannot be read."""
        return self._begin(None, study, "")

    def _begin(self, scan: Scan | None, study: str, report: str) -> list[str]:
        cancel = self.work.leave(self.case.number)
        self._cases += 1
        self.case = Case(self._cases, scan, study, report)
        self.unread()
        self.opening, self.layout, self.role, self.hypotheses = "", COLUMNS, "counterfactual", []
        if study != self.review.study:
            self.review.leave()
        return cancel

    # ahead of the user --------------------------------------------------------------

    def must_prepare(self) -> bool:
        """Whether lungs and features of the open scan are still to be computed; a study of the
        worklist is looked at first."""
        case = self.case
        wanted = case.scan is not None and case.scan.modality == "CT" and not self.opening
        return wanted and not case.prepared and self.tab in ("edit", "compare")

    def take_prepared(self, labels: str, notes: list[str]) -> None:
        """The lungs of the open scan are known."""
        self.case.prepared, self.case.labels = "ready", labels
        self.case.scan_note = " ".join(notes)

    def forget_prepared(self) -> None:
        """The worker is another one and knows nothing of the scan."""
        case = self.case
        case.prepared, case.looked, case.suggested = "", Case.looked, Case.suggested

    def must_suggest(self) -> bool:
        """Whether a region of the chosen finding is looked for before anybody asks for one."""
        case = self.case
        empty = case.region.origin == PROPOSED and not case.region.path
        return (
            self._suggests
            and empty
            and self._can_look()
            and case.suggested != (case.report, case.finding)
        )

    def must_look(self) -> bool:
        """Whether the lungs are read for the chosen finding before a run needs it."""
        case, kinds = self.case, self.work.kinds()
        wanted = case.asks != case.looked and not (LOOK in kinds and case.asks == case.looking)
        free = SUGGEST not in kinds and AHEAD not in kinds and not self.must_suggest()
        return wanted and free and self._can_look()

    def _can_look(self) -> bool:
        """Whether the chosen finding can be looked for in the scan, and nobody waits for more."""
        row = self.case.row(self.known)
        if self.case.prepared != "ready" or self.work.busy or self.tab != "edit":
            return False
        return row is not None and not row.denied and not self.why_not_propose()

    def begin_suggestion(self) -> None:
        """A region of the chosen finding is being looked for, unasked."""
        self.case.suggested = (self.case.report, self.case.finding)

    def take_suggestion(self, id: str, path: str, note: str) -> None:
        """A region nobody asked for yet; it is outlined when the scan is shown."""
        order = self.work.done(id)
        case = self.case
        if order is None or order.case != case.number or case.region.origin != PROPOSED:
            return
        if not case.region.path and case.suggested == (case.report, case.finding):
            case.region = Region(PROPOSED, path, note=note)

    # report and finding ------------------------------------------------------------

    def write_report(self, text: str) -> bool:
        """The report as it is typed; True when it has to be read anew."""
        if self.opening:
            self._coming = text
            return False
        if text == self.case.report:
            return False
        self.case.report = text
        self.unread()
        return bool(text.strip())

    def unread(self) -> None:
        """The findings are those of an earlier text; no late answer is taken."""
        self.work.drop(REPORT, REGION)
        self.case.raw_findings, self.case.finding, self.case.also = [], 0, ()
        self.case.report_note = READING if self.case.report.strip() else ""
        self.forget_proposal()

    def must_read(self) -> bool:
        """Whether the report still has to be given to the worker."""
        case = self.case
        reading = REPORT in self.work.kinds()
        return bool(case.report.strip()) and case.report_note == READING and not reading

    def take_findings(self, id: str, findings: list[Finding]) -> None:
        """The parsed report, unless another text or case stands there by now."""
        order = self.work.done(id)
        if order is None or order.case != self.case.number:
            return
        self.case.raw_findings, self.case.report_note = findings, ""
        self.judge_findings()

    def judge_findings(self) -> None:
        """Choose a finding and say what is wrong with the list; again when the weights are
        known. Nothing before the text has been read."""
        if self.case.report_note == READING or not self.case.report.strip():
            return
        rows = finding_rows(self.case.raw_findings, self.known)
        self.case.report_note = findings_note(rows, self.known)
        if not any(row.number == self.case.finding for row in rows):
            self.case.finding = first_usable(rows)

    def choose_finding(self, number: int, *also: int) -> None:
        """Another finding, or several; a region proposed for the one before goes."""
        if number != self.case.finding:
            self.case.finding = number
            self.forget_proposal()
        self.case.also = also

    # region ---------------------------------------------------------------------

    def choose_region(self, origin: str, path: str = "", segment: str = "") -> None:
        """Where the region comes from; what the other origin had goes with it."""
        region = self.case.region
        if origin != region.origin:
            self.case.region = Region(origin, path, segment)
            self.case.preview = None
        elif (path, segment) != (region.path, region.segment) and origin == FILE:
            self.case.region = Region(origin, path, segment)

    def forget_proposal(self) -> None:
        """A region that was proposed goes; one the user brought stays."""
        if self.case.region.origin == PROPOSED:
            self.case.region = Region()

    def take_region(self, id: str, path: str, note: str) -> bool:
        """A proposed region; True when it is still wanted."""
        order, case = self.work.done(id), self.case
        if order is None or order.case != case.number or case.region.origin != PROPOSED:
            return False
        if (order.request.get("finding") or case.finding) != case.finding:
            return False
        case.region = Region(PROPOSED, path, note=note)
        self.show_scan()
        return True

    # runs -----------------------------------------------------------------------

    def take_preview(self, id: str, path: str, index: int) -> bool:
        """One slice of the result to come; True when its case is open."""
        order, case = self.work.order(id), self.case
        if order is None or order.case != case.number or self.work.cancelling:
            return False
        case.preview, case.shown = (path, index), ()
        return True

    def wants(self, id: str) -> bool:
        """Whether an answer is for the open case."""
        order = self.work.order(id)
        return order is not None and order.case in (None, self.case.number)

    @property
    def coming(self) -> int:
        """Number that the next result gets."""
        return self._results + 1

    def add_result(self, title: str, manifest: str, when: str, passed: bool) -> Result:
        """A finished edit of the open case, shown at once."""
        result = self._number(title, manifest, when, passed)
        self.case.preview, self.case.undone = None, []
        self.case.results.append(result)
        self.show_result(result.number)
        return result

    def add_comparison(self, record: Hypotheses, made: list[tuple[str, str, str]]) -> list[Result]:
        """Finished hypotheses, best first: (title, manifest, time of day) each."""
        results = [
            replace(self._number(title, manifest, when, True), hypothesis=True)
            for title, manifest, when in made
        ]
        self.case.results += results
        numbers = tuple(result.number for result in results)
        self.case.comparison = Comparison(record, numbers)
        self.show_comparison()
        return results

    def _number(self, title: str, manifest: str, when: str, passed: bool) -> Result:
        self._results += 1
        return Result(self._results, title, manifest, when, passed)

    def show_result(self, number: int, layout: str = "") -> None:
        """A result of the open case in the columns."""
        if self.case.result(number) is None:
            return
        self.case.shown, self.case.preview = (number,), None
        self.layout = layout or self.layout

    def show_scan(self) -> None:
        """The scan alone."""
        self.case.shown, self.case.preview = (), None

    def show_comparison(self, role: str = "") -> None:
        """The hypotheses that are still there, side by side."""
        if (comparison := self.case.comparison) is None:
            return
        self.role = role or self.role
        left = tuple(n for n in comparison.results if self.case.result(n))
        self.case.comparison = comparison if left else None
        if left:
            self.case.shown, self.case.preview = left, None

    def remove_result(self, number: int) -> None:
        """Take a result off the list; its folder stays."""
        gone = self.case.result(number)
        if gone is None:
            return
        self.case.results.remove(gone)
        if number in self.case.shown:
            left = self.case.results
            self.case.shown = (left[-1].number,) if left else ()
        if self.case.comparison and not any(
            self.case.result(n) for n in self.case.comparison.results
        ):
            self.case.comparison = None

    def undo_run(self) -> Result | None:
        """Take the last result back, as if it had not been made; None when there is none."""
        last = self.case.last_run
        if last is not None:
            self.remove_result(last.number)
            self.case.undone.append(last)
        return last

    def redo_run(self) -> Result | None:
        """The result that was taken back last is there again; None when there is none."""
        if not self.case.undone:
            return None
        result = self.case.undone.pop()
        self.case.results.append(result)
        self.show_result(result.number)
        return result

    # what is seen -----------------------------------------------------------------

    def picture(self) -> Picture:
        """What stands in the views: of the open case alone, or of the quiz in its own tab."""
        case = self.case
        if self.opening:
            return Picture()
        if self.tab == TEACH and self.lesson.header:
            return Picture(layout="quiz", scan=self.lesson.header, results=(self.lesson.turn,))
        if case.scan is None:
            return Picture()
        whole = Picture(case.number, SCAN_LAYOUT, case.scan.path)
        beside = len(case.shown) > 1 or self.tab == "compare"
        made = case.comparison.results if case.comparison else ()
        if case.shown and beside and set(case.shown) <= set(made):
            return replace(whole, layout="side", results=case.shown, role=self.role)
        if case.shown:
            return replace(whole, layout=self.layout, results=case.shown)
        if case.preview:
            return replace(whole, layout="pair", preview=case.preview)
        row = self._flagged()
        return replace(whole, outline=self.outline(), without=row.without_scan if row else "")

    def _flagged(self) -> RegionRow | None:
        """The region of the review that is shown."""
        return self.review.row if self.tab == "review" and self.reviewing() else None

    def outline(self) -> str:
        """Segmentation that is outlined over the scan: in the review the shown region's, else the
        region that would be edited."""
        row, region = self._flagged(), self.case.region
        if row is not None:
            return row.outline
        return "" if self.tab == "review" or region.origin == DRAWN else region.path

    def reviewing(self) -> bool:
        """Whether the open case is the study that the review lists."""
        return bool(self.case.study) and self.case.study == self.review.study

    def header(self) -> str:
        """Whose scan is shown."""
        if self.opening:
            return f"Opening {self.opening} …"
        if self.tab == TEACH and self.lesson.header:
            return self.lesson.header
        return self.case.scan.title if self.case.scan else ""

    def why_not_run(self) -> str:
        """Why Run is not possible."""
        if self.opening:
            return f"{self.opening} is being opened."
        return words.why_not_run(self.case, self.known) or self.preflight().refusal

    def preflight(self) -> Preflight:
        """What a run needs and what there is, before it is started."""
        scan = self.case.scan
        voxels = scan.voxels if scan else 0
        return Preflight(self.machine, voxels, self.work.costs.whole(RUN))

    def why_not_compare(self) -> str:
        """Why hypotheses cannot be compared."""
        if self.opening:
            return f"{self.opening} is being opened."
        return words.why_not_compare(self.case, self.known, self.hypotheses)

    def why_not_propose(self) -> str:
        """Why no region can be proposed."""
        if self.opening:
            return f"{self.opening} is being opened."
        return words.why_not_propose(self.case, self.known)

    def rows(self) -> list[FindingRow]:
        """The report's findings as the list shows them."""
        return [] if self.opening else finding_rows(self.case.raw_findings, self.known)

    # worker ---------------------------------------------------------------------

    def order(self, kind: str, name: str = "", request: Fields | None = None, **more: Any) -> Order:
        """An order for the open case; a quiz and a worklist are nobody's."""
        own = (REPORT, REGION, RUN, PREPARE, SUGGEST, LOOK)
        patient = kind in own or (kind == TASK and name == "compare")
        return Order(kind, self.case.number if patient else None, name, request or {}, **more)


__all__ = ["AHEAD", "Desk", "Picture"]
