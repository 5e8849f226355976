"""A real Orthanc with small studies, once for all tests of archives."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from Testing.Core.archive.orthanc import PLUGINS, PROGRAM, Orthanc
from Testing.Core.language.report_makers import content, structured

NEEDED = ("storescu", "findscu", "dsrdump", "dciodvfy")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
if PROGRAM is None or not (Path(PLUGINS) / "libOrthancDicomWeb.so").exists():
    MISSING.append("orthanc with orthanc-dicomweb")


def pytest_collection_modifyitems(items):
    """Skip what needs a real archive where there is none."""
    if not MISSING:
        return
    reason = (
        f"{', '.join(MISSING)} not installed; on Debian: apt-get install orthanc orthanc-dicomweb "
        "dcmtk dicom3tools."
    )
    for item in items:
        if "orthanc" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=reason))


def write_study(
    folder: Path,
    hu: np.ndarray,
    *,
    patient: str = "P-4711",
    name: str = "Geheim^Gerda",
    study: str | None = None,
    date: str = "20260105",
    description: str = "Thorax 1.0",
    number: int = 2,
    spacing: tuple[float, float, float] = (4.0, 2.5, 2.5),
    origin: tuple[float, float, float] = (-160.0, -140.0, 0.0),
) -> tuple[str, str]:
    """An axial CT series of (D,H,W) HU; spacing (z,y,x) and origin (x,y,z) in mm. Returns the UIDs
    of study and series."""
    folder.mkdir(parents=True, exist_ok=True)
    study, series, frame = study or generate_uid(), generate_uid(), generate_uid()
    for index, plane in enumerate(hu):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = (
            study,
            series,
            frame,
        )
        data.PatientID, data.PatientName, data.PatientSex = patient, name, "F"
        data.PatientBirthDate, data.AccessionNumber, data.StudyID = "19500101", "A1", "1"
        data.ReferringPhysicianName, data.PositionReferenceIndicator = "", ""
        data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = date
        data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = "101500"
        data.Modality, data.Manufacturer, data.SeriesNumber = "CT", "Scanner & Co", number
        data.StudyDescription, data.SeriesDescription = "CT Thorax", description
        data.ImageType, data.PatientPosition = ["ORIGINAL", "PRIMARY", "AXIAL"], "HFS"
        data.KVP, data.AcquisitionNumber, data.BodyPartExamined = "120", "1", "CHEST"
        data.InstanceNumber, data.Rows, data.Columns = index + 1, *plane.shape
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [*origin[:2], origin[2] + spacing[0] * index]
        data.PixelSpacing, data.SliceThickness = [*spacing[1:]], spacing[0]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation, data.RescaleSlope, data.RescaleIntercept = 0, 1, -1024
        data.RescaleType = "HU"
        data.PixelData = (plane + 1024).astype(np.uint16).tobytes()
        pydicom.dcmwrite(folder / f"{number}-{index:03d}.dcm", data, enforce_file_format=True)
    return study, series


def write_report(path: Path, study: str, patient: str, data: bytes | str, **tags: str) -> None:
    """A DICOM report of a study, from its text or as it is, with these tags."""
    if isinstance(data, str):
        data = structured(content("TEXT", ("121071", "Finding"), text=data))
    path.write_bytes(data)
    report = pydicom.dcmread(path)
    report.StudyInstanceUID, report.PatientID, report.Modality = study, patient, "SR"
    for name, value in tags.items():
        setattr(report, name, value)
    report.SOPInstanceUID, report.SeriesInstanceUID = generate_uid(), generate_uid()
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    report.save_as(path, enforce_file_format=True)


@pytest.fixture
def make_study():
    return write_study


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    made = Orthanc(tmp_path_factory.mktemp("orthanc"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def orthanc(server, tmp_path, monkeypatch):
    """The archive, empty, as "web", "get" and "move" of a configuration file."""
    more = {"XDG_STATE_HOME": str(tmp_path / "state"), "NETRC": str(tmp_path / "netrc")}
    for name, value in (server.named() | more).items():
        monkeypatch.setenv(name, value)
    if server.process is None:
        server.start()
    server.empty()
    return server
