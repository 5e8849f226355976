"""`comparison.json`: hypotheses of one region, the best fitting one first."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.results.manifest import FindingFact, InputFact, Synthetic, WeightsFact
from DGMVLCCore.results.records import FileEntry, Head, Sha256

Plain = Annotated[float, Meta(ge=0)]
FolderName = Annotated[str, Meta(pattern=r"^[^/\\.][^/\\]*$")]
Unit = Annotated[float, Meta(ge=0, le=1)]


class HypothesisRow(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What the patient's own voxels say of a hypothesis."""

    name: str
    sentence: str
    term: str | None
    asked_hu: Annotated[
        Plain | None,
        Meta(description="mean absolute change of the region's voxels that the words ask for, HU"),
    ] = None
    more_hu: Annotated[float | None, Meta(description="asked_hu minus the first one's")] = None
    error: Annotated[
        Plain | None, Meta(description="only 1.0: denoising error a voxel, model units")
    ] = None
    excess: Annotated[
        float | None,
        Meta(description="only 1.0: mean of (error - first's) / first's over noises"),
    ] = None
    low: Annotated[float, Meta(description="lower end of its 95 % interval")]
    high: float
    agreement: Annotated[
        Unit | None, Meta(description="dual encoder, 0..1; no probability of disease")
    ]
    lead: Annotated[Plain, Meta(description="support of the first one minus this one's")]
    apart: Annotated[bool, Meta(description="can be told apart from the first")]
    mean_change_hu: float
    mean_uncertainty_hu: Plain


class HypothesisFact(
    HypothesisRow, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A hypothesis with its place in the order and its folder."""

    rank: Annotated[int, Meta(ge=1)]
    folder: FolderName
    result_sha256: Sha256


class RankingFact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the first hypothesis can be told from the others."""

    distinguishable: bool
    sentence: str
    note: str
    noises: Annotated[
        int,
        Meta(
            ge=2,
            description="readings: slices, or places of the grid of one slice; 1.0: noises",
        ),
    ]
    slices: Annotated[int, Meta(ge=1)]


class ComparedWith(Struct, frozen=True, kw_only=True):
    """The settings that all hypotheses were drawn with; shown: the number of the sample."""

    seed: int
    noises: int = 1
    steps: int = 1
    slices: tuple[int, int] | None = None
    shown: int = 0


class Comparison(Struct, frozen=True, kw_only=True):
    """Hypotheses in order, before their folders are written; between_hu: mean absolute difference
    inside the mask between two hypotheses' counterfactuals, HU."""

    hypotheses: list[HypothesisRow]
    ranking: RankingFact
    between_hu: list[list[Plain]]
    location: Location
    settings: ComparedWith


class FigureEntry(FileEntry, frozen=True, kw_only=True, omit_defaults=True):
    """The figure of a comparison."""

    role: Literal["figure"]


class ComparisonRecord(Head, frozen=True, kw_only=True):
    """`comparison.json`."""

    schema_version: Literal["1.0", "1.1"]
    kind: Literal["comparison"]
    notice: Literal[
        "Research use only; not a medical device. Voxels inside the edit mask are synthetic."
    ]
    synthetic: Synthetic
    files: Annotated[list[FigureEntry], Meta(min_length=1)]
    results: Annotated[
        list[FolderName],
        Meta(
            min_length=2,
            max_length=6,
            description="folders of the hypotheses, each with a result.json",
        ),
    ]
    hypotheses: Annotated[
        list[HypothesisFact],
        Meta(min_length=2, max_length=6, description="the best fitting one first"),
    ]
    ranking: RankingFact
    between_hu: Annotated[
        list[list[Plain]],
        Meta(
            description="mean absolute difference inside the mask between two hypotheses' "
            "counterfactuals, HU"
        ),
    ]
    location: Location
    settings: ComparedWith
    report: str
    findings: list[FindingFact]
    inputs: dict[str, InputFact]
    weights: WeightsFact

    def __post_init__(self) -> None:
        if not self.synthetic:
            raise ValueError("the voxels inside the mask are synthetic")
