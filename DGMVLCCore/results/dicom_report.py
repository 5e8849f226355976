"""Measurements as a DICOM structured report (PS3.16 TID 1500) and documents as encapsulated PDF,
both beside the series they are about."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from DGMVLCCore import __version__
from DGMVLCCore.results.dicom_clean import UTF8
from DGMVLCCore.results.dicom_segments import LUNG, SIDES, term_code
from DGMVLCCore.results.dicom_source import (
    MAKER,
    MODEL,
    OPTIONAL,
    REQUIRED,
    Source,
    contributors,
    new_series,
    words,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SCHEME = "99DGMVLC"  # private, as PS3.16 8.2 asks: 99 in front
RESEARCH = "Research use only; not a medical device."
UNITS = {
    "HU": ("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "mm": ("mm", "UCUM", "mm"),
    "ml": ("mL", "UCUM", "mL"),
    "": ("1", "UCUM", "no units"),
}
QUANTITIES = {
    "diameter": ("81827009", "SCT", "Diameter"),
    "volume": ("118565006", "SCT", "Volume"),
    "attenuation": ("112031", "DCM", "Attenuation Coefficient"),
}
MEAN = ("373098007", "SCT", "Mean")
CHEST_CT = ("24627-2", "LN", "CT Chest Report")  # PS3.16 CID 100


@dataclass(frozen=True)
class Figure:
    """A number: name is a key of QUANTITIES or free words; mean: it is one over the region."""

    name: str
    value: float
    unit: str
    mean: bool = False


@dataclass(frozen=True)
class Measured:
    """What is stated of one region.

    Args:
        label: its name, which may hold a finding's word. segment: its number in the Segmentation.
        side: "left", "right", "bilateral" or None. answers: question -> answer, such as the
            reader's decision. remarks: sentences.
    """

    label: str
    segment: int
    figures: Sequence[Figure]
    side: str | None = None
    answers: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


def _code(code: tuple[str, str, str]) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(*code)


def private_code(text: str) -> tuple[str, str, str]:
    """Words that no dictionary holds as a private code, the same for the same words."""
    return f"{zlib.crc32(text.lower().encode()):08x}", SCHEME, words(text)


def unit_code(unit: str) -> tuple[str, str, str]:
    """A unit in UCUM; what is counted becomes an annotation."""
    return UNITS.get(unit) or (f"{{{re.sub(r'[^a-z]+', '_', unit.lower())[:14]}}}", "UCUM", unit)


def _measurement(figure: Figure) -> Any:
    import highdicom as hd

    name = QUANTITIES.get(figure.name) or private_code(figure.name)
    return hd.sr.Measurement(
        name=_code(name),
        value=float(figure.value),
        unit=_code(unit_code(figure.unit)),
        derivation=_code(MEAN) if figure.mean else None,
    )


def _remark(text: str) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    return hd.sr.TextContentItem(
        name=codes.DCM.Comment,
        value=text,
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )


def _referenced(segmentation: Dataset, number: int) -> Any:
    """A segment, and the slices that the Segmentation was drawn on."""
    import highdicom as hd

    images = [
        hd.sr.SourceImageForSegmentation(
            image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID
        )
        for series in segmentation.ReferencedSeriesSequence
        for image in series.ReferencedInstanceSequence
    ]
    return hd.sr.ReferencedSegment(
        segmentation.SOPClassUID, segmentation.SOPInstanceUID, number, source_images=images
    )


def _group(one: Measured, segmentation: Dataset) -> Any:
    """A measurement group (TID 1411) about one segment."""
    import highdicom as hd

    segment = segmentation.SegmentSequence[one.segment - 1]
    category, finding = term_code(one.label)
    site = hd.sr.FindingSite(
        anatomic_location=_code(LUNG),
        laterality=_code(SIDES[one.side]) if one.side in SIDES else None,
    )
    group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=segment.TrackingUID, identifier=words(one.label)
        ),
        referenced_segment=_referenced(segmentation, one.segment),
        finding_type=_code(finding),
        finding_category=_code(category),
        finding_sites=[site],
        measurements=[_measurement(figure) for figure in one.figures],
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(
                name=_code(private_code(question)), value=_code(private_code(answer))
            )
            for question, answer in one.answers
        ],
    )
    group[0].ContentSequence.extend(_remark(text) for text in one.remarks if text)
    return group


def _this_program() -> Any:
    """The program as the device that measured."""
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    return hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=generate_uid(),
            name=MODEL,
            manufacturer_name=MAKER,
            model_name=f"{MODEL} {__version__}",
        ),
    )


def build_report(
    measured: Sequence[Measured],
    segmentation: Dataset,
    source: Source,
    *,
    description: str,
    number: int,
    remarks: Sequence[str] = (),
) -> Dataset:
    """A Comprehensive 3D SR by TID 1500 about segments of `segmentation`; its first remark is that
    it is for research use only.

    Args:
        number: of the series. remarks: sentences about the whole study.
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_this_program()),
        procedure_reported=_code(CHEST_CT),
        imaging_measurements=[_group(one, segmentation) for one in measured],
        title=codes.DCM.ImagingMeasurementReport,
    )
    content[0].ContentSequence.extend(_remark(text) for text in (RESEARCH, *remarks))
    made: Any = hd.sr.Comprehensive3DSR(
        evidence=[segmentation, *source.headers],
        content=content[0],
        **new_series(number, description),
        contributing_equipment=contributors(source.headers[0], f"{description}."),
    )
    made.SpecificCharacterSet = UTF8
    return made


def build_document(pdf: bytes, source: Source, *, title: str, number: int) -> Dataset:
    """An encapsulated PDF (PS3.3 A.45.1) of the source's study that names the source's slices."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, generate_uid

    header, now, made = source.headers[0], datetime.now(), Dataset()
    for keyword in (*REQUIRED, *OPTIONAL):
        if keyword in header and keyword not in (
            "FrameOfReferenceUID",
            "PositionReferenceIndicator",
        ):
            made[keyword] = header[keyword]
    made.SOPClassUID, made.SOPInstanceUID = EncapsulatedPDFStorage, generate_uid()
    made.SpecificCharacterSet, made.Modality, made.ConversionType = UTF8, "DOC", "WSD"
    made.SeriesInstanceUID, made.SeriesNumber, made.InstanceNumber = generate_uid(), number, 1
    made.SeriesDescription = made.DocumentTitle = words(title)
    made.Manufacturer, made.ManufacturerModelName, made.SoftwareVersions = MAKER, MODEL, __version__
    made.DeviceSerialNumber = "0"
    made.ContentDate, made.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.AcquisitionDateTime, made.BurnedInAnnotation = "", "NO"
    made.ConceptNameCodeSequence = [_code(("126000", "DCM", "Imaging Measurement Report"))]
    made.SourceInstanceSequence = [_named(one) for one in source.headers]
    made.ContributingEquipmentSequence = contributors(header, f"{title}.")
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    made.EncapsulatedDocumentLength = len(pdf)
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _named(header: Dataset) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item
