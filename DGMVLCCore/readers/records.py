"""The records of this room as their files hold them: cases, their key, a quiz, a study."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from DGMVLCCore.readers.readings import Item
from DGMVLCCore.results.records import SOFTWARE, FileName, Record, Sha256
from DGMVLCCore.stats import Compared, Paired

SCHEMA_VERSION = "1.0"
Notice = Literal["Research use only; not a medical device."]
NOTICE: Notice = "Research use only; not a medical device."
KeysPath = Literal["keys/keys.json"]
KEYS: KeysPath = "keys/keys.json"
Truth = Literal["inserted", "asked", "none"]
CaseId = Annotated[str, Meta(pattern="^case-[0-9]{3}$")]
Millimetres = tuple[float, float, float]  # LPS
NotNegative = Annotated[float, Meta(ge=0)]
Code = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,40}$")]
CaseFacts = dict[str, str | float | dict[str, bool]]  # what of a generated case was checked
Once = Meta(min_length=1, extra_json_schema={"uniqueItems": True})


def head(kind: str, seed: int | None) -> dict[str, Any]:
    """The fields that every record of this room begins with."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "software": SOFTWARE,
        "notice": NOTICE,
        "synthetic": True,
        "seed": seed,
    }


class _Synthetic(Record, frozen=True, kw_only=True):
    """A record of synthetic scans."""

    notice: Notice
    synthetic: Annotated[bool, Meta(extra_json_schema={"const": True})]

    def __post_init__(self) -> None:
        if not self.synthetic:
            raise ValueError("the scans are synthetic")


def _once(names: list[str], what: str) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"{what} names one twice")


class CaseFile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A case as its reader sees it: the scan, and perhaps a counterfactual with its difference."""

    id: CaseId
    file: FileName
    sha256: Sha256
    counterfactual: FileName | None = None
    difference: FileName | None = None


class KeyFile(Struct, frozen=True):
    """Where the answer key lies."""

    file: KeysPath
    sha256: Sha256


class CasesRecord(_Synthetic, frozen=True, kw_only=True):
    """`cases.json`; without the seed, with which the key could be made again."""

    kind: Literal["cases"]
    seed: None
    choices: Annotated[list[str], Meta(min_length=2)]
    cases: Annotated[list[CaseFile], Meta(min_length=1)]
    keys: KeyFile


class CaseKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer of a case; files lie in the folder `keys`, places are LPS in mm."""

    id: CaseId
    asked: str
    truth: Truth
    term: str | None
    kind: str | None
    size: Literal["small", "medium", "large"] | None
    size_mm: Annotated[float, Meta(gt=0)] | None
    subtlety: Literal["obvious", "typical", "subtle"] | None
    side: Literal["left", "right", "bilateral"]
    zone: Literal["upper", "middle", "lower"] | None
    mean_change_hu: float | None
    contrast_to_noise: float | None
    centre_mm: Millimetres | None
    sentence: str
    facts: CaseFacts
    made_from: str
    before: FileName
    difference: FileName
    segments: FileName


class KeysRecord(_Synthetic, frozen=True, kw_only=True):
    """`keys/keys.json`."""

    kind: Literal["case keys"]
    seed: int
    options: dict[str, Any]
    cases: Annotated[list[CaseKey], Meta(min_length=1)]


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """What was said of a case, and what of it was right."""

    case: str
    named: str
    point_mm: Millimetres | None
    distance_mm: NotNegative | None
    found: bool
    right_name: bool
    seconds: NotNegative | None
    at: str


class QuizRecord(_Synthetic, frozen=True, kw_only=True):
    """`quiz.json`."""

    kind: Literal["quiz"]
    seed: int
    reader: str
    cases: str
    keys_sha256: Sha256
    order: Annotated[list[str], Once]
    answers: list[Answer]

    def __post_init__(self) -> None:
        super().__post_init__()
        _once(self.order, "order")


class Washout(Struct, frozen=True):
    """How many pairs of readings of a case lie a washout apart."""

    days_planned: float
    pairs: int
    pairs_with_times: int
    pairs_too_close: int
    shortest_days: float | None


class AnalysisRecord(_Synthetic, frozen=True, kw_only=True):
    """`analysis.json`; first = scan alone, second = with the counterfactual; seconds: None where
    not every reading has a time."""

    kind: Literal["analysis"]
    seed: int
    scripted: bool
    conditions: tuple[str, str]
    readers: Annotated[int, Meta(ge=1)]
    cases_with: Annotated[int, Meta(ge=2)]
    cases_without: Annotated[int, Meta(ge=2)]
    draws: Annotated[int, Meta(ge=100)]
    specificity: Annotated[float, Meta(gt=0, lt=1)]
    roc_area: Paired
    sensitivity: Paired
    marks_right: Paired
    seconds: Paired | None
    single_readers: dict[str, Compared]
    washout: Washout
    notes: list[str]


class StudyRecord(_Synthetic, frozen=True, kw_only=True):
    """`study.json`."""

    kind: Literal["study"]
    seed: int
    cases: str
    keys_sha256: Sha256
    readers: Annotated[list[Code], Once, Meta(max_length=100)]
    washout_days: NotNegative
    items: Annotated[list[Item], Meta(min_length=1)]
    notes: list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        _once(self.readers, "readers")
