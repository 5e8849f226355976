"""What the fuzz test damages: real files of every kind this program reads, and how each is read.

A subject's `read` returns a digest of what was read. It equals the undamaged one, or the file's
header now says something else, or the damage went unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from msgspec import to_builtins
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.volume import Volume


@dataclass(frozen=True)
class Subject:
    """A kind of input.

    Args:
        make: writes an undamaged one into an empty folder. read: reads it; returns a digest.
        target: the file that is damaged, below the folder. checked: the format carries a checksum
            over what follows byte `header(content)`, so that damage there must be noticed.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], str]
    target: str
    header: Callable[[bytes], int] | None = None


def _scan() -> Volume:
    """A part of the sample scan, small enough for thousands of cases."""
    whole = load_volume(resource("sample/ct.nrrd"))
    affine = whole.affine @ np.diag([4.0, 4.0, 1.0, 1.0])
    return Volume(np.ascontiguousarray(whole.array[:8, ::4, ::4]), affine, "CT", "int16")


def digest(volume: Volume) -> str:
    """Voxels, grid and modality as one text."""
    grid = np.round(volume.affine, 3).tobytes()
    return hashlib.sha256(volume.array.tobytes() + grid).hexdigest() + volume.modality


def _image(name: str, packed: bool = True) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import SimpleITK as sitk

        from DGMVLCCore.imaging.io import to_image

        if packed:
            save_volume(_scan(), folder / name)
        else:
            sitk.WriteImage(to_image(_scan()), str(folder / name), False)

    return make


def _read_image(name: str) -> Callable[[Path], str]:
    return lambda folder: digest(load_volume(folder / name))


def write_dicom(folder: Path, volume: Volume) -> None:
    """The scan as a CT series of single files."""
    folder.mkdir(exist_ok=True)
    study, series = generate_uid(), generate_uid()
    for index, plane in enumerate(volume.array):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = (
            ExplicitVRLittleEndian,
            CTImageStorage,
        )
        meta.MediaStorageSOPInstanceUID = generate_uid()
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.StudyInstanceUID, data.SeriesInstanceUID, data.Modality = study, series, "CT"
        data.PatientName, data.PatientID, data.InstanceNumber = "Fuzz^One", "F1", index + 1
        data.Rows, data.Columns = plane.shape
        data.PixelSpacing, data.SliceThickness = list(volume.spacing[1:]), volume.spacing[0]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        place = volume.affine[:3, 3] + index * volume.affine[:3, 2]
        data.ImagePositionPatient = [f"{v:.4f}" for v in place]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        data.PixelData = (plane + 1024).astype("<u2").tobytes()
        pydicom.dcmwrite(folder / f"{index:02d}.dcm", data, enforce_file_format=True)


