"""What an edit asks for and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.findings import Finding

NOTICE = "Research use only; not a medical device. Voxels inside the edit mask are synthetic."

# what an edit was asked with, and what rooms note of it on its way, by name: open, as JSON holds it
Settings = dict[str, Any]
Share = Annotated[float, Meta(ge=0, le=1)]
Cosine = Annotated[float, Meta(ge=-1.001, le=1.001)]


@dataclass(frozen=True, eq=False)
class EditPlan:
    """One edit.

    Args:
        mask: bool (D,H,W) on the scan's grid; the full support of the edit.
        source: what the scan shows, as a taught sentence. target: what it shall show.
        term: finding the edit is about. removes: True when the target says it is absent.
        mode: "replace" (as the target says) or "shift" (what target and source differ by).
        finding: of the report, None when the user gave only words.
        hidden: bool (D,H,W), what an editor is not shown of the scan and makes anew; None where it
            shall see through the mask. A hole-filling network is shown nothing of the mask.
    """

    mask: np.ndarray
    source: str
    target: str
    term: str
    removes: bool = True
    mode: str = "replace"
    finding: Finding | None = None
    hidden: np.ndarray | None = None


@dataclass(frozen=True)
class Gate:
    """One check of a result: a number, its limits and a sentence."""

    name: str
    passed: bool
    value: float
    limit: str
    unit: str
    sentence: str


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """Where the reading pass attends to a finding's words.

    Args:
        term: the finding. values: float32 (D,H,W), 0..1 inside the lungs, on the scan's grid.
        levels: lower borders of the graded bands. tokens: the words read.
    """

    term: str
    values: np.ndarray
    levels: tuple[float, ...] = (0.25, 0.5, 0.75)
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """How well the edited region fits the two sentences (0..1), before and after the edit.

    Args:
        source, target: agreement with each sentence as (before, after). direction: cos(ΔI, ΔT),
            -1..1.
        ranked: findings that fit the region before the edit, the best first, with their agreement.
    """

    source: tuple[Share, Share]
    target: tuple[Share, Share]
    direction: Cosine
    ranked: tuple[tuple[str, float], ...]


@dataclass(eq=False)
class CounterfactualResult:
    """A counterfactual scan and everything needed to judge it.

    Args:
        original, counterfactual: scans on the same grid, HU; identical outside `mask`.
        average: float32 (D,H,W) HU, mean over the noises, or what makes it when `mean` is first
            asked for: a scan more in memory, which an edit's folder does not hold. uncertainty:
            float32 (D,H,W) HU, standard deviation over them.
        mask: bool (D,H,W), the edit mask. attention: finding -> map.
        change: float32 (D,H,W), 0..1, the share to which a voxel was changed; invented: bool,
            voxels made from noise rather than seen through. Both None from a hole-filling network.
        agreement: how region and sentences agree before and after, None without a dual encoder.
        synthetic: always True: voxels inside the mask are generated.
    """

    original: Volume
    counterfactual: Volume
    average: np.ndarray | Callable[[], np.ndarray]
    uncertainty: np.ndarray
    mask: np.ndarray
    plan: EditPlan
    gates: list[Gate] = field(default_factory=list)
    settings: Settings = field(default_factory=dict)
    attention: dict[str, AttentionMap] = field(default_factory=dict)
    agreement: Agreement | None = None
    change: np.ndarray | None = None
    invented: np.ndarray | None = None
    synthetic: bool = True

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean over the noises, HU, float32 (D,H,W)."""
        return self.average() if callable(self.average) else self.average

    @property
    def difference(self) -> np.ndarray:
        """Counterfactual − original, HU, float32 (D,H,W)."""
        return self.counterfactual.array - self.original.array

    @property
    def largest_outside(self) -> float:
        """Largest absolute difference outside the mask, HU."""
        slices = zip(self.mask, self.counterfactual.array, self.original.array)
        return max(
            float(np.abs(np.where(inside, 0, after - before)).max(initial=0))
            for inside, after, before in slices
        )
