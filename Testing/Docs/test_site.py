"""The pages are built without a warning, hold what they show, and fetch nothing from elsewhere."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|link)[^>]*(?:src|href)=[\"']?(?:https?:)?//[^\"'> ]+"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    if not (find_spec("mkdocs") and find_spec("material")):
        pytest.skip("mkdocs-material is not installed; pip install dgmvlc[docs] brings it.")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_every_page_and_picture_is_there(site):
    for page in (ROOT / "Docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
    for picture in (ROOT / "Resources" / "screenshots").iterdir():
        assert (site / "Resources" / "screenshots" / picture.name).is_file()
    assert not list(site.rglob("*.py"))


def test_no_page_asks_another_machine(site):
    pages = list(site.rglob("*.html"))
    assert pages
    for page in pages:
        assert not FETCHED.search(page.read_text("utf-8")), page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text("utf-8"))


def test_what_asks_another_machine_is_seen():
    assert FETCHED.search('<link rel="stylesheet" href="https://fonts.example.org/a.css">')
    assert FETCHED.search("<script src=//cdn.example.org/a.js></script>")
    assert not FETCHED.search('<a href="https://arxiv.org/abs/2410.13823">')


def visited(chromium, here):
    """Opens three pages; returns what was asked for and what failed."""
    from playwright.sync_api import sync_playwright

    asked, failed = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: answer.status < 400 or failed.append(answer.url))
        for name in ("index.html", "tutorial.html", "commands.html"):
            page.goto(here + name)
            page.wait_for_load_state("networkidle")
            widths = page.eval_on_selector_all("article img", "all => all.map(i => i.naturalWidth)")
            assert all(widths) and (widths or name == "commands.html")
        browser.close()
    return asked, failed


def test_a_browser_opens_the_pages_and_stays_on_this_machine(site):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed; the pages are opened in it.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_address[1]}/"
        try:
            # A thread of its own: the viewer's tests hold a browser in this one until the end.
            with ThreadPoolExecutor(1) as pool:
                asked, failed = pool.submit(visited, chromium, here).result()
        finally:
            server.shutdown()
    assert asked and not failed
    assert not [url for url in asked if not url.startswith((here, "data:"))]


def test_links_of_the_readme_lead_somewhere():
    links = LINK.findall((ROOT / "README.md").read_text("utf-8"))
    assert links
    assert not [
        link for link in links if not link.startswith("https://") and not (ROOT / link).is_file()
    ]
