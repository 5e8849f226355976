"""Length and area on the picture; where a region lies; what the tools leave alone."""

from __future__ import annotations

import numpy as np
from SlicerDGMVLCPresenters.measure import area_words, ellipse, length_words
from SlicerDGMVLCPresenters.region_tools import RegionDrawing, box_of, locks

SPACING = (3.0, 1.0, 1.0)
SHAPE = (20, 80, 80)


def labels() -> np.ndarray:
    """A body with two lungs, the heart between them."""
    made = np.zeros(SHAPE, np.uint8)
    made[:, 5:75, 5:75] = 1
    made[:, 15:65, 10:30] = 3
    made[:, 15:65, 50:70] = 2
    return made


def ball(centre, radius_mm=8.0):
    z, y, x = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    squared = sum(((a - c) * s) ** 2 for a, c, s in zip((z, y, x), centre, SPACING))
    return squared <= radius_mm**2


def test_an_area_has_its_size_and_its_spread_on_every_image():
    scan = np.full(SHAPE, -800.0)
    scan[:, :, 40:] = -600.0
    area = ellipse(SHAPE, SPACING, (10, 20, 30), (10, 40, 50), 0)
    assert area is not None and abs(area.cm2 - np.pi * 1.0 * 1.0) < 0.2, "20 mm across"
    said = area_words(area, [("original", scan), ("counterfactual", scan - 100)])
    assert said.startswith(f"{area.cm2:.1f} cm² · original −69") and "± 100 HU" in said
    assert "counterfactual −79" in said
    assert length_words((0, 0, 0), (3, 4, 0)) == "5.0 mm"


def test_an_area_outside_the_scan_is_none_and_one_at_its_edge_is_cut():
    assert ellipse(SHAPE, SPACING, (25, 1, 1), (25, 9, 9), 0) is None
    cut = ellipse(SHAPE, SPACING, (0, -10, -10), (0, 10, 10), 0)
    whole = ellipse(SHAPE, SPACING, (0, 20, 20), (0, 40, 40), 0)
    assert cut is not None and whole is not None and 0 < cut.cm2 < whole.cm2 / 3


def test_a_region_that_is_not_in_the_lungs_says_where_it_is():
    scan = np.full(SHAPE, -850.0, np.float32)
    where = {(10, 40, 20): "", (10, 40, 40): "the heart or the mediastinum", (10, 40, 73): "chest"}
    for centre, words in where.items():
        said = RegionDrawing(scan, SPACING, ball(centre, 6.0)).why_not(labels())
        assert (words in said) and bool(said) == bool(words), (centre, said)
    nothing = RegionDrawing(scan, SPACING, ball((10, 2, 2), 2.5))
    assert "outside the patient" in nothing.why_not(labels())


def test_vessels_and_what_is_outside_the_lungs_are_left_alone():
    scan = np.full(SHAPE, -850.0, np.float32)
    scan[:, 38:42, :] = 30.0  # a vessel, 4 mm wide
    scan[:, 55:75, 12:28] = 30.0  # a mass, 16 mm and more
    locked = locks(scan, SPACING, labels(), vessels=True, outside=True)
    region = RegionDrawing(scan, SPACING, locked=locked)
    region.begin()
    region.stroke((10, 40, 12), (10, 40, 40), 10.0, True)
    region.stroke((10, 60, 20), (10, 60, 20), 5.0, True)
    assert region.end()
    lungs = np.isin(labels(), (2, 3))
    assert not (region.mask & ~lungs).any() and not region.mask[:, 39:41].any()
    assert region.mask[10, 45, 20] and region.mask[10, 60, 20], "a mass is no vessel"
    assert locks(scan, SPACING, None, vessels=False, outside=True) is None
    assert box_of(np.zeros(SHAPE, bool)) is None
