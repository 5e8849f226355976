"""The records of a review session as its files hold them: worklist, a study's review, decisions.

Whoever reads a session without this program finds their fields in `results/schema`; what an earlier
version did not write has a default.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from DGMVLCCore.language.report_files import ReportSource
from DGMVLCCore.results.records import FileFact, Grid
from DGMVLCCore.review.worklist import Identifier, Study

SCHEMA_VERSION = "1.0"
Version = Annotated[str, Meta(pattern=r"^1\.")]
Mark = Annotated[str, Meta(pattern="^(new|changed|missing)?$")]  # of a study that is another now
PlainName = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # of a file
Share = Annotated[float, Meta(ge=0, le=1)]
CheckStatus = Literal["reported", "not mentioned", "denied", "no report"]
UNSEEN = ("not seen", "not looked for")
SoughtStatus = Literal["seen", "not seen", "not looked for", "denied"]
Verdict = Literal["accepted", "rejected", ""]
Comment = Annotated[str, Meta(max_length=2000)]
Short = Annotated[str, Meta(max_length=40)]
Hash = Annotated[str, Meta(max_length=64)]
Reader = Annotated[str, Meta(max_length=200)]
RegionId = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*/[0-9]+$")]
# a decision on an earlier version of the scan is kept as REGION@HASH
KeptId = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*/[0-9]+(@[0-9A-Za-z]{1,8})?$")]


class Worklist(Struct, kw_only=True):
    """`worklist.json`."""

    schema_version: Version = SCHEMA_VERSION
    kind: Literal["review worklist"]
    notice: str
    folder: str
    saved: str = ""
    states: dict[PlainName, Mark]
    studies: list[Study]


class RegionPlace(Struct, frozen=True):
    """Where a region lies, as `imaging.zones.Location`."""

    side: Literal["left", "right", "bilateral"] | None
    zone: Literal["lower", "middle", "upper"] | None
    centre_mm: Annotated[tuple[float, float, float], Meta(description="LPS")]
    volume_ml: float
    diameter_mm: float


class Phrase(Struct, frozen=True):
    """A finding and the share of change that its denial asks for in a region."""

    term: str
    agreement: Share


class RegionCheck(Struct, frozen=True):
    """A region against the report; finding: its index."""

    status: CheckStatus
    finding: int | None
    sentence: str


class FindingCheck(Struct, frozen=True):
    """A finding of the report against the regions; region: its number."""

    term: str
    text: str
    span: list[int]
    status: SoughtStatus
    region: int | None
    sentence: str


class RegionFact(Struct, frozen=True, kw_only=True):
    """What was found in a region; HU, mm, ml."""

    number: Annotated[int, Meta(ge=1)]
    score: Annotated[Share, Meta(description="for ranking; no probability of disease")]
    location: RegionPlace
    place: str
    slice: Annotated[int, Meta(description="canonical, from 0 at the feet")]
    slices: list[int]
    voxels: int
    change_hu: Annotated[
        float,
        Meta(
            description="mean HU of the region minus that of equally shaped places in this "
            "patient's clear lung (median)"
        ),
    ]
    change_low_hu: float | None
    change_high_hu: float | None
    mean_hu: float
    places: int
    phrases: Annotated[
        list[Phrase],
        Meta(
            description="findings, each with the share of change that its denial asks for in the "
            "region; no probability of disease"
        ),
    ]
    check: RegionCheck
    outline: PlainName
    picture: PlainName
    without: Annotated[
        PlainName | None, Meta(description="the scan around the region without it, synthetic")
    ] = None
    denied: Annotated[str, Meta(description="the sentence it was edited by")] = ""
    removed_hu: Annotated[
        float | None,
        Meta(description="mean change of the region in HU, without it minus original"),
    ] = None


class StudyReview(Struct, kw_only=True):
    """`review.json` of a study; it is filled while the study is looked at."""

    schema_version: Version = SCHEMA_VERSION
    kind: Literal["review of a study"]
    notice: str
    study: str
    name: str = ""
    sha256: str
    weights: FileFact
    series: str | None = None
    notes: list[str] = []
    grid: Grid | UnsetType = UNSET
    regions: list[RegionFact]
    report: str = ""
    report_source: ReportSource | None = None
    report_check: list[FindingCheck]
    report_notes: list[str] = []
    problem: str | None
    seconds: float = 0.0

    def unseen(self) -> list[str]:
        """A sentence on each reported finding that no region shows."""
        return [fact.sentence for fact in self.report_check if fact.status in UNSEEN]


class Decision(Struct, frozen=True, kw_only=True):
    """What holds for a region; sha256: of the scan as it was looked at."""

    verdict: Verdict
    comment: Comment = ""
    when: Short = ""
    sha256: Hash | None = None
    by: Reader = ""


class Decisions(Struct, kw_only=True):
    """`decisions.json`: region id (STUDY/NUMBER) -> what holds."""

    schema_version: Version = SCHEMA_VERSION
    decisions: dict[KeptId, Decision]


class DecisionMade(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One file of the folder `decided`: a verdict, a comment or both."""

    region: RegionId
    sha256: Hash | None
    when: Short
    by: Reader
    verdict: Verdict | None = None
    comment: Comment | None = None


class StudyRow(Struct, frozen=True, kw_only=True):
    """A study as a viewer lists it."""

    id: Identifier
    name: str
    state: str
    words: str
    regions: int
    unreported: int
    waiting: bool
    readable: bool


class Listed(Struct, frozen=True, kw_only=True):
    """The worklist as a viewer shows it: a row a study, and counts."""

    studies: list[StudyRow]
    progress: dict[str, int]


class RegionRow(Struct, frozen=True, kw_only=True):
    """A region as a viewer lists it, in words; outline, picture, without_scan: paths."""

    number: int
    size: str
    volume: str
    place: str
    change: str
    tag: str
    alert: bool
    sentence: str
    without: str
    phrases: str
    verdict: str
    earlier: str  # the verdict on an earlier version of the scan
    comment: str
    outline: str
    picture: str
    without_scan: str


class Regions(Struct, frozen=True, kw_only=True):
    """A study's regions as a viewer lists them; chosen: number of its series, 0 without one."""

    study: str
    regions: list[RegionRow]
    unseen: list[str]
    notes: list[str]
    series: list[str]
    chosen: int
