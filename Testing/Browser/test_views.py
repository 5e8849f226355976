"""Where the views stand when they go to a place: on its slice, with the place inside, also far off
centre."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("trame_slicer") is None:
    pytest.skip(
        "trame-slicer is not installed: pip install 'dgmvlc[view]'", allow_module_level=True
    )

from SlicerDGMVLCBrowser.views import SCAN, Views, start_scene
from SlicerDGMVLCLib.cases import loadScan
from trame.app import get_server

from DGMVLCCore.imaging.io import save_volume


@pytest.fixture(scope="module")
def views(tmp_path_factory, make_chest):
    """The three planes of a scan of 320 x 280 x 48 mm around (0, 0, −276)."""
    path = tmp_path_factory.mktemp("views") / "scan.nrrd"
    save_volume(make_chest(), path)
    app = start_scene()
    made = Views(
        app, get_server("views-test", client_type="vue3"), lambda name: None, lambda name, ras: None
    )
    made.show_layout("scan")
    volume = loadScan(app.scene, path, "scan")
    for name in SCAN:
        made.show(name, volume)
    return made


@pytest.mark.parametrize(
    "ras",
    [
        (0.0, 0.0, -276.0),
        (-140.0, -120.0, -296.0),
        (140.0, 120.0, -258.0),
        (-140.0, 5.0, -276.0),
        (10.0, -130.0, -276.0),
    ],
)
def test_a_view_goes_to_the_place_and_shows_it(views, ras):
    views.fit(SCAN, ras)
    for name, normal in zip(SCAN, (2, 1, 0)):
        node = views.view(name).get_view_node()
        matrix = np.array(
            [
                [node.GetSliceToRAS().GetElement(row, column) for column in range(4)]
                for row in range(4)
            ]
        )
        spacing = (2.5, 2.5, 4.0)[normal]
        assert abs(matrix[normal, 3] - ras[normal]) <= spacing / 2 + 1e-6, (
            f"{name} stands on the slice through the place"
        )
        across = (np.linalg.inv(matrix) @ [*ras, 1.0])[:2]
        assert (np.abs(across) <= np.array(node.GetFieldOfView()[:2]) / 2).all(), (
            f"the place is inside {name}"
        )
