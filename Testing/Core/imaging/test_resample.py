"""Resampling in the plane keeps positions; a region goes back exactly where it came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from DGMVLCCore.imaging.resample import crop, paste, resize_in_plane

SIDES = st.integers(-12, 22)


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("size", [(48, 96), (80, 50), (20, 31)])
def test_a_ramp_in_mm_stays_a_ramp_in_mm(order, size):
    """Values equal to the position of the pixel's centre stay so at every pixel size (away from the
    border)."""
    y, x = np.meshgrid((np.arange(40) + 0.5) / 40, (np.arange(64) + 0.5) / 64, indexing="ij")
    out = resize_in_plane((y + 2 * x)[None].astype(np.float32), size, order)
    y, x = np.meshgrid(
        (np.arange(size[0]) + 0.5) / size[0], (np.arange(size[1]) + 0.5) / size[1], indexing="ij"
    )
    part = tuple(slice(n // 5, -(n // 5)) for n in size)
    assert out[0][part] == pytest.approx((y + 2 * x)[part], abs=2e-3)


def test_finer_and_back_returns_the_image():
    image = np.random.default_rng(0).normal(size=(2, 24, 30)).astype(np.float32)
    image = resize_in_plane(
        resize_in_plane(image, (12, 15)), (48, 60), 3
    )  # smooth, so that it can come back
    back = resize_in_plane(resize_in_plane(image, (144, 180), 3), (48, 60), 3)
    assert np.abs(back - image)[:, 4:-4, 4:-4].mean() < 0.05 * image.std()


def test_coarser_does_not_alias():
    """Stripes of one pixel vanish at a third of the pixels instead of turning into broad ones."""
    stripes = np.tile(np.array([0.0, 100.0], np.float32), 64)[None, None].repeat(64, 1)
    coarse = resize_in_plane(stripes, (20, 40))
    assert coarse[:, :, 2:-2] == pytest.approx(50, abs=5)


def test_labels_stay_labels_and_same_size_is_a_copy():
    labels = (np.arange(64).reshape(1, 8, 8) // 20 * 7).astype(np.uint8)
    out = resize_in_plane(labels, (16, 16), order=0)
    assert out.dtype == np.uint8 and np.array_equal(out[:, ::2, ::2], labels)
    same = resize_in_plane(labels, (8, 8), order=0)
    assert np.array_equal(same, labels) and not np.shares_memory(same, labels)


@given(SIDES, st.integers(0, 20), SIDES, st.integers(0, 20))
def test_crop_and_paste_are_inverse(y0, height, x0, width):
    rng = np.random.default_rng(0)
    scan, box = rng.normal(size=(2, 9, 11)), (y0, y0 + height, x0, x0 + width)
    part = crop(scan, box, -1024.0)
    padded = np.pad(scan, ((0, 0), (45, 45), (45, 45)), constant_values=-1024.0)
    assert np.array_equal(part, padded[:, 45 + y0 : 45 + y0 + height, 45 + x0 : 45 + x0 + width])
    assert np.array_equal(paste(part, box, scan.copy()), scan)
    changed = paste(part + 1, box, scan.copy())
    rows, columns = np.arange(9), np.arange(11)
    inside = ((rows >= y0) & (rows < y0 + height))[:, None] & (
        (columns >= x0) & (columns < x0 + width)
    )
    assert np.array_equal(changed != scan, np.broadcast_to(inside, scan.shape))
    assert (part == -1024).sum() == 2 * (height * width - inside.sum())
