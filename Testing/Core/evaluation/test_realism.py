"""Distances between sets of regions: nothing between equal sets, more with more corruption."""

import builtins
from importlib.util import find_spec

import numpy as np
import pytest
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.evaluation import realism


def regions(blur: float = 0.0, count: int = 4, noise: float = 0.0):
    """Regions of lung-like noise with a disc as mask; `blur` in pixels inside the mask."""
    out = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        hu = -850 + 40 * rng.normal(0, 1, (2, 56, 56))
        mask = np.zeros(hu.shape, bool)
        y, x = np.mgrid[:56, :56]
        mask[1] = (y - 28) ** 2 + (x - 28) ** 2 < 14**2
        made = ndimage.gaussian_filter(hu, (0, blur, blur)) + noise * rng.normal(0, 1, hu.shape)
        out.append((np.where(mask, made, hu).astype(np.float32), mask, (2.0, 1.0, 1.0)))
    return out


def test_kernel_distance_is_unbiased_and_grows_with_a_shift():
    rng = np.random.default_rng(0)
    same = [realism.kid(rng.normal(0, 1, (30, 8)), rng.normal(0, 1, (30, 8))) for _ in range(60)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(60) + 1e-9 and min(same) < 0
    real = rng.normal(0, 1, (60, 8))
    shifted = [realism.kid(real, rng.normal(step, 1, (60, 8))) for step in (0.0, 0.5, 1.5)]
    assert shifted[0] < shifted[1] < shifted[2]


def test_kernel_distance_by_hand():
    """Two points each: k(x,x') = (1·0/1 + 1)^3 = 1, k(y,y') = (2·2 + 1)^3 = 125, cross terms 1 and
    27."""
    assert realism.kid(np.array([[0.0], [1.0]]), np.array([[2.0], [2.0]])) == pytest.approx(
        1 + 125 - 2 * np.mean([1, 1, 27, 27])
    )


def test_a_set_needs_two():
    with pytest.raises(UnsuitableInputError, match="2 or more regions"):
        realism.kid(np.zeros((1, 3)), np.zeros((4, 3)))
    with pytest.raises(UnsuitableInputError, match="2 or more regions"):
        realism.frechet_radiomics(regions()[:1], regions())


def test_without_its_package_the_radiomics_distance_says_what_to_install(monkeypatch):
    real_import = builtins.__import__

    def missing(name, *args, **kwargs):
        if name in ("radiomics", "frd_score"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match=r"pip install dgmvlc\[evaluate\]"):
        realism.frechet_radiomics(regions(), regions())


if find_spec("radiomics") and find_spec(
    "frd_score"
):  # the extra "evaluate"; its C part needs a compiler

    @pytest.fixture(scope="module")
    def features():
        return [realism.radiomic_features(regions(blur)) for blur in (0.0, 0.4, 2.0)]

    def test_radiomics_distance_of_equal_sets_and_of_ever_blurrier_ones(features):
        real, little, much = features
        assert realism.frechet_radiomics(real, real) == realism.LOWEST_FRD
        assert realism.frechet_radiomics(real, little) < realism.frechet_radiomics(real, much)
        assert realism.frechet_radiomics(regions(), little) == realism.frechet_radiomics(
            real, little
        )

    def test_it_is_the_packages_own_figure(features, tmp_path, capsys):
        import frd_score

        files, masks = [[], []], [[], []]
        for part, blur in enumerate((0.0, 2.0)):
            for i, region in enumerate(regions(blur)):
                image, outline = tmp_path / f"{part}{i}.nii.gz", tmp_path / f"{part}{i}-mask.nii.gz"
                realism._write(region, image, outline)
                files[part].append(str(image))
                masks[part].append(str(outline))
        theirs = frd_score.compute_frd(files, paths_masks=masks, num_workers=1)
        assert realism.frechet_radiomics(features[0], features[2]) == pytest.approx(
            theirs, rel=1e-6
        )

    def test_empty_masks_are_refused():
        hu, mask, spacing = regions()[0]
        with pytest.raises(UnsuitableInputError, match="empty mask"):
            realism.frechet_radiomics([(hu, mask & False, spacing), *regions()], regions())
