"""Similarity and set distances: known values, and none of them looks away when brightness
changes."""

import builtins

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import ndimage, stats

from DGMVLCCore.errors import UsageError, WeightsError
from DGMVLCCore.evaluation import metrics
from DGMVLCCore.evaluation.inception import Inception
from DGMVLCCore.evaluation.realism import fid


@pytest.fixture(scope="module")
def pair():
    """A slice stack of lung-like texture and a round mask, (2,80,80)."""
    rng = np.random.default_rng(0)
    hu = (-850 + 60 * ndimage.gaussian_filter(rng.normal(0, 3, (2, 80, 80)), (0, 1, 1))).astype(
        np.float32
    )
    y, x = np.mgrid[:80, :80]
    return hu, np.stack([(y - 40) ** 2 + (x - 38) ** 2 < 15**2] * 2)


def test_multiscale_similarity_is_one_for_the_truth_and_falls_with_blur_and_noise(pair):
    hu, mask = pair
    worse = [np.where(mask, ndimage.gaussian_filter(hu, (0, s, s)), hu) for s in (0.6, 2.0)]
    values = [metrics.ms_ssim(made, hu, mask) for made in (hu, *worse)]
    assert values[0] == pytest.approx(1, abs=1e-12) and values[0] > values[1] > values[2] > 0
    assert (
        metrics.ms_ssim(hu + np.random.default_rng(1).normal(0, 60, hu.shape), hu, mask) < values[1]
    )


def test_multiscale_similarity_of_flat_slices_by_hand():
    """Flat planes differ in the means alone, which count at the coarsest scale: l = (2ab + c)/(a² +
    b² + c)."""
    a, b, c = -800.0, -600.0, (0.01 * 1500) ** 2
    mask = np.zeros((1, 64, 64), bool)
    mask[0, 20:40, 20:40] = True
    means = (2 * a * b + c) / (a**2 + b**2 + c)
    share = metrics.SCALE_WEIGHTS[-1] / sum(metrics.SCALE_WEIGHTS)
    assert metrics.ms_ssim(np.full(mask.shape, a), np.full(mask.shape, b), mask) == pytest.approx(
        means**share, rel=1e-6
    )


def test_what_lies_far_from_the_mask_does_not_count(pair):
    hu, mask = pair
    elsewhere = hu.copy()
    elsewhere[:, :3, :3] += 500
    assert (
        metrics.ms_ssim(elsewhere, hu, mask) > 0.999
        and metrics.ms_ssim(hu + np.where(mask, 500, 0), hu, mask) < 0.9
    )


def test_every_metric_sees_a_shift_of_brightness(pair):
    """A slice that is rescaled by its own minimum and maximum would hide it."""
    hu, mask = pair
    brighter = hu + 100
    assert metrics.mae(brighter, hu, mask) == pytest.approx(100) and metrics.hu_w1(
        brighter, hu, mask
    ) == pytest.approx(100)
    assert metrics.psnr(brighter, hu, mask) == pytest.approx(
        20 * np.log10(metrics.RANGE_HU / 100), abs=1e-4
    )
    assert metrics.ssim(brighter, hu, mask) < metrics.ssim(hu + 10, hu, mask) < 1
    assert metrics.ms_ssim(brighter, hu, mask) < metrics.ms_ssim(hu + 10, hu, mask) < 1
    double = np.where(mask, -850 + 2 * (hu + 850), hu)
    assert metrics.texture_error(double, hu, mask)["sd_ratio"] > 1.5


def test_inception_sees_a_shift_of_brightness(pair):
    hu, mask = pair

    class Mean:
        def __call__(self, picture):
            return picture.mean((2, 3))

    look = Inception(Mean(), "")
    before, after = (look.features(scan, mask, (1.0, 1.0, 1.0)) for scan in (hu, hu + 100))
    assert after - before == pytest.approx(100 / 1500 / np.array([0.229, 0.224, 0.225]), rel=1e-3)


def test_frechet_distance_by_hand_and_between_gaussians():
    """One feature: (difference of means)² + (difference of SDs)²."""
    real, made = np.array([[0.0], [2.0], [4.0]]), np.array([[11.0], [12.0], [13.0]])
    assert fid(real, made) == pytest.approx(10**2 + (2 - 1) ** 2)
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (50, 6)), rng.normal(0.3, 1.4, (60, 6))
    product = np.linalg.eigvals(np.cov(x, rowvar=False) @ np.cov(y, rowvar=False)).real
    wanted = (
        ((x.mean(0) - y.mean(0)) ** 2).sum()
        + np.trace(np.cov(x, rowvar=False))
        + np.trace(np.cov(y, rowvar=False))
        - 2 * np.sqrt(product).sum()
    )
    assert fid(x, y) == pytest.approx(wanted)


def test_frechet_distance_with_fewer_regions_than_features():
    x = np.random.default_rng(0).normal(0, 1, (5, 40))
    assert fid(x, x) == pytest.approx(0, abs=1e-9) and fid(x, x + 1) == pytest.approx(40)
    assert fid(x, stats.zscore(x)) > 0


def test_inception_weights_are_the_users_own(tmp_path, monkeypatch):
    with pytest.raises(WeightsError, match="safetensors"):
        Inception.from_file(tmp_path / "none.safetensors")
    path, real_import = tmp_path / "some.safetensors", builtins.__import__
    save_file({"a": np.zeros(1, np.float32)}, path)

    def missing(name, *args, **kwargs):
        if name.startswith("torchvision"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match=r"pip install dgmvlc\[inception\]"):
        Inception.from_file(path)
