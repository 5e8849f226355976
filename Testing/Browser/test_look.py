"""What a radiologist does with the pictures in a real Chromium: a region ahead of the question, the
change along the slices, window, ruler, area, planes, slab, hold to compare, undo of a run."""

from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest

from .conftest import REPORT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trame_slicer") is None,
    reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
)
TEXT = ".report textarea:not(.v-textarea__sizer)"


def drag(page, start, stop, view=0, up=True):
    """The left button from one place of a view to another, in shares of its size."""
    box = page.locator(".layout-grid-item").nth(view).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, stop)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    if up:
        page.mouse.up()


def differs(one, before, view=0, least=50):
    """The view's picture changes by so many pixels."""
    return one.until(lambda: (np.abs(one.pixels(view) - before).max(2) > 20).sum() > least)


def test_the_pictures_are_worked_with(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    one.open_scan(prepared[0])
    page.fill(TEXT, REPORT)
    # the region is there before anybody asked for it, with the margin that is edited, too
    one.until(lambda: "Proposed for" in page.inner_text(".region-note"))
    one.until(lambda: "linear-gradient" in (page.get_attribute(".strip-changes", "style") or ""))
    assert "cpu · needs about" in page.inner_text(".preflight")
    axial = one.settled(0)
    assert (np.abs(axial - [115, 230, 115]).max(2) < 60).sum() > 20, "the margin's green is seen"

    drag(page, (0.3, 0.5), (0.55, 0.3))
    differs(one, axial, least=2000)
    wide = re.search(r"W (\d+) L (\S+)", page.inner_text(".strip-window"))
    assert int(wide[1]) > 1500, "to the right is wider"
    page.keyboard.press("1")
    page.keyboard.press("2")
    one.until(lambda: "W 400 L 40" in page.inner_text(".strip-window"))
    page.keyboard.press("1")
    one.until(lambda: "W 1500" in page.inner_text(".strip-window"))

    places = page.locator(".corner-place").all_inner_texts()
    box = page.locator(".layout-grid-item").nth(0).bounding_box()
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.35 * box["height"])
    one.until(lambda: page.locator(".corner-place").all_inner_texts()[1:] != places[1:])
    assert page.locator(".corner-place").all_inner_texts()[0] == places[0]

    page.keyboard.press("l")
    page.wait_for_selector(".pointer-ruler.v-btn--active")
    drag(page, (0.4, 0.5), (0.6, 0.5))
    one.until(lambda: page.inner_text(".strip-measured").endswith(" mm"))
    page.keyboard.press("Home")
    for number in (2, 3):  # the slice below the nodule
        page.keyboard.press("ArrowUp")
        one.until(lambda n=number: page.inner_text(".strip-slice") == f"Slice {n} / 12")
    before = one.settled(0)
    for millimetres in (10, 20):
        page.keyboard.press("s")
        one.until(lambda mm=millimetres: f"MIP {mm} mm" in page.inner_text(".slab"))
    differs(one, before, least=300)  # the nodule is seen in the slab
    page.keyboard.press("s")
    one.until(lambda: "MIP 30 mm" in page.inner_text(".slab"))
    page.keyboard.press("s")

    page.click(".run-button:not([disabled])")
    page.wait_for_selector(".run-shown")
    one.until(lambda: page.locator(".layout-grid-item").count() == 3)
    assert page.inner_text(".strip-measured") == "", "the ruler was on another picture"
    changed = one.until(lambda: re.match(r"Slice ([5-8]) / 12", page.inner_text(".strip-slice")))
    page.keyboard.press("m")
    page.wait_for_selector(".pointer-area.v-btn--active")
    drag(page, (0.62, 0.42), (0.72, 0.52))
    one.until(lambda: "counterfactual" in page.inner_text(".strip-measured"))
    said = page.inner_text(".strip-measured").replace("−", "-")
    original, made = (int(v) for v in re.findall(r"(-?\d+) ± ", said))
    assert "cm²" in said and original > made, "the nodule is taken away"
    page.mouse.move(5, 5)
    page.keyboard.press("Home")
    one.until(lambda: page.inner_text(".strip-slice") == "Slice 1 / 12")
    page.keyboard.press("g")
    one.until(lambda: page.inner_text(".strip-slice") == changed.group())
    with_it = one.settled(1)
    page.keyboard.down("x")
    differs(one, with_it, view=1)
    page.keyboard.up("x")
    one.until(lambda: (np.abs(one.pixels(1) - with_it).max(2) > 20).sum() < 20)

    page.keyboard.press("Control+z")
    one.until(lambda: page.locator(".run-row").count() == 0)
    one.until(lambda: "Axial" in page.inner_text(".stage"))
    page.keyboard.press("Control+y")
    page.wait_for_selector(".run-shown")
    assert one.problems == []
