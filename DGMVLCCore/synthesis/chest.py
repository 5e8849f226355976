"""Anatomy mask and sentence -> CT: every voxel of the body is the network's, and nothing of a scan
is shown to it."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.result import EditPlan, Settings
from DGMVLCCore.editing.work import Work
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import AIRWAY, LEFT, NAMES, RIGHT, Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.models.region import OUTSIDE_HU, Region, cut_region
from DGMVLCCore.models.units import class_fill, to_hu
from DGMVLCCore.synthesis.from_mask import check_sentence
from DGMVLCCore.synthesis.records import MaskAgreement
from DGMVLCCore.synthesis.slab import require_shown, slab

NOTICE = (
    "Synthetic. Research use only; not a medical device. The whole chest was generated from a "
    "mask; "
    "it is no patient's."
)
CHECKED = (LEFT, RIGHT, AIRWAY)


class MaskRegion(Region):
    """A region of which the network sees the anatomy's labels alone: one HU value a class."""

    def shown(self, row: int, hidden: np.ndarray) -> np.ndarray:
        """float32 (S,T) HU of a slice's classes."""
        return class_fill(self.labels[row])


def make_chest(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    sentence: str,
    slices: tuple[int, int],
    seed: int,
    *,
    steps: int = 10,
    callback: Progress | None = None,
) -> tuple[Volume, np.ndarray]:
    """Slices [first, last) of a chest generated from the labels of body, lungs and airway, and a
    sentence (the task of arXiv 2410.13823).

    One noise field runs along z, and each slice sees the labels of its neighbours, so that slices
    belong together.

    Args:
        volume: gives the grid only; no voxel of it is read. anatomy: on its grid. slices:
            canonical, counted from the feet.

    Returns:
        The slices alone (canonical, HU, air outside the body) and the generated voxels (D,H,W).

    Raises:
        UnsuitableInputError: the sentence names nothing that was taught, or the slices show no
            body. UsageError: no such slices.
    """
    term, present = check_sentence(pipe, sentence)
    grid, straight = slab(volume, anatomy, slices)
    flat, body = grid.with_array(class_fill(straight.labels)), straight.body
    require_shown(body, "body", slices)
    region = MaskRegion(**vars(cut_region(flat, straight, body, (0, len(body)))))
    plan = EditPlan(body, "", sentence, term, removes=not present, hidden=body)
    settings: Settings = {"noises": 1, "steps": steps, "seed": seed, "guidance": 1.5}
    work = Work(region, flat, straight, body, plan, settings, callback)
    made = pipe.sample(work)[0]
    hu = np.rint(region.to_scan(to_hu(made), flat.shape))
    inside = np.where(body, np.maximum(hu, OUTSIDE_HU), OUTSIDE_HU)
    return flat.with_array(inside.astype(np.float32)), body


def dice(a: np.ndarray, b: np.ndarray) -> float | None:
    """Overlap of two masks, 0..1; None when neither holds a voxel."""
    total = int(a.sum() + b.sum())
    return 2 * int((a & b).sum()) / total if total else None


def mask_agreement(made: Volume, labels: np.ndarray) -> dict[str, float | None]:
    """Dice of each class that `find_anatomy` finds in a volume with the mask it was made from.

    Args:
        made: canonical. labels: uint8 (D,H,W) on its grid.

    Returns:
        left lung, right lung, airway -> 0..1; None for a class that is in neither; 0 throughout
        where no lungs are found.
    """
    try:
        found = find_anatomy(made).labels
    except UnsuitableInputError:
        found = np.zeros_like(labels)
    return {
        NAMES[label]: None
        if (value := dice(found == label, labels == label)) is None
        else round(value, 4)
        for label in CHECKED
    }


def agreement_record(
    made: Volume, volume: Volume, anatomy: Anatomy, slices: tuple[int, int]
) -> MaskAgreement:
    """What synthesis.json says of a generated chest: `mask_agreement` of the chest, and of its mask
    painted with one HU value a class.

    The second is what the segmentation finds at best, and what a network that paints the mask
    without any texture reaches: a high value alone says
    that the mask was kept, not that the image is good.
    """
    grid, straight = slab(volume, anatomy, slices)
    labels = straight.labels
    return {
        "method": (
            "Dice, classical segmentation of the generated CT against the mask it was made from"
        ),
        "generated": mask_agreement(made, labels),
        "mask_painted_flat": mask_agreement(grid.with_array(class_fill(labels)), labels),
    }
