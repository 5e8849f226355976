"""The observer on made-up cases: it finds what is there, and the difference image helps when it
takes the background away."""

import numpy as np
import pytest
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.evaluation.observer import (
    channels,
    reader_gain,
    reader_row,
)

SHAPE, SPACING = (1, 96, 96), (2.0, 1.0, 1.0)
LUNGS = np.ones(SHAPE, bool)
MASK = np.zeros(SHAPE, bool)
MASK[0, 36:60, 36:60] = True


def rows_of(patients: int, known: float, seed: int = 0) -> list[dict]:
    """Blobs of 5 to 40 HU on lumpy lung; `known`: the share of the lung's lumps that the
    counterfactual knows."""
    rng, rows = np.random.default_rng(seed), []
    y, x = np.mgrid[:96, :96]
    blob = np.exp(-((y - 48) ** 2 + (x - 48) ** 2) / 50)[None]
    for patient in range(patients):
        for case in range(6):
            lumps = ndimage.gaussian_filter(rng.normal(0, 1, SHAPE), (0, 4, 4))
            clear = -850 + 40 * lumps / lumps.std()
            contrast = float(rng.uniform(5, 40))
            expected = -850 + known * (clear + 850)
            for present in (True, False):
                scan = clear + present * contrast * blob
                made = np.where(MASK, expected, scan)
                rows.append(
                    reader_row(
                        scan,
                        made,
                        MASK,
                        LUNGS,
                        SPACING,
                        patient=f"p{patient}",
                        case=f"p{patient}-{case}",
                        present=present,
                        contrast_hu=contrast,
                    )
                )
    return rows


@pytest.fixture(scope="module")
def helped():
    return reader_gain(rows_of(8, 0.95), draws=200)


def test_channels_pass_bands_and_no_mean():
    found = channels()
    assert (
        found.shape == (10, 96, 96)
        and np.allclose(found.sum((1, 2)), 0, atol=1e-6)
        and np.allclose(np.linalg.norm(found, axis=(1, 2)), 1)
    )
    peaks = [
        np.hypot(*np.meshgrid(np.fft.fftfreq(96), np.fft.fftfreq(96))).ravel()[
            np.abs(np.fft.fft2(one)).argmax()
        ]
        for one in found
    ]
    assert peaks == sorted(peaks) and peaks[-1] > 5 * peaks[0]


def test_a_difference_that_shows_the_background_helps_with_subtle_lesions(helped):
    assert helped["subtle"]["gain"]["value"] > 0.1 and helped["subtle"]["gain"]["ci95"][0] > 0
    assert (
        helped["all"]["auc_both"]["value"] > 0.9
        and helped["obvious"]["auc_alone"]["value"] > helped["subtle"]["auc_alone"]["value"]
    )
    assert (
        helped["subtle"]["relative_found"]["value"] > 0
        and helped["all"]["gain"]["n"] == 48
        and not helped["exploratory"]
    )


def test_a_flat_difference_helps_no_one():
    found = reader_gain(rows_of(8, 0.0), draws=200)
    low, high = found["all"]["gain"]["ci95"]
    assert low < 0.05 and high < 0.15


def test_no_lesion_no_gain():
    """Labels that say nothing: an AUC of about a half, cross-validated by patient."""
    rows = rows_of(8, 0.95)
    rng = np.random.default_rng(3)
    for row in rows:
        row["scan"], row["difference"] = (
            rng.normal(0, 1, 10).tolist(),
            rng.normal(0, 1, 10).tolist(),
        )
    assert abs(reader_gain(rows, draws=50)["all"]["auc_both"]["value"] - 0.5) < 0.15


def test_it_is_bit_stable():
    rows = rows_of(3, 0.9)
    assert (
        reader_gain(rows, draws=50) == reader_gain(rows, draws=50)
        and reader_gain(rows, draws=50)["exploratory"]
    )


def test_what_cannot_be_compared_is_refused():
    rows = rows_of(2, 0.9)
    with pytest.raises(UnsuitableInputError, match="lack their partner"):
        reader_gain(rows[1:])
    with pytest.raises(UnsuitableInputError, match="trained on"):
        reader_gain(rows_of(1, 0.9))
    with pytest.raises(UnsuitableInputError, match="no voxel of the lungs"):
        reader_row(
            np.zeros(SHAPE),
            np.zeros(SHAPE),
            MASK,
            ~LUNGS,
            SPACING,
            patient="p",
            case="c",
            present=True,
            contrast_hu=1.0,
        )
