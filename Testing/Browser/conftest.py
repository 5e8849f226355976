"""A viewer in a process of its own, and Debian's Chromium to look at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.editing.result import AttentionMap, CounterfactualResult, EditPlan, Gate
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.report import edit as results
from DGMVLCCore.report.comparison import write_comparison
from DGMVLCCore.report.edit import Facts, write_result

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = (
    int(os.environ.get("DGMVLC_PATIENCE_S", "120")) * 1000
)  # only a broken page takes as long; a busy machine may take a good part of it
REPORT = "There is a 26 mm nodule in the left lung. No pleural effusion."


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    """A running viewer: its address, its process, its own folder."""

    def __init__(self, *arguments: str, port: int | None = None, state: str = "") -> None:
        self.port = port or free_port()
        self.token = "token-for-tests-only"
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "SlicerDGMVLC"), str(ROOT)]),
            "OMP_NUM_THREADS": "2",
            "XDG_STATE_HOME": state or os.environ.get("XDG_STATE_HOME", ""),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "serve.py"), str(self.port), self.token, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.log: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self.url = ""
        for line in self.process.stdout:
            if match := re.search(r"http://\S+", line):
                self.url = match.group()
                break
        assert self.url, "".join(self.log)

    def _listen(self) -> None:
        self.log.extend(self.process.stderr)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def folders(self) -> list[Path]:
        import tempfile

        return list(Path(tempfile.gettempdir()).glob(f"dgmvlc-view-{self.process.pid}-*"))

    def children(self) -> list[int]:
        """Process ids of its children (Linux)."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                after = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(after[1]) == self.process.pid:
                found.append(int(stat.parent.name))
        return found

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@pytest.fixture(autouse=True)
def remembers_nothing(tmp_path, monkeypatch):
    """What a viewer remembers stays with its test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, make_chest, make_record, no_figures):
    """A small scan and the result (with a comparison beside it) that the test's own worker hands
    out: the nodule taken away, 100 HU at a time."""
    folder = tmp_path_factory.mktemp("browser")
    volume = make_chest((12, 112, 128), (4.0, 2.5, 2.5), nodule=True)
    save_volume(volume, folder / "scän 1.nrrd")
    mask = np.zeros(volume.shape, bool)
    mask[4:8, 46:62, 84:98] = True
    edited = np.where(mask, volume.array - 300, volume.array)
    heat = np.where(mask, np.linspace(0, 1.2, 128), 0).astype(np.float32)
    result = CounterfactualResult(
        volume,
        volume.with_array(edited),
        edited,
        mask * np.float32(40),
        mask,
        EditPlan(mask, "Nodule.", "No nodule. Clear lung.", "nodule"),
        [Gate("direction", True, -300.0, "< 0", "HU", "The change goes down.")],
        {"seed": 1},
        {"nodule": AttentionMap("nodule", heat)},
    )
    facts = {
        "report": REPORT,
        "findings": [],
        "inputs": {"image": {"name": "scän 1.nrrd", "sha256": "0" * 64}},
        "weights": {"name": "w", "sha256": "0" * 64},
    }
    fainter = replace(
        result, counterfactual=volume.with_array(np.where(mask, volume.array - 100, volume.array))
    )
    with no_figures():
        write_comparison(
            [result, fainter, result],
            make_record(("nodule", "emphysema", "no finding (clear lung)")),
            folder / "comparison",
            facts=Facts(**facts),
            anatomy=segment_anatomy(volume),
        )
    make, results.make_scene = results.make_scene, lambda *_: "made in the viewer"
    try:
        path = write_result(result, folder / "run", anatomy=segment_anatomy(volume), **facts)
    finally:
        results.make_scene = make
    return folder / "scän 1.nrrd", path.parent


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, driven by playwright; nothing is downloaded."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'dgmvlc[dev]'"
    )
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def serve():
    """Starts viewers and ends them with the test."""
    started = []

    def start(*arguments: str, **options) -> Served:
        started.append(Served(*arguments, **options))
        return started[-1]

    yield start
    for served in started:
        served.stop()
        sys.stderr.write("".join(served.log))  # pytest shows it of a test that failed


class Tab:
    """A page with what it asked for and what its console said."""

    def __init__(self, browser, served: Served) -> None:
        self.context = browser.new_context(
            viewport={"width": 1440, "height": 900}, accept_downloads=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on(
            "console",
            lambda message: (
                self.problems.append(message.text)
                if message.type in ("error", "warning") and "Invalid keyframe" not in message.text
                else None  # Vuetify's own, of a menu that closes while it is being hidden
            ),
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(served.url)
        self.page.wait_for_selector(".brand")

    def open_scan(self, path: Path) -> None:
        self.page.fill(".scan-path input", str(path))
        self.page.press(".scan-path input", "Enter")
        self.page.wait_for_function(
            "() => document.querySelector('.chosen-name')?.innerText.length > 0"
        )

    def message(self) -> str:
        self.page.wait_for_selector(".message")
        return self.page.inner_text(".message")

    def close_message(self) -> None:
        self.page.click("[aria-label='Close the message']")

    def pixels(self, view: int) -> np.ndarray:
        """The picture in the nth view, (H,W,3)."""
        import io

        from PIL import Image
        from playwright.sync_api import Error

        for _ in range(5):
            try:
                shot = self.page.locator(".layout-grid-item").nth(view).screenshot()
                break
            except Error:  # the layout was being switched
                self.page.wait_for_timeout(200)
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)

    def until(self, true, seconds: float = PATIENCE_MS / 1000):
        """Wait until `true()` is true, and return that."""
        end = time.monotonic() + seconds
        while not (answer := true()):
            assert time.monotonic() < end, "it did not come true"
            self.page.wait_for_timeout(150)
        return answer

    def settled(self, view: int) -> np.ndarray:
        """The picture once something is seen in it and it has stopped changing (interactive
        pictures are followed by a sharper one)."""
        pictures = [self.pixels(view)]

        def still() -> bool:
            self.page.wait_for_timeout(350)
            pictures.append(self.pixels(view))
            before, now = pictures[-2:]
            return now[40:-40, 40:-40].std() > 3 and np.array_equal(now, before)

        self.until(still)
        return pictures[-1]


@pytest.fixture
def tab(chromium):
    """Opens tabs and closes them with the test."""
    opened = []

    def start(served: Served) -> Tab:
        opened.append(Tab(chromium, served))
        return opened[-1]

    yield start
    for one in opened:
        one.context.close()
