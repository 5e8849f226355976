"""An edit under way: what is changed, of which scan, and what is noted of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from DGMVLCCore.editing.result import EditPlan, Settings
from DGMVLCCore.editing.sampler import Step
from DGMVLCCore.errors import Cancelled
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.noise import slice_correlation, volume_noise
from DGMVLCCore.models.region import Region

Progress = Callable[[str, float], None]


def noise_fields(
    region: Region,
    scan: Volume,
    anatomy: Anatomy,
    mask: np.ndarray,
    seed: int,
    side: tuple[int, int] | None = None,
) -> tuple[float, Callable[[int], Tensor]]:
    """How alike the noise of neighbouring slices is, and the noise (D,S,T) of a region's slices by
    number of the draw; slices of `side` pixels where it is given."""
    rows = slice(*region.rows)
    lungs = Anatomy(anatomy.labels[rows]).lungs
    correlation = slice_correlation(scan.array[rows], lungs & ~mask[rows])
    shape = (len(scan.array), *(side or region.hu.shape[1:]))
    return correlation, lambda draw: volume_noise(shape, correlation, seed * 1000 + draw)[rows]


@dataclass(frozen=True, eq=False)
class Work:
    """One edit of a region.

    Args:
        region: on the working grid. scan, anatomy: canonical, as are mask, bool (D,H,W), and what
            the plan hides.
        settings: noises, steps, seed, guidance; what is noted on the way is added.
        callback: gets ("editing", share done). should_cancel: asked between steps.
    """

    region: Region
    scan: Volume
    anatomy: Anatomy
    mask: np.ndarray
    plan: EditPlan
    settings: Settings
    callback: Progress | None = None
    should_cancel: Callable[[], bool] | None = None

    @property
    def noises(self) -> int:
        """How many noise fields are drawn."""
        return int(self.settings["noises"])

    def fields(self) -> Callable[[int], Tensor]:
        """The noise (D,S,T) of the region's slices by number of the draw; how the region is worked
        on is noted."""
        region = self.region
        correlation, field = noise_fields(
            region, self.scan, self.anatomy, self.mask, int(self.settings["seed"])
        )
        self.settings.update(
            z_correlation=round(correlation, 3), spacing_mm=region.spacing, native=region.native
        )
        return field

    def counted(self, total: int) -> Callable[[int], Step]:
        """For a number of slices, what a sampler calls after each step on them; `total` slice steps
        are the whole edit.

        Raises:
            Cancelled: by the step, when `should_cancel` says so.
        """
        done = 0

        def step_of(size: int) -> Step:
            def on_step(step: int, of: int) -> None:
                nonlocal done
                if self.should_cancel and self.should_cancel():
                    raise Cancelled("Cancelled; nothing was changed.")
                done += size
                if self.callback:
                    self.callback("editing", done / total)

            return on_step

        return step_of
