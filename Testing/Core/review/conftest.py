"""A folder of studies as users have them, and a finished session made without the network."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from DGMVLCCore.imaging.io import save_volume
from Testing.Core.editing.conftest import untrained, untrained_editor

__all__ = ["untrained", "untrained_editor"]


def write_dicom(folder, hu, *, study, name, description, step=4.0, modality="CT", double=False):
    """One axial series; `double` writes a second slice at the place of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    uid = generate_uid()
    places = [*(step * i for i in range(len(hu))), *([0.0] if double else [])]
    for index, place in enumerate(places):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
            ExplicitVRLittleEndian,
            CTImageStorage,
            generate_uid(),
        )
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SeriesDescription, data.Modality = (
            study,
            uid,
            description,
            modality,
        )
        plane = hu[index % len(hu)]
        data.Rows, data.Columns = plane.shape
        (
            data.ImageOrientationPatient,
            data.ImagePositionPatient,
            data.PixelSpacing,
            data.SliceThickness,
        ) = [1, 0, 0, 0, 1, 0], [0, 0, place], [2.5, 2.5], step
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
        data.PixelData = (plane + 1024).astype(np.uint16).tobytes()
        pydicom.dcmwrite(folder / f"{name}{index:03d}.dcm", data, enforce_file_format=True)


@pytest.fixture
def dicom():
    return write_dicom


@pytest.fixture
def studies(tmp_path, phantom_with_nodule):
    """One scan with a report and a segmentation beside it, one without a report."""
    root = tmp_path / "studies"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        save_volume(phantom_with_nodule, root / name / "ct.nrrd")
    save_volume(
        phantom_with_nodule.with_array(
            (phantom_with_nodule.array > -500).astype(np.float32), stored_dtype="uint8"
        ),
        root / "a" / "mask.nrrd",
    )
    save_volume(
        phantom_with_nodule,
        root / "a" / "counterfactual.nrrd",
        {"DGMVLC_Synthetic": "inside the edit mask"},
    )
    (root / "a" / "report.txt").write_text("No pleural effusion.", encoding="utf-8")
    return root


@pytest.fixture
def found():
    """Writes an analysis as `review.json` holds it, without looking at the scan."""
    from DGMVLCCore.review.files import NOTICE, SCHEMA_VERSION, write_json

    def write(session, identifier, regions=2, **fields):
        place = session.folder / "studies" / identifier
        place.mkdir(parents=True, exist_ok=True)
        rows = [
            {
                "number": n,
                "score": 0.9 / n,
                "place": "in the left lung",
                "slice": 5,
                "slices": [4, 8],
                "voxels": 300,
                "change_hu": 612.4,
                "location": {
                    "side": "left",
                    "zone": None,
                    "centre_mm": [10.0, 5.0, -280.0],
                    "volume_ml": 9.2,
                    "diameter_mm": 26.0,
                },
                "change_low_hu": 540.0,
                "change_high_hu": 700.0,
                "mean_hu": 20.0,
                "places": 214,
                "outline": f"region-{n}.seg.nrrd",
                "phrases": [{"term": "nodule", "agreement": 0.97}],
                "picture": f"region-{n}.png",
                "check": {
                    "status": "not mentioned",
                    "finding": None,
                    "sentence": "Not mentioned in the report.",
                },
            }
            for n in range(1, regions + 1)
        ]
        write_json(
            place / "review.json",
            {
                "schema_version": SCHEMA_VERSION,
                "kind": "review of a study",
                "notice": NOTICE,
                "weights": {"name": "none", "sha256": ""},
                "study": identifier,
                "sha256": session.study(identifier).sha256,
                "regions": rows,
                "report": "No pleural effusion.",
                "report_check": [],
                "report_notes": [],
                "series": None,
                "problem": None,
                **fields,
            },
        )

    return write
