"""Attention and uncertainty as DICOM Parametric Maps: the values themselves, in 32-bit floating
point, with their unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from DGMVLCCore.results.dicom_clean import UTF8
from DGMVLCCore.results.dicom_source import (
    Source,
    body_part,
    contributors,
    new_series,
    words,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# (unit, quantity) as coded concepts (value, scheme, meaning).
ATTENTION = (("1", "UCUM", "no units"), ("130404", "DCM", "Saliency"))
UNCERTAINTY = (("[hnsf'U]", "UCUM", "Hounsfield unit"), ("113061", "DCM", "Standard Deviation"))

Meaning = tuple[tuple[str, str, str], tuple[str, str, str]]


def build_map(
    values: np.ndarray,
    source: Source,
    meaning: Meaning,
    *,
    description: str,
    number: int,
    label: str,
    synthetic: bool,
    high: float | None = None,
) -> Dataset:
    """A Parametric Map of values (D,H,W) on the source's grid; slices without a value are left out
    (one is kept when none has any).

    Args:
        meaning: unit and quantity. high: upper end of the display window; the largest value when
            None.
    """
    import highdicom as hd

    rows = np.nonzero(values.any((1, 2)))[0]
    rows = rows if len(rows) else np.array([0])
    pixels, top = values[rows].astype(np.float32), float(high or values.max() or 1.0)
    explanation = words(description)
    made: Any = hd.pm.ParametricMap(
        [source.headers[row] for row in rows],
        pixels,
        **new_series(number, description),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[_mapping(pixels, meaning, label[:16], explanation)],
        voi_lut_transformations=[hd.VOILUTTransformation(top / 2, top)],
        content_label=label[:16],
        content_description=explanation,
        content_qualification="RESEARCH",
        contributing_equipment=contributors(source.headers[0], f"{description}."),
    )
    made.SpecificCharacterSet, made.BodyPartExamined = UTF8, body_part(source.headers[0])
    if synthetic:
        made.SyntheticData = "YES"
    return made


def _mapping(pixels: np.ndarray, meaning: Meaning, label: str, explanation: str) -> Any:
    """What the pixels are: themselves, of this unit and quantity."""
    import highdicom as hd

    unit, quantity = (hd.sr.CodedConcept(*code) for code in meaning)
    limits = (float(pixels.min()), float(pixels.max()))
    return hd.pm.RealWorldValueMapping(
        label, explanation, unit, limits, 1.0, 0.0, quantity_definition=quantity
    )
