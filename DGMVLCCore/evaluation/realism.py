"""Do made regions look like real ones, as sets? Fréchet and kernel distances; none needs a true
counterfactual."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, UsageError

RegionOfScan = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]
# frd-score scales each image by its own mean and SD: a fixed margin gives every method of a case
# the same surroundings
MARGIN_MM = 15.0
FEWEST, LOWEST_FRD = 2, -20.0


def _write(region: RegionOfScan, image: Path, outline: Path) -> None:
    """The fullest slice of a region and its mask, cut 15 mm around the mask, as two NIfTI files of
    one slice."""
    import SimpleITK as sitk

    hu, mask, (_, dy, dx) = region
    z = int(mask.sum((1, 2)).argmax())
    box = tuple(
        slice(max(int(at.min() - MARGIN_MM / mm), 0), int(at.max() + MARGIN_MM / mm) + 1)
        for at, mm in zip(np.nonzero(mask[z]), (dy, dx))
    )
    for path, plane in (
        (image, hu[z][box].astype(np.float32)),
        (outline, mask[z][box].astype(np.uint8)),
    ):
        written = sitk.GetImageFromArray(np.ascontiguousarray(plane)[None])
        written.SetSpacing((float(dx), float(dy), 1.0))
        sitk.WriteImage(written, str(path))


def _check_sets(real: Sequence[Any] | np.ndarray, made: Sequence[Any] | np.ndarray) -> None:
    if min(len(real), len(made)) < FEWEST:
        raise UnsuitableInputError(
            f"A distance between sets needs {FEWEST} or more regions in each, not {len(real)} "
            f"real and {len(made)} made ones."
        )


def _package() -> Any:
    """frd-score's module, quiet.

    Raises:
        UsageError: frd-score or PyRadiomics is not installed.
    """
    try:
        import radiomics
        from frd_score import frd
    except ImportError as error:
        raise UsageError(
            "The Fréchet radiomics distance needs frd-score and PyRadiomics; install them with: "
            "pip install dgmvlc[evaluate]."
        ) from error
    radiomics.setVerbosity(60)
    logging.getLogger(
        "radiomics"
    ).propagate = False  # it would print a page a region through the program's own handler
    return frd


def radiomic_features(regions: Sequence[RegionOfScan]) -> np.ndarray:
    """What frd-score measures of regions, float32 (N,F): some 400 features of PyRadiomics at 2 mm,
    first order and texture of the fullest slice, its
    Laplacians and its wavelets, and the extent of the mask. About a second a region.

    Args:
        regions: (HU (D,H,W), mask bool (D,H,W), spacing (z,y,x) mm).

    Raises:
        UsageError: frd-score or PyRadiomics is not installed. UnsuitableInputError: an empty mask.
    """
    frd, rows = _package(), []
    if empty := sum(not mask.any() for _, mask, _ in regions):
        raise UnsuitableInputError(
            f"{empty} region(s) for the Fréchet radiomics distance have an empty mask; leave "
            "them out of both sets."
        )
    extractor = frd.get_feature_extractor(frd.FRD_VERSION_V1, image_dim=2)
    with tempfile.TemporaryDirectory() as folder:
        image, outline = (Path(folder) / f"{name}.nii.gz" for name in ("ct", "mask"))
        for region in regions:
            _write(region, image, outline)
            found = frd.process_image_mask_pair(
                (image, outline), feature_extractor=extractor, frd_version=frd.FRD_VERSION_V1
            )
            if found is None:
                raise UnsuitableInputError(
                    "A region for the Fréchet radiomics distance is a single voxel; leave it out "
                    "of both sets."
                )
            rows.append(found[0])
    return np.array(rows, np.float32)


def frechet_radiomics(
    real: Sequence[RegionOfScan] | np.ndarray, made: Sequence[RegionOfScan] | np.ndarray
) -> float:
    """Fréchet radiomics distance, version 1 with its defaults, by the authors' package frd-score
    (Konz, Osuala et al. 2026): lower is better.

    Features scaled by the real set's mean and SD; the logarithm of the squared Fréchet distance
    between the Gaussians fitted to both sets, at least
    -20 (equal sets have none). It depends on the sets' sizes: compare only sets of the same cases.

    Args:
        real, made: regions as `radiomic_features` takes them, or what it gave for them.

    Raises:
        UsageError: frd-score or PyRadiomics is not installed. UnsuitableInputError: fewer than two
            usable regions in a set, or an empty mask.
    """
    _check_sets(real, made)
    frd, sets = _package(), []
    for part in (real, made):
        features = part if isinstance(part, np.ndarray) else radiomic_features(part)
        sets.append(features[~np.isnan(features).any(1)])
    _check_sets(sets[0], sets[1])
    scaled = [
        frd.z_score_normalize(
            part, base_distribution=sets[0], replace_nan=False, handle_std_zero=False
        )
        for part in sets
    ]
    kept = np.isfinite(scaled[0]).all(0) & np.isfinite(scaled[1]).all(0)
    mean, spread = (
        [statistic(part[:, kept]) for part in scaled]
        for statistic in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))
    )
    squared = float(np.real(frd.calculate_frechet_distance(mean[0], spread[0], mean[1], spread[1])))
    return max(float(np.log(squared)), LOWEST_FRD) if squared > 0 else LOWEST_FRD


def kid(real: np.ndarray, made: np.ndarray) -> float:
    """Kernel distance (Bińkowski et al. 2018): unbiased squared MMD with the kernel (x·y / C + 1)³;
    about 0, also below, for equal distributions.

    Args:
        real, made: features (N,C) and (M,C), e.g. of `region_features`.

    Raises:
        UnsuitableInputError: fewer than two rows in a set.
    """
    _check_sets(real, made)
    x, y = np.asarray(real, np.float64), np.asarray(made, np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(a: np.ndarray) -> float:
        k = kernel(a, a)
        return float((k.sum() - np.trace(k)) / (len(a) * (len(a) - 1)))

    return within(x) + within(y) - 2 * float(kernel(x, y).mean())


def fid(real: np.ndarray, made: np.ndarray) -> float:
    """Squared Fréchet distance (Heusel et al. 2017) between the Gaussians fitted to two sets of
    features: 0 for equal sets, lower is better.

    Biased upwards for small sets (Bińkowski et al. 2018): compare only sets of the same cases. The
    trace of the root of the covariances' product is the sum
    of the singular values of the product of the centred sets, which holds for fewer regions than
    features as well.

    Args:
        real, made: features (N,C) and (M,C), e.g. of `region_features`.

    Raises:
        UnsuitableInputError: fewer than two rows in a set.
    """
    _check_sets(real, made)
    x, y = np.asarray(real, np.float64), np.asarray(made, np.float64)
    a, b = ((part - part.mean(0)) / np.sqrt(len(part) - 1) for part in (x, y))
    shared = float(np.linalg.svd(a @ b.T, compute_uv=False).sum())
    return max(
        float(((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum()) - 2 * shared, 0.0
    )


def region_features(look: Any, volume: Any, anatomy: Any, mask: np.ndarray) -> np.ndarray:
    """Features of the dual encoder's vision tower, mean over a region's cells, float32 (C,); before
    the heads that were taught the words.

    Args:
        look: an `AlignmentPipeline`. volume: CT in HU. anatomy, mask: on its grid; mask bool
            (D,H,W), not empty.
    """
    import torch
    from torch.nn import functional as F

    from DGMVLCCore.editing.alignment import cut_to_look
    from DGMVLCCore.models.denoiser import PATCH

    region, place = cut_to_look(volume, anatomy, mask)
    total, size = 0.0, 0.0
    with torch.no_grad():
        for rows in look.batches(region, region.filled):
            share = F.avg_pool2d(
                torch.from_numpy(region.mask[rows]).float()[:, None].to(look.device), PATCH
            )
            features = look.model.vision(look.look(region, rows, place))
            total, size = (
                total + (features * share).sum((0, 2, 3)).cpu().numpy(),
                size + float(share.sum()),
            )
    return np.asarray(total / size, np.float32)
