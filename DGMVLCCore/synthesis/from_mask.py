"""Mask of lungs and body, and a sentence -> CT slices: every voxel is the network's, nothing of any patient's picture is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from DGMVLCCore.anatomy.numbered import cohort_anatomy
from DGMVLCCore.anatomy.segment import Anatomy
from DGMVLCCore.counterfactual.pipeline import CounterfactualPipeline
from DGMVLCCore.counterfactual.result import EditPlan
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.imaging.io import affine_of, one_value_3d, read_image
from DGMVLCCore.imaging.labels import LabelMap, load_labels
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.clinical import text_to_attributes
from DGMVLCCore.language.prompts import describe_prompt
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.models.units import LUNG_DEFAULT, TISSUE_DEFAULT, to_hu

AIR_HU, WALL_MM, ENCLOSED = -1000.0, 30.0, 0.9


def _body_of(labels: LabelMap, volume: Volume) -> tuple[np.ndarray, str]:
    """The body, and the label that is it: the one that encloses the others in its slices; else what lies within 30 mm of the lungs, and no label."""
    whole = labels.union()
    for name, mask in labels.segments.items():
        filled = np.stack([ndimage.binary_fill_holes(plane) for plane in mask])
        if (whole & ~mask).any() and filled[whole & ~mask].mean() > ENCLOSED:
            return filled, name
    wall = [ndimage.distance_transform_edt(~plane, sampling=volume.spacing[1:]) <= WALL_MM if plane.any() else plane for plane in whole]
    return np.stack([ndimage.binary_fill_holes(plane) for plane in wall]), ""


def load_mask(path: Path) -> tuple[Volume, Anatomy]:
    """A canonical scan of plain air, tissue and lung drawn from a mask alone, and the mask's anatomy on it.

    Raises:
        UnreadableError, UnsuitableInputError: no segmentation of one layer, or labels that are no lungs.
    """
    image = one_value_3d(read_image(path), path.name)
    grid = Volume(np.zeros(image.GetSize()[::-1], np.float32), affine_of(image))
    labels = load_labels(path, grid)
    scan, turn = grid.canonical()
    parts = LabelMap({name: np.ascontiguousarray(turn.apply(mask)) for name, mask in labels.segments.items()})
    body, enclosing = _body_of(parts, scan)
    inner = np.any([mask for name, mask in parts.segments.items() if name != enclosing], axis=0)
    volume = scan.with_array(np.where(inner, LUNG_DEFAULT, np.where(body, TISSUE_DEFAULT, AIR_HU)).astype(np.float32))
    return volume, cohort_anatomy(parts, volume)


def check_sentence(pipe: CounterfactualPipeline, sentence: str) -> tuple[str, bool]:
    """Term and presence of a sentence that the weights were taught: a finding, or clauses of a clinical row ("61-year-old, never smoker").

    Raises:
        UnsuitableInputError: they were not.
    """
    known = set(pipe.model.config.get("attributes") or ())
    try:
        said = text_to_attributes(sentence) if known else {}
    except UnsuitableInputError:
        said = {}
    if said and set(said) <= known:
        return "", True
    meaning = describe_prompt(sentence)
    return meaning.term or "", meaning.present


def make_from_mask(pipe: CounterfactualPipeline, volume: Volume, anatomy: Anatomy, sentence: str, slices: tuple[int, int], seed: int, *, steps: int = 10,
                   tell: Callable[[str, float], None] | None = None) -> tuple[Volume, np.ndarray]:
    """Slices [first, last) made from a mask and a sentence; the hole is the whole region, as `training.cohort.WHOLE` teaches it.

    Args:
        volume, anatomy: of `load_mask`, canonical. slices: counted from the feet.

    Returns:
        The slices as a volume of their own in HU (air outside the body), and the generated voxels (the body), bool (D,H,W).

    Raises:
        UnsuitableInputError: the sentence says nothing that was taught, or the slices show no body. UsageError: no such slices.
    """
    term, present = check_sentence(pipe, sentence)
    first, last = slices
    if not 0 <= first < last <= len(volume.array):
        raise UsageError(f"The slices {first}:{last} are not within 0:{len(volume.array)}.")
    body = anatomy.body[first:last]
    if not body.any():
        raise UnsuitableInputError(f"The slices {first}:{last} of the mask show no body; choose others.")
    affine = volume.affine.copy()
    affine[:3, 3] += first * affine[:3, 2]
    scan, labels = volume.with_array(volume.array[first:last], affine=affine), Anatomy(anatomy.labels[first:last], anatomy.origin)
    region = cut_region(scan, labels, body, (0, last - first))
    region = replace(region, mask=np.ones_like(region.mask))
    plan = EditPlan(body, "", sentence, term, not present)
    settings = {"noises": 1, "steps": steps, "seed": seed, "guidance": 1.5}
    made = to_hu(pipe.sample(region, scan, labels, body, plan, settings, tell)[0])
    return scan.with_array(np.where(body, np.rint(region.to_scan(made, scan.shape)), AIR_HU).astype(np.float32)), body
