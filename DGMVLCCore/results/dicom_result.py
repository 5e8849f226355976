"""A result folder as DICOM objects that an archive takes: derived series, Parametric Maps and a
Segmentation, with a record of what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from DGMVLCCore.editing.result import NOTICE
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume, read_image
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.results.dicom_maps import ATTENTION, UNCERTAINTY, build_map
from DGMVLCCore.results.dicom_report import Figure, Measured, build_report
from DGMVLCCore.results.dicom_segments import SERIES_NUMBER, build_segmentation, save_dataset
from DGMVLCCore.results.dicom_series import Series, source_rescale, write_series
from DGMVLCCore.results.dicom_source import (
    Source,
    need_highdicom,
    source_of_folder,
    source_of_volume,
)
from DGMVLCCore.results.folders import check_output, whole_folder
from DGMVLCCore.results.manifest import ResultRecord, Synthetic, checked_files, sha256_of
from DGMVLCCore.results.records import SOFTWARE, Record, Sha256, write_typed

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from DGMVLCCore.imaging.volume import Volume

RECORD = "dicom.json"
Role = Literal[
    "original",
    "counterfactual",
    "difference",
    "uncertainty",
    "attention",
    "edit-mask",
    "regions",
    "measurements",
]
Kind = Literal["CT series", "Parametric Map", "Segmentation", "Structured Report"]
Uid = Annotated[str, Meta(pattern="^[0-9.]{1,64}$")]
NO_SOURCE = (
    "No DICOM series was given, so the objects belong to a new study without a patient, with new "
    "identifiers; the folder original holds the scan "
    "as that study's CT series. Give the series that the result was made from to put the objects "
    "beside it."
)


CONVERTED = Series(
    1,
    "Original (converted, no patient)",
    "Converted from an image file without DICOM header.",
    (-500, 1500),
    False,
    keep_uids=True,
)


class DicomObject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object of an export; a series also with its rescale (slope, intercept)."""

    name: str
    role: Role
    kind: Kind
    instances: Annotated[int, Meta(ge=1)]
    series_uid: Uid
    description: str
    synthetic: bool
    rescale: tuple[float, float] | UnsetType = UNSET
    largest_rounding_hu: Annotated[float, Meta(ge=0)] | UnsetType = UNSET


