"""`discovery.json` as its file holds it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from DGMVLCCore.language.clinical import Value
from DGMVLCCore.results.records import FileEntry, FileFact, Record

Notice = Literal[
    "Research use only; not a medical device. Sweeps are computed from synthetic voxels."
]
Role = Literal["report", "map"]
NOTICE: Notice = (
    "Research use only; not a medical device. Sweeps are computed from synthetic voxels."
)


class CohortCount(Struct, frozen=True):
    """How many patients there are, and of how many scans and rows."""

    patients: Annotated[int, Meta(ge=2)]
    scans_found: int
    rows_matched: int


class SweepFact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How was swept; taught before, where the weights had learned from patients of the cohort."""

    minutes: float
    steps: int | UnsetType = UNSET
    batch: int | UnsetType = UNSET
    patients_a_contrast: int
    taught_before: bool = False
    patients_seen: int | UnsetType = UNSET


class MethodFact(Struct, frozen=True, kw_only=True):
    """How groups were compared; sweep: None where it was skipped."""

    permutations: Annotated[int, Meta(ge=1)]
    seed: int
    fdr: float
    device: str | UnsetType = UNSET
    sweep: SweepFact | None


class CohortFiles(Struct, frozen=True, omit_defaults=True):
    """Names and hashes of the table and the scans."""

    table: FileFact
    scans: list[FileFact] = []


class ContrastFact(Struct, frozen=True):
    """A question to the cohort."""

    name: str
    attribute: str
    low: Value
    high: Value
    number: bool
    patients: int
    adjusted_for: list[str]


class SweptFact(Struct, frozen=True):
    """What the sweep says, HU; None where it says nothing."""

    effect: float | None
    low: float | None
    high: float | None
    n: int


class GroupFact(Struct, frozen=True):
    """The adjusted difference of the groups; None where it cannot be told."""

    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    n: Annotated[int, Meta(ge=0)]
    q: float | None


class AnswerFact(Struct, frozen=True):
    """A question in one region: statistic -> difference of the groups, and the sweep."""

    contrast: str
    region: str
    groups: dict[str, GroupFact]
    sweep_hu: SweptFact | None
    pattern: bool


class Pattern(Struct, frozen=True):
    """What groups and sweep agree on."""

    contrast: str
    region: str
    sentence: str


class PageOrMap(FileEntry, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a discovery."""

    role: Role


class DiscoveryRecord(Record, frozen=True, kw_only=True):
    """`discovery.json`."""

    notice: Notice
    kind: Literal["discovery"]
    files: Annotated[list[PageOrMap], Meta(min_length=1)]
    contrasts: list[ContrastFact]
    patterns: list[Pattern]
    answers: list[AnswerFact]
    cohort: CohortCount
    method: MethodFact
    inputs: CohortFiles
    weights: FileFact | None
    problems: list[str]
    notes: list[str]
