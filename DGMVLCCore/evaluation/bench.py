"""What an evaluation is asked for, and what its stages share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.evaluation.profile import Profile
from DGMVLCCore.evaluation.records import Records
from DGMVLCCore.evaluation.scoring import Judge
from DGMVLCCore.evaluation.submission import Submission

SHARDS = "shards"
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What is asked.

    Args:
        data: data folder whose held-out patients get the lesions; the sample scan gets them when
            None.
        submission: folder with somebody else's answers, scored in the model's place.
        inception: ImageNet weights of Inception v3 (torchvision's, as safetensors) for one more
            Fréchet distance.
    """

    out: Path
    profile: Profile
    data: Path | None = None
    weights: Path | None = None
    submission: Path | None = None
    part: str = "test"
    seed: int = 0
    device: str | None = None
    resume: bool = False
    overwrite: bool = False
    inception: Path | None = None


@dataclass(eq=False)
class Bench:
    """Everything the stages share."""

    request: Request
    pipe: CounterfactualPipeline
    judge: Judge
    records: Records
    work: Path
    tell: Tell
    submission: Submission | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def shards(self) -> Path | None:
        """Shards of the part's patients, None without a data folder."""
        return self.work / SHARDS if self.request.data else None
