"""The tab “Teach” in a real Chromium: a case found and named, the answer shown, the score; and a
reading for a study."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest

from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.readers.cases import CaseSet, make_cases, write_cases
from DGMVLCCore.readers.design import Wish, plan_cases
from DGMVLCCore.readers.source import load_clear_scan
from DGMVLCCore.readers.study import AIDED, Study, plan_study

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("trame_slicer") is None,
        reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked at through /proc"),
]


@pytest.fixture(scope="module")
def cases(tmp_path_factory, make_chest):
    """Two large consolidations and two clear scans, with a counterfactual beside each."""
    folder = tmp_path_factory.mktemp("teach")
    save_volume(make_chest((14, 112, 128), (5.0, 2.5, 2.5)), folder / "chest.nrrd")
    scan = load_clear_scan(folder / "chest.nrrd")
    specs = plan_cases(Wish(("consolidation",), size_mm=34.0), 2, scan.places, seed=4, clear=2)

    def aid(made, where, name):
        for what, array in (
            ("counterfactual", made.before.array),
            ("difference", made.before.array - made.after.array),
        ):
            save_volume(
                made.after.with_array(array, stored_dtype="int16"), where / f"{name}-{what}.nrrd"
            )
        return {what: f"{name}-{what}.nrrd" for what in ("counterfactual", "difference")}

    write_cases(make_cases([scan], specs, seed=4), folder / "cases", seed=4, asked_for={}, aid=aid)
    return folder / "cases"


def click_middle_of(page, tab, share=(0.5, 0.5)):
    """Click into the first view until the panel says where: a view that was just laid out does
    not know its size yet, and takes no mark."""

    def marked() -> bool:
        box = page.locator(".layout-grid-item >> nth=0").bounding_box()
        at = (box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"])
        page.mouse.move(*at)
        page.mouse.click(*at)
        page.wait_for_timeout(300)
        return "Marked:" in page.inner_text(".teach-mark >> visible=true")

    tab.until(marked)


def unhindered(page):
    """No message stands on the page; what it says when one does."""
    assert not page.is_visible(".message"), page.inner_text(".message")
    return True


def choose(page, name, text):
    page.click(f".{name}")
    page.click(f".v-list-item >> text=/^{text}$/")


def test_a_quiz(serve, tab, prepared, cases):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    page.click(".tab-teach")
    page.fill(".teach-folder input", str(cases.parent / "none"))
    page.click(".teach-start")
    assert "cases.json is missing" in one.message()
    one.close_message()
    page.click(".teach-attention input")  # the test's worker has no network
    page.fill(".teach-folder input", str(cases))
    page.click(".teach-start")
    quiz, keys, order = cases / "quiz.json", CaseSet.read(cases).keys(), []
    for number in range(1, 5):
        one.until(
            lambda number=number: (
                unhindered(page) and f"Case {number} of 4" in page.inner_text(".teach-place")
            )
        )
        assert page.locator(".teach-reveal").is_disabled()
        before = one.settled(0)
        if number == 1:
            click_middle_of(page, one)
            one.until(lambda before=before: (np.abs(one.pixels(0) - before).max(2) > 40).sum() > 10)
        order = json.loads(quiz.read_text(encoding="utf-8"))["order"]
        name = "consolidation" if number == 1 else "no finding"
        choose(page, "teach-named", name)
        page.click(".teach-reveal:not([disabled])")
        page.wait_for_selector(".teach-words >> visible=true")
        words = page.inner_text(".teach-words")
        present = keys[order[number - 1]].term
        assert ("Consolidation, 34 mm across" in words) == bool(present) or number == 1
        assert len(json.loads(quiz.read_text(encoding="utf-8"))["answers"]) == number, (
            "saved before it is shown"
        )
        if present:
            one.until(lambda: page.locator(".layout-grid-item").count() == 3)
            one.settled(2)  # the difference is seen
            assert "Before the finding was put in" in page.inner_text(".stage")
        page.click(".teach-next:not([disabled])")
    page.wait_for_selector(".teach-score-line >> visible=true")
    assert "of 2 findings found" in page.inner_text(".teach")
    one.until(lambda: page.locator(".teach-review .v-icon").count() == 4)
    page.click(".teach-end")
    page.wait_for_selector(".teach-start >> visible=true")
    assert not [p for p in one.problems if "favicon" not in p]


def test_a_reading_for_a_study(serve, tab, prepared, cases, tmp_path):
    plan_study(cases, tmp_path / "study", ["2"], seed=0)
    study = Study.read(tmp_path / "study")
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    page.click(".tab-teach")
    page.click(".teach-study input")
    page.fill(".teach-study-folder input", str(study.folder))
    page.fill(".teach-reader input", "R1")
    page.click(".teach-begin:not([disabled])")
    for number, item in enumerate(i for i in study.of("R1") if i.session == 1):
        one.until(
            lambda number=number: (
                unhindered(page) and f"{8 - number} to read" in page.inner_text(".teach")
            )
        )
        assert "Is there consolidation?" in page.inner_text(".teach-asked")
        one.until(
            lambda item=item: (
                page.locator(".layout-grid-item").count() == 3
                and ("Counterfactual" in page.inner_text(".stage")) == (item.mode == AIDED)
            )
        )
        if number == 0:
            click_middle_of(page, one)
        page.click(".teach-save:not([disabled])")
    assert "opens on" in one.message(), "the second session waits for the washout"
    made = study.readings("R1")
    assert (
        len(made) == 4
        and made[0].confidence == 50
        and made[0].mark is not None
        and made[1].mark is None
        and all(r.seconds >= 0 for r in made)
    )
    volume = load_volume(study.cases.path(made[0].item.case))
    index = (np.linalg.inv(volume.affine) @ [*made[0].mark, 1])[:3]
    assert np.allclose(index[:2] / [127, 111], 0.5, atol=0.06), (
        "the middle of the view is the middle of the scan"
    )
