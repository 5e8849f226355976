"""What a review found in one DICOM study, as objects for the archive: lungs and regions as
Segmentation, the abnormality as Parametric Map, every stated number as structured report, and the
pages to read as encapsulated PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.io import read_image, to_image
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.results.dicom_maps import build_map
from DGMVLCCore.results.dicom_report import (
    Figure,
    Measured,
    build_document,
    build_report,
    private_code,
)
from DGMVLCCore.results.dicom_segments import build_segmentation, save_dataset
from DGMVLCCore.results.dicom_source import Source, source_of_folder
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import LUNGS
from DGMVLCCore.review.records import RegionFact, StudyReview
from DGMVLCCore.review.review_pdf import write_study_pdf
from DGMVLCCore.review.worklist import Study

SERIES_NUMBER = 9500
ABNORMALITY = (("1", "UCUM", "no units"), private_code("Abnormality, no probability of disease"))


def write_study_dicom(session: ReviewSession, study: Study, folder: Path) -> list[Path]:
    """Write the objects of one study into `folder`, which is there; returns their paths.

    Raises:
        UnsuitableInputError: the study is no DICOM, was not looked at, or changed since.
            UsageError: highdicom is not installed. OutputError: they cannot be written.
    """
    done = _looked_at(session, study)
    number = study.series[study.chosen].number if study.chosen is not None else None
    source = source_of_folder(session.root / study.path, number)
    segmentation, lungs = _segmentation(session, study, source, done)
    # A structured report must measure something: without regions, the lungs that were looked at.
    measured = _measured(session, study, done, len(lungs) + 1) or lungs
    made = {
        "segmentation": segmentation,
        "abnormality": _map(session.place(study.id) / "abnormality.nrrd", source),
        "measurements": build_report(
            measured,
            segmentation,
            source,
            description="DGM-VLC review, measurements",
            number=SERIES_NUMBER + 2,
            remarks=_remarks(done),
        ),
        "review": build_document(
            write_study_pdf(session, study),
            source,
            title="DGM-VLC review",
            number=SERIES_NUMBER + 3,
        ),
    }
    paths = []
    for name, dataset in made.items():
        paths.append(folder / f"{name}.dcm")
        save_dataset(dataset, paths[-1])
    return paths


def _looked_at(session: ReviewSession, study: Study) -> StudyReview:
    """What a review found in a DICOM study that did not change since."""
    done = session.analysis(study.id)
    if study.kind != "dicom" or done is None or done.problem:
        raise UnsuitableInputError(
            f"{study.id} is no DICOM study that was looked at, so no DICOM is written of it."
        )
    if not session.current(study.id):
        raise UnsuitableInputError(
            f"{study.id}: the scan changed since it was looked at, so no DICOM is written of it; "
            "look at it again with --resume."
        )
    return done


def _name(region: RegionFact) -> str:
    """A region's name: its number, and the finding whose denial changes it most."""
    terms = (phrase.term for phrase in region.phrases)
    return " ".join(filter(None, (f"region {region.number}", next(terms, ""))))


def _segmentation(
    session: ReviewSession, study: Study, source: Source, done: StudyReview
) -> tuple[Any, list[Measured]]:
    """Lungs, then regions; and the lungs as what is measured of them."""
    masks = _lungs(session.place(study.id) / LUNGS, source.volume)
    voxel_ml = float(np.prod(source.volume.spacing)) / 1000
    lungs = [
        Measured(
            name,
            number,
            [Figure("volume", float(mask.sum()) * voxel_ml, "ml")],
            side=name.removesuffix(" lung"),
        )
        for number, (name, mask) in enumerate(masks, 1)
    ]
    regions = session.place(study.id) / "regions.seg.nrrd"
    if done.regions:
        drawn = load_labels(regions, source.volume).segments
        masks += [(_name(one), drawn[f"region {one.number}"]) for one in done.regions]
    made = build_segmentation(
        masks, source, description="DGM-VLC review, regions", series_number=SERIES_NUMBER
    )
    return made, lungs


def _lungs(kept: Path, volume: Volume) -> list[tuple[str, np.ndarray]]:
    """Left and right lung, bool (D,H,W), as the review found them; found again where a session of
    an earlier version did not keep them."""
    if kept.is_file():
        return list(load_labels(kept, volume).segments.items())
    scan, turn = volume.canonical()
    anatomy = find_anatomy(scan)
    sides = (("left lung", anatomy.left), ("right lung", anatomy.right))
    return [(name, turn.restore(mask)) for name, mask in sides if mask.any()]


def _map(path: Path, source: Source) -> Any:
    """The abnormality of the cells, nearest cell to each voxel of the scan."""
    cells = load_cells(path)
    like, image = to_image(source.volume), to_image(cells)
    values = sitk.Resample(image, like, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    return build_map(
        np.clip(sitk.GetArrayFromImage(values), 0.0, 1.0),
        source,
        ABNORMALITY,
        description="Abnormality 0 to 1, no probability of disease",
        number=SERIES_NUMBER + 1,
        label="ABNORMALITY",
        synthetic=False,
        high=1.0,
    )


def load_cells(path: Path) -> Volume:
    """A map that may be the same everywhere, unlike a scan's voxels."""
    image = read_image(path)
    return Volume(image.array.astype(np.float32), image.affine, "CT", "float32")


def _measured(
    session: ReviewSession, study: Study, done: StudyReview, first: int
) -> list[Measured]:
    """Every region with its numbers and what the reader decided."""
    decided = session.decisions()
    rows = []
    for index, region in enumerate(done.regions):
        made = decided.get(f"{study.id}/{region.number}")
        verdict = made.verdict if made and session.valid(made, study.id) else "not decided"
        remarks = [region.check.sentence]
        remarks += [f"Reader: {made.comment}"] if made and made.comment else []
        rows.append(
            Measured(
                label=_name(region),
                segment=first + index,
                figures=_figures(region),
                side=region.location.side,
                answers=(
                    ("Decision of the reader", verdict),
                    ("Cross-check with the report", region.check.status),
                ),
                remarks=tuple(remarks),
            )
        )
    return rows


def _figures(region: RegionFact) -> list[Figure]:
    figures = [
        Figure("diameter", region.location.diameter_mm, "mm"),
        Figure("volume", region.location.volume_ml, "ml"),
        Figure("attenuation", region.mean_hu, "HU", mean=True),
        Figure("Change against this patient's lungs", region.change_hu, "HU"),
        Figure("Score for ranking, no probability of disease", region.score, ""),
    ]
    for end, value in (("low", region.change_low_hu), ("high", region.change_high_hu)):
        if value is not None:
            figures.append(Figure(f"95 % interval of the change, {end} end", value, "HU"))
    if region.change_low_hu is not None:
        figures.append(Figure("Places compared with", region.places, "places"))
    return figures + [
        Figure(f"Change asked for by denying: {phrase.term}", phrase.agreement, "")
        for phrase in region.phrases
    ]


def _remarks(done: StudyReview) -> list[str]:
    none = [] if done.regions else ["No region stood out."]
    return [done.notice, *done.unseen(), *none]
