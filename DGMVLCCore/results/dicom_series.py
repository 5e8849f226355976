"""A volume on a source's grid as a derived CT series: HU exact, marked in the header, nothing
burned into voxels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.results.dicom_clean import UTF8
from DGMVLCCore.results.dicom_segments import save_dataset
from DGMVLCCore.results.dicom_source import (
    INHERITED,
    MAKER,
    MODEL,
    OPTIONAL,
    PLANE,
    REQUIRED,
    Source,
    body_part,
    contributors,
    ds,
    words,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class Stored:
    """Whole numbers that DICOM stores for HU: HU = slope * value + intercept.

    Args:
        values: int16 or uint16 (D,H,W). rounding: largest difference from the HU that were given; 0
            when they are exact.
    """

    values: np.ndarray
    slope: float
    intercept: float
    rounding: float


@dataclass(frozen=True)
class Series:
    """What the header of a derived series says.

    Args:
        description: series description. derivation: how the voxels came about, and its code (value,
            scheme, meaning).
        window: (centre, width) in HU. synthetic: some voxels show nothing that was measured.
            keep_uids: the slices are the source's own (a new study).
    """

    number: int
    description: str
    derivation: str
    window: tuple[float, float]
    synthetic: bool
    derivation_code: tuple[str, str, str] | None = None
    keep_uids: bool = False
    uid: str = ""


def stored(hu: np.ndarray, rescale: tuple[float, float] | None = None) -> Stored:
    """HU (D,H,W) as whole numbers of 16 bits; whole HU are kept as they are, others on the steps of
    `rescale` (slope, intercept) or on 65,535 even ones.

    Raises:
        UnsuitableInputError: the values span more than 16 bits hold.
    """
    if np.array_equal(hu, np.rint(hu)) and hu.min() >= -(2**15) and hu.max() < 2**15:
        return Stored(hu.astype(np.int16), 1.0, 0.0, 0.0)
    if rescale is None or rescale[0] <= 0:
        low, high = float(hu.min()), float(hu.max())
        rescale = (float(ds(max((high - low) / 65534, 1e-6))), float(ds(low)))
    slope, intercept = rescale
    values = np.rint((hu.astype(np.float64) - intercept) / slope)
    kind = np.uint16 if values.min() >= 0 else np.int16
    if values.min() < np.iinfo(kind).min or values.max() > np.iinfo(kind).max:
        raise UnsuitableInputError(
            f"Voxels from {hu.min():g} to {hu.max():g} HU do not fit the 16 bits of a DICOM CT "
            "image; crop the values first."
        )
    back = (values * slope + intercept).astype(np.float32)
    return Stored(values.astype(kind), slope, intercept, float(np.abs(back - hu).max()))


def source_rescale(source: Source) -> tuple[float, float] | None:
    """The one slope and intercept of a series; None when its slices differ or name none."""
    pairs = {
        (float(h.get("RescaleSlope") or 0), float(h.get("RescaleIntercept") or 0))
        for h in source.headers
    }
    pair = pairs.pop()
    return pair if not pairs and pair[0] > 0 else None


def _reference(header: Dataset) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = (
        header.SOPClassUID,
        header.SOPInstanceUID,
    )
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from highdicom.sr import CodedConcept

    return CodedConcept(value, scheme, meaning)


def _refer(data: Dataset, header: Dataset) -> None:
    """Point a derived slice at the slice it was made from."""
    from pydicom.dataset import Dataset

    item = _reference(header)
    item.PurposeOfReferenceCodeSequence = [
        _code("121322", "DCM", "Source image for image processing operation")
    ]
    data.SourceImageSequence = [item]
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = (
        header.SeriesInstanceUID,
        [_reference(header)],
    )
    data.ReferencedSeriesSequence = [series]


def _identify(data: Dataset, header: Dataset, facts: Series) -> None:
    """Patient, study, series and equipment of a derived slice."""
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    from DGMVLCCore import __version__

    for keyword in (*REQUIRED, *OPTIONAL, *PLANE, *INHERITED):
        if keyword in header:
            data[keyword] = header[keyword]
    data.SOPClassUID, data.SpecificCharacterSet = CTImageStorage, UTF8
    data.SOPInstanceUID = header.SOPInstanceUID if facts.keep_uids else generate_uid()
    data.SeriesInstanceUID = header.SeriesInstanceUID if facts.keep_uids else facts.uid
    data.Modality, data.SeriesNumber, data.SeriesDescription = (
        "CT",
        facts.number,
        words(facts.description),
    )
    data.BodyPartExamined = body_part(header)
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = MAKER, MODEL, __version__
    for keyword in ("KVP", "AcquisitionNumber", "SliceThickness", "PatientPosition"):
        if keyword not in data:
            setattr(data, keyword, None)
    data.ContributingEquipmentSequence = contributors(header, facts.derivation)
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = (
        data.SOPClassUID,
        data.SOPInstanceUID,
    )
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def derived_slice(
    header: Dataset, plane: np.ndarray, code: Stored, facts: Series, number: int, now: datetime
) -> Dataset:
    """One slice: `plane` (H,W) of stored values, beside the source slice of `header`."""
    from pydicom.dataset import Dataset, FileMetaDataset

    data = Dataset()
    data.file_meta = FileMetaDataset()
    _identify(data, header, facts)
    data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    data.DerivationDescription, data.InstanceNumber = words(facts.derivation, 1024), number
    if facts.derivation_code:
        data.DerivationCodeSequence = [_code(*facts.derivation_code)]
    data.ContentDate, data.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.InstanceCreationDate, data.InstanceCreationTime = data.ContentDate, data.ContentTime
    if facts.synthetic:
        data.SyntheticData = "YES"
    data.ContentQualification, data.BurnedInAnnotation = "RESEARCH", "NO"
    data.ImageComments = "Research use only; not a medical device." + (
        " Holds synthetic voxels." if facts.synthetic else ""
    )
    data.Rows, data.Columns = plane.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = int(np.issubdtype(plane.dtype, np.signedinteger))
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = (
        ds(code.slope),
        ds(code.intercept),
        "HU",
    )
    data.WindowCenter, data.WindowWidth = (ds(value) for value in facts.window)
    data.PixelData = np.ascontiguousarray(plane).astype(plane.dtype.newbyteorder("<")).tobytes()
    if not facts.keep_uids:
        _refer(data, header)
    return data


class SeriesFact(Struct, frozen=True, kw_only=True):
    """What the record says of a series; rescale: slope and intercept."""

    series_uid: str
    description: str
    synthetic: bool
    rescale: tuple[float, float]
    largest_rounding_hu: float


def write_series(
    source: Source,
    hu: np.ndarray,
    facts: Series,
    folder: Path,
    rescale: tuple[float, float] | None = None,
) -> SeriesFact:
    """Write HU (D,H,W) on the source's grid as a series into a new folder, a file a slice; returns
    what the record says of the series.

    Args:
        rescale: slope and intercept for HU that are no whole numbers.

    Raises:
        UnsuitableInputError: values that 16 bits do not hold. OutputError: a file cannot be
            written.
    """
    code, now = stored(hu, rescale), datetime.now()
    folder.mkdir()
    for index, (header, plane) in enumerate(zip(source.headers, code.values), 1):
        number = int(header.get("InstanceNumber") or index)
        dataset = derived_slice(header, plane, code, facts, number, now)
        save_dataset(dataset, folder / f"{index:04d}.dcm")
    return SeriesFact(
        series_uid=str(dataset.SeriesInstanceUID),
        description=words(facts.description),
        synthetic=facts.synthetic,
        rescale=(code.slope, code.intercept),
        largest_rounding_hu=code.rounding,
    )
