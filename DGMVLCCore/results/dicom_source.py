"""What derived DICOM objects refer to: the slices of a patient's series, or a new study without a
patient."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from DGMVLCCore import __version__
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.results.dicom_clean import clean_header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAKER, MODEL = "DGM-VLC", "dgmvlc"
QUOTES = str.maketrans({"“": "'", "”": "'", "−": "-", "–": "-"})
# What every object of a study repeats: patient, study and frame of reference (DICOM PS3.3 C.7.1.1,
# C.7.2.1, C.7.2.2, C.7.4.1).
REQUIRED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
)
OPTIONAL = (
    "IssuerOfPatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "LongitudinalTemporalInformationModified",
)
PLANE = (
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "SliceLocation",
    "SpacingBetweenSlices",
)


# What a derived slice says as its source does.
INHERITED = (
    "PatientPosition",
    "KVP",
    "AcquisitionNumber",
    "AcquisitionDate",
    "AcquisitionTime",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)


@dataclass(frozen=True, eq=False)
class Source:
    """Slices that derived objects refer to.

    Args:
        headers: a dataset (without pixels) for each slice (D), in the order of the scan's slices.
            volume: the scan, HU, on the same grid.
        patient: False for a study made up here, which has no patient. notes: what of the source's
            headers could not be repeated.
    """

    headers: list[Dataset]
    volume: Volume
    patient: bool
    notes: tuple[str, ...] = ()

    def same_scan(self, original: Volume) -> bool:
        """True when the series holds exactly these voxels (D,H,W) on this grid."""
        return self.volume.same_grid(original) and np.array_equal(self.volume.array, original.array)


def need_highdicom() -> None:
    """Say how to install what DICOM objects are written with.

    Raises:
        UsageError: highdicom is not installed.
    """
    import importlib.util

    if importlib.util.find_spec("highdicom") is None:
        raise UsageError(
            "DICOM objects are written with highdicom, which is not installed; install it with: "
            "pip install 'dgmvlc[dicom]'."
        )


def ds(value: float) -> Any:
    """A number as DICOM decimal string of at most 16 characters."""
    from pydicom.valuerep import DSfloat

    return DSfloat(float(value), auto_format=True)


def words(text: str, limit: int = 64) -> str:
    """Text as a DICOM string may hold it: one line, no backslash (it would part values), at most
    `limit` characters."""
    return " ".join(re.sub(r"[\\\x00-\x1f\x7f]", " ", text.translate(QUOTES)).split())[
        :limit
    ].strip()


def _complete(header: Dataset) -> Dataset:
    """The header with the attributes that every object of its study must repeat; absent ones are
    there and empty, as DICOM asks."""
    from pydicom.uid import generate_uid

    for keyword in REQUIRED:
        if keyword not in header:
            setattr(header, keyword, None if not keyword.endswith("UID") else generate_uid())
    return header


def _require_uids(headers: list[Any], name: str) -> None:
    lacking = [
        k
        for k in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
        if any(not header.get(k) for header in headers)
    ]
    if lacking:
        raise UnsuitableInputError(
            f"The DICOM images of {name} lack {', '.join(lacking)}, so nothing can refer to them; "
            "export the original series."
        )


def source_of_folder(folder: Path | str, series: int | None = None) -> Source:
    """The slices of a patient's CT series.

    Args:
        folder: of the series, or its address in an archive.
        series: which of the folder's series, from 1, as the refusal of several lists them.

    Raises:
        UnreadableError: no such folder, or no series in it. UnsuitableInputError: several series,
            or a header without study and slice identity.
        UsageError: no such series.
    """
    from pydicom.uid import generate_uid

    from DGMVLCCore.imaging.dicom import series_headers

    folder = Path(folder)
    headers, volume = series_headers(folder, series), load_volume(folder, series=series)
    _require_uids(headers, folder.name)
    cleaned, notes = [], []
    for header in headers:
        clean, left_out = clean_header(header, (*REQUIRED, *OPTIONAL, *PLANE, *INHERITED), folder)
        cleaned.append(clean)
        notes += left_out
    _check_identity(cleaned, folder.name)
    frame = cleaned[0].get("FrameOfReferenceUID") or generate_uid()
    for header in cleaned:
        header.FrameOfReferenceUID = frame
    return Source(
        [_complete(header) for header in cleaned], volume, True, tuple(dict.fromkeys(notes))
    )


def _check_identity(headers: list[Dataset], name: str) -> None:
    """Refuse slices that no object can refer to.

    Raises:
        UnsuitableInputError: an identifier that DICOM does not allow.
    """
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if any(not header.get(keyword) for header in headers):
            raise UnsuitableInputError(
                f"The DICOM images of {name} give no {keyword} that DICOM allows, so nothing can "
                "refer to them; export the original series."
            )


def source_of_volume(volume: Volume, description: str) -> Source:
    """A new study without a patient for a scan that came from no DICOM series; all identifiers are
    new."""
    from pydicom.uid import generate_uid

    series, headers = _new_series(volume, description), []
    for index in range(len(volume.array)):
        header = deepcopy(series)
        header.SOPInstanceUID, header.InstanceNumber = generate_uid(), index + 1
        place = volume.affine[:3, 3] + index * volume.affine[:3, 2]
        header.ImagePositionPatient = [ds(v) for v in place]
        headers.append(header)
    return Source(headers, volume, False)


def _new_series(volume: Volume, description: str) -> Any:
    """What the slices of a new study without a patient share."""
    from pydicom.dataset import Dataset
    from pydicom.uid import CTImageStorage, generate_uid

    header, now = Dataset(), datetime.now()
    header.SOPClassUID, header.Modality, header.SeriesNumber = CTImageStorage, "CT", 1
    header.StudyInstanceUID, header.SeriesInstanceUID = generate_uid(), generate_uid()
    header.FrameOfReferenceUID = generate_uid()
    header.PatientName, header.PatientID = "No^Patient", f"DGMVLC-{header.StudyInstanceUID[-8:]}"
    header.StudyDate, header.StudyTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    header.StudyID, header.StudyDescription = "1", "DGM-VLC, study without a patient"
    header.SeriesDescription = words(description)
    for unknown in (
        "PatientBirthDate",
        "PatientSex",
        "ReferringPhysicianName",
        "AccessionNumber",
        "PositionReferenceIndicator",
    ):
        setattr(header, unknown, "")
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    header.Rows, header.Columns = volume.shape[1:]
    header.PixelSpacing = [ds(volume.spacing[1]), ds(volume.spacing[2])]
    header.ImageOrientationPatient = [ds(v) for v in (*axes[:, 0], *axes[:, 1])]
    header.SliceThickness = header.SpacingBetweenSlices = ds(volume.spacing[0])
    return header


def body_part(header: Dataset) -> str:
    """The body part a source names, else the chest, which is what this program is for; without one
    DICOM asks for a side."""
    return str(header.get("BodyPartExamined") or "CHEST")


def new_series(number: int, description: str) -> dict[str, Any]:
    """What every object of this program says of the series it begins, as highdicom takes it."""
    from pydicom.uid import generate_uid

    return {
        "series_instance_uid": generate_uid(),
        "series_number": number,
        "sop_instance_uid": generate_uid(),
        "instance_number": 1,
        "manufacturer": MAKER,
        "manufacturer_model_name": MODEL,
        "software_versions": __version__,
        "device_serial_number": "0",
        "series_description": words(description),
    }


def contributors(header: Dataset, what: str) -> list[Any]:
    """The scanner that took the slices, where its maker is known, and this program, as contributing
    equipment."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    ours = hd.ContributingEquipment(
        MAKER,
        codes.DCM.ModifyingEquipment,
        manufacturer_model_name=MODEL,
        software_versions=__version__,
        contribution_description=f"{words(what, 900)} Research use only; not a medical device.",
    )
    if not header.get("Manufacturer"):
        return [ours]
    model = header.get("ManufacturerModelName") or None
    return [
        hd.ContributingEquipment(
            str(header.Manufacturer), codes.DCM.AcquisitionEquipment, manufacturer_model_name=model
        ),
        ours,
    ]
