"""DICOM as hospitals hand it over: rounded places, decimal commas, dose sheets, several series,
enhanced images, padding and damaged tags."""

import gzip
import struct
import zipfile

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    EnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.dicom import series_of
from DGMVLCCore.imaging.io import load_volume, save_volume
from Testing.Core.imaging.test_dicom import STEPS, change, item, refused, write_series


@pytest.fixture(scope="module")
def hu(phantom):
    return phantom.array[:6, ::2, ::2]


def patch(path, keyword, value):
    """Put bytes of the same length into an element of a file."""
    tag = pydicom.datadict.tag_for_keyword(keyword)
    content = bytearray(path.read_bytes())
    at = content.find(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
    length = struct.unpack_from("<H", content, at + 6)[0]
    content[at + 8 : at + 8 + length] = value(bytes(content[at + 8 : at + 8 + length]))
    path.write_bytes(content)


@pytest.mark.parametrize("step", [0.625, 0.75, 0.3])
def test_places_of_one_decimal_lie_on_the_line_through_all(tmp_path, phantom, step):
    hu = np.concatenate([phantom.array[:, ::2, ::2]] * 3)
    write_series(tmp_path, hu, step * np.arange(len(hu)), SliceThickness=step)
    for path in tmp_path.iterdir():
        place = pydicom.dcmread(path).ImagePositionPatient
        change(path, ImagePositionPatient=[f"{float(v):.1f}" for v in place])
    volume = load_volume(tmp_path)
    assert volume.spacing[0] == pytest.approx(step, abs=1e-6)
    assert np.array_equal(volume.array, hu)


def test_steps_that_no_rounding_explains_are_refused(tmp_path, hu):
    write_series(tmp_path / "a", hu, [0, 2, 4, 6.3, 8, 10])
    refused(tmp_path / "a", "uneven steps: mostly 2.00 mm, but not between 4.0 and 6.3 mm")
    write_series(tmp_path / "b", hu, [0, 1, 2, 3.2, 4.4, 5.6])
    refused(tmp_path / "b", "uneven steps")


def test_decimal_commas_are_read_as_points(tmp_path, hu):
    write_series(tmp_path, hu)
    whole = load_volume(tmp_path)
    for path in tmp_path.iterdir():
        for keyword in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"):
            patch(path, keyword, lambda value: value.replace(b".", b","))
    volume = load_volume(tmp_path)
    assert volume.same_grid(whole, 1e-9) and np.array_equal(volume.array, whole.array)


@pytest.mark.parametrize(
    "keyword, value, word",
    [
        ("RescaleIntercept", "-1,24,0", "RescaleIntercept .0028,1052. as “-1,24,0”, not 1 number"),
        ("RescaleSlope", "nan", "RescaleSlope"),
        ("NumberOfFrames", "1\\2", "NumberOfFrames .0028,0008. as “1.2”, not 1 number"),
        ("PixelSpacing", "0.7", "PixelSpacing .0028,0030. as “0.7”, not 2 numbers"),
        ("PixelSpacing", "1\\0\\0\\1", "not 2 numbers"),
        ("ImagePositionPatient", "1\\2", "not 3 numbers"),
        ("ImageOrientationPatient", "1\\0\\0\\0\\1", "not 6 numbers"),
        ("ImageOrientationPatient", "1\\0\\0\\0\\2\\0", "directions of length"),
        ("PixelSpacing", "0\\0", "PixelSpacing .0028,0030. as 0 x 0 mm"),
        ("PixelSpacing", "-1\\-1", "PixelSpacing .0028,0030. as -1 x -1 mm"),
        ("RescaleSlope", "0", "RescaleSlope .0028,1053. as 0"),
        ("PhotometricInterpretation", "PALETTE COLOR", "colour"),
    ],
)
def test_tags_that_cannot_be_meant_are_named(tmp_path, hu, keyword, value, word):
    write_series(tmp_path, hu)
    tag = pydicom.datadict.tag_for_keyword(keyword)
    for path in tmp_path.iterdir():
        data = pydicom.dcmread(path)
        data.pop(tag, None)
        raw = value.encode() + b" " * (len(value) % 2)
        vr = pydicom.datadict.dictionary_VR(tag)
        data[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(raw), raw, 0, False, True)
        data.save_as(path)
    with pytest.raises(DGMVLCError, match=word) as caught:
        load_volume(tmp_path)
    assert str(caught.value).endswith(".") and caught.value.exit_code in (3, 4)


def test_an_image_without_columns_is_refused(tmp_path, hu):
    write_series(tmp_path, hu)
    change(tmp_path / "s02", Columns=None)
    refused(tmp_path, "s02 lacks Columns", UnreadableError)


def test_an_end_slice_that_is_cut_shortens_no_scan(tmp_path, hu):
    write_series(tmp_path, hu)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_suffix(".dcm"))
    content = (tmp_path / "s05.dcm").read_bytes()
    for length in (20, 131, 135, 400, len(content) - 2000):
        (tmp_path / "s05.dcm").write_bytes(content[:length])
        refused(tmp_path, "s05.dcm", UnreadableError)
    (tmp_path / "s05.dcm").unlink()
    (tmp_path / "s05").write_bytes(content[:100])
    refused(tmp_path, "s05 is a cut", UnreadableError)


