"""The Review tab in a real Chromium: worklist, regions over the scan, decisions by keyboard that
are saved at once."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("trame_slicer") is None,
        reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked at through /proc"),
]


@pytest.fixture
def reviewed(tmp_path, make_chest, make_review):
    return make_review(tmp_path, make_chest((12, 112, 128), (4.0, 2.5, 2.5), nodule=True))


def saved(folder) -> dict:
    return {
        key: made["verdict"]
        for key, made in json.loads((folder / "decisions.json").read_text(encoding="utf-8"))[
            "decisions"
        ].items()
    }


def outlined(picture) -> bool:
    """Whether something in the middle of a picture is coloured."""
    coloured = picture.max(2) - picture.min(2) > 60
    return coloured[40:-40, 40:-40].sum() > 15


def opened(one, root):
    """The tab with the review of a folder, opened by Enter."""
    one.page.click(".tab-review")
    one.page.fill(".review-folder input", str(root))
    one.page.press(".review-folder input", "Enter")
    return one


def test_the_next_study_is_looked_at_behind_the_shown_one(
    serve, tab, prepared, tmp_path, make_chest, make_review
):
    root, folder = make_review(tmp_path, make_chest(nodule=True), waiting=True)
    (root / "bad.nrrd").unlink()
    one = opened(tab(serve("--fake", str(prepared[1]))), root)
    page = one.page
    page.click(".review-row:has-text('case')")
    one.until(lambda: "to decide" in page.inner_text(".review-row:has-text('later')"))
    assert "review-chosen" in (page.get_attribute(".review-row:has-text('case')", "class") or ""), (
        "the reader stays where he is"
    )
    assert (folder / "studies" / "later" / "review.json").is_file() and page.locator(
        ".review-accept"
    ).is_visible()
    assert one.problems == []


def test_a_review_by_keyboard(serve, tab, prepared, reviewed):
    root, folder = reviewed
    one = opened(tab(serve("--fake", str(prepared[1]))), root)
    page = one.page
    page.wait_for_selector(".review-row")
    assert (
        "1 not reported" in page.inner_text(".review-list >> nth=0")
        and page.locator(".review-row").count() == 2
    )
    page.click(".review-row:has-text('case')")
    page.wait_for_selector(".review-region.review-chosen")
    one.until(
        lambda: (
            page.locator(".layout-grid-item").count() == 3
            and page.locator(".chosen-name >> nth=0").count() == 1
        )
    )
    text = page.inner_text(".review-region >> nth=0")
    assert (
        "26 mm" in text
        and "not mentioned in the report" in text
        and "+612 HU (+540 to +700)" in text
    )
    assert "emphysema" in page.inner_text(".review-unseen")
    one.until(lambda: outlined(one.pixels(0)))
    first = one.settled(0)
    assert outlined(first), "the region is outlined over the grey scan"

    page.keyboard.press("n")
    one.until(
        lambda: "review-chosen" in (page.get_attribute(".review-region >> nth=1", "class") or "")
    )
    # the next region's outline stands elsewhere
    one.until(lambda: (np.abs(one.pixels(0) - first).max(2) > 40).sum() > 30)
    assert outlined(one.settled(0))
    page.keyboard.press("k")
    one.until(
        lambda: "review-chosen" in (page.get_attribute(".review-region >> nth=0", "class") or "")
    )
    page.keyboard.press("c")
    page.keyboard.type("a r n: compare with 2019")
    assert saved(folder) == {}, "keys in a text field are letters"
    page.keyboard.press("Escape")
    one.until(lambda: "case/1" in saved(folder))
    page.keyboard.press("a")
    one.until(lambda: saved(folder).get("case/1") == "accepted")
    made = json.loads((folder / "decisions.json").read_text(encoding="utf-8"))["decisions"][
        "case/1"
    ]
    assert made["comment"] == "a r n: compare with 2019"
    assert "review-chosen" in (page.get_attribute(".review-region >> nth=0", "class") or ""), (
        "the decided region stays, so that a comment would be on it"
    )
    page.keyboard.press("n")
    one.until(
        lambda: "review-chosen" in (page.get_attribute(".review-region >> nth=1", "class") or "")
    )
    page.keyboard.press("u")
    one.until(lambda: saved(folder).get("case/1") == "")
    one.until(
        lambda: "review-chosen" in (page.get_attribute(".review-region >> nth=0", "class") or "")
    )
    page.keyboard.press("a")
    one.until(lambda: saved(folder).get("case/1") == "accepted")
    page.keyboard.press("n")
    page.keyboard.press("r")
    one.until(
        lambda: (
            saved(folder).get("case/2") == "rejected"
            and "2 of 2" in page.inner_text(".review-progress")
        )
    )
    page.click(".tab-edit")
    page.keyboard.press("u")
    page.wait_for_timeout(500)
    assert saved(folder)["case/2"] == "rejected", "keys of the review do nothing in another tab"
    page.click(".tab-review")
    page.click(".review-row:has-text('bad')")
    page.wait_for_selector(".review-note")
    assert one.problems == []


def test_a_study_of_the_same_name_in_another_folder_is_another_patient(
    serve, tab, prepared, tmp_path, make_chest, make_review
):
    """Its own scan is read; the one that was shown stays with its own folder."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, _ = make_review(tmp_path / "a", make_chest((12, 112, 128), (4.0, 2.5, 2.5)))
    second, _ = make_review(tmp_path / "b", make_chest((10, 96, 112), (4.0, 2.5, 2.5)))
    one = opened(tab(serve("--fake", str(prepared[1]))), first)
    page = one.page
    page.click(".review-row:has-text('case')")
    one.until(lambda: "128 × 112 × 12" in (page.get_attribute(".scan-name", "title") or ""))
    opened(one, second)
    one.until(lambda: not page.locator(".review-region").count())
    page.click(".review-row:has-text('case')")
    one.until(lambda: "112 × 96 × 10" in (page.get_attribute(".scan-name", "title") or ""))
    assert one.problems == []


def test_keys_of_another_study_decide_nothing_and_comments_are_not_erased(
    serve, tab, prepared, reviewed
):
    root, folder = reviewed
    one = opened(tab(serve("--fake", str(prepared[1]))), root)
    page = one.page
    page.click(".review-row:has-text('case')")
    page.wait_for_selector(".review-region.review-chosen")
    page.evaluate("() => window.trame.trigger('review_key', ['accept', 'the-one-before'])")
    one.until(lambda: "nothing was decided" in one.message())
    assert saved(folder) == {}
    one.close_message()
    field = ".review-comment textarea:not(.v-textarea__sizer)"
    page.click(field)
    page.keyboard.type("half a")
    page.wait_for_timeout(600)
    page.evaluate("() => window.trame.trigger('fit')")  # the page is told anew meanwhile
    page.evaluate("() => window.trame.trigger('run_undo')")
    page.evaluate("() => window.trame.state.set('pointer', 'ruler')")
    page.wait_for_timeout(2500)  # a heartbeat, too
    page.keyboard.type(" sentence")
    assert page.input_value(field) == "half a sentence"
    page.keyboard.press("Escape")
    one.until(lambda: "case/1" in saved(folder))
    assert "half a sentence" in (folder / "decisions.json").read_text("utf-8")