def _make_zip(folder: Path) -> None:
    write_dicom(folder / "ct", _scan())
    with zipfile.ZipFile(folder / "ct.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "ct").iterdir()):
            archive.write(path, path.name)
    shutil.rmtree(folder / "ct")


def _make_labels(folder: Path) -> None:
    from DGMVLCCore.results.segmentation import Segment, save_segmentation

    scan = _scan()
    save_volume(scan, folder / "ct.nrrd")
    parts = [
        Segment(scan.array < -700, "lung", (1, 0, 0)),
        Segment(scan.array > 200, "bone", (0, 1, 0), 1),
    ]
    save_segmentation(parts, scan, folder / "a.seg.nrrd")


def _read_labels(folder: Path) -> str:
    from DGMVLCCore.imaging.labels import load_labels

    labels = load_labels(folder / "a.seg.nrrd", load_volume(folder / "ct.nrrd"))
    masks = b"".join(np.packbits(mask).tobytes() for mask in labels.segments.values())
    return hashlib.sha256(masks).hexdigest() + ",".join(labels.segments)


def _make_weights(folder: Path) -> None:
    shutil.copytree(resource("weights/dgmvlc-anomaly"), folder / "own")


def _read_weights(folder: Path) -> str:
    from DGMVLCCore.evaluation.anomaly import AnomalyNet
    from DGMVLCCore.models.checks import load_network

    return str(load_network(AnomalyNet, folder / "own", "anomaly network")[1])


def _make_session(folder: Path) -> None:
    from DGMVLCCore.review.decisions import ReviewSession
    from Testing.conftest import look_by_hand

    (folder / "studies" / "case").mkdir(parents=True)
    save_volume(_scan(), folder / "studies" / "case" / "ct.nrrd")
    session = ReviewSession.create(folder / "studies", folder / "session")
    look_by_hand(session, session.studies[0].id)
    session.decide(f"{session.studies[0].id}/1", "accepted", "fuzz")
    entry = next(path for path in session.log.place.iterdir())
    entry.rename(session.log.place / "00000001-aaaaaaaa.json")


def _read_session(folder: Path) -> str:
    from DGMVLCCore.review.decisions import ReviewSession
    from DGMVLCCore.review.listing import list_regions, list_studies

    session = ReviewSession.open(folder / "session")
    study = session.studies[0].id
    rows = [list_studies(session), session.analysis(study), list_regions(session, study)]
    said = [to_builtins(rows), session.decide(f"{study}/2", "rejected").verdict]
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()


def _make_order(folder: Path) -> None:
    rows = ["finding,number,side", "nodule,2,left", "emphysema,1,"]
    (folder / "order.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _read_table(name: str) -> Callable[[Path], str]:
    def read(folder: Path) -> str:
        from DGMVLCCore.language.tables import read_table

        return repr(read_table(folder / name).rows)

    return read


def _make_recipe(folder: Path) -> None:
    fields: dict[str, Any] = {"task": "denoiser", "shards": "a", "out": "b", "minutes": 1.0}
    (folder / "recipe.json").write_text(json.dumps(fields), encoding="utf-8")


def _read_recipe(folder: Path) -> str:
    from DGMVLCCore.training.recipe import load_recipe

    return repr(load_recipe(folder / "recipe.json"))


WRAPPED = {
    "report.txt": "{}",
    "report.html": "<html><body><p>{}</p><p>No&nbsp;pleural effusion.</p></body></html>",
    "report.rtf": "{{\\rtf1\\ansi {}\\par No\\~pleural effusion.\\par}}",
    "report.hl7": "MSH|^~\\&|R|H|E|H|2024||ORU^R01|1|P|2.5\rOBX|1|TX|1||{}||||||F\r",
}


def _make_report(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        text = resource("sample/report.txt").read_text(encoding="utf-8")
        (folder / name).write_text(WRAPPED[name].format(" ".join(text.split())), encoding="utf-8")

    return make


def _read_report(name: str) -> Callable[[Path], str]:
    def read(folder: Path) -> str:
        from DGMVLCCore.language.parser import parse_report
        from DGMVLCCore.language.report_files import read_report

        text = read_report(folder / name).text
        return text + repr(parse_report(text))

    return read


def _make_sheet(folder: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (["patient_id", "age", "sex"], ["P001", 61, "F"], ["P002", 74, "M"]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(folder / "order.xlsx")


def _after(mark: bytes) -> Callable[[bytes], int]:
    return lambda content: content.find(mark) + len(mark)


def _all_of_it(content: bytes) -> int:
    return 0


def _session(name: str, target: str) -> Subject:
    return Subject(name, _make_session, _read_session, f"session/{target}")


SUBJECTS = (
    Subject("nrrd", _image("a.nrrd"), _read_image("a.nrrd"), "a.nrrd", _after(b"\n\n")),
    Subject("nrrd raw", _image("a.nrrd", False), _read_image("a.nrrd"), "a.nrrd"),
    Subject("mha", _image("a.mha"), _read_image("a.mha"), "a.mha", _after(b"LOCAL\n")),
    Subject("mha raw", _image("a.mha", False), _read_image("a.mha"), "a.mha"),
    Subject("nii", _image("a.nii", False), _read_image("a.nii"), "a.nii"),
    Subject("nii.gz", _image("a.nii.gz"), _read_image("a.nii.gz"), "a.nii.gz", _all_of_it),
    Subject("labels", _make_labels, _read_labels, "a.seg.nrrd", _after(b"\n\n")),
    Subject(
        "dicom",
        lambda folder: write_dicom(folder / "ct", _scan()),
        lambda folder: digest(load_volume(folder / "ct")),
        "ct/07.dcm",
    ),
    Subject("dicom zip", _make_zip, _read_image("ct.zip"), "ct.zip"),
    Subject("weights", _make_weights, _read_weights, "own/diffusion_pytorch_model.safetensors",
            _all_of_it),
    Subject("weights' config", _make_weights, _read_weights, "own/config.json", _all_of_it),
    Subject("weights' record", _make_weights, _read_weights, "own/training.json"),
    _session("worklist", "worklist.json"),
    _session("analysis", "studies/case-ct/review.json"),
    _session("decision", "decided/00000001-aaaaaaaa.json"),
    _session("decisions", "decisions.json"),
    Subject("table", _make_order, _read_table("order.csv"), "order.csv"),
    Subject("sheet", _make_sheet, _read_table("order.xlsx"), "order.xlsx"),
    Subject("recipe", _make_recipe, _read_recipe, "recipe.json"),
    *(Subject(name, _make_report(name), _read_report(name), name) for name in WRAPPED),
)  # fmt: skip
