"""What is computed before anybody asks, undo of runs, pre-flight, the form."""

from __future__ import annotations

import pytest
from SlicerDGMVLCPresenters.case import FILE, Scan
from SlicerDGMVLCPresenters.clinical import clinical_words, slice_range, why_not_clinical
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.page import page
from SlicerDGMVLCPresenters.preflight import Machine
from SlicerDGMVLCPresenters.work import LOOK, PREPARE, REPORT, RUN, SUGGEST

from .test_one_patient import finding

SCAN = Scan("/ct", "A", "facts", voxels=150 * 512 * 512, slices=150)


def opened(scan: Scan = SCAN) -> Desk:
    desk = Desk()
    desk.known = ("nodule",)
    desk.opened(scan)
    return desk


def read(desk: Desk) -> None:
    desk.write_report("a nodule")
    desk.work.ask("r", desk.order(REPORT))
    desk.take_findings("r", [finding("A"), finding("A", "absent")])


def test_a_scan_is_prepared_once_and_a_region_suggested_for_each_finding():
    desk = opened()
    assert desk.must_prepare() and not desk.must_suggest()
    desk.case.prepared = "asked"
    assert not desk.must_prepare()
    desk.take_prepared("/labels", ["The lungs are cut below."])
    read(desk)
    assert "cut below" in page(desk).scan_note and desk.must_suggest()
    desk.begin_suggestion()
    assert not desk.must_suggest()
    desk.work.ask("s", desk.order(SUGGEST))
    desk.take_suggestion("s", "/region", "3 ml")
    assert desk.picture().outline == "/region" and not desk.must_suggest()
    desk.choose_finding(2)
    assert desk.picture().outline == "" and not desk.must_suggest(), (
        "a denied one is not looked for"
    )


def test_a_report_typed_just_before_the_weights_are_known_is_still_read():
    desk = opened()
    desk.write_report("a nodule")
    desk.judge_findings()
    assert desk.must_read() and not desk.rows()
    desk.work.ask("r", desk.order(REPORT))
    desk.judge_findings()
    desk.take_findings("r", [finding("A")])
    assert len(desk.rows()) == 1 and not desk.must_read()


def test_findings_of_an_earlier_text_are_not_taken_for_those_of_a_later_one():
    desk = opened()
    desk.write_report("a nodule")
    desk.work.ask("old", desk.order(REPORT))
    desk.write_report("an effusion")
    assert desk.must_read(), "the later text waits for nobody"
    desk.take_findings("old", [finding("A")])
    assert desk.must_read() and not desk.rows()


def test_a_report_typed_while_a_scan_is_opened_is_that_scan_s():
    desk = opened()
    desk.write_report("of the scan before")
    desk.begin_opening("B")
    assert page(desk).report == ""
    desk.write_report("typed meanwhile")
    assert page(desk).report == "typed meanwhile"
    desk.opened(Scan("/b", "B", ""), beside="lay with the files")
    assert desk.case.report == "typed meanwhile" and desk.must_read()
    desk.begin_opening("C")
    desk.write_report("of C, which cannot be read")
    desk.open_failed()
    assert page(desk).report == "typed meanwhile", "the open case is as it was"
    desk.begin_opening("D")
    desk.opened(Scan("/d", "D", ""), beside="lay with the files")
    assert desk.case.report == "lay with the files"


def test_a_report_typed_before_a_scan_that_cannot_be_read_stays():
    desk = Desk()
    desk.write_report("typed first")
    desk.begin_opening("A")
    assert page(desk).report == "typed first"
    desk.write_report("typed first, and corrected")
    desk.open_failed()
    assert page(desk).report == "typed first, and corrected"


def test_a_suggestion_never_replaces_what_was_chosen_meanwhile():
    desk = opened()
    desk.take_prepared("/labels", [])
    read(desk)
    desk.begin_suggestion()
    desk.work.ask("s", desk.order(SUGGEST))
    desk.choose_region(FILE, "/mine")
    desk.take_suggestion("s", "/region", "")
    assert desk.case.region.path == "/mine"
    desk.work.ask("p", desk.order(PREPARE))
    assert desk.opened(Scan("/other", "B", "")) == ["p"], "the next scan cancels it"
    desk.take_suggestion("s", "/region", "")
    assert desk.case.region.path == "" and not page(desk).scan_note