def dose_sheet(folder, uid=None):
    """A colour picture of a screen, as scanners put beside a scan."""
    data = item(np.zeros((40, 40)), (0, 0, 0), uid or generate_uid(), SamplesPerPixel=3)
    data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelData = np.zeros((40, 40, 3), np.uint8).tobytes()
    data.SeriesDescription = "Dose report"
    del data.ImagePositionPatient, data.ImageOrientationPatient
    pydicom.dcmwrite(folder / "dose.dcm", data, enforce_file_format=True)


def test_the_only_chest_ct_is_taken_and_the_others_are_named(tmp_path, hu, caplog):
    write_series(tmp_path, hu, name="s", SeriesDescription="Chest", BodyPartExamined="CHEST")
    write_series(tmp_path, hu[:1], [0], name="scout", ImageType=["ORIGINAL", "LOCALIZER"])
    write_series(tmp_path, hu[:4] + 5, [3] * 4, name="bolus", SeriesDescription="Monitoring")
    write_series(tmp_path, hu + 7, name="head", BodyPartExamined="HEAD")
    dose_sheet(tmp_path)
    assert np.array_equal(load_volume(tmp_path).array, hu)
    assert "“Chest” is read, the only chest CT of 4 series" in caplog.text
    numbers = {s.description: s.number for s in series_of(tmp_path)}
    assert np.array_equal(load_volume(tmp_path, series=numbers["Chest"]).array, hu)
    refused(tmp_path, "colour", series=numbers["Dose report"])
    write_series(tmp_path, hu + 1, name="u", SeriesDescription="Chest thin")
    refused(tmp_path, "5 series .*choose it with --series NUMBER")
    refused(tmp_path, "no series 9", UsageError, series=9)


def dicomdir(folder):
    data = Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.FileSetID = "CD"
    pydicom.dcmwrite(folder / "DICOMDIR", data, enforce_file_format=True)


def test_a_cd_is_read_by_its_dicomdir_or_its_folder(tmp_path, hu):
    (tmp_path / "IMAGES").mkdir()
    write_series(tmp_path / "IMAGES" / "CT", hu)
    dose_sheet(tmp_path / "IMAGES")
    (tmp_path / "AUTORUN.INF").write_text("[autorun]", encoding="utf-8")
    dicomdir(tmp_path)
    for path in (tmp_path, tmp_path / "DICOMDIR"):
        assert np.array_equal(load_volume(path).array, hu)


def test_a_zip_whose_names_are_damaged_is_one_sentence(tmp_path):
    for name in ("", "a"):
        with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
            archive.writestr("a", b"x")
        content = (tmp_path / "odd.zip").read_bytes()
        start = content.index(b"PK\1\2")
        if name:  # bytes that are no UTF-8, said to be
            central = bytearray(content[start:])
            central[8:10], central[46] = b"\0\x08", 0xFF
        else:  # no letter
            central = bytearray(content[start : start + 46] + content[start + 47 :])
            central[28] = 0
            central[-10] -= 1
        (tmp_path / "odd.zip").write_bytes(content[:start] + bytes(central))
        refused(tmp_path / "odd.zip", "could not be unpacked|holds no files", UnreadableError)


