"""A small DICOM series, and a result made from one."""

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, generate_uid

from DGMVLCCore.editing.result import Agreement, AttentionMap, CounterfactualResult, EditPlan
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.report.edit import write_result
from DGMVLCCore.results.segmentation import Segment, save_segmentation


def _write_ct(folder, hu, *, step=2.0, **tags):
    """A small CT series, the last slice first, so that order of files is not order of slices."""
    study, series = generate_uid(), generate_uid()
    folder.mkdir()
    for index, plane in enumerate(hu):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = (
            CTImageStorage,
            generate_uid(),
            study,
            series,
        )
        (
            data.PatientID,
            data.PatientName,
            data.Modality,
            data.FrameOfReferenceUID,
            data.Manufacturer,
        ) = "P1", "Test^One", "CT", study, "Scanner & Co"
        data.Rows, data.Columns, data.PixelSpacing, data.SliceThickness = (
            *plane.shape,
            [0.8, 0.7],
            step,
        )
        data.ImageOrientationPatient, data.ImagePositionPatient = (
            [1, 0, 0, 0, 1, 0],
            [5, 6, index * step],
        )
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = (
            1,
            "MONOCHROME2",
            0,
        )
        (
            data.BitsAllocated,
            data.BitsStored,
            data.HighBit,
            data.RescaleSlope,
            data.RescaleIntercept,
        ) = 16, 16, 15, 1, -1024
        data.PixelData, data.InstanceNumber = (
            (plane + 1024).astype(np.uint16).tobytes(),
            len(hu) - index,
        )
        for key, value in tags.items():
            setattr(data, key, value)
        data.save_as(folder / f"{len(hu) - index:02d}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="session")
def write_ct():
    return _write_ct


TARGET = "No “nodule”\\. Clear lung – " + 12 * "long words "


@pytest.fixture(scope="session")
def made(tmp_path_factory, phantom_with_nodule):
    """Folders: the source series and a result made from it."""
    root = tmp_path_factory.mktemp("dicom")
    source = _write_ct(
        root / "ct",
        phantom_with_nodule.array[:, ::2, ::2],
        PatientName="Müller^Zoë",
        SpecificCharacterSet="ISO_IR 100",
    )
    scan = load_volume(source)
    mask = np.zeros(scan.shape, bool)
    mask[4:8, 20:34, 38:52] = True
    edited = np.where(mask, np.minimum(scan.array, -840), scan.array).astype(np.float32)
    heat = (
        mask
        * np.linspace(0.1, 0.9, len(mask), dtype=np.float32)[:, None, None]
        * np.linspace(0, 1, mask.shape[2], dtype=np.float32)
    )
    result = CounterfactualResult(
        scan,
        scan.with_array(edited),
        edited,
        mask * np.float32(12.5),
        mask,
        EditPlan(mask, "Nodule.", TARGET, "nodule"),
        [],
        {
            "seed": 3,
            "noises": 3,
            "sample_change_hu": [-301.5, -310.25, -295.0],
            "evidence": {"value": 0.174, "low": 0.102, "high": 0.246, "noises": 6},
        },
        {"nodule": AttentionMap("nodule", heat)},
        Agreement(
            (0.3, 0.1),
            (0.1, 0.9),
            0.7,
            (("consolidation", 0.52), ("nodule", 0.41), ("emphysema", 0.02)),
        ),
    )
    anatomy = Anatomy(np.where(scan.array < -600, 2, 1).astype(np.uint8))
    write_result(
        result,
        root / "result",
        anatomy=anatomy,
        report="Nodule.",
        findings=[],
        inputs={"image": {"name": "ct", "sha256": "0" * 64}},
        weights={"name": "w", "sha256": "1" * 64},
        scene=False,
    )
    save_segmentation(
        [Segment(mask & (scan.array > -300), "ground-glass opacity", (1, 0, 0))],
        scan,
        root / "mine.seg.nrrd",
    )
    return source, root / "result", scan, result, root / "mine.seg.nrrd"
