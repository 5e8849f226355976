"""The viewer measured in Chromium:  python Testing/Benchmarks/browser.py [SLICES]

Prints JSON: seconds to the page and to the first view of a made-up 512 x 512 x SLICES scan (300),
slices a second while scrolling it in three planes at
1440 x 900, memory of the viewer and the worker (resident, MB).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import SimpleITK as sitk
from playwright.sync_api import sync_playwright

from Testing.Browser.conftest import CHROMIUM, FLAGS, Served, Tab

SCROLL_S = 15


def made_up_scan(path: Path, slices: int) -> None:
    """A noisy cylinder in air, whole HU."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:512, :512]
    body = ((y - 256) ** 2 + (x - 256) ** 2 < 230**2) * 1040 - 1000
    array = np.stack(
        [
            (
                body
                + rng.integers(-40, 40, body.shape)
                + 300 * ((y - 256) ** 2 + (x - 200 - k % 100) ** 2 < 900)
            ).astype(np.int16)
            for k in range(slices)
        ]
    )
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.7, 0.7, 1.0))
    sitk.WriteImage(image, str(path), True)


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


def main() -> None:
    slices = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    figures: dict[str, float] = {"slices": slices}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        scan = Path(folder) / "scan.nrrd"
        made_up_scan(scan, slices)
        start = time.monotonic()
        served = Served()
        figures["server_s"] = round(time.monotonic() - start, 1)
        try:
            browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
            start = time.monotonic()
            tab = Tab(browser, served)
            figures["page_s"] = round(time.monotonic() - start, 1)
            tab.page.wait_for_function("() => window.trame?.state?.state?.worker === 'ready'")
            tab.page.wait_for_timeout(8000)  # the views are being made
            start = time.monotonic()
            tab.open_scan(scan)
            tab.page.wait_for_selector(".layout-grid-item img")
            tab.until(lambda: tab.pixels(0).std() > 3)
            figures["first_view_s"] = round(time.monotonic() - start, 1)
            tab.settled(0)
            tab.page.evaluate("""() => {
                window.pictures = 0;
                const image = document.querySelector('.layout-grid-item img');
                const watched = {attributes: true, attributeFilter: ['src']};
                new MutationObserver(() => window.pictures++).observe(image, watched); }""")
            box = tab.page.locator(".layout-grid-item >> nth=0").bounding_box()
            tab.page.mouse.move(box["x"] + 200, box["y"] + 200)
            start, before = time.monotonic(), frames(tab)
            while time.monotonic() - start < SCROLL_S:
                tab.page.mouse.wheel(0, -120)
                tab.page.wait_for_timeout(20)
            figures["frames_per_s"] = round((frames(tab) - before) / (time.monotonic() - start), 1)
            figures["viewer_mb"] = resident_mb(served.process.pid)
            figures["worker_mb"] = max(resident_mb(child) for child in served.children())
            browser.close()
        finally:
            served.stop()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
