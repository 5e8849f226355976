"""Files in and out: exact round trips, and one clear sentence for every bad file."""

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.profiles import PROFILES, window
from DGMVLCCore.imaging.resample import resize_in_plane


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha"])
@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_round_trip_is_exact(phantom, tmp_path, suffix, kind):
    volume = phantom.with_array(phantom.array, stored_dtype=kind)
    tilt = np.eye(4)
    tilt[:2, :2] = [[0.96, -0.28], [0.28, 0.96]]
    object.__setattr__(volume, "affine", tilt @ volume.affine)
    save_volume(volume, tmp_path / f"a{suffix}")
    again = load_volume(tmp_path / f"a{suffix}")
    assert np.array_equal(again.array, volume.array)
    assert again.stored_dtype == kind and again.modality == "CT"
    assert again.same_grid(volume, 1e-3)
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


def write(array, path, vector=False):
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=vector), str(path))
    return path


def test_bad_files_are_refused_with_a_reason(tmp_path, phantom):
    empty, text = tmp_path / "empty.nrrd", tmp_path / "text.nrrd"
    empty.touch()
    text.write_text("hello")
    save_volume(phantom, tmp_path / "whole.nrrd")
    cut = tmp_path / "cut.nrrd"
    cut.write_bytes((tmp_path / "whole.nrrd").read_bytes()[:3000])
    for path, word in ((tmp_path / "none.nrrd", "does not exist"), (empty, "empty"), (text, "could not be read"), (cut, "could not be read")):
        with pytest.raises(UnreadableError, match=word):
            load_volume(path)
    nan = phantom.array.copy()
    nan[0, 0, 0] = np.nan
    for array, vector, word in ((nan, False, "NaN"), (np.full((3, 4, 5), 7, np.int16), False, "constant"),
                                (np.zeros((3, 8, 8, 3), np.uint8), True, "colour"), (np.zeros((2, 3, 8, 8), np.int16), False, "dimensions")):
        with pytest.raises(UnsuitableInputError, match=word):
            load_volume(write(array, tmp_path / "bad.nrrd", vector))


def test_other_modalities_must_be_named(tmp_path):
    array = np.random.default_rng(0).integers(0, 800, (4, 30, 30)).astype(np.int16)
    path = write(array, tmp_path / "mr.nii.gz")
    with pytest.raises(UnsuitableInputError, match="say the modality"):
        load_volume(path)
    with pytest.raises(UnsuitableInputError, match="without the air"):
        load_volume(path, "CT")
    assert load_volume(path, "MR").modality == "MR"
    assert "chest CT" in PROFILES["MR"].note
    assert np.abs(PROFILES["MR"].normalise(array)).max() == 1


def test_writing_where_it_cannot_be_written(phantom, tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        save_volume(phantom, tmp_path / "no" / "a.nrrd")
    with pytest.raises(OutputError, match="ending"):
        save_volume(phantom, tmp_path / "a.txt")


def test_labels_of_a_cropped_extent_are_laid_in_place(phantom, tmp_path):
    full = np.zeros(phantom.shape, np.uint8)
    full[4:7, 40:60, 80:95] = 1
    image = sitk.GetImageFromArray(full)
    image.SetSpacing(phantom.spacing[::-1])
    image.SetOrigin(phantom.affine[:3, 3].tolist())
    sitk.WriteImage(image[78:100, 30:70, 3:9], str(tmp_path / "crop.nrrd"))
    assert np.array_equal(load_labels(tmp_path / "crop.nrrd", phantom).union(), full > 0)
    image.SetSpacing((1.0, 1.0, 1.0))
    sitk.WriteImage(image, str(tmp_path / "other.nrrd"))
    with pytest.raises(UnsuitableInputError, match="another grid"):
        load_labels(tmp_path / "other.nrrd", phantom)
    sitk.WriteImage(image * 0, str(tmp_path / "empty.nrrd"))


def test_empty_segmentation_is_refused(phantom, tmp_path):
    save_volume(phantom.with_array(np.zeros(phantom.shape, np.float32), stored_dtype="uint8"), tmp_path / "e.nrrd")
    with pytest.raises(UnsuitableInputError, match="empty"):
        load_labels(tmp_path / "e.nrrd", phantom)


def test_resizing_keeps_positions():
    ramp = np.tile(np.arange(64, dtype=np.float32), (1, 32, 1))
    half = resize_in_plane(ramp, (16, 32))
    assert half[0, 8, 4:28] == pytest.approx(np.arange(64).reshape(32, 2).mean(1)[4:28], abs=0.05)
    back = resize_in_plane(half, (32, 64))
    assert back[0, 16, 8:56] == pytest.approx(ramp[0, 16, 8:56], abs=0.1)


def test_window_ends():
    assert window(np.array([-2000.0, -500.0, 2000.0])).tolist() == [0, 128, 255]
