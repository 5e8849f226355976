"""Two sizes of window, keyboard only, names for a screen reader, contrast: in a real Chromium."""

from __future__ import annotations

import importlib.util

import pytest

from .conftest import REPORT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trame_slicer") is None,
    reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
)
TEXT = ".report textarea:not(.v-textarea__sizer)"
# text (not over a picture) whose colour is too near to what lies under it: [text, ratio]
FAINT = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, under) => {
    const a = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((i) => a * top[i] + (1 - a) * under[i]);
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement)
      layers.push(parse(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [13, 18, 22]);
  };
  const light = (rgb) => {
    const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const parts = rgb.map((v) => linear(v / 255));
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".grid, .v-overlay__scrim") || !element.checkVisibility()) continue;
    const own = [...element.childNodes].filter((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own.length) continue;
    let opacity = 1;
    for (let one = element; one; one = one.parentElement) opacity *= getComputedStyle(one).opacity;
    if (opacity < .05) continue;
    const under = ground(element);
    const color = parse(getComputedStyle(element).color);
    const text = over([...color.slice(0, 3), (color.length > 3 ? color[3] : 1) * opacity], under);
    const [a, b] = [light(text), light(under)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) found.push([own[0].textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return found;
}"""
# controls without a name, by their classes
NAMELESS = """() => [...document.querySelectorAll(
  "button, input:not([type=file]), textarea:not(.v-textarea__sizer), [role=slider]")]
  .filter((one) => one.checkVisibility() && !one.closest("[aria-hidden=true]"))
  .filter((one) => !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby")
    || one.title || one.innerText?.trim() || one.labels?.[0]?.innerText?.trim()
    || one.closest(".v-input, .v-slider")?.querySelector("label, [aria-label]")
    || one.closest("[aria-label]")))
  .map((one) => one.outerHTML.slice(0, 120))"""
# controls that stick out of the window, or under which something else lies
HIDDEN = """(names) => names.filter((name) => {
  const one = [...document.querySelectorAll(name)].find((e) => e.checkVisibility());
  if (!one) return true;
  const box = one.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight
    || !(one.contains(top) || top?.contains(one));
})"""
CONTROLS = [
    ".run-button",
    ".strip-slider",
    ".slab",
    ".pointer-ruler",
    ".pointer-area",
    ".preset-lung",
    ".preset-bone",
    ".fit",
    ".keep",
    ".tab-teach",
    ".layout-grid-item",
]


def looked_over(page) -> None:
    """Nothing on the page is without a name, too faint, or wider than the window."""
    assert page.evaluate(NAMELESS) == []
    page.wait_for_timeout(400)  # colours change slowly
    assert page.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_both_sizes_are_usable(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    looked_over(page)
    one.open_scan(prepared[0])
    page.fill(TEXT, REPORT)
    one.until(lambda: "Proposed for" in page.inner_text(".region-note"))
    page.click(".more")
    page.click(".draw-region")
    one.until(lambda: "ml" in page.inner_text(".region-note"))
    looked_over(page)
    page.click(".run-button:not([disabled])")
    page.wait_for_selector(".run-shown")
    looked_over(page)
    shown = [*CONTROLS, ".run-undo", ".save", ".explanation", ".to-change"]
    for width, height in ((1024, 768), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        assert page.evaluate(HIDDEN, shown) == []
        tall = page.locator(".layout-grid-item").nth(0).bounding_box()
        assert tall["height"] > height / 4 and tall["width"] > width / 8
    for name in ("compare", "review", "teach"):
        page.click(f".tab-{name}")
        looked_over(page)
    page.set_viewport_size({"width": 700, "height": 900})
    assert "needs a window of 800 pixels" in page.inner_text(".small-screen")
    assert one.problems == []


def test_a_run_with_the_keyboard_alone(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page

    def reach(name: str) -> None:
        """Tab until an element of this class, or within it, has the focus."""
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("(name) => !!document.activeElement.closest(name)", name):
                return
        raise AssertionError(f"{name} is not reached by the keyboard")

    reach(".scan-path")
    page.keyboard.insert_text(str(prepared[0]))
    page.keyboard.press("Enter")
    one.until(lambda: page.inner_text(".scan-name"))
    reach(".report")
    page.keyboard.insert_text(REPORT)
    one.until(lambda: page.locator(".run-button:not([disabled])").count() == 1)
    reach(".run-button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".run-shown")
    reach(".strip-slider")
    place = page.inner_text(".strip-slice")
    page.keyboard.press("ArrowUp")
    one.until(lambda: page.inner_text(".strip-slice") != place)
