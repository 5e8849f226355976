"""What benchmark.json and the processes that measure for it hold, as JSON holds it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from DGMVLCCore.evaluation.tables import Figure, Part, Scored

Json = dict[str, Any]  # what a job of another process is asked and answers; `jobs` passes it on
Plain = Literal["parameters", "flops", "passes", "loaded_mb", "peak_mb"]


class TrainingFacts(TypedDict):
    """What a weights folder records of its training."""

    steps: int
    seconds: float


class Training(TypedDict, total=False):
    """Steps and seconds of a training, and the memory it took; None where nothing recorded it."""

    steps: int | None
    seconds: float | None
    train_peak_mb: float | None


class Use(TypedDict):
    """What using a variant costs, without its time."""

    parameters: int
    flops: float
    passes: float
    pixels_a_slice: float
    loaded_mb: float
    peak_mb: float


class Measured(Use):
    """What `measure` answers; sha256: of the weights."""

    sha256: str


class Cost(Measured, Training):
    """What a variant costs, with its training."""


class UnetTimes(TypedDict):
    """Parameters of the U-Net of the seed's stated size, and seconds of each call."""

    parameters: int
    seconds: list[float]


class Times(TypedDict):
    """What `time` answers: variant -> seconds of each edit."""

    edits: dict[str, list[float]]
    unet: UnetTimes | None
    voxels: int


class LineCosts(Use):
    """What using a variant costs."""

    seconds_a_slice: Figure


class Line(TypedDict):
    """A variant of the benchmark; why: it is not ranked."""

    name: str
    title: str
    trained_here: bool
    note: str
    weights_sha256: str
    training: Training
    costs: LineCosts
    scores: dict[str, Figure]
    ranked: bool
    why: str
    good_for: str


class SeedUnet(TypedDict):
    """3D sampling in many steps, extrapolated from its calls; faster: times, by variant."""

    name: str
    parameters: int
    call_seconds: Figure
    steps: int
    sample_seconds: float
    faster: dict[str, float]
    sentence: str


class BudgetFact(TypedDict):
    """What each trained variant had."""

    minutes: float
    steps: int
    widths: Annotated[list[int], Meta(min_length=3, max_length=3)]
    batch: int
    seed: int


class Phantom(TypedDict):
    """What is edited for time and memory."""

    slices: int
    side: int
    voxels: int


class Benchmark(Scored, frozen=True, kw_only=True):
    """benchmark.json."""

    part: Part
    seed: Annotated[int, Meta(ge=0)]
    budget: BudgetFact
    left_out: list[str]
    cases: Annotated[int, Meta(ge=1)]
    patients: Annotated[list[str], Meta(min_length=1)]
    exploratory: bool
    phantom: Phantom
    lines: Annotated[list[Line], Meta(min_length=1)]
    seed_unet: SeedUnet | None
