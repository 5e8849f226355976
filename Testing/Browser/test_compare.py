"""Hypotheses side by side in a real Chromium: chosen, refused, shown in linked views, ranked, and
gone again."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from .conftest import REPORT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trame_slicer") is None,
    reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
)


def test_three_hypotheses(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    page.click(".tab-compare")
    one.until(lambda: "Open a scan first" in page.inner_text(".compare-why"))
    page.click(".tab-edit")
    one.open_scan(prepared[0])
    page.fill(".report textarea:not(.v-textarea__sizer)", REPORT)
    page.wait_for_selector(".finding")
    page.click(".tab-compare")
    page.click(".compare-chips .v-chip >> nth=0")
    one.until(lambda: "2 to 6" in page.inner_text(".compare-why"))
    page.fill(".compare-words input", "a, b, c, d, e, f")
    one.until(lambda: "too many" in page.inner_text(".compare-why"))
    page.fill(".compare-words input", "emphysema, clear lung")
    page.click(".compare-button:not([disabled])")
    page.wait_for_selector(".hypothesis-row")
    assert page.locator(
        ".hypothesis-row"
    ).count() == 3 and "+5 HU [+3 HU, +7 HU]" in page.inner_text(".hypothesis-row >> nth=1")
    assert "fits these voxels best" in page.inner_text(".compare-sentence")
    one.until(lambda: page.locator(".layout-grid-item").count() == 4)
    titles = one.until(
        lambda: [t for t in page.locator(".corner-title").all_inner_texts() if "synthetic" in t]
    )
    assert [title.partition(" ·")[0] for title in titles] == [
        "1. nodule",
        "2. emphysema",
        "3. no finding (clear lung)",
    ]

    before = [one.settled(view) for view in range(4)]
    assert (np.abs(before[1] - before[2]).max(2) > 20).sum() > 50, "two hypotheses look different"
    box = page.locator(".layout-grid-item >> nth=0").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -120)
    one.until(lambda: all((one.pixels(view) != before[view]).mean() > 0.01 for view in range(4)))
    page.click(".layer-difference")
    one.until(lambda: (np.abs(one.pixels(1) - before[1]).max(2) > 20).mean() > 0.2)

    for left in (2, 1, 0):
        page.click("[aria-label='Remove this run'] >> nth=0")
        one.until(lambda left=left: page.locator(".run-row").count() == left)
    one.until(lambda: not page.locator(".hypothesis-row").count())
    assert one.problems == []