def test_a_zipped_folder_is_read_and_leaves_nothing(tmp_path, hu, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    write_series(tmp_path / "study", hu)
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in (tmp_path / "study").iterdir():
            archive.write(path, f"a/b/{path.name}")
        archive.writestr("__MACOSX/a/._x", b"x")
    assert np.array_equal(load_volume(tmp_path / "study.zip").array, hu)
    for name, word in (("../out.dcm", "leads out"), ("/etc/out.dcm", "leads out")):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
            archive.writestr(name, b"x")
        refused(tmp_path / "bad.zip", word, UnreadableError)
    with (
        zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("big", "w", force_zip64=True) as out,
    ):
        for _ in range(300):
            out.write(bytes(1 << 20))
    refused(tmp_path / "bomb.zip", "unpack to 1 files of 0.3 GB")
    content = (tmp_path / "study.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    refused(tmp_path / "cut.zip", "could not be unpacked", UnreadableError)
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("declared", [True, False])
def test_unsigned_padding_is_air_outside_the_scan(tmp_path, hu, declared):
    write_series(tmp_path, hu)
    outside = np.zeros(hu.shape, bool)
    outside[:, :6], outside[:, :, -4:] = True, True
    for index, path in enumerate(sorted(tmp_path.iterdir())):
        data = pydicom.dcmread(path)
        stored = data.pixel_array.copy()
        stored[outside[index]] = 63536
        data.PixelData = stored.tobytes()
        if declared:
            data.add_new("PixelPaddingValue", "US", 63536)
        data.save_as(path)
    volume = load_volume(tmp_path)
    assert np.array_equal(volume.array < -1500, outside)
    assert np.array_equal(volume.array[~outside], hu[~outside]) and volume.array.max() < 3100


def test_declared_padding_of_a_tissues_number_is_air_only_outside(tmp_path, hu):
    write_series(tmp_path, np.where(np.abs(hu) < 3, 9, hu), rescale=False)
    corner, inside = (slice(None), slice(0, 5), slice(0, 5)), (3, 25, 40)
    for index, path in enumerate(sorted(tmp_path.iterdir())):
        data = pydicom.dcmread(path)
        stored = data.pixel_array.copy()
        stored[0:5, 0:5] = 0
        if index == inside[0]:
            stored[inside[1:]] = 0
        data.PixelData = stored.tobytes()
        data.add_new("PixelPaddingValue", "SS", 0)
        data.save_as(path)
    volume = load_volume(tmp_path)
    assert (volume.array[corner] < -1500).all() and volume.array[inside] == 0
    assert (volume.array < -1500).sum() == 6 * 25


def enhanced(path, hu, positions=STEPS, **tags):
    """All slices as frames of one file, the last one first, each with a slope of its own."""
    data = item(hu[0], (0, 0, 0), generate_uid())
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
                    "RescaleSlope", "RescaleIntercept", "SliceThickness"):  # fmt: skip
        delattr(data, keyword)
    shared, measures, turn = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.7], 2.0
    turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turn]
    data.SharedFunctionalGroupsSequence, frames = [shared], []
    for index in reversed(range(len(hu))):
        frame, place, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [5, 6, positions[index]]
        values.RescaleSlope, values.RescaleIntercept = 1, -1024 - index
        frame.PlanePositionSequence = [place]
        frame.PixelValueTransformationSequence = [values]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence, data.NumberOfFrames = frames, len(hu)
    stored = [hu[i] + 1024 + i for i in reversed(range(len(hu)))]
    data.PixelData = np.stack(stored).astype(np.uint16).tobytes()
    for key, value in tags.items():
        setattr(data, key, value)
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def test_an_enhanced_multi_frame_ct_is_read_frame_by_frame(tmp_path, hu):
    (tmp_path / "a").mkdir()
    enhanced(tmp_path / "a" / "ct.dcm", hu)
    for path in (tmp_path / "a", tmp_path / "a" / "ct.dcm"):
        volume = load_volume(path)
        assert np.array_equal(volume.array, hu)
        assert volume.spacing == pytest.approx((2.0, 0.8, 0.7))
        assert volume.affine[:3, 3] == pytest.approx((5, 6, 0))
    data = pydicom.dcmread(tmp_path / "a" / "ct.dcm")
    data.compress(pydicom.uid.RLELossless)
    data.save_as(tmp_path / "packed.dcm")
    assert np.array_equal(load_volume(tmp_path / "packed.dcm").array, hu)
    enhanced(tmp_path / "gap.dcm", hu, [0, 2, 4, 8, 10, 12])
    refused(tmp_path / "gap.dcm", "misses slices, about 1")
    enhanced(tmp_path / "few.dcm", hu, NumberOfFrames=5)
    refused(tmp_path / "few.dcm", "multi-frame")


