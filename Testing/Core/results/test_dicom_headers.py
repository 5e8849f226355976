"""Headers as hospitals write them: every name comes back as it was, and what breaks the standard is
left out with a note."""

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.uid import generate_uid

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.results.dicom_segments import write_segmentation
from DGMVLCCore.results.dicom_series import Series, write_series
from DGMVLCCore.results.dicom_source import source_of_folder

NAMES = {
    "ja": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "zh": ("GB18030", "Wang^XiaoDong=王^小东"),
    "ko": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    "latin": ("ISO_IR 100", "Müller^Jörg"),
    "greek": ("ISO_IR 126", "Διονυσιος"),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг"),
    "looks latin": ("ISO_IR 144", "Но^Рас"),
    "hebrew": ("ISO_IR 138", "שרון^דבורה"),
    "half-width kana": ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "one group": ("ISO_IR 192", "=王^小東"),
    "arabic": ("ISO_IR 127", "قباني^لنزار"),
    "utf8": ("ISO_IR 192", "Buc^Jérôme"),
    "ascii": (None, "Smith^John^^Dr"),
}


def exported(source_folder, tmp_path):
    """A derived series and a segmentation beside a series: one header of each, and the notes."""
    source = source_of_folder(source_folder)
    facts = Series(5, "edited", "made", (0.0, 1.0), True, uid=generate_uid())
    write_series(source, source.volume.array, facts, tmp_path / "s")
    mask = np.zeros(source.volume.shape, bool)
    mask[0, 10:20, 10:20] = True
    write_segmentation([("nodule", mask)], source_folder, tmp_path / "seg.dcm")
    return (
        pydicom.dcmread(tmp_path / "s" / "0001.dcm"),
        pydicom.dcmread(tmp_path / "seg.dcm"),
        source.notes,
    )


def rewrite(folder, **values):
    """Put raw bytes into every file's header, as no library would."""
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        for keyword, text in values.items():
            tag = tag_for_keyword(keyword)
            data.pop(tag, None)
            raw = text.encode("ascii") + b" " * (len(text) % 2)
            vr = dictionary_VR(tag)
            data[tag] = RawDataElement(tag, vr, len(raw), raw, 0, False, True)
        data.save_as(path)


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_in_any_writing_comes_back_as_it_was(tmp_path, phantom, write_ct, kind):
    sets, name = NAMES[kind]
    tags = {} if sets is None else {"SpecificCharacterSet": sets}
    tags |= {"PatientName": name, "ReferringPhysicianName": name}
    write_ct(tmp_path / "ct", phantom.array[:4], **tags)
    derived, segments, notes = exported(tmp_path / "ct", tmp_path)
    for made in (derived, segments):
        assert str(made.PatientName) == name and str(made.ReferringPhysicianName) == name
        assert made.SpecificCharacterSet == "ISO_IR 192"
    assert notes == ()


@pytest.mark.parametrize(
    "keyword, value",
    [
        ("PatientBirthDate", "1960/01/01"),
        ("StudyDate", "2024-01-11"),
        ("StudyDate", "20241341"),
        ("StudyTime", "12:30:05"),
        ("PatientSex", "female"),
        ("PatientAge", "62"),
        ("PatientWeight", "unknown"),
        ("InstanceNumber", "1.5"),
        ("KVP", "120 kV"),
        ("SliceLocation", "here"),
    ],
)
def test_what_breaks_the_standard_is_left_out_and_told(tmp_path, phantom, write_ct, keyword, value):
    write_ct(tmp_path / "ct", phantom.array[:4])
    rewrite(tmp_path / "ct", **{keyword: value})
    derived, _, notes = exported(tmp_path / "ct", tmp_path)
    assert len(notes) == 1 and keyword in notes[0] and "left out" in notes[0]
    assert (value in notes[0]) is not keyword.startswith("Patient"), "a note names no patient"
    assert str(derived.get(keyword) or "") != value


def test_a_name_with_a_backslash_is_one_name(tmp_path, phantom, write_ct):
    write_ct(tmp_path / "ct", phantom.array[:4])
    rewrite(tmp_path / "ct", PatientName="Doe^J\\R")
    derived, segments, _ = exported(tmp_path / "ct", tmp_path)
    assert derived.PatientName == segments.PatientName == "Doe^J R"


def test_a_long_id_is_kept_as_it_is(tmp_path, phantom, write_ct):
    write_ct(tmp_path / "ct", phantom.array[:4])
    rewrite(tmp_path / "ct", PatientID="X" * 90)
    derived, segments, notes = exported(tmp_path / "ct", tmp_path)
    assert derived.PatientID == segments.PatientID == "X" * 90 and "90 characters" in notes[0]


def test_identifiers_with_leading_zeros_stay_and_broken_ones_are_refused(
    tmp_path, phantom, write_ct
):
    write_ct(tmp_path / "ct", phantom.array[:4])
    rewrite(tmp_path / "ct", StudyInstanceUID="1.2.840.0001.5.06")
    derived, segments, _ = exported(tmp_path / "ct", tmp_path)
    assert derived.StudyInstanceUID == segments.StudyInstanceUID == "1.2.840.0001.5.06"
    rewrite(tmp_path / "ct", StudyInstanceUID="study one")
    with pytest.raises(UnsuitableInputError, match="no StudyInstanceUID that DICOM allows"):
        source_of_folder(tmp_path / "ct")
