"""What a chest is made from: a mask of lungs and body without any scan, and a sentence the weights
were taught."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import one_value_3d, read_image
from DGMVLCCore.imaging.labels import LabelMap, load_labels
from DGMVLCCore.imaging.numbered import cohort_anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.clinical import text_to_attributes
from DGMVLCCore.language.prompts import describe_prompt
from DGMVLCCore.models.units import LUNG_DEFAULT, TISSUE_DEFAULT

AIR_HU, WALL_MM, ENCLOSED = -1000.0, 30.0, 0.9


def _body_of(labels: LabelMap, volume: Volume) -> tuple[np.ndarray, str]:
    """The body, and the label that is it: the one that encloses the others in its slices; else what
    lies within 30 mm of the lungs, and no label."""
    whole = labels.union()
    for name, mask in labels.segments.items():
        filled = np.stack([ndimage.binary_fill_holes(plane) for plane in mask])
        if (whole & ~mask).any() and filled[whole & ~mask].mean() > ENCLOSED:
            return filled, name
    wall = [
        ndimage.distance_transform_edt(~plane, sampling=volume.spacing[1:]) <= WALL_MM
        if plane.any()
        else plane
        for plane in whole
    ]
    return np.stack([ndimage.binary_fill_holes(plane) for plane in wall]), ""


def load_mask(path: Path) -> tuple[Volume, Anatomy]:
    """A canonical scan of plain air, tissue and lung drawn from a mask alone, and the mask's
    anatomy on it.

    Raises:
        UnreadableError, UnsuitableInputError: no segmentation of one layer, or labels that are no
            lungs.
    """
    image = read_image(path)
    grid = Volume(np.zeros(one_value_3d(image, path.name).shape, np.float32), image.affine)
    labels = load_labels(path, grid)
    scan, turn = grid.canonical()
    parts = LabelMap(
        {name: np.ascontiguousarray(turn.apply(mask)) for name, mask in labels.segments.items()}
    )
    body, enclosing = _body_of(parts, scan)
    inner = np.any([mask for name, mask in parts.segments.items() if name != enclosing], axis=0)
    volume = scan.with_array(
        np.where(inner, LUNG_DEFAULT, np.where(body, TISSUE_DEFAULT, AIR_HU)).astype(np.float32)
    )
    return volume, cohort_anatomy(parts, volume)


def check_sentence(pipe: CounterfactualPipeline, sentence: str) -> tuple[str, bool]:
    """Term and presence of a sentence that the weights were taught: a finding, or clauses of a
    clinical row ("61-year-old, never smoker").

    Raises:
        UnsuitableInputError: they were not.
    """
    try:
        meaning = describe_prompt(sentence)
    except UnsuitableInputError:
        try:
            said = text_to_attributes(sentence)
        except UnsuitableInputError:
            said = {}
        if said and set(said) <= set(pipe.model.config.get("attributes") or ()):
            return "", True
        raise
    return meaning.term or "", meaning.present
