"""A small DICOM series to export beside."""

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, generate_uid


def _write_ct(folder, hu, *, step=2.0, **tags):
    """A small CT series, the last slice first, so that order of files is not order of slices."""
    study, series = generate_uid(), generate_uid()
    folder.mkdir()
    for index, plane in enumerate(hu):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = CTImageStorage, generate_uid(), study, series
        data.PatientID, data.PatientName, data.Modality, data.FrameOfReferenceUID, data.Manufacturer = "P1", "Test^One", "CT", study, "Scanner & Co"
        data.Rows, data.Columns, data.PixelSpacing, data.SliceThickness = *plane.shape, [0.8, 0.7], step
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [5, 6, index * step]
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit, data.RescaleSlope, data.RescaleIntercept = 16, 16, 15, 1, -1024
        data.PixelData, data.InstanceNumber = (plane + 1024).astype(np.uint16).tobytes(), len(hu) - index
        for key, value in tags.items():
            setattr(data, key, value)
        data.save_as(folder / f"{len(hu) - index:02d}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="session")
def write_ct():
    return _write_ct
