"""Regenerates the tutorial's pictures from the sample, with the real worker:  python Testing/Browser/make_screenshots.py

Writes Resources/screenshots/viewer-*.jpg, each below 300 kB.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import sync_playwright

from Testing.Browser.conftest import CHROMIUM, FLAGS, ROOT, Served, Tab

OUT = ROOT / "Resources" / "screenshots"
LARGEST = 300_000
HALF_AN_HOUR_MS = 1_800_000


def shoot(tab: Tab, name: str) -> None:
    """One picture of the page, as good as fits the size."""
    tab.settled(0)
    for quality in (85, 75, 60, 45):
        tab.page.screenshot(path=OUT / f"viewer-{name}.jpg", type="jpeg", quality=quality)
        if (OUT / f"viewer-{name}.jpg").stat().st_size < LARGEST:
            break
    print(f"viewer-{name}.jpg", (OUT / f"viewer-{name}.jpg").stat().st_size // 1000, "kB")


def change(tab: Tab, overlay: str, view: int) -> None:
    """Turn an overlay's switch and wait until its view shows it."""
    before = tab.settled(view)
    tab.page.click(f".switch-{overlay} input")
    tab.until(lambda: (abs(tab.pixels(view) - before).max(2) > 20).sum() > 50)


def compare(tab: Tab) -> None:
    """Three hypotheses for the sample's nodule, side by side."""
    tab.page.click(".quality .v-field")
    tab.page.click(".v-list-item:has-text('Quick look')")
    tab.page.click(".tab-compare")
    for name in ("nodule", "ground-glass opacity", "no finding (clear lung)"):
        tab.page.get_by_text(name, exact=True).locator("visible=true").last.click()
    tab.page.click(".compare-button:not([disabled])")
    tab.page.wait_for_selector(".hypothesis-row")
    tab.until(lambda: tab.page.locator(".layout-grid-item").count() == 4)
    shoot(tab, "hypotheses")


def main() -> None:
    served = Served()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
            tab = Tab(browser, served)
            tab.page.set_default_timeout(HALF_AN_HOUR_MS)
            tab.page.click(".sample-large")
            tab.page.wait_for_selector(".finding")
            tab.until(lambda: tab.page.locator(".layout-grid-item").count() == 3)
            shoot(tab, "scan")
            tab.page.click(".run-button:not([disabled])")
            tab.page.wait_for_selector("text=Preview of slice")
            shoot(tab, "preview")
            tab.page.wait_for_selector(".run-shown")
            tab.until(lambda: tab.page.locator(".layout-grid-item").count() == 3)
            tab.settled(0)
            box = tab.page.locator(".layout-grid-item >> nth=0").bounding_box()
            tab.page.mouse.move(box["x"] + 0.61 * box["width"], box["y"] + 0.62 * box["height"])
            tab.until(lambda: "HU" in tab.page.inner_text(".readout"))
            shoot(tab, "compare")
            change(tab, "attention", 0)
            change(tab, "heat", 0)
            change(tab, "uncertainty", 1)
            shoot(tab, "overlays")
            compare(tab)
            browser.close()
    finally:
        served.stop()


if __name__ == "__main__":
    main()