def test_a_tilted_series_is_resampled_when_asked(tmp_path, hu):
    write_series(tmp_path, hu, shear=0.2)
    with pytest.raises(UnsuitableInputError, match=r"tilted by 11\.3°; add --untilt"):
        load_volume(tmp_path)
    volume = load_volume(tmp_path, untilt=True)
    axes = volume.affine[:3, :3] / volume.spacing[::-1]
    assert np.abs(axes.T @ axes - np.eye(3)).max() < 1e-9
    assert volume.shape == (6, hu.shape[1] + 3, hu.shape[2])


@pytest.mark.parametrize("named, told", [("15", True), ("0", False), ("x", False)])
def test_a_tilt_that_is_only_named_is_told(tmp_path, hu, named, told):
    write_series(tmp_path, hu)
    for path in tmp_path.iterdir():
        data = pydicom.dcmread(path)
        data.add(pydicom.DataElement("GantryDetectorTilt", "DS", "0"))
        data.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"DS\x02\x000 ", f"DS\2\0{named:2}".encode()))
    notes = load_volume(tmp_path).metadata["notes"]
    assert [note for note in notes if "gantry tilted by 15.0°" in note] == list(notes)
    assert bool(notes) == told


def test_a_packed_file_that_is_damaged_ends_a_child_only(tmp_path, hu):
    write_series(tmp_path, hu)
    for path in tmp_path.iterdir():
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
        data.PixelData = pydicom.encaps.encapsulate([bytes(range(256)) * 8])
        data["PixelData"].VR = "OB"
        data.save_as(path)
    refused(tmp_path, "no readable pixels", UnreadableError)


@pytest.mark.parametrize(
    "tag, words",
    [
        ({"PatientID": "B"}, "several patients"),
        ({"StudyInstanceUID": "1.2.3"}, "several studies"),
        ({"FrameOfReferenceUID": "1.2.3"}, "several frames of reference"),
    ],
)
def test_a_series_of_two_patients_is_no_scan(tmp_path, hu, tag, words):
    """A copying error gives slices of another patient the same series."""
    one = {"PatientID": "A", "StudyInstanceUID": "1.2.9", "FrameOfReferenceUID": "1.2"}
    write_series(tmp_path, hu, **one)
    change(sorted(tmp_path.iterdir())[3], **tag)
    refused(tmp_path, words)


def test_a_zip_with_a_scan_and_its_report_is_that_scan_and_several_are_named(tmp_path, phantom):
    save_volume(phantom, tmp_path / "ct.nrrd")

    def packed(*names):
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            for name in names:
                archive.write(tmp_path / "ct.nrrd", name)
        return tmp_path / "all.zip"

    assert np.array_equal(load_volume(packed("ct.nrrd", "report.txt")).array, phantom.array)
    refused(packed("a/ct.nrrd", "b/ct2.nrrd"), "all.zip holds 2 scans .ct.nrrd, ct2.nrrd.")
    refused(packed("inner.zip"), "all.zip holds another .zip")
    refused(packed("ct.nrrd", "."), "all.zip|series", DGMVLCError)  # a name that is none


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_a_slice_without_the_others_rescaling_is_refused(tmp_path, hu, keyword):
    write_series(tmp_path, hu)
    change(tmp_path / "s02", **{keyword: None})
    refused(tmp_path, f"s02 lacks {keyword}")


def test_bits_at_the_top_of_larger_numbers_are_refused(tmp_path, hu):
    write_series(tmp_path, hu)
    for path in tmp_path.iterdir():
        change(path, BitsStored=12, HighBit=15)
    refused(tmp_path, "HighBit")


@pytest.mark.parametrize("how", ["packed", "link"])
def test_a_slice_that_cannot_be_read_as_it_lies_there_shortens_no_scan(tmp_path, hu, how):
    write_series(tmp_path, hu)
    last = sorted(tmp_path.iterdir())[-1]
    if how == "packed":
        (tmp_path / "s05.dcm.gz").write_bytes(gzip.compress(last.read_bytes()))
    else:
        (tmp_path / "s05.dcm").symlink_to("nowhere.dcm")
    last.unlink()
    refused(tmp_path, "packed, or a link", UnreadableError)


def test_wrapped_numbers_within_the_scan_are_no_padding(tmp_path, hu):
    hu = hu.copy()
    hu[:, 0, :] = 62_512  # -2000 - 1024 without its sign
    hu[2, 20:22, 20:22] = 64_506  # -1030: air that noise took below what is stored
    write_series(tmp_path, hu)
    volume = load_volume(tmp_path)
    assert (volume.array[:, 0] <= -2048).all() and (volume.array[2, 20:22, 20:22] == -1030).all()
    assert "but for 4 within it" in volume.metadata["notes"][0]
