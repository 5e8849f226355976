"""One edit of a case taken apart, so that every method fills the same hole and returns to the scan
the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from DGMVLCCore.editing.compose import compose, feather, residual
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.editing.work import Work, noise_fields
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import rows_around
from DGMVLCCore.imaging.volume import Orientation, Volume
from DGMVLCCore.language.prompts import absent_prompt, present_prompt
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.models.units import HU_LOW


def removal(case: Case, mode: str = "replace") -> EditPlan:
    """The edit every method is asked for: the case's finding taken away, in the plain sentences."""
    term = case.lesion.term
    return EditPlan(case.mask, present_prompt(term), absent_prompt(term), term, mode=mode)


@dataclass(frozen=True, eq=False)
class Hole:
    """The hole of a case, cut out for the network.

    Args:
        scan, anatomy, mask: of the case, canonical; mask bool (D,H,W) within the body. turn: back
            to the case's own grid.
        region: what the network works on.
    """

    scan: Volume
    anatomy: Anatomy
    mask: np.ndarray
    turn: Orientation
    region: Region

    @classmethod
    def cut(cls, case: Case, whole_slice: bool = False) -> Hole:
        """As the pipeline cuts it; `whole_slice` crops around both lungs, on the coarser grid this
        needs."""
        scan, turn = case.scan.canonical()
        anatomy = case.anatomy.reoriented(turn)
        mask = np.ascontiguousarray(turn.apply(case.mask)) & anatomy.body
        around = anatomy.lungs | mask if whole_slice else None
        region = cut_region(scan, anatomy, mask, rows_around(mask), around=around)
        return cls(scan, anatomy, mask, turn, region)

    def noise(self, seed: int, side: tuple[int, int] | None = None) -> Tensor:
        """(D,S,T) noise of the region's slices: the field of the pipeline's first draw under the
        same seed."""
        _, field = noise_fields(self.region, self.scan, self.anatomy, self.mask, seed, side)
        return field(0)

    def samples(
        self, pipe: CounterfactualPipeline, plan: EditPlan, seed: int, **settings: Any
    ) -> np.ndarray:
        """(N,D,S,T) the pipeline's own samples of this hole, in model units; `settings` as the
        pipeline's, by default one noise of ten steps."""
        given = {"noises": 1, "steps": 10, "guidance": 1.5, "seed": seed} | settings
        return pipe.sample(Work(self.region, self.scan, self.anatomy, self.mask, plan, given))

    def filled(self, *edited: np.ndarray) -> np.ndarray:
        """The case's scan with the hole filled by the mean of the given slices (each (D,S,T), model
        units); (D,H,W) HU on the case's grid."""
        start = self.region.hu.clip(HU_LOW, None)
        change = np.mean(
            [np.where(self.region.mask, residual(one, start), 0) for one in edited], axis=0
        )
        return self.changed(self.region.to_scan(change, self.scan.shape))

    def changed(self, change: np.ndarray) -> np.ndarray:
        """The case's scan with `change` (HU, canonical (D,H,W)) added in the hole, feathered as
        every edit; on the case's grid."""
        return self.turn.restore(compose(self.scan, change, feather(self.mask, self.scan.spacing)))
