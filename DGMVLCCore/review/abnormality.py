"""Where the editor would change the lungs if findings were denied: the review's abnormality map.

Each denial is read in one step over both lungs, several slices together. The wording that was
trained for a finding ("No nodule.") asks for a change where that finding is; no finding, no change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import denial_prompt
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.models.units import to_units

Progress = Callable[[str, float], None]
DENIED = ("nodule", "consolidation", "ground-glass opacity", "emphysema")
LOOK_MM = 1.25  # in-plane, coarsest fine enough for nodules of 6 mm
STEP_MM = 3.5  # slices thinner than this are averaged, so that thin ones cost no more
AT_ONCE = 8  # neighbouring slices of one forward pass
WIDER = 3  # pixels around the lungs that may be changed too
SIDE = 16  # multiples that the network takes
AROUND_MM = 14.0  # seen around the lungs
IN_PLANE = ndimage.generate_binary_structure(2, 1)[None]
SMOOTH_MM = (2.0, 1.5, 1.5)  # Gaussian sigma of the map (z,y,x)


@dataclass(eq=False)
class Looked:
    """The lungs of a scan as the editor reads them.

    Args:
        region: both lungs on the working grid (D,S,T). thick: slices of the scan in one of these.
        asked: float32 (K,D,S,T), 0..1, the change that each denial asks for, smoothed.
        terms: the K findings denied. scan, anatomy: canonical, in these slices.
    """

    region: Region
    thick: int
    asked: np.ndarray
    terms: tuple[str, ...]
    scan: Volume
    anatomy: Anatomy

    @property
    def map(self) -> np.ndarray:
        """float32 (D,S,T), 0..1: the most that any denial asks for."""
        return self.asked.max(0)

    def to_scan(self, values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """(D,S,T) on the working grid -> float32 of the canonical scan's shape."""
        slabs = (len(values), *shape[1:])
        whole = self.region.to_scan(values.astype(np.float32), slabs)
        return np.repeat(whole, self.thick, 0)[: shape[0]]


def thick_slices(scan: Volume, anatomy: Anatomy) -> tuple[Volume, Anatomy, int]:
    """A canonical scan with thin slices averaged in groups, and how many are in one.

    The last group may hold fewer. Labels are those of each group's middle slice.
    """
    thick = max(round(STEP_MM / scan.spacing[0]), 1)
    if thick == 1:
        return scan, anatomy, 1
    starts = np.arange(0, len(scan.array), thick)
    counts = np.diff([*starts, len(scan.array)])
    hu = np.add.reduceat(scan.array.astype(np.float32), starts) / counts[:, None, None]
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (thick - 1) / 2
    affine[:3, 2] *= thick
    labels = anatomy.labels[np.minimum(starts + thick // 2, len(anatomy.labels) - 1)]
    return Volume(hu, affine, scan.modality, scan.stored_dtype), Anatomy(labels), thick


def _boxes(region: Region) -> Iterator[tuple[list[int], tuple[slice, slice]]]:
    """Slices with lung in groups, and what of the slice each group needs."""
    filled, margin = region.filled, int(AROUND_MM / region.spacing[1])
    for start in range(0, len(filled), AT_ONCE):
        rows, box = filled[start : start + AT_ONCE], []
        where = np.argwhere(region.mask[rows].any(0))
        for low, high, size in zip(where.min(0), where.max(0) + 1, region.hu.shape[1:]):
            first = max(int(low) - margin, 0)
            length = -(-(min(int(high) + margin, size) - first) // SIDE) * SIDE
            first = max(min(first, size - length), 0)
            box.append(slice(first, first + length))
        yield rows, (box[0], box[1])


def _part(region: Region, rows: list[int], box: tuple[slice, slice]) -> Region:
    """The slices from the first of `rows` to the last, one more on each side, cropped."""
    part = (slice(max(rows[0] - 1, 0), rows[-1] + 2), *box)
    return Region.of_stack(region.hu[part], region.mask[part], region.labels[part], region.spacing)


def _require_sight(pipe: CounterfactualPipeline, anatomy: Anatomy) -> None:
    """Refuse what no lung is seen in, or by no network that sees."""
    if not pipe.sees:
        raise WeightsError(
            f"A review reads the change map of an editor, but {pipe.weights} holds none; "
            "give an editor's weights."
        )
    if not anatomy.lungs.any():
        raise UnsuitableInputError(
            "The scan shows no lung, so there is nothing to look at; load a chest CT."
        )


@torch.inference_mode()
def look(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    callback: Progress | None = None,
    terms: tuple[str, ...] = DENIED,
) -> Looked:
    """Read both lungs of a canonical scan under each finding's denial.

    Raises:
        UnsuitableInputError: no lung in view. WeightsError: the weights are no editor's.
    """
    _require_sight(pipe, anatomy)
    slabs, labels, thick = thick_slices(scan, anatomy)
    rows = (0, len(slabs.array))
    spacing = max(LOOK_MM, *scan.spacing[1:])
    region = cut_region(slabs, labels, labels.lungs, rows, spacing_mm=spacing)
    lungs = region.lungs
    density = float(to_units(np.median(region.hu[lungs]), region.scale))
    region.mask = ndimage.binary_dilation(lungs, IN_PLANE, iterations=WIDER)
    texts = [pipe.text(denial_prompt(term)) for term in terms]
    predict, groups = pipe.edit_predictor(), list(_boxes(region))
    asked = np.zeros((len(terms), *region.hu.shape), np.float32)
    for done, (wanted, box) in enumerate(groups, 1):
        part = _part(region, wanted, box)
        first = max(wanted[0] - 1, 0)
        here = [row - first for row in wanted]
        cond = part.conditions(here, np.zeros_like(part.mask)).to(pipe.device)
        if cond.density is not None:
            cond.density.fill_(density)
        for index, text in enumerate(texts):
            edit = predict(cond.context[:, 1:2], 1.0, cond.with_text(*text))
            share = torch.sigmoid(edit.change)[:, 0].cpu().numpy()
            asked[index, wanted, box[0], box[1]] = share
        if callback:
            callback("looking", done / len(groups))
    sigma = [mm / step for mm, step in zip(SMOOTH_MM, region.spacing)]
    for each in asked:
        each[:] = ndimage.gaussian_filter(each * lungs, sigma) * lungs
    return Looked(region, thick, asked, terms, slabs, labels)
