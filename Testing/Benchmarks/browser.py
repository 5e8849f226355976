"""The viewer measured in Chromium, with its worker: python Testing/Benchmarks/browser.py [SLICES]

Prints JSON for a made-up 512 x 512 x SLICES chest with a nodule (150), each figure beside what it
must reach: seconds from opening to the first picture and to the lungs and features being ready in
the background; from Run to the preview and to the result of a region of ten slices on that warm
case, once what is computed ahead is there, and (early) when Run is pressed three seconds after the
region was given; slices a second while scrolling in three planes at 1440 x 900; resident memory of
viewer and worker together at rest after the result, MB. The load of the machine (1 minute) stands
with them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from playwright.sync_api import sync_playwright

from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.results.segmentation import Segment, save_segmentation
from Testing.Browser.conftest import CHROMIUM, FLAGS, Served, Tab
from Testing.conftest import chest

SCROLL_S = 15
READING_S, EARLY_S = 25.0, 3.0  # from the region to Run: what is computed ahead takes 10 s
AT_REST_S = 5.0
TURN = 60  # notches of the wheel one way, then back: at the stack's end no picture changes

MUST = {
    "first_picture_s": ("at most", 4.0),
    "anatomy_s": ("at most", 10.0),
    "preview_s": ("at most", 1.0),
    "result_s": ("at most", 12.0),
    "frames_per_s": ("at least", 15.0),
    "memory_mb": ("at most", 1536.0),
}
REPORT = "There is a 26 mm nodule in the left lung."


def made_up_scan(folder: Path, slices: int) -> tuple[Path, Path]:
    """A chest with a nodule, whole HU, and the ten slices of the nodule as a region."""
    volume = chest((slices, 512, 512), (2.0, 0.7, 0.7), nodule=True)
    clear = chest((slices, 512, 512), (2.0, 0.7, 0.7))
    nodule = volume.array - clear.array > 300
    middle = int(np.argmax(nodule.sum((1, 2))))
    nodule[: middle - 5] = nodule[middle + 5 :] = False
    save_volume(volume, folder / "scan.nrrd")
    save_segmentation([Segment(nodule, "nodule", (1, 0, 0))], volume, folder / "region.seg.nrrd")
    return folder / "scan.nrrd", folder / "region.seg.nrrd"


def resident_mb(process: int) -> float:
    line = next(
        line
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
        if line.startswith("VmRSS")
    )
    return round(int(line.split()[1]) / 1024, 1)


def frames(tab: Tab) -> int:
    """How many pictures the axial view has received."""
    return tab.page.evaluate("window.pictures")


def opened(tab: Tab, scan: Path) -> dict[str, float]:
    """Seconds from opening the scan to its picture, and to what is prepared of it."""
    start = time.monotonic()
    tab.open_scan(scan)
    tab.page.wait_for_selector(".layout-grid-item img")
    tab.until(lambda: tab.pixels(0).std() > 3)
    picture = time.monotonic() - start
    tab.page.wait_for_function("() => window.trame.state.state.prepared === 'ready'")
    return {"first_picture_s": picture, "anatomy_s": time.monotonic() - start - picture}


def edited(tab: Tab, region: Path, wait_s: float) -> tuple[float, float]:
    """Seconds from Run to preview and result of a region from a file that was given `wait_s`
    before."""
    page = tab.page
    page.fill(".report textarea:not(.v-textarea__sizer)", REPORT)
    page.click("text=From a file")
    page.fill(".region-path input", str(region))
    page.press(".region-path input", "Enter")
    page.wait_for_selector(".run-button:not([disabled])")
    page.wait_for_timeout(1000 * wait_s)
    start = time.monotonic()
    page.click(".run-button:not([disabled])")
    page.wait_for_function("() => window.trame.state.state.layout === 'pair'")
    preview = time.monotonic() - start
    page.wait_for_selector(".run-shown")
    return preview, time.monotonic() - start


def scrolled(tab: Tab) -> float:
    """Pictures a second that the axial view gets while the wheel turns."""
    tab.page.evaluate("""() => {
        window.pictures = 0;
        const image = document.querySelector('.layout-grid-item img');
        const watched = {attributes: true, attributeFilter: ['src']};
        new MutationObserver(() => window.pictures++).observe(image, watched); }""")
    box = tab.page.locator(".layout-grid-item >> nth=0").bounding_box()
    tab.page.mouse.move(box["x"] + 200, box["y"] + 200)
    start, before, notches = time.monotonic(), frames(tab), 0
    while time.monotonic() - start < SCROLL_S:
        tab.page.mouse.wheel(0, -120 if notches // TURN % 2 else 120)
        tab.page.wait_for_timeout(20)
        notches += 1
    return (frames(tab) - before) / (time.monotonic() - start)


def measured(slices: int, folder: Path, browser: Any) -> dict[str, float]:
    """All figures, of two sessions: one that is given time, and one that is not."""
    scan, region = made_up_scan(folder, slices)
    figures: dict[str, float] = {}
    for wait_s in (READING_S, EARLY_S):
        served = Served(state=str(folder / f"state-{wait_s:g}"))
        try:
            tab = Tab(browser, served)
            tab.page.wait_for_function("() => window.trame?.state?.state?.worker === 'ready'")
            tab.page.wait_for_timeout(8000)  # the views are being made
            beginning = opened(tab, scan)
            tab.settled(0)
            if figures:
                early = edited(tab, region, wait_s)
                figures |= dict(zip(("early_preview_s", "early_result_s"), early))
                continue
            figures |= beginning
            figures["frames_per_s"] = scrolled(tab)
            figures |= dict(zip(("preview_s", "result_s"), edited(tab, region, wait_s)))
            time.sleep(AT_REST_S)
            parts = [served.process.pid, *served.children()]
            figures["memory_mb"] = sum(resident_mb(part) for part in parts)
        finally:
            served.stop()
    return figures


def main() -> None:
    slices = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        figures = measured(slices, Path(folder), browser)
        browser.close()
    rows = {
        name: {
            "measured": round(figures[name], 2),
            "must": f"{word} {limit:g}",
            "met": figures[name] <= limit if word == "at most" else figures[name] >= limit,
        }
        for name, (word, limit) in MUST.items()
    }
    early = {name: round(figures[name], 2) for name in ("early_preview_s", "early_result_s")}
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"slices": slices, "load": load, **rows, **early}, indent=1))


if __name__ == "__main__":
    main()
