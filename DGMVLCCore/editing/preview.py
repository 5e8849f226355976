"""A first look: the counterfactual of the region's middle slice, from one noise and few steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import NOTICE, EditPlan
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.volume import Volume

STEPS = 4
GLANCE = 1  # step of an editor, which sees through the rest of the region at once
NEIGHBOURS = 3


@dataclass(frozen=True, eq=False)
class Preview:
    """One slice of a counterfactual.

    Args:
        volume: (1,H,W) HU, where the slice lies in the patient. index: canonical slice, counted
            from the feet. steps: integration steps.
    """

    volume: Volume
    index: int
    steps: int

    @property
    def note(self) -> str:
        """What a viewer says beside it."""
        return (
            f"Preview of slice {self.index + 1}: one sample, {self.steps} steps; synthetic – "
            "research use only."
        )

    def save(self, path: Path) -> None:
        """Write it as NRRD; the header says that it is a preview and synthetic."""
        save_volume(
            self.volume,
            path,
            {
                "DGMVLC_Unit": "HU",
                "DGMVLC_Preview": self.note,
                "DGMVLC_Synthetic": "inside the edit mask",
                "DGMVLC_Notice": NOTICE,
            },
        )


def rows_to_edit(mask: np.ndarray, slices: tuple[int, int] | None) -> np.ndarray:
    """Canonical slices that hold voxels of a mask (canonical, bool (D,H,W)) within the chosen
    range."""
    rows = np.nonzero(mask.any((1, 2)))[0]
    return rows if slices is None else rows[(rows >= slices[0]) & (rows < slices[1])]


def preview_slice(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    plan: EditPlan,
    *,
    slices: tuple[int, int] | None = None,
    seed: int = 0,
    steps: int | None = None,
) -> Preview | None:
    """The middle slice of the region as the edit would make it, roughly; None when there is nothing
    to edit.

    Args:
        volume: CT in HU, any orientation. anatomy, plan.mask: on its grid. slices: canonical range
            the edit is limited to. steps: as few as show something when None.
    """
    scan, turn = volume.canonical()
    mask, labels = turn.apply(plan.mask), turn.apply(anatomy.labels)
    rows = rows_to_edit(mask, slices)
    rows = rows[(mask[rows] & Anatomy(labels[rows]).body).any((1, 2))]
    if not len(rows) or plan.source == plan.target:
        return None
    middle = int(rows[len(rows) // 2])
    start, stop = max(middle - NEIGHBOURS, 0), min(middle + NEIGHBOURS + 1, len(mask))
    hidden = None if plan.hidden is None else turn.apply(plan.hidden)[start:stop]
    near = Anatomy(np.ascontiguousarray(labels[start:stop]), anatomy.origin)
    part = replace(plan, mask=mask[start:stop] & near.body, hidden=hidden)
    shown = (middle - start, middle - start + 1)
    result = pipe(
        scan.slab(start, stop),
        part,
        anatomy=near,
        noises=1,
        steps=steps or (GLANCE if pipe.sees else STEPS),
        seed=seed,
        slices=shown,
    )
    return Preview(result.counterfactual.slab(*shown), middle, result.settings["steps"])
