"""Tools of the drawn region against shapes whose size is known."""

from __future__ import annotations

import numpy as np
import pytest
from SlicerDGMVLCPresenters.region_tools import RegionDrawing

SPACING = (3.0, 1.0, 1.0)


def drawing(mask=None, locked=None, hu=-850.0):
    return RegionDrawing(np.full((20, 80, 80), hu, np.float32), SPACING, mask, locked)


def ball(radius_mm, centre=(10, 40, 40)):
    z, y, x = np.ogrid[:20, :80, :80]
    squared = sum(((a - c) * s) ** 2 for a, c, s in zip((z, y, x), centre, SPACING))
    return squared <= radius_mm**2


def test_a_disc_has_its_area_and_a_ball_its_volume():
    region = drawing()
    region.begin()
    region.dab((10, 40, 40), 10.0, True)
    assert region.end() and region.mask.any((1, 2)).sum() == 1
    assert region.mask.sum() == pytest.approx(np.pi * 100, rel=0.03)
    region.clear()
    region.begin()
    region.dab((10, 40, 40), 10.0, True, plane=None)
    region.end()
    assert region.volume_ml == pytest.approx(4 / 3 * np.pi, rel=0.05)
    assert region.diameter_mm == 21
    assert region.centre == (10, 40, 40)


def test_a_stroke_has_no_gap_and_is_one_step_of_undo():
    region = drawing()
    region.begin()
    region.stroke((10, 20, 10), (10, 60, 70), 3.0, True)
    region.end()
    assert region.keep_largest() is False, "one connected part"
    before = region.mask.copy()
    region.begin()
    for at in range(20, 60):
        region.stroke((10, at, 40), (10, at + 1, 40), 4.0, False)
    region.end()
    assert region.mask.sum() < before.sum()
    assert region.undo() and (region.mask == before).all()
    assert region.undo() and not region.mask.any() and not region.undo()
    assert region.redo() and (region.mask == before).all() and region.can == (True, True)


def test_growing_and_shrinking_is_in_mm_along_every_axis():
    region = drawing(ball(12.0))
    region.grow(6.0)
    assert (region.mask ^ ball(18.0)).sum() / ball(18.0).sum() < 0.08
    region.grow(-6.0)
    assert (region.mask ^ ball(12.0)).sum() / ball(12.0).sum() < 0.08
    assert region.mask.any((1, 2)).sum() == 9, "4 slices of 3 mm up and down"


def test_slices_between_get_the_shape_between():
    mask = np.zeros((20, 80, 80), bool)
    y, x = np.ogrid[:80, :80]
    for index, radius in ((4, 20.0), (14, 10.0)):
        mask[index] = (y - 40) ** 2 + (x - 40) ** 2 <= radius**2
    region = drawing(mask)
    assert region.fill_between_slices()
    assert region.mask.any((1, 2)).sum() == 11
    radius = np.sqrt(region.mask[9].sum() / np.pi)
    assert radius == pytest.approx(15.0, abs=0.6), "half-way between 20 and 10"
    assert region.undo() and (region.mask == mask).all()


def test_ellipse_line_threshold_and_islands():
    region = drawing()
    region.ellipse((5, 20, 10), (5, 40, 70))
    assert region.mask[5].sum() == pytest.approx(np.pi * 10 * 30, rel=0.02)
    region.clear()
    region.outline([(3, 10, 10), (3, 10, 50), (3, 30, 50), (3, 30, 10)])
    assert region.mask[3].sum() == 20 * 40
    region.scan[3, 10:15] = 40.0
    assert region.keep_between(-600, 300) and region.mask.sum() == 5 * 40
    region.begin()
    region.dab((12, 60, 60), 1.0, True)
    region.end()
    assert region.drop_islands(0.1) and region.mask.sum() == 5 * 40
    region.begin()
    region.dab((12, 60, 60), 1.0, True)
    region.end()
    assert region.keep_largest() and region.mask.sum() == 5 * 40


def test_what_is_locked_is_never_added_and_never_taken_away():
    locked = np.zeros((20, 80, 80), bool)
    locked[:, :, 40:] = True
    mask = np.zeros_like(locked)
    mask[10, 40, 45] = True
    region = drawing(mask, lambda box: locked[box])
    region.begin()
    region.dab((10, 40, 40), 6.0, True)
    region.end()
    region.grow(5.0)
    assert region.mask[:, :, 40:].sum() == 1 and region.mask[:, :, :40].any()


def test_why_not_is_said_at_once():
    assert "Draw the region first" in drawing().why_not()
    tiny = np.zeros((20, 80, 80), bool)
    tiny[10, 40, 40] = True
    assert "too small" in drawing(tiny).why_not()
    assert drawing(ball(8.0)).why_not() == ""
    assert "no aerated lung" in drawing(ball(8.0), hu=40.0).why_not()
    assert "5 slices" in drawing(ball(8.0)).words() and "17 mm" in drawing(ball(8.0)).words()


def test_the_brush_at_the_border_stays_inside():
    region = drawing()
    region.begin()
    region.stroke((0, -5, -5), (19, 90, 90), 8.0, True, plane=None)
    region.end()
    assert region.mask.any() and region.mask.shape == (20, 80, 80)
