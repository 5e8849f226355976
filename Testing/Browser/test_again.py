"""A case kept today and gone on with tomorrow; the form's slices and clinical facts: in a real
Chromium."""

from __future__ import annotations

import importlib.util
import json

import pytest

from .conftest import REPORT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trame_slicer") is None,
    reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
)
TEXT = ".report textarea:not(.v-textarea__sizer)"


def test_a_kept_case_is_gone_on_with(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    one.open_scan(prepared[0])
    page.fill(TEXT, REPORT)
    page.click(".more")
    page.fill(".slices-from input", "9")
    page.fill(".slices-to input", "3")
    one.until(lambda: "two numbers from 1 to 12" in page.inner_text(".cannot-run"))
    page.fill(".slices-from input", "3")
    page.fill(".slices-to input", "9")
    page.fill(".clinical-age input", "64")
    page.fill(".clinical-pack-years input", "40")
    one.until(lambda: "64-year-old, 40 pack-years" in page.inner_text(".form-note"))
    one.until(lambda: "Proposed for" in page.inner_text(".region-note"))
    page.click(".run-button:not([disabled])")
    page.wait_for_selector(".run-shown")
    (folder,) = served.folders
    (asked,) = (json.loads(p.read_text("utf-8")) for p in folder.glob("results/run*/request.json"))
    assert asked["slices"] == [2, 9] and asked["clinical"] == "64-year-old, 40 pack-years"
    assert asked["mask"].endswith(".seg.nrrd"), "what was outlined is what is edited"
    page.click(".keep")
    assert "is kept" in one.message()
    assert served.stop() == 0 and not folder.exists()

    two = tab(serve("--fake", str(prepared[1])))
    page = two.page
    page.click(".recent-row")
    two.until(lambda: page.locator(".run-row").count() == 1)
    two.until(lambda: page.input_value(TEXT) == REPORT)
    two.until(lambda: page.locator(".finding").count() == 2)
    two.until(lambda: page.locator(".layout-grid-item").count() == 3)
    assert page.input_value(".clinical-age input") == "", "the form is another day's"
    assert two.problems == []
