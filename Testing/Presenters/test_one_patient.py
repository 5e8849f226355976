"""Random walks through every tab: nothing of another case is ever shown or enabled.

Every file, text and answer of the walk carries the letter of the scan it belongs to; the presenters
know nothing of the letters.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from SlicerDGMVLCPresenters.case import FILE, PROPOSED, Scan
from SlicerDGMVLCPresenters.comparison import Hypotheses, Hypothesis, Ranking
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.findings import Finding
from SlicerDGMVLCPresenters.page import page
from SlicerDGMVLCPresenters.review_records import RegionRow, Regions, StudyRow
from SlicerDGMVLCPresenters.work import AHEAD, PREPARE, REGION, REPORT, RUN, SUGGEST, TASK

LETTERS = "ABCD"
PATIENT = (
    "header",
    "scan_name",
    "scan_path",
    "scan_note",
    "report",
    "findings",
    "region_path",
    "region_note",
    "target",
    "runs",
    "compare_rows",
    "compare_sentence",
    "review_regions",
    "review_unseen",
    "review_comment",
)


def study(id: str, waiting: bool, *, readable: bool = True, state: str = "open") -> StudyRow:
    return StudyRow(id, "", state, "", 2, 0, waiting, readable)


def finding(letter: str, presence: str = "present") -> Finding:
    return Finding("nodule", presence, "nodule", f"<{letter}> nodule.", side="left", size_mm=9.0)


def regions_of(study: str) -> Regions:
    letter = study[-1]
    words = dict.fromkeys(("size", "volume", "place", "change", "tag", "sentence", "phrases"), "")
    files = {"outline": f"/<{letter}>/outline", "without_scan": f"/<{letter}>/without"}
    said = {"verdict": "", "earlier": "", "comment": f"<{letter}>"}
    first = RegionRow(number=1, alert=False, **words, **said, **files)
    return Regions(study, (first, replace(first, number=2)), (f"<{letter}> emphysema",))


class Walk(RuleBasedStateMachine):
    """A user and a worker whose answers come late, in any order, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.desk.known = ("nodule",)
        self.desk.review.open("session")
        self.desk.review.studies = [study(f"study-{letter}", letter == "D") for letter in LETTERS]
        self.reading: tuple[str, str] | None = None  # letter and study of the scan being read
        self.sent: list[tuple[str, str, str]] = []  # id, kind and letter of every request
        self.cancelled: set[str] = set()
        self.count = 0

    @property
    def letter(self) -> str:
        """Whose scan is open."""
        case = self.desk.case
        return case.scan.path[2] if case.scan else case.study[-1:]

    def send(self, kind: str, name: str = "", letter: str | None = None) -> str:
        self.count += 1
        id, mine = f"{kind}-{self.count}", self.letter if letter is None else letter
        self.sent.append((id, kind, mine))

        def answered(answer: dict[str, Any]) -> None:
            if name == "compare":
                row = Hypothesis(1, f"<{mine}>", "", 0, 0, None, False, 0)
                self.desk.add_comparison(
                    Hypotheses([row], Ranking(f"<{mine}>", "")),
                    [(f"<{mine}> 1", f"/<{mine}>/1", ""), (f"<{mine}> 2", f"/<{mine}>/2", "")],
                )
            elif name == "review-study" and self.desk.review.study == f"study-{mine}":
                self.desk.review.take(regions_of(f"study-{mine}"))

        self.desk.work.ask(id, self.desk.order(kind, name, answered=answered))
        return id

    # what the user does -------------------------------------------------------------

    @rule(tab=st.sampled_from(["edit", "compare", "review", "teach"]))
    def change_tab(self, tab):
        self.desk.tab = tab

    @rule(letter=st.sampled_from(LETTERS), study=st.booleans())
    def open(self, letter, study):
        if not self.desk.why_not_open():
            self.desk.begin_opening(f"<{letter}>")
            self.reading = (letter, f"study-{letter}" if study else "")

    @precondition(lambda self: self.reading and self.desk.case.scan)
    @rule()
    def type_early(self):
        self.desk.write_report(f"<{self.reading[0]}> report of the scan to come")

    @precondition(lambda self: self.reading)
    @rule(good=st.booleans())
    def read(self, good):
        (letter, study), self.reading = self.reading, None
        if not good:
            self.desk.open_failed()
            return
        report = f"<{letter}> report" if study else ""
        scan = Scan(f"/<{letter}>/ct", f"<{letter}>", f"<{letter}>")
        self.cancelled |= set(self.desk.opened(scan, study, report))
        if study:
            self.desk.review.show(study)
            if letter != "D":
                self.desk.review.take(regions_of(study))
                self.desk.review.choose(1)

    def open_at_once(self, letter, study):
        self.open(letter, study)
        self.read(True)

    @precondition(lambda self: not self.desk.why_not_open())
    @rule(
        letter=st.sampled_from(LETTERS),
        study=st.booleans(),
        done=st.lists(st.sampled_from([REGION, RUN, "compare"]), max_size=2),
        pending=st.sampled_from(["", "", "", REGION, RUN, "compare"]),
    )
    def work_through(self, letter, study, done, pending):
        """A whole case at once: opened, read, edited, perhaps with work still under way."""
        self.open_at_once(letter, study)
        self.write_report()
        self._last_word(self.send(REPORT), REPORT, self.letter)
        for what in done:
            self.start(what)
            self._last_word(*self.sent[-1])
        if pending:
            self.start(pending)

    def ahead_of_the_user(self):
        """A scan prepared, a region suggested, a run taken back or made again."""
        if self.desk.must_prepare():
            self.desk.case.prepared = "asked"
            self.send(PREPARE)
        elif self.desk.must_suggest():
            self.desk.begin_suggestion()
            self.send(SUGGEST)
        elif not self.desk.undo_run():
            self.desk.redo_run()

    def write_report(self):
        self.desk.write_report(f"<{self.letter}> report {self.count}")

    @precondition(lambda self: self.desk.case.scan and not self.desk.opening)
    @rule(what=st.sampled_from(["report", "other report", "finding", FILE, PROPOSED, SUGGEST]))
    def choose(self, what):
        if what == SUGGEST:
            self.ahead_of_the_user()
            return
        if what in (FILE, PROPOSED):
            self.desk.choose_region(what, f"/<{self.letter}>/mask" if what == FILE else "")
        elif what == "finding":
            self.desk.choose_finding(self.count % 3)
        else:
            self.count += 1
            self.write_report()
            if what == "report" and self.desk.must_read():
                self.send(REPORT)

    @precondition(lambda self: not self.desk.work.busy and not self.desk.opening)
    @rule(what=st.sampled_from([REGION, RUN, "compare"]))
    def start(self, what):
        refused = {
            REGION: self.desk.why_not_propose,
            RUN: self.desk.why_not_run,
            "compare": self.desk.why_not_compare,
        }[what]()
        if not refused:
            kind = what if what in (REGION, RUN) else TASK
            self.desk.work.begin(kind, what)
            self.send(kind, what if kind == TASK else "")

    @precondition(lambda self: self.desk.reviewing() and not self.desk.work.busy)
    @rule()
    def look(self):
        self.desk.work.begin(TASK, "review-study")
        self.send(TASK, "review-study")

    @rule(letter=st.sampled_from(LETTERS))
    def look_ahead(self, letter):
        self.send(AHEAD, "review-study", letter)

    @rule(number=st.integers(0, 3), by=st.sampled_from([-1, 1]))
    def review(self, number, by):
        self.desk.review.choose(number)
        self.desk.review.remember()
        self.desk.review.step(by)
        if number == 3:
            self.desk.review.undo()

    @precondition(lambda self: not self.desk.why_not_open())
    @rule(letter=st.sampled_from(LETTERS))
    def look_at_an_unreadable_study(self, letter):
        self.desk.closed(f"study-{letter}")
        self.desk.review.show(f"study-{letter}")

    @rule(title=st.sampled_from(["", "Case 1 of a quiz"]))
    def quiz(self, title):
        self.desk.lesson.header = title

    @precondition(lambda self: self.desk.case.results)
    @rule(
        data=st.data(),
        do=st.sampled_from(["show", "remove", "scan", "beside", "rows"]),
    )
    def results(self, data, do):
        number = data.draw(st.sampled_from([r.number for r in self.desk.case.results]))
        {
            "show": lambda: self.desk.show_result(number),
            "rows": lambda: self.desk.show_result(number, "rows"),
            "remove": lambda: self.desk.remove_result(number),
            "scan": self.desk.show_scan,
            "beside": lambda: self.desk.show_comparison("difference"),
        }[do]()

    # what the worker says, late and in any order ---------------------------------------

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), what=st.sampled_from(["answer", "preview", "progress", "cancelled"]))
    def answer(self, data, what):
        id, kind, letter = data.draw(st.sampled_from(self.sent[::-1]))
        desk = self.desk
        progress = desk.work.progress
        if what == "cancelled":
            desk.work.done(desk.work.seen() or id)
        elif what == "preview" and kind == RUN:
            desk.take_preview(id, f"/<{letter}>/preview", 3)
        elif what == "progress" and progress is not None and desk.work.order(id):
            before = progress.share
            progress.told("editing", 0.4)
            assert progress.share >= before
        elif what == "answer":
            self._last_word(id, kind, letter)

    def _last_word(self, id, kind, letter):
        desk = self.desk
        if kind == REPORT:
            desk.take_findings(id, [finding(letter), finding(letter, "absent")])
        elif kind == SUGGEST:
            desk.take_suggestion(id, f"/<{letter}>/region", f"<{letter}> 2 ml")
        elif kind == PREPARE:
            if desk.wants(id) and desk.work.done(id):
                desk.take_prepared(f"/<{letter}>/labels", [f"<{letter}> cut"])
        elif kind == REGION:
            desk.take_region(id, f"/<{letter}>/region", f"<{letter}> 3 ml")
        else:
            wanted, order = desk.wants(id), desk.work.done(id)
            if kind == RUN and wanted:
                desk.add_result(f"<{letter}>", f"/<{letter}>/result", "", True)
            elif order is not None and wanted:
                order.answered({})

    # what must always hold -------------------------------------------------------------

    @invariant()
    def only_the_open_case_is_shown(self):
        desk, says = self.desk, page(self.desk)
        mine = self.reading[0] if desk.opening else self.letter
        shown = {name: set(re.findall(r"<(\w)>", str(getattr(says, name)))) for name in PATIENT}
        assert says.review_study in ("", self.desk.case.study)
        assert all(letters <= {mine} for letters in shown.values()), (mine, shown)

    @invariant()
    def the_views_show_the_open_case(self):
        desk, picture = self.desk, self.desk.picture()
        if desk.opening:
            assert picture.layout == "empty"
            return
        files = [picture.scan if picture.layout != "quiz" else "", picture.outline]
        files.append(picture.without)
        assert not picture.without or picture.outline.startswith(picture.without[:5])
        files += [picture.preview[0]] if picture.preview else []
        for number in picture.results if picture.layout != "quiz" else ():
            result = desk.case.result(number)
            assert result is not None, "a view shows a result that was removed"
            files.append(result.manifest)
        letters = set(re.findall(r"<(\w)>", " ".join(files)))
        assert letters <= {self.letter}, (self.letter, files)
        assert picture.layout != "quiz" or desk.tab == "teach"

    @invariant()
    def buttons_are_for_what_is_shown(self):
        desk = self.desk
        if desk.opening or desk.case.scan is None:
            assert desk.why_not_run() and desk.why_not_compare() and desk.why_not_propose()
        elif not desk.why_not_run():
            row = desk.case.row(desk.known)
            assert row is not None and f"<{self.letter}>" in row.sentence
            assert not desk.case.report or f"<{self.letter}>" in desk.case.report

    @invariant()
    def cancelled_work_is_forgotten(self):
        assert not any(self.desk.work.order(id) for id in self.cancelled)


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=300,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def _with_two_findings() -> Desk:
    desk = Desk()
    desk.known = ("nodule",)
    desk.opened(Scan("/<A>/ct.nrrd", "<A>", "", "CT"), report="<A> two nodules.")
    desk.work.ask("report", desk.order(REPORT))
    desk.take_findings("report", [finding("A"), finding("A")])
    return desk


def _looked_for(desk: Desk) -> None:
    desk.work.begin(REGION)
    desk.work.ask("region", desk.order(REGION, "", {"finding": desk.case.finding}))


def test_a_region_belongs_to_the_finding_it_was_looked_for() -> None:
    desk = _with_two_findings()
    first = desk.case.finding
    _looked_for(desk)
    desk.choose_finding(first + 1)
    assert not desk.take_region("region", "/<A>/first", "1 ml") and not desk.case.region.path
    _looked_for(desk)
    assert desk.take_region("region", "/<A>/second", "2 ml")


def test_a_region_of_an_earlier_text_is_not_taken() -> None:
    desk = _with_two_findings()
    _looked_for(desk)
    desk.write_report("<A> no nodule.")
    assert not desk.work.busy and not desk.take_region("region", "/<A>/old", "1 ml")


def test_a_file_chosen_meanwhile_stays() -> None:
    desk = _with_two_findings()
    _looked_for(desk)
    desk.choose_region(FILE, "/<A>/mine.nrrd")
    assert not desk.take_region("region", "/<A>/old", "1 ml")
    assert desk.case.region.path == "/<A>/mine.nrrd"
