"""Regions as DICOM Segmentation objects with coded terms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from DGMVLCCore.errors import OutputError, UnsuitableInputError
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.language.vocabulary import canonical, load_vocabulary
from DGMVLCCore.results.dicom_clean import UTF8
from DGMVLCCore.results.dicom_source import (
    Source,
    contributors,
    need_highdicom,
    new_series,
    source_of_folder,
    words,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SERIES_NUMBER = 9400
# Findings as radiology's templates code them, where pydicom's dictionaries (DICOM PS3.16) or our
# vocabulary are certain; others are named only.
DICOM_TERMS = {
    "nodule": ("27925004", "SCT", "Nodule"),
    "part-solid nodule": ("27925004", "SCT", "Nodule"),
    "ground-glass opacity": ("112120", "DCM", "Ground glass opacity"),
    "honeycombing": ("112106", "DCM", "Honeycomb pattern"),
    "reticulation": ("112113", "DCM", "Reticular pattern"),
}
# A lung and its side (PS3.16 CID 7150, 244), by the segment's whole name.
ANATOMICAL, LUNG = ("91723000", "SCT", "Anatomical Structure"), ("39607008", "SCT", "Lung")
LUNGS = {"left lung": "left", "right lung": "right", "lung": None, "lungs": None}
SIDES = {
    "left": ("7771000", "SCT", "Left"),
    "right": ("24028007", "SCT", "Right"),
    "bilateral": ("51440002", "SCT", "Bilateral"),
}
SELECTED = ("111099", "DCM", "Selected region")
KINDS = {"manual": "MANUAL", "semiautomatic": "SEMIAUTOMATIC", "automatic": "AUTOMATIC"}


def term_code(name: str) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """Category and type, each (value, scheme, meaning), of a segment whose name may hold a
    finding's word, or be that of a lung."""
    abnormal, spatial = (
        ("49755003", "SCT", "Morphologically Abnormal Structure"),
        ("309825002", "SCT", "Spatial and Relational Concept"),
    )
    if name.strip().lower() in LUNGS:
        return ANATOMICAL, LUNG
    words = load_vocabulary().pattern.search(name)
    if words is None:
        return spatial, SELECTED
    term = canonical(words.group())
    if code := DICOM_TERMS.get(term):
        return abnormal, code
    if snomed := load_vocabulary().codes.get(term, {}).get("snomed_ct"):
        return abnormal, (snomed, "SCT", term.capitalize())
    return spatial, SELECTED


def algorithm() -> Any:
    """This program as the algorithm that made something."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    from DGMVLCCore import __version__

    return hd.AlgorithmIdentificationSequence(
        "DGM-VLC", codes.DCM.ArtificialIntelligence, __version__
    )


def _describe(number: int, name: str, kind: str) -> Any:
    import highdicom as hd
    from pydicom.uid import generate_uid

    category, what = (hd.sr.CodedConcept(*code) for code in term_code(name))
    made = None if kind == "MANUAL" else algorithm()
    segment = hd.seg.SegmentDescription(
        number,
        words(name),
        category,
        what,
        kind,
        made,
        tracking_uid=generate_uid(),
        tracking_id=words(f"{number} {name}"),
    )
    if side := LUNGS.get(name.strip().lower()):
        kind_of = segment.SegmentedPropertyTypeCodeSequence[0]
        kind_of.SegmentedPropertyTypeModifierCodeSequence = [hd.sr.CodedConcept(*SIDES[side])]
    return segment


def check_masks(masks: list[tuple[str, np.ndarray]], shape: tuple[int, int, int]) -> None:
    """Refuse masks that no Segmentation can hold.

    Raises:
        UnsuitableInputError: none, an empty or unnamed one, or one of another shape than the scan.
    """
    if not masks:
        raise UnsuitableInputError(
            "There is no region to write; a DICOM Segmentation holds at least one."
        )
    for name, mask in masks:
        if not name.strip():
            raise UnsuitableInputError(
                "A region has no name; name it, because a DICOM segment needs a label."
            )
        if mask.shape != shape:
            raise UnsuitableInputError(
                f"The region “{name}” has the shape {mask.shape}, but the scan has {shape}; give "
                "it on the scan's grid."
            )
        if not mask.any():
            raise UnsuitableInputError(
                f"The region “{name}” is empty; leave it out or draw it again."
            )


def build_segmentation(
    masks: list[tuple[str, np.ndarray]],
    source: Source,
    *,
    description: str = "DGM-VLC regions",
    kind: str = "automatic",
    series_number: int = SERIES_NUMBER,
) -> Dataset:
    """A Segmentation (binary, segments may overlap, frames without a voxel left out) of named
    masks, bool (D,H,W) on the source's grid.

    Args:
        kind: "manual", "semiautomatic" or "automatic": who drew the regions.

    Raises:
        UnsuitableInputError: as `check_masks`. UsageError: highdicom is not installed.
    """
    need_highdicom()
    import highdicom as hd

    check_masks(masks, source.volume.shape)
    rows = np.nonzero(np.any([mask.any((1, 2)) for _, mask in masks], axis=0))[0]
    pixels = np.stack([mask[rows] for _, mask in masks], axis=-1).astype(np.uint8)
    described = [_describe(number, name, KINDS[kind]) for number, (name, _) in enumerate(masks, 1)]
    made = hd.seg.Segmentation(
        [source.headers[row] for row in rows],
        pixels,
        hd.seg.SegmentationTypeValues.BINARY,
        described,
        **new_series(series_number, description),
        content_label="REGIONS",
        content_description=words(description),
        contributing_equipment=contributors(source.headers[0], "Regions marked."),
    )
    made.ContentQualification, made.SpecificCharacterSet = "RESEARCH", UTF8
    return made


def save_dataset(dataset: Dataset, path: Path) -> None:
    """Write a DICOM file under a temporary name, then rename it.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    try:
        with whole_file(path) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written ({error.strerror or error}); check permission and free "
            f"space of {path.parent}."
        ) from error


def write_segmentation(
    masks: list[tuple[str, np.ndarray]],
    source_folder: str | Path,
    out_path: str | Path,
    *,
    series: int | None = None,
    description: str = "DGM-VLC regions",
    kind: str = "automatic",
    overwrite: bool = False,
) -> Path:
    """Write named regions of a DICOM series as one DICOM Segmentation file; returns its path.

    Args:
        masks: (name, bool (D,H,W)) on the grid that `load_volume(source_folder)` gives. A finding's
            word in a name gives the segment its code.
        source_folder: folder of the CT series. series: which one, from 1, when it holds several.
            description: at most 64 characters are kept.
        kind: "manual", "semiautomatic" or "automatic": who drew the regions.

    Raises:
        UnreadableError, UnsuitableInputError: the series or a mask does not serve. UsageError:
            highdicom is not installed.
        OutputError: the file is there already, or cannot be written.
    """
    out = Path(out_path)
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists already; choose another name or allow overwriting.")
    save_dataset(
        build_segmentation(
            masks, source_of_folder(Path(source_folder), series), description=description, kind=kind
        ),
        out,
    )
    return out
