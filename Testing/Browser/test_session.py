"""A whole session in a real Chromium: open, read, run, compare, save; and what careless or hostile
users do."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from .conftest import REPORT

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("trame_slicer") is None,
        reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked at through /proc"),
]


def run(tab, prepared) -> None:
    """Open the small scan, paste the report, press Run, and wait for the columns."""
    tab.open_scan(prepared[0])
    tab.page.fill(".report textarea:not(.v-textarea__sizer)", REPORT)
    tab.page.click(".finding >> nth=0")
    tab.page.click(".run-button:not([disabled])")
    tab.page.wait_for_selector(".run-shown")
    tab.until(lambda: tab.page.locator(".layout-grid-item").count() == 3)


def mapped(process: int) -> str:
    return Path(f"/proc/{process}/maps").read_text(encoding="utf-8")


def test_a_whole_session(serve, tab, prepared, tmp_path):
    served = serve("--fake", str(prepared[1]))
    first = tab(served)
    page = first.page
    assert "Research use only; not a medical device" in page.inner_text(
        ".notice"
    ) and "Open a scan first" in page.inner_text(".cannot-run")
    run(first, prepared)
    assert (
        page.locator(".finding").count() == 2
        and "26 mm" in page.inner_text(".finding >> nth=0")
        and "absent" in page.inner_text(".finding >> nth=1")
    )
    first.until(lambda: "voxel outside it differs" in page.inner_text(".words"))
    first.until(lambda: page.locator(".gate-ok").count() == 1)

    before = [first.settled(view) for view in range(3)]  # every column shows something
    box = page.locator(".layout-grid-item >> nth=0").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    first.until(lambda: "HU" in page.inner_text(".readout"))
    place = page.inner_text(".strip-slice")
    page.mouse.wheel(0, -120)
    first.until(lambda: page.inner_text(".strip-slice") != place)
    # a wheel over the original moves the counterfactual, too
    first.until(lambda: all((first.pixels(v) != before[v]).mean() > 0.01 for v in range(2)))
    page.keyboard.press("Home")
    first.until(lambda: page.inner_text(".strip-slice") == "Slice 1 / 12")
    page.keyboard.press("PageUp")
    first.until(lambda: page.inner_text(".strip-slice") == "Slice 11 / 12")
    page.keyboard.press("PageDown")
    for step in range(2, 7):
        page.keyboard.press("ArrowUp")
        first.until(lambda step=step: page.inner_text(".strip-slice") == f"Slice {step} / 12")

    shown = [first.settled(view) for view in range(2)]
    page.click(".switch-attention input")
    first.until(lambda: (np.abs(first.pixels(0) - shown[0]).max(2) > 20).sum() > 50)
    page.click(".switch-uncertainty input")
    first.until(lambda: (np.abs(first.pixels(1) - shown[1]).max(2) > 20).sum() > 50)
    page.click(".preset-mediastinum")
    first.until(lambda: (np.abs(first.pixels(1) - shown[1]).max(2) > 20).mean() > 0.05)

    with page.expect_download() as download:
        page.click(".save")
    download.value.save_as(tmp_path / "scene.mrb")
    assert download.value.suggested_filename == "scän 1 DGM-VLC.mrb"
    reopened(tmp_path / "scene.mrb")

    second = tab(served)
    second.page.wait_for_selector(".run-shown")
    second.page.click("text=+ coronal")
    second.until(lambda: second.page.locator(".layout-grid-item").count() == 6)
    first.until(lambda: page.locator(".layout-grid-item").count() == 6)
    for one in (second, first):
        one.settled(0)  # both tabs show the session
    second.context.close()
    page.click("[aria-label='Remove this run']")
    first.until(
        lambda: (
            page.locator(".below").is_hidden() and page.locator(".layout-grid-item").count() == 3
        )
    )

    outside = [
        url
        for url in first.requests + second.requests
        if not url.startswith((served.base, served.base.replace("http", "ws"), "data:", "blob:"))
    ]
    assert outside == [] and first.problems == [] and second.problems == []
    assert "torch" not in mapped(served.process.pid), "the server never loads torch"
    folders = served.folders
    assert served.stop() == 0 and folders and not any(folder.exists() for folder in folders)
    assert served.log == [], served.log


def reopened(path: Path) -> None:
    """The saved scene in a fresh MRML scene: the volumes are back, with the page's window and
    switches."""
    import subprocess

    code = (
        "import sys, slicer; from SlicerDGMVLCLib.headless import startApplication; app = "
        "startApplication();"
        "app.scene.ReadFromMRB(sys.argv[1], True, slicer.vtkMRMLMessageCollection());"
        "kind = 'vtkMRMLScalarVolumeNode'; volumes = [app.scene.GetNthNodeByClass(i, kind) for i "
        "in range(app.scene.GetNumberOfNodesByClass(kind))];"
        "change = next(v for v in volumes if v.GetName().startswith('Difference'));"
        "original = next(v for v in volumes if v.GetName().startswith('Original'));"
        "segments = app.scene.GetFirstNodeByName('Attention');"
        "print(change.GetImageData().GetScalarRange(), original.GetDisplayNode().GetWindow(), "
        "segments.GetDisplayNode().GetVisibility())"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env={"PYTHONPATH": str(root / "SlicerDGMVLC"), "PATH": ""},
    )
    assert done.stdout.strip() == "(-300.0, 0.0) 400.0 0", done.stdout + done.stderr[-1500:]


def status(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> int:
    try:
        return urllib.request.urlopen(
            urllib.request.Request(url, body, headers, method=method), timeout=30
        ).status
    except urllib.error.HTTPError as error:
        return error.code


def test_nobody_without_the_token_gets_anything(serve, prepared):
    served = serve("--fake", str(prepared[1]))
    assert status(f"{served.base}/?token={served.token}") == 200
    for path in (
        "/",
        "/index.html",
        "/ws",
        "/dgmvlc/viewer.js",
        "/assets/",
        "/scene/scene-1.mrb",
        "/?token=wrong",
        "/index.html?token=",
    ):
        assert status(served.base + path) == 403, path
    assert status(f"{served.base}/upload?batch=abcdefgh1&name=a.nrrd", "POST", b"x") == 403
    cookie = {"Cookie": f"dgmvlc-{served.port}={served.token}"}
    assert status(f"{served.base}/index.html", **cookie) == 200
    assert status(f"{served.base}/index.html", **cookie, Host="evil.example") == 403
    assert (
        status(
            f"{served.base}/upload?batch=abcdefgh1&name=a.nrrd",
            "POST",
            b"x",
            **cookie,
            Origin="http://evil.example",
        )
        == 403
    )
    assert (
        status(f"{served.base}/upload?batch=../../etc&name=a.nrrd", "POST", b"x", **cookie) == 400
    )
    assert (
        status(
            f"{served.base}/upload?batch=abcdefgh1&name=../../../escaped.nrrd",
            "POST",
            b"x",
            **cookie,
        )
        == 200
    )
    stored = [path for folder in served.folders for path in folder.rglob("*escaped*")]
    assert [path.parent.name for path in stored] == ["abcdefgh1"], (
        "an upload stays in its own folder, whatever its name says"
    )
    listening = Path(f"/proc/{served.process.pid}/net/tcp").read_text(encoding="utf-8")
    assert (
        f"0100007F:{served.port:04X}" in listening
        and f"00000000:{served.port:04X}" not in listening
    )


def test_wrong_files_cost_a_sentence(serve, tab, prepared, tmp_path):
    text, four = tmp_path / "text.nrrd", tmp_path / "four.nrrd"
    text.write_text("no image", encoding="utf-8")
    sitk.WriteImage(
        sitk.GetImageFromArray(np.zeros((2, 3, 4, 5), np.int16), isVector=False), str(four)
    )
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    for path, said in (
        (text, "text.nrrd"),
        (four, "dimensions"),
        (tmp_path / "none", "does not exist"),
        (tmp_path, "no DICOM images"),
    ):
        one.page.fill(".scan-path input", str(path))
        one.page.press(".scan-path input", "Enter")
        assert said in one.message()
        one.close_message()
    one.page.set_input_files("#upload-files", str(text))
    assert "text.nrrd" in one.message()
    one.close_message()
    one.page.set_input_files("#upload-files", str(prepared[0]))
    one.page.wait_for_function(
        "() => document.querySelector('.chosen-name')?.innerText.startsWith('sc')"
    )
    one.page.fill(
        ".report textarea:not(.v-textarea__sizer)", "Rundherd von 12 mm im linken Oberlappen."
    )
    one.until(lambda: "English" in one.page.inner_text(".report-note"))
    one.page.fill(".report textarea:not(.v-textarea__sizer)", "")
    one.until(lambda: one.page.locator(".report-note").is_hidden())
    assert one.page.locator(".run-button").is_disabled() and one.problems == []


def start_run(one, scan):
    """Open a scan, say what its report says, press Run."""
    one.open_scan(scan)
    one.page.fill(".report textarea:not(.v-textarea__sizer)", REPORT)
    one.page.click(".run-button:not([disabled])")


def test_cancel_a_closed_tab_and_a_second_press(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]), "--slow", "12")
    one = tab(served)
    start_run(one, prepared[0])
    one.page.wait_for_selector("text=Cancel")
    one.page.wait_for_selector(".stage-text >> text=Editing")
    one.page.click(".run-button")
    assert "Cancelled; nothing was written" in one.message()
    one.close_message()
    one.page.click(".run-button:not([disabled])")
    one.page.wait_for_selector(".stage-text >> text=Editing")
    one.context.close()
    again = tab(served)
    again.page.wait_for_selector(".run-shown")
    assert again.page.locator(".run-row").count() == 1, "the run went on without its tab, once"


def test_a_scene_is_saved_beside_the_page_and_can_be_stopped(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]))
    one = tab(served)
    page = one.page
    run(one, prepared)
    one.settled(0)
    page.click(".save")
    page.wait_for_selector(".stop-saving")
    page.keyboard.press("Home")
    one.until(lambda: page.inner_text(".strip-slice") == "Slice 1 / 12")
    assert page.is_visible(".stop-saving"), "the page is heard while the scene is written"
    page.click(".stop-saving")
    assert "Saving was stopped" in one.message()
    one.close_message()
    page.wait_for_selector(".save")
    assert not [file for folder in served.folders for file in folder.rglob("*.mrb")]
    with page.expect_download() as download:
        page.click(".save")
    assert download.value.path().stat().st_size > 1000


def test_a_killed_worker_costs_a_sentence_and_the_page_goes_on(serve, tab, prepared):
    served = serve("--fake", str(prepared[1]), "--slow", "4")
    one = tab(served)
    start_run(one, prepared[0])
    one.page.wait_for_selector(".stage-text >> text=Editing")
    (worker,) = served.children()
    os.kill(worker, signal.SIGKILL)
    said = one.message()
    assert re.search("memory|crashed|stopped", said) and "Run" in said
    one.close_message()
    one.page.click(".run-button:not([disabled])")
    one.page.wait_for_selector(".run-shown")
    (worker,) = served.children()
    os.kill(served.process.pid, signal.SIGKILL)
    one.until(
        lambda: (
            not Path(f"/proc/{worker}").exists()
            or Path(f"/proc/{worker}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
            == "Z"
        ),
        30,
    )
