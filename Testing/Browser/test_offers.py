"""A scan that a person must say something about is refused with that choice beside it, and read
with what was chosen."""

import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from .test_parts import ROOT, write_two_series

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("trame_slicer") is None,
        reason="trame-slicer is not installed: pip install 'dgmvlc[view]'",
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="a real Chromium is driven"),
]


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """A NIfTI file without orientation, one tilted by 15 degrees, a folder of two series."""
    from DGMVLCCore.imaging.volume import Volume
    from Testing.Core.imaging.test_orientation import nifti

    folder = tmp_path_factory.mktemp("odd")
    array = np.rint(np.random.default_rng(0).normal(-400, 300, (12, 32, 40)))
    scan = Volume(array.astype(np.float32), np.diag([2.0, 2.0, 4.0, 1.0]), "CT", "int16", {})
    nifti(folder / "sideless.nii", scan)
    tilted = np.diag([-2.0, -2.0, 4.0, 1.0])
    tilted[1, 2] = 4 * np.tan(np.radians(15))
    nifti(folder / "tilted.nii", scan, sform=tilted)
    write_two_series(folder / "study")
    return folder


def test_the_page_offers_orientation_untilting_and_series(serve, tab, prepared, scans):
    page = (one := tab(serve("--fake", str(prepared[1])))).page
    for name, words, choose in (
        ("sideless.nii", "patient's left", lambda: pick_lps(page)),
        ("tilted.nii", "15.0", lambda: None),
    ):
        page.fill(".scan-path input", str(scans / name))
        page.press(".scan-path input", "Enter")
        page.wait_for_selector(".scan-offer", state="visible")
        assert words in one.message()
        choose()
        page.click(".offer-open")
        one.until(lambda name=name: name in page.inner_text(".chosen-name"))
        assert not page.is_visible(".scan-offer")
    page.fill(".scan-path input", str(scans / "study"))
    page.press(".scan-path input", "Enter")
    thick = page.locator(".series-row", has_text="thick")
    picture = thick.locator("img").get_attribute("src")
    assert picture.startswith("data:image/png;base64,") and page.locator(".series-row").count() == 2
    thick.click()
    one.until(lambda: "thick" in page.inner_text(".scan-name"))
    one.open_scan(prepared[0])
    assert not page.is_visible(".scan-offer") and not one.problems


def pick_lps(page):
    page.click(".offer-open")  # nothing chosen yet: the page says what to choose
    page.wait_for_function("() => document.querySelector('.message')?.innerText.includes('Choose')")
    page.click(".offer-orientation")
    page.click(".v-overlay .v-list-item >> text=LPS")


def test_the_reader_names_what_would_make_a_scan_readable(scans, tmp_path):
    def read(name, **how):
        command = [sys.executable, "-m", "SlicerDGMVLCBrowser.reader", str(scans / name)]
        command += [str(tmp_path / "o.nrrd"), json.dumps(how)]
        paths = {"PYTHONPATH": f"{ROOT / 'SlicerDGMVLC'}:{ROOT}"}
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", env=paths, timeout=120
        )
        return json.loads(done.stdout)

    assert read("sideless.nii")["option"] == "orientation"
    assert read("tilted.nii")["option"] == "untilt"
    assert read("sideless.nii", orientation="RAS")["size"] == [40, 32, 12]
    assert read("tilted.nii", untilt=True)["spacing"][2] == 4.0


def test_what_was_chosen_goes_to_the_worker():
    from SlicerDGMVLCBrowser import offers
    from SlicerDGMVLCPresenters.requests import Reading

    state = SimpleNamespace(scan_offer="series", scan_choice=" 2 ")
    assert offers.chosen(state) == Reading(series=2)
    state.scan_choice = "two"
    assert offers.chosen(state) is None
