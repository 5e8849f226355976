"""The talk with the worker and the review's lists, as both skins have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from SlicerDGMVLCLib.events import (
    Answer,
    Cancelled,
    Ended,
    Failed,
    Findings,
    Preview,
    Progress,
    Ready,
    Region,
    Result,
)
from SlicerDGMVLCPresenters.case import Scan
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.dialogue import Dialogue
from SlicerDGMVLCPresenters.page import page
from SlicerDGMVLCPresenters.review import Worklist
from SlicerDGMVLCPresenters.review_records import Counts, Listed
from SlicerDGMVLCPresenters.work import AHEAD, LOOK, REGION, REPORT, RUN, SAVE, TASK

from .test_one_patient import finding, regions_of, study

HELLO = Ready("1", 1, ("nodule",), (), ("cpu",), {})


class Worker:
    """Takes requests and remembers them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _take(self, what: str) -> str:
        self.asked.append(what)
        return f"{what}-{len(self.asked)}"

    def report(self, text: str) -> str:
        return self._take("report")

    def region(self, request: Any) -> str:
        return self._take("region")

    def job(self, request: Any, preview: bool = True) -> str:
        return self._take("job")

    def task(self, name: str, request: Any) -> str:
        return self._take(name)


class Talk:
    """A dialogue about one open scan with a report that was read."""

    def __init__(self) -> None:
        self.desk, self.worker = Desk(), Worker()
        self.stopped: list[str] = []
        self.results: list[Path] = []
        self.sentence = ""
        self.dialogue = Dialogue(
            self.desk,
            self.stopped.extend,
            finished=self.results.append,
            changed=lambda: None,
            say=self.say,
            ready=lambda ready: None,
            beat=lambda beat: None,
        )
        self.desk.opened(Scan("/a", "A", "", voxels=1000))
        self.hear(HELLO)
        self.desk.write_report("a nodule")
        self.send(REPORT)
        self.hear(Findings("report-1", [finding("A"), finding("A", "absent")]))

    def say(self, sentence: str, advice: str) -> None:
        self.sentence = sentence

    def send(self, kind: str, name: str = "", **more: Any) -> None:
        if kind in (RUN, REGION, TASK) and not self.desk.work.busy:
            self.desk.work.begin(kind, name)
        self.dialogue.send(self.worker, self.desk.order(kind, name, {"of": name}, **more))

    def hear(self, event: Any) -> None:
        self.dialogue.on_event(event)


@pytest.fixture
def talk():
    return Talk()


def test_a_report_a_region_and_a_result_come_to_the_desk(talk):
    assert talk.desk.case.finding == 1 and not talk.desk.why_not_run()
    talk.send(REGION)
    talk.hear(Region("region-2", "/region", 3.0, 0.8, "3 ml"))
    assert talk.desk.case.region.path == "/region" and not talk.desk.work.busy
    talk.send(RUN)
    talk.hear(Preview("job-3", "/preview", 4, "synthetic"))
    assert talk.desk.case.preview == ("/preview", 4)
    talk.hear(Result("job-3", "/result.json"))
    assert talk.results == [Path("/result.json")] and not talk.desk.work.busy
    talk.hear(Result("job-99", "/other.json"))
    assert len(talk.results) == 1, "an answer that nobody waits for"


def test_several_runs_one_after_the_other_have_a_bar_each(talk):
    for title in ("nodule", "emphysema"):
        talk.send(RUN, title=title)
    assert talk.desk.work.title == "nodule"
    talk.hear(Progress("job-2", "editing", 0.9, 1.0))
    assert page(talk.desk).stage == "Editing"
    talk.hear(Result("job-2", "/1.json"))
    assert talk.desk.work.busy and talk.desk.work.title == "emphysema"
    assert page(talk.desk).stage == "Starting", "the second run begins anew"
    talk.dialogue.cancel()
    assert talk.stopped == ["job-3"] and page(talk.desk).stage == "Stopping"
    talk.hear(Cancelled("job-3"))
    assert talk.sentence == "Cancelled; nothing was written." and not talk.desk.work.busy


def test_a_run_that_was_finished_before_it_could_be_stopped_says_so(talk):
    talk.send(RUN)
    talk.dialogue.cancel()
    talk.hear(Result("job-2", "/result.json"))
    assert talk.results == [Path("/result.json")] and "before it could be stopped" in talk.sentence


def test_cancel_stops_those_that_wait_first(talk):
    for _ in range(2):
        talk.send(RUN)
    talk.dialogue.cancel()
    assert talk.stopped == ["job-3", "job-2"]


