"""Metrics on images whose score is known: identical, shifted, ever more corrupted."""

import numpy as np
import pytest
from scipy import ndimage

from DGMVLCCore.evaluation import metrics
from DGMVLCCore.evaluation.calibration import calibration, coverage
from DGMVLCCore.evaluation.consistency import z_autocorrelation, z_consistency
from DGMVLCCore.evaluation.rim import inner_rim, rim_within_range, untouched_rims
from DGMVLCCore.stats import roc_area


@pytest.fixture(scope="module")
def scan():
    """A lung-like noise field (5,96,128) of whole HU with texture in the slice."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (5, 96, 128)), (0, 1, 1))
    return np.rint(-860 + 60 * noise / noise.std()).astype(np.float32)


@pytest.fixture(scope="module")
def lungs(scan):
    inside = np.zeros(scan.shape, bool)
    inside[:, 4:-4, 4:-4] = True
    return inside


@pytest.fixture(scope="module")
def mask(scan):
    hole = np.zeros(scan.shape, bool)
    hole[1:4, 40:64, 44:72] = True
    return hole


def test_identical_voxels(scan, mask):
    assert (
        metrics.mae(scan, scan, mask)
        == metrics.hu_w1(scan, scan, mask)
        == metrics.minimality(scan, scan, mask)
        == 0
    )
    assert metrics.psnr(scan, scan, mask) == metrics.PSNR_CAP_DB and metrics.ssim(
        scan, scan, mask
    ) == pytest.approx(1)


def test_a_known_shift(scan, mask):
    shifted = scan + 30
    assert metrics.hu_w1(shifted, scan, mask) == pytest.approx(30)
    assert metrics.psnr(shifted, scan, mask) == pytest.approx(20 * np.log10(1500 / 30), abs=1e-4)
    assert (
        metrics.minimality(shifted, scan, mask) == 1
        and metrics.minimality(scan + 20, scan, mask) == 0
    )


def test_only_the_mask_counts(scan, mask):
    elsewhere = np.where(mask, scan, scan + 500)
    assert (
        metrics.psnr(elsewhere, scan, mask) == metrics.PSNR_CAP_DB
        and metrics.hu_w1(elsewhere, scan, mask) == 0
    )


def test_order_does_not_matter_to_the_histogram_but_to_the_image(scan, mask):
    mixed = scan.copy()
    mixed[mask] = np.random.default_rng(1).permutation(scan[mask])
    assert metrics.hu_w1(mixed, scan, mask) == 0 and metrics.ssim(mixed, scan, mask) < 0.8


def test_more_noise_is_worse(scan, mask):
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 1, scan.shape)
    worse = [scan + size * noise for size in (10, 40, 160)]
    for score in (metrics.psnr, metrics.ssim):
        values = [score(made, scan, mask) for made in worse]
        assert values == sorted(values, reverse=True) and values[0] > values[-1]


def test_ssim_is_that_of_the_whole_slice(scan, mask):
    """The mask's box with a margin gives what the library gives for the whole slice."""
    from skimage.metrics import structural_similarity

    made = scan + np.random.default_rng(3).normal(0, 30, scan.shape).astype(np.float32)
    full = [
        structural_similarity(
            a.astype(float),
            b.astype(float),
            data_range=1500.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        for a, b in zip(scan, made)
    ]
    assert metrics.ssim(made, scan, mask) == pytest.approx(
        float(np.stack(full)[mask].mean()), abs=1e-6
    )


def test_maps_that_point_and_maps_that_do_not(mask, lungs):
    right, wrong = mask.astype(np.float32), (lungs & ~mask).astype(np.float32)
    assert metrics.iou_at_levels(right, mask, lungs) == dict.fromkeys(
        [*(f"iou_{level}" for level in metrics.LEVELS), "iou_mean"], 1.0
    )
    assert metrics.iou_at_levels(7 * right, mask, lungs)["iou_mean"] == 1, (
        "the unit of a map is free"
    )
    assert metrics.hit(right, mask, lungs) and not metrics.hit(wrong, mask, lungs)
    nothing = np.zeros_like(right)
    assert metrics.iou_at_levels(nothing, mask, lungs)["iou_mean"] == 0 and not metrics.hit(
        nothing, mask, lungs
    )
    half = np.where(mask, 0.3, 0.0) + np.where(ndimage.binary_erosion(mask), 0.7, 0.0)
    levels = metrics.iou_at_levels(half, mask, lungs)
    assert levels["iou_0.3"] == 1 and levels["iou_0.4"] == pytest.approx(
        ndimage.binary_erosion(mask).sum() / mask.sum()
    )


def test_area_under_the_curve():
    assert (
        roc_area(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
        and roc_area(np.array([1.0]), np.array([1.0, 1.0])) == 0.5
    )
    assert roc_area(np.array([0.0, 2.0]), np.array([1.0])) == 0.5


def test_an_untouched_rim_is_within_range_and_a_seam_is_not(scan, mask, lungs):
    assert rim_within_range(scan, scan, mask, lungs) is True
    seam = np.where(mask, scan + 300, scan)
    assert rim_within_range(seam, scan, mask, lungs) is False
    blurred = np.where(mask, ndimage.gaussian_filter(scan, (0, 4, 4)), scan)
    assert rim_within_range(blurred, scan, mask, lungs) is False, (
        "a rim that is too smooth shows as well"
    )


def test_untouched_rims_pass_nineteen_times_in_twenty(scan, lungs):
    """A scan without any edit, 16 places of a small mask: the range covers about what it says."""
    rng, passed = np.random.default_rng(4), []
    for _ in range(16):
        hole = np.zeros(scan.shape, bool)
        z, y, x = int(rng.integers(5)), int(rng.integers(8, 78)), int(rng.integers(8, 108))
        hole[z, y : y + 10, x : x + 12] = True
        passed.append(rim_within_range(scan, scan, hole, lungs))
    assert None not in passed and 0.8 <= np.mean(passed) <= 1


def test_rims_lie_in_the_lungs_and_off_the_mask(scan, mask, lungs):
    marked = np.where(
        ndimage.binary_dilation(mask, np.ones((1, 3, 3))), 10000.0, scan
    )  # a place that touched the mask would show
    assert np.array_equal(
        untouched_rims(marked, mask, lungs, placements=60),
        untouched_rims(scan, mask, lungs, placements=60),
    )
    assert not (inner_rim(mask, lungs) & ~lungs).any()


def test_a_mask_as_large_as_the_lung_has_no_verdict(scan, lungs):
    assert rim_within_range(scan, scan, lungs, lungs) is None


def test_noise_along_z_flickers_or_freezes(mask):
    rng = np.random.default_rng(5)
    shape, lungs = (8, 64, 64), np.ones((8, 64, 64), bool)
    hole = np.zeros(shape, bool)
    hole[:, 10:50, 10:50] = True
    field = rng.normal(0, 20, shape)
    for z in range(1, 8):
        field[z] = 0.6 * field[z - 1] + 0.8 * field[z]
    true = (-800 + field).astype(np.float32)
    assert z_autocorrelation(true, lungs) == pytest.approx(0.6, abs=0.05)
    flicker = np.where(hole, -800 + rng.normal(0, 20, shape), true)
    frozen = np.where(hole, -800 + np.repeat(rng.normal(0, 20, (1, 64, 64)), 8, 0), true)
    found = [z_consistency(made, true, hole, lungs) for made in (flicker, true, frozen)]
    assert (
        abs(found[0]["inside"]) < 0.1
        and found[1]["inside"] == found[1]["true"]
        and found[2]["inside"] > 0.95
    )
    assert all(row["outside"] == pytest.approx(0.6, abs=0.07) for row in found)
    assert (
        z_autocorrelation(true[:1], lungs[:1]) is None
        and z_autocorrelation(np.full(shape, -800.0), lungs) is None
    )


def test_a_right_uncertainty_is_calibrated_and_a_wrong_one_is_not():
    rng = np.random.default_rng(6)
    sd = rng.uniform(5, 80, (3, 60, 60))
    mean, inside = np.full(sd.shape, -800.0), np.ones(sd.shape, bool)
    true = mean + sd * rng.normal(0, 1, sd.shape)
    right, small = calibration(mean, sd, true, inside), calibration(mean, sd / 3, true, inside)
    assert [right[f"within_{k}sd"] for k in (1, 2, 3)] == pytest.approx(
        [0.683, 0.954, 0.997], abs=0.02
    )
    assert right["calibration_error"] < 0.1 < small["calibration_error"] and right[
        "sd_over_rmse"
    ] == pytest.approx(1, abs=0.05)
    assert small["sd_over_rmse"] == pytest.approx(1 / 3, abs=0.02) and right["spearman"] > 0.4
    assert (
        all(abs(row["observed_hu"] / row["expected_hu"] - 1) < 0.2 for row in right["curve"])
        and sum(row["n"] for row in right["curve"]) == sd.size
    )
    assert calibration(mean, np.full(sd.shape, 30.0), true, inside)["spearman"] is None
    assert coverage(mean, np.zeros(sd.shape), mean, inside)["within_1sd"] == 1
