"""What a region may not take, what a run is computed on, and a region held away: in a real
Chromium."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore.imaging.io import load_volume, save_volume

from .conftest import REPORT
from .test_draw import drag, volume

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("trame_slicer") is None,
        reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked at through /proc"),
]
TEXT = ".report textarea:not(.v-textarea__sizer)"


def test_no_tool_adds_what_is_locked(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    one.open_scan(prepared[0])
    page.fill(TEXT, REPORT)
    page.click(".finding >> nth=0")
    one.until(lambda: "Proposed for" in page.inner_text(".region-note"))
    page.click(".draw-region")
    one.until(lambda: "across" in page.inner_text(".region-note"))
    page.click(".draw-clear")
    one.until(lambda: "Draw the region first" in page.inner_text(".cannot-run"))

    def stroke() -> float:
        """The volume of one stroke from the left lung out through the chest wall, undone."""
        drag(page, (0.62, 0.48), (0.98, 0.48))
        painted = one.until(lambda: volume(page))
        page.wait_for_selector(".draw-tools:not(.draw-open)")
        page.keyboard.press("Control+z")
        one.until(lambda: "Nothing is drawn" in page.inner_text(".region-note"))
        return painted

    free = stroke()
    page.click(".lock-outside input:not([disabled])")
    assert 0 < stroke() < 0.8 * free, "the wall is not painted"
    page.click(".lock-outside input")
    assert stroke() == pytest.approx(free, rel=0.1)
    assert one.problems == []


def environment(process: int) -> dict[str, str]:
    """The variables a process was started with."""
    raw = Path(f"/proc/{process}/environ").read_bytes().decode("utf-8", "replace")
    return dict(line.split("=", 1) for line in raw.split("\0") if "=" in line)


def test_a_chosen_number_of_threads_is_what_the_worker_gets(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    one.open_scan(prepared[0])
    page.fill(TEXT, REPORT)
    page.click(".finding >> nth=0")
    one.until(lambda: "cpu · needs about" in page.inner_text(".preflight"))
    page.click(".more")
    page.click(".threads")
    page.click(".v-list-item >> text=/^1$/")
    one.until(lambda: "cpu, 1 thread · " in page.inner_text(".preflight"))
    one.until(
        lambda: any(environment(child).get("OMP_NUM_THREADS") == "1" for child in served.children())
    )
    assert one.problems == []


def test_a_run_that_does_not_fit_into_memory_is_refused_before_it_starts(serve, tab, prepared):
    one = tab(serve("--free-mb", "500", "--fake", str(prepared[1])))
    page = one.page
    page.fill(".scan-path input", str(prepared[0]))
    page.press(".scan-path input", "Enter")
    page.fill(TEXT, REPORT)  # pasted while the scan is still being read
    one.until(lambda: "more than is free" in page.inner_text(".cannot-run"))
    said = page.inner_text(".cannot-run")
    assert "needs about 0.7 GB of memory" in said and "close other programs" in said
    assert page.is_disabled(".run-button")
    assert one.problems == []


def test_what_is_typed_is_heard_while_an_answer_is_waited_for_in_vain(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    one.open_scan(prepared[0])
    page.evaluate("() => window.trame.client.beginBusy()")
    page.fill(TEXT, REPORT)
    page.wait_for_selector(".finding")
    assert one.problems == []


def test_x_held_shows_the_scan_without_the_flagged_region(
    serve, tab, prepared, tmp_path, make_chest, make_review
):
    root, folder = make_review(tmp_path, make_chest((12, 112, 128), (4.0, 2.5, 2.5), nodule=True))
    study = folder / "studies" / "case"
    scan = load_volume(root / "case.nrrd")
    outline = sitk.GetArrayFromImage(sitk.ReadImage(str(study / "region-1.seg.nrrd"))) > 0
    save_volume(
        scan.with_array(np.where(outline, scan.array - 900, scan.array)),
        study / "region-1-without.nrrd",
    )
    made = json.loads((study / "review.json").read_text(encoding="utf-8"))
    made["regions"][0] |= {"without": "region-1-without.nrrd", "denied": "No nodule."}
    (study / "review.json").write_text(json.dumps(made), encoding="utf-8")
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    page.click(".tab-review")
    page.fill(".review-folder input", str(root))
    page.press(".review-folder input", "Enter")
    page.click(".review-row:has-text('case')")
    page.wait_for_selector(".review-region.review-chosen")
    one.until(lambda: page.locator(".layout-grid-item").count() == 3)
    with_it = one.settled(0)
    page.keyboard.down("x")
    one.until(lambda: (np.abs(one.pixels(0) - with_it).max(2) > 40).sum() > 100)
    assert "synthetic, research use only" in page.inner_text(".stage")
    page.keyboard.up("x")
    one.until(lambda: (np.abs(one.pixels(0) - with_it).max(2) > 40).sum() < 20)
    assert "synthetic" not in page.inner_text(".stage")
    assert one.problems == []