def test_work_ahead_is_taken_over_or_stops(talk):
    answers: list[str] = []
    talk.send(AHEAD, "review-study")
    talk.send(TASK, "review-study", answered=lambda answer: answers.append("seen"))
    assert talk.worker.asked == ["report", "review-study"] and not talk.stopped
    talk.hear(Answer("review-study-2", "review-study", {}))
    assert answers == ["seen"]
    talk.send(AHEAD, "review-study")
    talk.send(SAVE, "review-decide")
    assert talk.stopped == ["review-study-3"], "a decision does not wait for a look ahead"
    assert not talk.desk.work.busy, "nobody waits for a decision"
    talk.send(SAVE, "review-decide")
    assert len(talk.worker.asked) == 5 and len(talk.stopped) == 1, "no decision replaces another"


def test_a_failure_is_said_where_it_will_be_looked_for(talk):
    talk.send(RUN)
    talk.hear(Failed("job-2", "UsageError", 2, "The region is empty.", "Draw it."))
    assert talk.sentence == "The region is empty." and not talk.desk.work.busy
    talk.desk.write_report("another")
    talk.send(REPORT)
    talk.hear(Failed("report-3", "UsageError", 2, "No text.", "Paste it."))
    assert page(talk.desk).report_note == "No text. Paste it."


@pytest.mark.parametrize(
    ("running", "cancelled", "said"),
    [
        (True, False, "The worker crashed. The run is lost; nothing was written."),
        (True, True, ""),
        (False, False, "The worker crashed."),
    ],
)
def test_a_worker_that_ends_is_one_sentence(talk, running, cancelled, said):
    if running:
        talk.send(RUN)
    if cancelled:
        talk.dialogue.cancel()
    talk.hear(Ended("The worker crashed.", "Press Run to start it again."))
    assert talk.sentence == said and not talk.desk.work.busy


def test_several_findings_are_edited_each_in_a_region_of_its_own(talk):
    desk = talk.desk
    desk.choose_finding(1, 2)
    assert "said to be absent" in str(desk.rows()) and "is absent" in desk.why_not_run()
    desk.case.what, desk.case.target = "instead", "mass"
    assert not desk.why_not_run()
    desk.choose_region("file", "/mask")
    assert "belongs to one finding" in desk.why_not_run()
    desk.choose_finding(1)
    assert not desk.why_not_run()


def test_a_scan_that_cannot_be_edited_says_why_everywhere(talk):
    talk.desk.opened(Scan("/b", "B", "", why_not="B is a segmentation; choose the scan itself."))
    assert (
        "segmentation" in talk.desk.why_not_run() and "segmentation" in talk.desk.why_not_compare()
    )


def listed(*waiting: str) -> Listed:
    studies = [study(id, id in waiting, readable=id != "c", state="done") for id in "abcd"]
    return Listed(studies, Counts(4, 2, 0))


def test_the_worklist_says_how_far_one_is_and_what_comes_next():
    review = Worklist()
    assert review.counted == "" and review.after == ""
    review.take_list(listed("a", "d"))
    review.show("b")
    assert review.counted == "4 studies · 0 of 2 regions decided"
    assert review.waiting == ["a", "d"] and review.after == "d"
    assert review.nothing == "No region stood out."
    assert review.step(1) == (0, "d"), "past one that cannot be read"
    review.looked("d")
    assert review.after == ""


def test_a_decision_is_seen_at_once_and_undo_knows_what_was_before():
    review = Worklist()
    review.show("a")
    review.take_list(listed())
    review.take(regions_of("a"))
    assert review.remember(verdict="accepted") is None, "no region is shown"
    assert review.nothing == ""
    review.choose(1)
    review.remember(verdict="accepted")
    review.remember(verdict="rejected")
    assert review.row and review.row.verdict == "rejected"
    acts = [review.undo(), review.undo(), review.undo()]
    assert [act and act.verdict for act in acts] == ["accepted", "", None]


def test_lungs_read_ahead_stop_for_a_run_and_fail_in_silence(talk):
    case = talk.desk.case
    case.looking = case.asks
    talk.send(LOOK, "read-ahead")
    talk.send(RUN)
    assert talk.stopped == ["read-ahead-2"] and case.looked != case.asks, "the rest is read later"
    talk.hear(Cancelled("read-ahead-2"))
    talk.hear(Result("job-3", "/result.json"))
    talk.send(LOOK, "read-ahead")
    talk.hear(Failed("read-ahead-4", "Unexpected", 1, "No lungs.", ""))
    assert talk.sentence == "" and case.looked == case.asks, "it is not asked again"
