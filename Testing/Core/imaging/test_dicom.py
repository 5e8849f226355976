"""DICOM series: complete and straight ones load exactly, others are refused with the reason."""

import io
import re

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy.spatial.transform import Rotation

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.io import load_volume

STRAIGHT = np.eye(3)
STEPS = 2.0 * np.arange(6)


def item(
    plane,
    place,
    uid,
    *,
    axes=STRAIGHT,
    slope=1.0,
    intercept=-1024.0,
    modality="CT",
    rescale=True,
    **tags,
):
    """One slice as a dataset; extra `tags` are set, None deletes."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        ExplicitVRLittleEndian,
        CTImageStorage,
        generate_uid(),
    )
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID = (
        CTImageStorage,
        meta.MediaStorageSOPInstanceUID,
        uid,
    )
    data.Modality, data.Rows, data.Columns = modality, *plane.shape
    data.ImageOrientationPatient = [f"{v:.9f}" for v in (*axes[:, 0], *axes[:, 1])]
    data.ImagePositionPatient = [f"{v:.9f}" for v in place]
    data.PixelSpacing, data.SliceThickness = [0.8, 0.7], 2.0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = (
        16,
        16,
        15,
        0 if rescale else 1,
    )
    if rescale:
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
        data.PixelData = np.rint((plane - intercept) / slope).astype(np.uint16).tobytes()
    else:
        data.PixelData = plane.astype(np.int16).tobytes()
    for key, value in tags.items():
        delattr(data, key) if value is None else setattr(data, key, value)
    return data


def write_series(
    folder, hu, positions=STEPS, *, name="s", shear=0.0, sideways=(), axes=STRAIGHT, uid=None, **how
):
    """Slices at `positions` along their normal; `shear` mm sideways per mm, or single `sideways`
    shifts."""
    uid = uid or generate_uid()
    folder.mkdir(exist_ok=True)
    for index, (plane, along) in enumerate(zip(hu, positions)):
        aside = shear * along + (sideways[index] if len(sideways) else 0)
        place = np.array([5.0, 6.0, 0.0]) + axes[:, 2] * along + axes[:, 1] * aside
        pydicom.dcmwrite(
            folder / f"{name}{index:02d}",
            item(plane, place, uid, axes=axes, **how),
            enforce_file_format=True,
        )


def change(path, **tags):
    data = pydicom.dcmread(path)
    for key, value in tags.items():
        delattr(data, key) if value is None else setattr(data, key, value)
    data.save_as(path)


def refused(path, word, kind=UnsuitableInputError, **how):
    with pytest.raises(kind, match=word) as caught:
        load_volume(path, **how)
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text, text


@pytest.fixture(scope="module")
def hu(phantom):
    return phantom.array[:6, ::2, ::2]


@pytest.mark.parametrize("rescale", [True, False])
def test_series_loads_exactly_whatever_the_file_order(tmp_path, hu, rescale):
    write_series(tmp_path, hu[::-1], STEPS[::-1], rescale=rescale)
    (tmp_path / "README.txt").write_text("not a slice", encoding="utf-8")
    (tmp_path / ".hidden").write_bytes(b"")
    volume = load_volume(tmp_path)
    assert np.array_equal(volume.array, hu)
    assert volume.spacing == pytest.approx((2.0, 0.8, 0.7))
    assert volume.affine[:3, 3] == pytest.approx((5, 6, 0))
    assert volume.stored_dtype == "int16" and volume.modality == "CT"


def test_oblique_and_flipped_series_keep_their_geometry(tmp_path, hu):
    axes = Rotation.from_rotvec((0.2, -0.1, 0.3)).as_matrix() @ np.array(
        [[0, 0, 1], [1, 0, 0], [0, -1, 0]]
    )
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    write_series(tmp_path, hu, axes=axes)
    volume = load_volume(tmp_path)
    assert np.array_equal(volume.array, hu)
    assert volume.affine[:3, :3] == pytest.approx(axes * (0.7, 0.8, 2.0), abs=1e-6)


def test_each_slice_is_rescaled_by_its_own_factors(tmp_path, hu):
    uid = generate_uid()
    write_series(tmp_path, hu[:3], STEPS[:3], uid=uid, intercept=-1024.0)
    write_series(tmp_path, hu[3:], STEPS[3:], uid=uid, intercept=-2000.0, name="t")
    assert np.array_equal(load_volume(tmp_path).array, hu)
    other = tmp_path / "half"
    write_series(other, hu + 0.5, slope=0.5)
    volume = load_volume(other)
    assert np.array_equal(volume.array, hu + 0.5) and volume.stored_dtype == "float32"


@pytest.mark.parametrize(
    "packing, known_as", [("JPEG", "JPEG Lossless"), ("JPEG2000", "JPEG 2000")]
)
def test_losslessly_compressed_slices_load_exactly(tmp_path, hu, packing, known_as):
    write_series(tmp_path / "plain", hu)
    packed = tmp_path / "packed"
    packed.mkdir()
    for path in (tmp_path / "plain").iterdir():
        image = sitk.Cast(sitk.ReadImage(str(path), imageIO="GDCMImageIO"), sitk.sitkInt16)
        for key in image.GetMetaDataKeys():
            if key.startswith("0028"):
                image.EraseMetaData(key)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetImageIO("GDCMImageIO")
        writer.SetCompressor(packing)
        writer.UseCompressionOn()
        writer.SetFileName(str(packed / f"{path.name}.dcm"))
        writer.Execute(image)
        plain = pydicom.dcmread(path)
        change(
            packed / f"{path.name}.dcm",
            StudyInstanceUID="1.2.9",
            FrameOfReferenceUID="1.2.10",
            **{
                key: plain[key].value
                for key in (
                    "SeriesInstanceUID",
                    "Modality",
                    "ImageOrientationPatient",
                    "ImagePositionPatient",
                    "PixelSpacing",
                )
            },
        )
    assert known_as in pydicom.dcmread(packed / "s00.dcm").file_meta.TransferSyntaxUID.name
    assert np.array_equal(load_volume(packed).array, hu)


def test_old_files_without_preamble_load(tmp_path, hu):
    write_series(tmp_path, hu)
    for path in tmp_path.iterdir():
        data = pydicom.dcmread(path)
        data.file_meta, data.preamble = FileMetaDataset(), None
        pydicom.dcmwrite(
            path, data, implicit_vr=False, little_endian=True, enforce_file_format=False
        )
        assert path.read_bytes()[128:132] != b"DICM"
    assert np.array_equal(load_volume(tmp_path).array, hu)


def test_missing_and_uneven_slices_are_refused_with_positions(tmp_path, hu):
    for name, positions, word in (
        (
            "one",
            [0, 2, 4, 8, 10, 12],
            "misses slices, about 1: they lie 2.00 mm apart, but none is between 4.0 and 8.0 mm",
        ),
        ("three", [0, 2, 6, 8, 10, 16], "about 3: .* between 2.0 and 6.0 mm, 10.0 and 16.0 mm"),
        (
            "uneven",
            [0, 2, 4, 6.5, 8, 10],
            "uneven steps: mostly 2.00 mm, but not between 4.0 and 6.5 mm",
        ),
    ):
        write_series(tmp_path / name, hu, positions)
        refused(tmp_path / name, word)


def test_gantry_tilt_and_sideways_shifts_are_refused(tmp_path, hu):
    write_series(tmp_path / "tilt", hu, shear=0.2)
    refused(tmp_path / "tilt", r"gantry tilted by 11\.3°")
    write_series(tmp_path / "shift", hu, sideways=(0, 0, 3, 0, 0, 0))
    refused(tmp_path / "shift", "shifted sideways by 3.0 mm at 4.0 mm")


def test_copies_are_refused_by_name(tmp_path, hu):
    write_series(tmp_path, hu, [0, 2, 2, 4, 6, 8])
    refused(tmp_path, r"two slices at 2\.0 mm \(s01 and s02\)")


def test_two_series_are_listed_and_can_be_chosen(tmp_path, hu):
    write_series(tmp_path, hu, SeriesDescription="Lung")
    write_series(tmp_path, hu[:3] + 1, name="t", SeriesDescription="Soft")
    refused(
        tmp_path,
        re.escape("2 series (1: Lung, CT, 6 images, first s00; 2: Soft, CT, 3 images, first t00)")
        + ".*of its own, or choose it",
    )
    assert np.array_equal(load_volume(tmp_path, series=2).array, hu[:3] + 1)
    refused(tmp_path, "no series 3", UsageError, series=3)


def test_marked_localizers_are_left_out_unmarked_ones_refused(tmp_path, hu):
    uid = generate_uid()
    sagittal = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0.0]])
    write_series(tmp_path, hu, uid=uid)
    write_series(
        tmp_path,
        hu[:1],
        uid=uid,
        name="scout",
        axes=sagittal,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    assert np.array_equal(load_volume(tmp_path).array, hu)
    change(tmp_path / "scout00", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    refused(tmp_path, "scout00|s00.*another orientation")


def test_slices_of_another_size_or_spacing_are_refused(tmp_path, hu):
    write_series(tmp_path, hu)
    change(tmp_path / "s03", PixelSpacing=[0.9, 0.9])
    refused(tmp_path, "s03 has another orientation, size or spacing than s00")


def test_images_without_a_place_are_refused(tmp_path, hu):
    write_series(tmp_path, hu, ImagePositionPatient=None)
    refused(tmp_path, "lack ImagePositionPatient")
    refused(tmp_path / "s00", "lack ImagePositionPatient")


def test_damaged_slices_are_named_not_skipped(tmp_path, hu, capfd):
    for name, cut in (
        ("pixels", lambda b: b[:-500]),
        ("header", lambda b: b[:300]),
        ("start", lambda b: b[:140]),
    ):
        folder = tmp_path / name
        write_series(folder, hu)
        (folder / "s05").write_bytes(cut((folder / "s05").read_bytes()))
        refused(folder, "s05", UnreadableError)
    write_series(tmp_path / "empty", hu)
    (tmp_path / "empty" / "s06.dcm").touch()
    refused(tmp_path / "empty", "s06.dcm is empty", UnreadableError)
    assert capfd.readouterr().err == ""


def test_folder_without_images_points_to_its_subfolders(tmp_path):
    refused(tmp_path, "no DICOM images; choose", UnreadableError)
    (tmp_path / "study").mkdir()
    refused(tmp_path, "no DICOM images; look in its sub-folders, such as study", UnreadableError)


def test_colour_and_multi_frame_are_refused(tmp_path, hu):
    write_series(tmp_path / "colour", hu, SamplesPerPixel=3)
    refused(tmp_path / "colour", "s00 is a colour DICOM image")
    write_series(tmp_path / "frames", hu[:1], NumberOfFrames=4)
    refused(tmp_path / "frames" / "s00", "multi-frame DICOM image .4 frames")


def test_constant_raw_and_wrong_modality_are_refused(tmp_path, hu):
    write_series(tmp_path / "flat", hu * 0)
    refused(tmp_path / "flat", "flat is constant")
    write_series(tmp_path / "raw", hu + 1024, intercept=0.0)
    refused(tmp_path / "raw", "1024 added")
    write_series(tmp_path / "mr", np.abs(hu), modality="MR")
    refused(tmp_path / "mr", "is MR by its DICOM header, but CT", modality="CT")
    assert load_volume(tmp_path / "mr").modality == "MR"
    write_series(tmp_path / "pet", np.abs(hu), modality="PT")
    refused(tmp_path / "pet", "modality PT of pet is not known")


@pytest.mark.parametrize("kind", ["CR", "DX"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_single_x_ray_has_depth_one_and_bright_bone(tmp_path, kind, photometric):
    image = np.random.default_rng(0).integers(0, 4000, (40, 30)).astype(np.float32)
    write_series(
        tmp_path,
        image[None],
        [0.0],
        modality=kind,
        intercept=0.0,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        ImagerPixelSpacing=[0.2, 0.1],
        PhotometricInterpretation=photometric,
    )
    seen = image.max() + image.min() - image if photometric == "MONOCHROME1" else image
    for path in (tmp_path, tmp_path / "s00"):
        volume = load_volume(path)
        assert (
            volume.shape == (1, 40, 30)
            and volume.modality == "XR"
            and volume.spacing == pytest.approx((1, 0.2, 0.1))
        )
        assert np.array_equal(volume.array[0], seen)
    refused(tmp_path, "is XR by its DICOM header, but CT", modality="CT")


def test_one_slice_of_a_series_keeps_its_place(tmp_path, hu):
    write_series(tmp_path, hu)
    volume = load_volume(tmp_path / "s02")
    assert (
        np.array_equal(volume.array, hu[2:3])
        and volume.affine[:3, 3] == pytest.approx((5, 6, 4))
        and volume.spacing[0] == 2.0
    )


def test_dicom_without_an_image_is_refused(tmp_path, hu):
    buffer = io.BytesIO()
    pydicom.dcmwrite(
        buffer,
        item(hu[0], (0, 0, 0), generate_uid(), Rows=None, PixelData=None),
        enforce_file_format=True,
    )
    (tmp_path / "report").write_bytes(buffer.getvalue())
    refused(tmp_path / "report", "without an image", UnreadableError)
