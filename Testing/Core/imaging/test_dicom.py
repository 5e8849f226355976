"""DICOM series: complete and straight ones load exactly, others are refused with the reason."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume


def write_series(folder, hu, positions, *, uid=None, slope=1.0, intercept=-1024.0, tilt=0.0, name="s", modality="CT", rescale=True):
    uid = uid or generate_uid()
    for index, (plane, z) in enumerate(zip(hu, positions)):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ExplicitVRLittleEndian, CTImageStorage, generate_uid()
        item = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        item.SOPClassUID, item.SOPInstanceUID, item.SeriesInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID, uid
        item.Modality, item.Rows, item.Columns = modality, *plane.shape
        item.ImageOrientationPatient, item.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [5, 6 + tilt * z, z]
        item.PixelSpacing, item.SliceThickness = [0.8, 0.7], 2.0
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 0 if rescale else 1
        if rescale:
            item.RescaleSlope, item.RescaleIntercept = slope, intercept
            stored = np.rint((plane - intercept) / slope).astype(np.uint16)
        else:
            stored = plane.astype(np.int16)
        item.PixelData = stored.tobytes()
        pydicom.dcmwrite(folder / f"{name}{index:02d}", item, enforce_file_format=True)


@pytest.fixture
def hu(phantom):
    return phantom.array[:6]


@pytest.mark.parametrize("rescale", [True, False])
def test_series_loads_exactly_whatever_the_file_order(tmp_path, hu, rescale):
    write_series(tmp_path, hu[::-1], 2.0 * np.arange(6)[::-1], rescale=rescale)
    volume = load_volume(tmp_path)
    assert np.array_equal(volume.array, hu)
    assert volume.spacing == pytest.approx((2.0, 0.8, 0.7))
    assert volume.affine[:3, 3] == pytest.approx((5, 6, 0))
    assert volume.stored_dtype == "int16"


def test_missing_slice_tilt_copies_and_two_series_are_refused(tmp_path, hu):
    cases = {"misses slices": dict(positions=[0, 2, 4, 8, 10, 12]), "tilted": dict(positions=2.0 * np.arange(6), tilt=0.2),
             "two slices": dict(positions=[0, 2, 2, 4, 6, 8])}
    for word, how in cases.items():
        folder = tmp_path / word.split()[0]
        folder.mkdir()
        write_series(folder, hu, **how)
        with pytest.raises(UnsuitableInputError, match=word):
            load_volume(folder)
    both = tmp_path / "both"
    both.mkdir()
    write_series(both, hu, 2.0 * np.arange(6))
    write_series(both, hu, 2.0 * np.arange(6), name="t")
    with pytest.raises(UnsuitableInputError, match="2 series"):
        load_volume(both)


def test_folder_without_images_and_truncated_slice(tmp_path, hu):
    with pytest.raises(UnreadableError, match="no DICOM"):
        load_volume(tmp_path)
    write_series(tmp_path, hu, 2.0 * np.arange(6))
    victim = tmp_path / "s03"
    victim.write_bytes(victim.read_bytes()[:-500])
    with pytest.raises(UnreadableError, match="s03"):
        load_volume(tmp_path)


def test_single_x_ray_has_depth_one(tmp_path):
    image = np.random.default_rng(0).integers(0, 4000, (40, 30)).astype(np.float32)
    write_series(tmp_path, image[None], [0.0], modality="DX", intercept=0.0)
    file = tmp_path / "s00"
    volume = load_volume(file)
    assert volume.shape == (1, 40, 30) and volume.modality == "XR"
