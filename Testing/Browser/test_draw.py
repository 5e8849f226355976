"""A region drawn in a real Chromium: painted, seen, undone, filled between slices, edited."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import SimpleITK as sitk

from .conftest import REPORT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trame_slicer") is None,
    reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
)


def drag(page, start, stop, view=0):
    """The left button from one place of a view to another, in shares of its size."""
    box = page.locator(".layout-grid-item").nth(view).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, stop)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=6)
    page.mouse.up()


def volume(page) -> float:
    """Volume that the page says, once it says the same twice."""
    said = []
    while len(said) < 3 or said[-1] != said[-2] or said[-2] != said[-3]:
        text = page.inner_text(".region-note")
        said.append(float(text.split(" ml")[0]) if " ml" in text else 0.0)
        page.wait_for_timeout(200)
    return said[-1]


def test_a_region_is_drawn_corrected_and_edited(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    one.open_scan(prepared[0])
    page.fill(".report textarea:not(.v-textarea__sizer)", REPORT)
    page.click(".finding >> nth=0")
    one.until(lambda: "Proposed for" in page.inner_text(".region-note"))
    page.click(".draw-region")
    one.until(lambda: "across" in page.inner_text(".region-note"))  # a proposal is drawn on
    page.click(".draw-clear")
    one.until(lambda: "Draw the region first" in page.inner_text(".cannot-run"))
    bare = one.settled(0)
    drag(page, (0.62, 0.45), (0.68, 0.5))
    one.until(lambda: volume(page))
    page.wait_for_selector(".draw-tools:not(.draw-open)")  # the stroke has ended
    painted = volume(page)
    assert painted > 0.3
    one.until(lambda: (np.abs(one.pixels(0) - bare).max(2) > 30).sum() > 200)
    page.keyboard.press("Control+z")
    one.until(lambda: "Nothing is drawn" in page.inner_text(".region-note"))
    page.keyboard.press("Control+y")
    one.until(lambda: volume(page) == painted)
    page.keyboard.press("e")
    drag(page, (0.62, 0.45), (0.63, 0.46))
    one.until(lambda: 0 < volume(page) < painted)
    page.wait_for_selector(".draw-tools:not(.draw-open)")
    page.keyboard.press("Control+z")
    one.until(lambda: volume(page) == painted)

    box = page.locator(".layout-grid-item >> nth=0").bounding_box()
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.48 * box["height"])
    for _ in range(3):
        place = page.inner_text(".strip-slice")
        page.keyboard.press("ArrowUp")
        one.until(lambda place=place: page.inner_text(".strip-slice") != place)
    page.keyboard.press("o")
    drag(page, (0.6, 0.42), (0.7, 0.53))
    one.until(lambda: volume(page) > painted)
    two = volume(page)
    page.click(".draw-fill")
    one.until(lambda: volume(page) > two)
    filled = volume(page)
    page.fill(".draw-mm input", "5")
    page.click(".draw-grow")
    one.until(lambda: volume(page) > filled)
    page.click(".run-button:not([disabled])")
    page.wait_for_selector(".run-shown")
    (folder,) = served.folders
    (mask,) = folder.glob("results/drawn*.seg.nrrd")
    drawn = sitk.GetArrayFromImage(sitk.ReadImage(str(mask))) > 0
    scan = sitk.ReadImage(str(prepared[0]))
    ml = drawn.sum() * np.prod(scan.GetSpacing()) / 1000
    assert ml == pytest.approx(volume(page), abs=0.02), "what was shown is what is edited"
    slices = np.flatnonzero(drawn.any((1, 2)))
    assert len(slices) >= 4 and (np.diff(slices) == 1).all()
    assert one.problems == []
