"""Regenerates the tutorial's pictures from the sample, with the real worker:  python
Testing/Browser/make_screenshots.py [edit] [compare] [review] [teach]

Writes Resources/screenshots/viewer-*.jpg, each below 90 kB; all parts when none is named.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import sync_playwright

from DGMVLCCore.ground.resources import resource
from Testing.Browser.conftest import CHROMIUM, FLAGS, ROOT, Served, Tab

OUT = ROOT / "Resources" / "screenshots"
LARGEST = 90_000
HALF_AN_HOUR_MS = 1_800_000
SILENT = "The heart is of normal size. No pleural effusion."


def shoot(tab: Tab, name: str) -> None:
    """One picture of the page, as good as fits the size."""
    tab.settled(0)
    for quality in (85, 75, 60, 45, 35):
        tab.page.screenshot(path=OUT / f"viewer-{name}.jpg", type="jpeg", quality=quality)
        if (OUT / f"viewer-{name}.jpg").stat().st_size < LARGEST:
            break
    print(
        f"viewer-{name}.jpg", (OUT / f"viewer-{name}.jpg").stat().st_size // 1000, "kB", flush=True
    )


def columns(tab: Tab, count: int) -> None:
    """Wait until so many views are on the page."""
    tab.until(
        lambda: tab.page.locator(".layout-grid-item").count() == count, HALF_AN_HOUR_MS / 1000
    )


def change(tab: Tab, overlay: str, view: int) -> None:
    """Turn an overlay's switch and wait until its view shows it."""
    before = tab.settled(view)
    tab.page.click(f".switch-{overlay} input")
    tab.until(lambda: (abs(tab.pixels(view) - before).max(2) > 20).sum() > 50)


def sample(tab: Tab) -> None:
    """The sample with its report."""
    tab.page.click(".sample-large")
    tab.page.wait_for_selector(".finding")
    columns(tab, 3)


def edit(tab: Tab) -> None:
    """The nodule taken away: scan, preview, result, overlays."""
    sample(tab)
    shoot(tab, "scan")
    tab.page.click(".run-button:not([disabled])")
    tab.page.wait_for_selector("text=Preview of slice")
    shoot(tab, "preview")
    tab.page.wait_for_selector(".run-shown")
    columns(tab, 3)
    tab.settled(0)
    box = tab.page.locator(".layout-grid-item >> nth=0").bounding_box()
    tab.page.mouse.move(box["x"] + 0.61 * box["width"], box["y"] + 0.62 * box["height"])
    tab.until(lambda: "HU" in tab.page.inner_text(".readout"))
    shoot(tab, "compare")
    for overlay, view in (("attention", 0), ("heat", 0), ("uncertainty", 1)):
        change(tab, overlay, view)
    shoot(tab, "overlays")


def compare(tab: Tab) -> None:
    """Three hypotheses for the sample's nodule, side by side."""
    sample(tab)
    tab.page.click(".quality .v-field")
    tab.page.click(".v-list-item:has-text('Quick look')")
    tab.page.click(".tab-compare")
    for name in ("nodule", "ground-glass opacity", "no finding (clear lung)"):
        tab.page.get_by_text(name, exact=True).locator("visible=true").last.click()
    tab.page.click(".compare-button:not([disabled])")
    tab.page.wait_for_selector(".hypothesis-row")
    columns(tab, 4)
    shoot(tab, "hypotheses")


def review(tab: Tab) -> None:
    """The sample beside a report that does not mention its nodule, and beside its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "studies"
        for name, report in (
            ("a-silent-report", SILENT),
            ("b-own-report", (resource("sample") / "report.txt").read_text(encoding="utf-8")),
        ):
            (root / name).mkdir(parents=True)
            (root / name / "ct.nrrd").write_bytes((resource("sample") / "ct.nrrd").read_bytes())
            (root / name / "report.txt").write_text(report, encoding="utf-8")
        tab.page.click(".tab-review")
        tab.page.fill(".review-folder input", str(root))
        tab.page.press(".review-folder input", "Enter")
        tab.page.click(".review-row:has-text('a-silent')")
        tab.page.wait_for_selector(".review-region.review-chosen")
        columns(tab, 3)
        tab.until(
            lambda: "not looked at yet" not in tab.page.inner_text(".review-list >> nth=0"),
            HALF_AN_HOUR_MS / 1000,
        )
        for field, words in (
            ("folder", "studies"),
            ("session", "studies-review"),
        ):  # not this machine's path
            tab.page.fill(f".review-{field} input", words)
        tab.page.locator(".review-region >> nth=0").scroll_into_view_if_needed()
        shoot(tab, "review")


def teach(tab: Tab) -> None:
    """One case, marked and named, before and after the answer."""
    tab.page.click(".tab-teach")
    tab.page.fill(".teach-query input", "an obvious large consolidation")
    tab.page.fill(".teach-number input", "1")
    tab.page.click(".teach-start:not([disabled])")
    tab.page.wait_for_selector("text=Case 1 of 1")
    columns(tab, 3)
    box = tab.page.locator(".layout-grid-item >> nth=0").bounding_box()
    tab.page.mouse.click(box["x"] + 0.36 * box["width"], box["y"] + 0.5 * box["height"])
    tab.until(lambda: "Marked:" in tab.page.inner_text(".teach-mark >> visible=true"))
    tab.page.click(".teach-named")
    tab.page.click(".v-list-item >> text=/^consolidation$/")
    shoot(tab, "teach")
    tab.page.click(".teach-reveal:not([disabled])")
    tab.page.wait_for_selector(".teach-words >> visible=true")
    columns(tab, 3)
    shoot(tab, "teach-answer")


PARTS = {"edit": edit, "compare": compare, "review": review, "teach": teach}


def main(names: list[str]) -> None:
    """Each part in a viewer of its own, so that none depends on another."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        for name in names or PARTS:
            served = Served()
            try:
                tab = Tab(browser, served)
                tab.page.set_default_timeout(HALF_AN_HOUR_MS)
                PARTS[name](tab)
            finally:
                served.stop()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
