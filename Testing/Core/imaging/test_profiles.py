"""Modalities: told from the voxels only for CT, checked against what user and file say."""

import numpy as np
import pytest

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.profiles import PROFILES, settle_modality, window


@pytest.fixture
def mr():
    return np.random.default_rng(0).integers(0, 800, (4, 30, 30)).astype(np.float32)


def test_ct_is_recognised_and_needs_real_air(phantom):
    assert settle_modality(phantom.array, "a") == "CT"
    padded = np.where(phantom.array < -700, -3024, phantom.array)
    with pytest.raises(UnsuitableInputError, match="without the air"):
        settle_modality(padded, "padding.nrrd")


def test_other_modalities_must_be_said_and_an_mr_is_no_ct(mr):
    for said in (None, "CT"):
        with pytest.raises(
            UnsuitableInputError, match="mr.nii holds values from 0 to 799 .* say the modality"
        ):
            settle_modality(mr, "mr.nii", said)
    assert settle_modality(mr, "mr.nii", "mri") == "MR"
    assert settle_modality(mr, "x", None, "CR") == "XR"
    with pytest.raises(UnsuitableInputError, match="PT of pet is not known"):
        settle_modality(mr, "pet", None, "PT")


def test_user_and_header_must_agree(mr):
    with pytest.raises(UnsuitableInputError, match="is MR by its DICOM header, but CT"):
        settle_modality(mr, "a", "CT", "MR")
    assert settle_modality(mr, "a", "MR", "OT") == "MR"


def test_hu_plus_1024_is_named_as_such(phantom):
    with pytest.raises(UnsuitableInputError, match="1024 added"):
        settle_modality(np.maximum(phantom.array + 1024, 0), "raw")


def test_ct_window_is_fixed_others_follow_the_image(phantom, mr):
    assert PROFILES["CT"].window(phantom.array) == PROFILES["CT"].window(phantom.array * 0.5)
    low, high = PROFILES["MR"].window(mr)
    assert (low, high) == pytest.approx(np.percentile(mr, (1, 99)))


@pytest.mark.parametrize("modality", ["CT", "MR", "XR"])
def test_every_profile_says_what_the_weights_are_for(modality):
    assert PROFILES[modality].note.startswith("The shipped weights are for chest CT")


def test_window_ends():
    assert window(np.array([-2000.0, -1250.0, -500.0, 250.0, 2000.0])).tolist() == [
        0,
        0,
        128,
        255,
        255,
    ]
    assert window(np.array([40.0]), 40, 400).tolist() == [128]