class Written(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of an export, from its folder."""

    name: str
    sha256: Sha256


class DicomRecord(Record, frozen=True, kw_only=True):
    """`dicom.json`."""

    synthetic: Synthetic
    study_uid: Uid
    patient: Annotated[
        bool,
        Meta(description="false: a new study without a patient, with new identifiers"),
    ]
    result_sha256: Annotated[Sha256, Meta(description="of the result.json that was exported")]
    objects: Annotated[list[DicomObject], Meta(min_length=3)]
    files: Annotated[list[Written], Meta(min_length=3)]
    notes: list[str]


def _values(path: Path) -> np.ndarray:
    """Voxels (D,H,W) of a map, which may be the same everywhere, unlike a scan's."""
    return read_image(path).array.astype(np.float32)


class _Writer:
    """Writes objects into a folder and keeps the record's lists."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder, self.source = folder, source
        self.objects: list[DicomObject] = []
        self.files: list[Written] = []

    def _listed(self, path: Path) -> None:
        self.files.append(Written(path.relative_to(self.folder).as_posix(), sha256_of(path)))

    def series(
        self,
        name: Literal["original", "counterfactual", "difference"],
        hu: np.ndarray,
        facts: Series,
        rescale: tuple[float, float] | None,
    ) -> None:
        """A derived CT series in a folder of its own."""
        made = write_series(self.source, hu, facts, self.folder / name, rescale)
        slices = sorted((self.folder / name).iterdir())
        for path in slices:
            self._listed(path)
        said = structs.asdict(made)
        self.objects.append(
            DicomObject(name=name, role=name, kind="CT series", instances=len(slices), **said)
        )

    def single(self, name: str, role: Role, kind: Kind, dataset: Dataset) -> None:
        """One multi-frame object."""
        path = self.folder / name
        save_dataset(dataset, path)
        self._listed(path)
        self.objects.append(
            DicomObject(
                name=name,
                role=role,
                kind=kind,
                instances=1,
                series_uid=str(dataset.SeriesInstanceUID),
                description=str(dataset.SeriesDescription),
                synthetic=dataset.get("SyntheticData") == "YES",
            )
        )

    def record(self, result: Path) -> DicomRecord:
        """What was written of a result, so far."""
        return DicomRecord(
            schema_version="1.0",
            software=SOFTWARE,
            notice=NOTICE,
            synthetic=True,
            study_uid=str(self.source.headers[0].StudyInstanceUID),
            patient=self.source.patient,
            result_sha256=sha256_of(result),
            objects=self.objects,
            files=self.files,
            notes=list(self.source.notes) if self.source.patient else [NO_SOURCE],
        )


def _source(original: Volume, folder: Path | None, series: int | None) -> Source:
    """The slices that the objects refer to.

    Raises:
        UnsuitableInputError: the given series is another scan than the result's.
    """
    if folder is None:
        return source_of_volume(original, CONVERTED.description)
    source = source_of_folder(folder, series)
    if not source.same_scan(original):
        raise UnsuitableInputError(
            f"The series in {folder} is not the scan that the result was made from (voxels or "
            "geometry differ); "
            "give the folder of the very series."
        )
    return source


def _derivation(manifest: ResultRecord) -> str:
    """How the voxels of a result came about."""
    plan = manifest.plan
    return (
        f"Synthetic: {plan.mode} inside an edit mask: “{plan.target}” instead of “{plan.source}”; "
        f"dgmvlc {manifest.software.version}, weights {manifest.weights.sha256[:12]}, seed "
        f"{manifest.settings['seed']}. Voxels outside the mask equal the source."
    )


def _write_volumes(write: _Writer, original: Volume, folder: Path, manifest: ResultRecord) -> None:
    """The counterfactual, the difference and, in a new study, the original as CT series."""
    from pydicom.uid import generate_uid

    steps, made, target = source_rescale(write.source), _derivation(manifest), manifest.plan.target
    if not write.source.patient:
        write.series("original", original.array, CONVERTED, steps)
    edited = load_volume(folder / "counterfactual.nrrd", original.modality)
    write.series(
        "counterfactual",
        edited.array,
        Series(
            SERIES_NUMBER + 1,
            f"SYNTHETIC counterfactual: {target}",
            made,
            (-500, 1500),
            True,
            uid=generate_uid(),
        ),
        steps,
    )
    change = edited.array - original.array
    limit = max(float(np.abs(change).max()), 100.0)
    write.series(
        "difference",
        change,
        Series(
            SERIES_NUMBER + 2,
            "SYNTHETIC difference, counterfactual - original",
            f"Counterfactual minus original, HU. {made}",
            (0, 2 * limit),
            True,
            ("113062", "DCM", "Pixel by pixel subtraction"),
            uid=generate_uid(),
        ),
        (steps[0], 0.0) if steps else None,
    )


def _write_maps(write: _Writer, folder: Path, manifest: ResultRecord) -> None:
    """Uncertainty and attention as Parametric Maps, edit mask as Segmentation."""
    write.single(
        "uncertainty.dcm",
        "uncertainty",
        "Parametric Map",
        build_map(
            _values(folder / "uncertainty.nrrd"),
            write.source,
            UNCERTAINTY,
            description="SYNTHETIC: standard deviation between samples, HU",
            number=SERIES_NUMBER + 3,
            label="UNCERTAINTY",
            synthetic=True,
        ),
    )
    maps = [entry for entry in manifest.files if entry.role == "attention"]
    for index, entry in enumerate(maps):
        write.single(
            entry.name.replace(".nrrd", ".dcm"),
            "attention",
            "Parametric Map",
            build_map(
                _values(folder / entry.name),
                write.source,
                ATTENTION,
                number=SERIES_NUMBER + 10 + index,
                label="ATTENTION",
                description=f"Attention of the network to “{entry.finding}”, 0 to 1",
                synthetic=False,
                high=1.0,
            ),
        )


def _write_report(write: _Writer, drawn: Dataset, label: str, manifest: ResultRecord) -> None:
    """Every number that the result's sentences state, with the sentences, about the edit mask."""
    said = manifest.statements
    if not said:  # results of version 1.0
        return
    figures = [
        Figure(number.source, number.value, number.unit)
        for statement in said
        for number in statement.numbers
    ]
    about = Measured(
        label,
        1,
        figures,
        manifest.location.side,
        remarks=tuple(statement.text for statement in said),
    )
    report = build_report(
        [about],
        drawn,
        write.source,
        description="SYNTHETIC counterfactual, measurements",
        number=SERIES_NUMBER + 6,
        remarks=[manifest.notice],
    )
    write.single("measurements.dcm", "measurements", "Structured Report", report)


def _write_regions(
    write: _Writer,
    folder: Path,
    original: Volume,
    regions: Path | None,
    manifest: ResultRecord,
) -> None:
    """Edit mask and regions of the user's choice as Segmentations."""
    mask = folder / "edit-mask.seg.nrrd"
    if mask.exists():
        segments = list(load_labels(mask, original).segments.items())
        drawn = build_segmentation(
            segments,
            write.source,
            description="DGM-VLC edit mask",
            kind="semiautomatic",
            series_number=SERIES_NUMBER + 4,
        )
        write.single("edit-mask.dcm", "edit-mask", "Segmentation", drawn)
        _write_report(write, drawn, segments[0][0], manifest)
    if regions:
        segments = [
            (name, part)
            for name, part in load_labels(regions, original).segments.items()
            if part.any()
        ]
        write.single(
            "regions.dcm",
            "regions",
            "Segmentation",
            build_segmentation(
                segments,
                write.source,
                description="DGM-VLC regions",
                kind="semiautomatic",
                series_number=SERIES_NUMBER + 5,
            ),
        )


def export_dicom(
    result: Path,
    out: Path,
    *,
    source: Path | None = None,
    series: int | None = None,
    regions: Path | None = None,
    overwrite: bool = False,
) -> DicomRecord:
    """Write a result as DICOM objects with their record, dicom.json, which is returned.

    Args:
        result: result folder or its result.json. source: folder of the CT series that the result
            was made from; a new study without a patient when None.
        series: which of the folder's series, from 1. regions: segmentation on the scan's grid to
            write as a second Segmentation.

    Raises:
        UnreadableError, UnsuitableInputError: result, series or regions do not serve. UsageError:
            highdicom is not installed.
        OutputError: the folder is there already or cannot be written; nothing half-written stays.
    """
    need_highdicom()
    check_output(out, overwrite, RECORD)
    folder, manifest = checked_files(result)
    original = load_volume(folder / "original.nrrd", "CT")
    chosen = _source(original, source, series)
    with whole_folder(out, overwrite, RECORD) as made:
        write = _Writer(made, chosen)
        _write_volumes(write, original, folder, manifest)
        _write_maps(write, folder, manifest)
        _write_regions(write, folder, original, regions, manifest)
        record = write.record(folder / "result.json")
        write_typed(record, made / RECORD)
    return record
