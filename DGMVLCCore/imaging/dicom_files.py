"""DICOM files of a folder as slices: one a file, or one a frame of an enhanced multi-frame CT."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
)

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging import dicom_tags as tags
from DGMVLCCore.imaging.dicom_tags import DAMAGE

ENDINGS = (".dcm", ".ima", ".dicom")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
MOST_FILES = 20_000
ENHANCED = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
# Groups of an enhanced image (DICOM PS3.3 C.7.6.16) and what they hold of a slice.
GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "CTImageFrameTypeSequence": ("FrameType",),
}


@dataclass(frozen=True)
class Slice:
    """An image of a file.

    Args:
        header: without pixels; of a frame, with the values of its functional groups. frame: from 0,
            None for a file of one image.
    """

    path: Path
    header: Dataset
    frame: int | None = None


Slices = list[Slice]


def is_dicom(path: Path) -> bool:
    """True for a file with DICOM's preamble, or an old one that starts with its first group."""
    with path.open("rb") as file:
        start = file.read(132)
    return start[128:] == b"DICM" or start[:2] in (b"\x02\x00", b"\x08\x00")


def cut(path: Path) -> UnreadableError:
    """The refusal of a file that is not whole."""
    return UnreadableError(f"{path} is a cut or damaged DICOM file; copy or export it again.")


def read(path: Path, **how: Any) -> Dataset:
    """One file's dataset, without pydicom's warnings.

    Raises:
        UnreadableError: cut or damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(path, force=True, **how)
    except DAMAGE as error:
        raise cut(path) from error


def kind_of(header: Dataset) -> str:
    """SOP class UID of a file, "" when it says none."""
    meta = getattr(header, "file_meta", None)
    known = tags.text(header, "SOPClassUID")
    return known or (tags.text(meta, "MediaStorageSOPClassUID") if meta is not None else "")


def is_directory(path: Path) -> bool:
    """True for a DICOMDIR."""
    return kind_of(read(path, stop_before_pixels=True)) == MediaStorageDirectoryStorage


def _is_image_kind(uid: str) -> bool:
    try:
        return not uid or pydicom.uid.UID(uid).name.endswith("Image Storage")
    except DAMAGE:
        return True


def slices_of(path: Path, header: Dataset) -> Slices:
    """The images of a file that has Rows.

    Raises:
        UnreadableError: a number of frames that cannot be meant.
    """
    frames = tags.whole(header, "NumberOfFrames", path, 1, 1, 100_000)
    if frames == 1 and not tags.items(header, "PerFrameFunctionalGroupsSequence"):
        return [Slice(path, header)]
    per_frame = tags.items(header, "PerFrameFunctionalGroupsSequence")
    if kind_of(header) not in ENHANCED or len(per_frame) != frames:
        return [Slice(path, header)]
    shared = (tags.items(header, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    plain = Dataset()
    for element in header:
        if element.VR != "SQ":
            plain.add(element)
    return [
        Slice(path, _frame_header(plain, shared, group), number)
        for number, group in enumerate(per_frame)
    ]


def _frame_header(plain: Dataset, shared: Dataset, group: Dataset) -> Dataset:
    """The header of a frame as a file of its own would have it."""
    header = Dataset()
    header.update(plain)
    for sequence, keywords in GROUPS.items():
        for holder in (tags.items(group, sequence) or tags.items(shared, sequence))[:1]:
            for keyword in keywords:
                if keyword in holder:
                    header[keyword] = holder.get_item(keyword)
    if "FrameType" in header:
        header["ImageType"] = pydicom.DataElement(
            "ImageType", "CS", list(tags.words(header, "FrameType"))
        )
    return header


def _is_lost(path: Path) -> bool:
    """True for a packed slice or a link to nothing, which would shorten the scan."""
    if path.suffix.lower() in PACKED:
        return Path(path.stem).suffix.lower() in ENDINGS
    broken = path.is_symlink() and not path.exists()
    return broken and path.suffix.lower() in ("", *ENDINGS)


def _files(folder: Path, below: bool) -> list[Path]:
    """Visible files, in order of their names.

    Raises:
        UnsuitableInputError: more than a study has.
    """
    paths = folder.rglob("*") if below else folder.iterdir()
    files = []
    for path in paths:
        if path.name.startswith("."):
            continue
        if _is_lost(path):
            raise UnreadableError(
                f"{path} is a slice that cannot be read as it lies there (packed, or a link to a "
                "file that is not there); unpack or copy the whole series again."
            )
        if path.is_file():
            files.append(path)
        if len(files) > MOST_FILES:
            raise UnsuitableInputError(
                f"{folder} holds more than {MOST_FILES:,} files; give the folder of one study."
            )
    return sorted(files)


def _check_start(path: Path) -> bool:
    """True for a DICOM file, False for another.

    Raises:
        UnreadableError: it is named or begins as DICOM and is none: leaving it out would shorten
            the scan.
    """
    named = path.suffix.lower() in ENDINGS
    if not path.stat().st_size:
        if named:
            raise UnreadableError(f"{path} is empty; copy the series again.")
        return False
    try:
        if is_dicom(path):
            return True
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        raise UnreadableError(
            f"{path} may not be read ({error.strerror}); check its permissions."
        ) from error
    if named or (not start.strip(b"\0") and len(start) <= 132):  # a preamble and nothing after it
        raise cut(path)
    return False


def folder_slices(folder: Path) -> Slices:
    """All images of a folder, headers only, other files passed over; those of the folders below it
    when a DICOMDIR stands in it.

    Raises:
        UnreadableError: a DICOM image without its header, or a .dcm file that is none: leaving it
            out would shorten the scan.
    """
    below = any(p.name.upper() == "DICOMDIR" for p in folder.iterdir())
    found: Slices = []
    for path in _files(folder, below):
        if path.name.upper() == "DICOMDIR" or not _check_start(path):
            continue
        header = read(path, stop_before_pixels=True)
        if "Rows" in header or "Columns" in header:
            found += slices_of(path, header)
        elif _is_image_kind(kind_of(header)):  # reports and the like have no rows by right
            raise cut(path)
    return found