def test_lungs_are_read_for_the_chosen_finding_once_nobody_waits_for_more():
    desk = opened()
    read(desk)
    assert not desk.must_look(), "the lungs are not known yet"
    desk.take_prepared("/labels", [])
    assert not desk.must_look(), "a region is suggested first"
    desk.choose_region(FILE, "/mine")
    assert desk.must_look()
    desk.case.looking = desk.case.asks
    desk.work.ask("l", desk.order(LOOK))
    assert not desk.must_look()
    desk.case.slices = (3, 9)
    assert desk.must_look(), "what is being read is not what a run would read"
    assert desk.work.ask("m", desk.order(LOOK)) == ["l"]
    desk.case.looking = desk.case.looked = desk.case.asks
    desk.work.done("m")
    assert not desk.must_look()
    desk.choose_finding(2)
    assert not desk.must_look(), "a denied one is not looked for"


def test_other_modalities_and_studies_of_the_worklist_are_not_prepared():
    assert not opened(Scan("/mr", "A", "", modality="MR")).must_prepare()
    desk = opened()
    desk.tab = "review"
    assert not desk.must_prepare()


def test_the_last_run_is_taken_back_and_made_again():
    desk = opened()
    assert not desk.undo_run() and not desk.redo_run()
    first, second = (desk.add_result(f"run {n}", f"/{n}", "", True) for n in (1, 2))
    assert desk.undo_run() and desk.case.shown == (first.number,)
    assert page(desk).run_redo and desk.redo_run() and desk.case.shown == (second.number,)
    assert desk.undo_run() and desk.undo_run() and desk.case.shown == ()
    desk.add_result("run 3", "/3", "", True)
    assert not desk.redo_run(), "what was taken back is gone with the next run"


def test_a_run_that_does_not_fit_is_refused_in_a_sentence():
    desk = opened()
    read(desk)
    assert desk.why_not_run() == "" and page(desk).preflight == ""
    desk.machine = Machine("cpu", free_mb=8000.0, held_mb=500.0, threads=2)
    said = page(desk).preflight
    assert said.startswith("cpu, 2 threads · needs about") and "after the first run" in said
    desk.work.costs.learn(RUN, "editing", 12.0)
    assert "about 12 s, as the last run" in page(desk).preflight
    desk.machine = Machine("cpu", free_mb=400.0, held_mb=500.0)
    assert "more than is free; close other programs" in desk.why_not_run()
    desk.machine = Machine("cuda:0", free_mb=None)
    assert desk.why_not_run() == "" and "memory" not in page(desk).preflight


def test_the_form_says_what_it_records():
    given = {"age": "64", "sex": "female", "smoking": "", "pack_years": "40", "other": " IPF "}
    assert clinical_words(given) == "64-year-old, female, 40 pack-years, IPF"
    assert why_not_clinical(given) == "" and clinical_words({}) == ""
    assert "age must be a number from 0 to 120" in why_not_clinical({"age": "old"})
    assert "pack-years" in why_not_clinical({"pack_years": "-1"})


@pytest.mark.parametrize(
    ("first", "last", "slices"),
    [
        ("", "", None),
        ("3", "7", (2, 7)),
        ("", "5", (0, 5)),
        ("8", "", (7, 12)),
        ("12", "12", (11, 12)),
    ],
)
def test_slices_are_those_that_the_views_count(first, last, slices):
    assert slice_range(first, last, 12) == (slices, "")


@pytest.mark.parametrize(("first", "last"), [("0", "3"), ("5", "4"), ("1", "13"), ("a", "2")])
def test_slices_that_are_not_there_are_refused(first, last):
    assert "from 1 to 12" in slice_range(first, last, 12)[1]
