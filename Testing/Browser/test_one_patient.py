"""Another scan in a real Chromium: nothing of the patient before is left; a lost server keeps what
was typed; files are dropped; keys."""

from __future__ import annotations

import importlib.util
import os
import signal

import pytest

from .conftest import REPORT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trame_slicer") is None,
    reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
)
TEXT = ".report textarea:not(.v-textarea__sizer)"


def test_another_scan_closes_the_one_before(serve, tab, prepared, tmp_path):
    other = tmp_path / "second patient" / "ct.nrrd"
    other.parent.mkdir()
    other.write_bytes(prepared[0].read_bytes())
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    one.open_scan(prepared[0])
    page.fill(TEXT, REPORT)
    page.click(".run-button:not([disabled])")
    page.wait_for_selector(".run-shown")
    said = page.inner_text(".explanation >> nth=0")
    assert said.startswith("This is the scan without the nodule") and "passed" in said
    page.keyboard.press("?")
    page.wait_for_selector(".help >> visible=true")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.wait_for_selector(".preset-mediastinum.v-btn--active")
    page.fill(".scan-path input", str(other))
    page.press(".scan-path input", "Enter")
    one.until(lambda: "second patient" in page.inner_text(".scan-name"))
    one.until(lambda: page.locator(".run-row").count() == 0)
    assert page.input_value(TEXT) == "" and page.locator(".finding").count() == 0
    assert page.locator(".run-button").is_disabled() and page.locator(".save").is_hidden()
    page.click(".tab-teach")
    page.click(".tab-review")
    page.click(".tab-edit")
    one.until(lambda: "Axial" in page.inner_text(".stage"))
    assert "Counterfactual" not in page.inner_text(".stage") and one.problems == []


def test_whoever_types_is_not_disturbed_by_new_views(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    field = page.query_selector(TEXT)
    page.fill(".scan-path input", str(prepared[0]))
    page.press(".scan-path input", "Enter")
    page.focus(TEXT)
    for word in REPORT.split(" "):
        page.keyboard.type(word + " ")
        page.wait_for_timeout(150)
    page.wait_for_selector(".finding")
    assert page.input_value(TEXT).strip() == REPORT
    page.keyboard.press("Control+End")
    page.evaluate("document.querySelector('.run-button').click()")
    page.wait_for_selector(".run-shown")
    page.keyboard.type("No fracture.")
    assert page.input_value(TEXT).endswith("No fracture.")
    assert field.is_visible(), "the page was made anew"
    assert one.problems == []


def test_a_lost_server_keeps_what_was_typed(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    page.fill(TEXT, REPORT)
    page.wait_for_function("() => (sessionStorage.getItem('dgmvlc-typed') || '').includes('26 mm')")
    os.kill(served.process.pid, signal.SIGKILL)
    page.wait_for_selector("#lost-server")
    serve("--fake", str(prepared[1]), port=served.port)
    page.wait_for_selector("#lost-server", state="detached")
    one.until(lambda: page.input_value(TEXT) == REPORT)
    one.until(lambda: page.locator(".finding").count() == 2)


def test_a_dropped_file_is_opened_and_the_page_stays(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    page.evaluate(
        """async (bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "dropped.nrrd"));
          document.querySelector(".stage").dispatchEvent(
            new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(prepared[0].read_bytes()),
    )
    one.until(lambda: "dropped.nrrd" in page.inner_text(".scan-name"))
    assert page.url.startswith("http") and one.problems == []


def test_opening_can_be_stopped_and_the_page_goes_on(serve, tab, prepared, tmp_path):
    """A pipe that nobody writes into stands for a slow disk."""
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    one.open_scan(prepared[0])
    name = page.inner_text(".scan-name")
    slow = tmp_path / "slow"
    slow.mkdir()
    for number in range(400):
        (slow / f"{number}.txt").write_bytes(b"x" * 1000)
    page.evaluate("() => window.trame.trigger('stop_opening')")  # nothing to stop: nothing happens
    page.fill(".scan-path input", str(slow))
    page.press(".scan-path input", "Enter")
    page.click(".stop-opening")
    one.until(lambda: "stopped" in one.message())
    assert page.inner_text(".scan-name") == name


def test_the_same_preset_takes_a_dragged_window_back(serve, tab, prepared):
    one = tab(serve("--fake", str(prepared[1])))
    page = one.page
    one.open_scan(prepared[0])
    before = one.settled(0)
    box = page.locator(".layout-grid-item").nth(0).bounding_box()
    page.keyboard.press("v")
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 300, steps=8)
    page.mouse.up()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    one.until(lambda: abs(one.settled(0).mean() - before.mean()) > 3)
    page.keyboard.press("1")
    one.until(lambda: abs(one.settled(0).mean() - before.mean()) < 1)


def test_the_text_of_one_scan_is_not_given_to_another(serve, tab, prepared, tmp_path):
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    one.open_scan(prepared[0])
    page.fill(TEXT, REPORT)
    page.wait_for_function("() => (sessionStorage.getItem('dgmvlc-typed') || '').includes('26 mm')")
    os.kill(served.process.pid, signal.SIGKILL)
    page.wait_for_selector("#lost-server")
    serve("--fake", str(prepared[1]), port=served.port)
    page.wait_for_selector("#lost-server", state="detached")
    other = tmp_path / "other.nrrd"
    other.write_bytes(prepared[0].read_bytes())
    one.open_scan(other)
    page.wait_for_timeout(6000)  # longer than the page takes to give it back
    assert page.input_value(TEXT) == ""
    page.fill(".scan-path input", str(prepared[0]))
    page.press(".scan-path input", "Enter")
    one.until(lambda: page.input_value(TEXT) == REPORT)
