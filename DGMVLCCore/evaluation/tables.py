"""What rows and the report of an evaluation hold, as JSON holds them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from msgspec import UNSET, Meta, Struct, UnsetType

from DGMVLCCore.results.records import Sha256, Software

Row = dict[str, Any]  # a line of rows.jsonl as it is read back; its stage says which it is
Scores = dict[str, float | bool | None]  # of a fill or a map, by name
# of an uncertainty map, by name; the curve is a list of bins
Calibration = dict[str, float | list[dict[str, float]] | None]
Channel = Literal["scan", "difference"]
Part = Literal["test", "val", "sample"]
Third = Literal["subtle", "middle", "obvious", "all"]


class Measured(TypedDict):
    """A value, None where it was not measured, and over how many cases."""

    value: float | None
    n: Annotated[int, Meta(ge=0)]


class Figure(Measured, total=False):
    """A value with its interval over patients; low, high: of repeats; note: why it is missing;
    method, or first and second: whose it is."""

    ci95: Annotated[list[float], Meta(min_length=2, max_length=2)] | None
    patients: int
    exploratory: bool
    note: str
    method: str
    first: str
    second: str
    low: float
    high: float


Figures = dict[str, Figure]  # by name
Pooled = dict[str, Figures]  # what is scored over all cases: "frd", "kid", "reader", …


class CaseFacts(TypedDict):
    """What is known of a case; HU, mm, ml."""

    case: str
    patient: str
    kind: str
    term: str
    size_mm: float
    side: str | None
    contrast_hu: float
    cells: float
    held_out_kind: bool
    mask_ml: float


class ReaderRow(TypedDict):
    """What the observer sees of one case: channel outputs of the scan and of the difference."""

    patient: str
    case: str
    present: bool
    contrast_hu: float
    scan: list[float]
    difference: list[float]


class Questions(TypedDict, total=False):
    """What only an editor can be asked: is it there, and do gates and words agree?"""

    evidence: float
    evidence_abstains: bool
    evidence_clear: float
    evidence_clear_abstains: bool
    text: dict[str, float]
    gates: dict[str, bool]


class Own(Questions, total=False):
    """What needs the model; nothing of a submission."""

    composition_hu: float
    phrase: str
    reversibility: dict[str, float]
    clear_median_dhu: float
    clear_probe: float
    calibration: Calibration
    z: dict[str, float | None]
    reader: list[ReaderRow]


class CaseRow(CaseFacts, total=False):
    """A case with known truth: the probe's logits, and the scores by method and by map."""

    own: Own
    probe_before: float
    probe_true: float
    methods: dict[str, Scores]
    maps: dict[str, Scores]


class RealRow(TypedDict):
    """A real lesion, whose truth nobody knows; seen: by the training."""

    name: str
    patient: str
    kind: str
    size_mm: float
    seen: bool
    outside_hu: float
    rim: float | bool | None
    probe_before: float
    probe_after: float
    median_dhu: float
    map: Scores


class InfectionRow(TypedDict):
    """A lung of a slice with an infection label."""

    name: str
    patient: str
    infected: bool
    seen: bool
    score: float


class Abstentions(TypedDict):
    """Does the presence check refuse where nothing is, elsewhere (None when the mask fits nowhere
    else), and on the lesion itself (there a refusal is wrong)?"""

    abstains_absent: bool
    abstains_misplaced: bool | None
    abstains_present: bool


class _Clean(Abstentions):
    case: str
    patient: str
    kind: str
    term: str
    mask_voxels: int
    noises: int
    shift_changed: float
    replace_median_dhu: float
    vessel_voxels: int
    lost_vessel_voxels: int
    refuses_untaught: bool


class CleanRow(_Clean, total=False):
    """An edit asked of clear lung: the share of the mask that shift changes by more than 20 HU;
    median ΔHU (signed) and vessels of replace; the probe's logits where there is one."""

    probe_before: float
    probe_after: float


class SettingRow(TypedDict):
    """A case under one setting of the ablation."""

    group: str
    name: str
    case: str
    patient: str
    mae_hu: float
    sd_ratio: float
    gradient_w1: float


class Gain(TypedDict, total=False):
    """What the difference adds to the observer, by third of the lesions' contrast."""

    patients: int
    exploratory: bool
    specificity: float
    subtle: Figures
    middle: Figures
    obvious: Figures
    all: Figures


class Group(TypedDict):
    """Cases of one kind, size or contrast: method -> score -> figure."""

    n: int
    methods: dict[str, Figures]


class Aim(TypedDict):
    """What is aimed at; met: None where its figure is missing."""

    aim: str
    key: str
    value: float | None
    met: bool | None


class Pair(TypedDict):
    """Two methods on the same cases."""

    first: str
    second: str
    score: str
    figure: Figure


class CaseTables(TypedDict):
    """What the rows of cases with known truth give by themselves."""

    by_kind: dict[str, Group]
    by_size: dict[str, Group]
    by_contrast: dict[str, Group]
    taught_kinds: dict[str, Row]
    held_out_kind: dict[str, Row]
    realism_note: str
    own: Figures
    calibration: Figures
    localisation: dict[str, dict[str, Figures]]


class Tables(CaseTables):
    """All tables of the report."""

    methods: dict[str, Row]
    pairs: list[Pair]
    randomised: Figures
    safety: Figures
    reader: Figures
    real: dict[str, Figures]
    ablations: dict[str, Figures]


class ProfileFact(TypedDict):
    """Of the profile what the report says."""

    name: str
    noises: int
    steps: int
    note: str


class SplitFact(TypedDict):
    """The frozen split of patients."""

    version: int
    sha256: Sha256
    verified_files: int


class Scored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the records of scored methods begin with."""

    schema_version: Literal["1.0"]
    notice: str
    software: Software


class Report(Scored, frozen=True, kw_only=True, omit_defaults=True):
    """report.json; dual, probe: hashes of their weights; submission: of its files."""

    profile: ProfileFact
    part: Part
    seed: Annotated[int, Meta(ge=0)]
    weights: dict[str, str]
    dual: str | None | UnsetType = UNSET
    probe: str | UnsetType = UNSET
    split: SplitFact
    device: str | UnsetType = UNSET
    submission: dict[str, str] | None | UnsetType = UNSET
    inception: str | UnsetType = UNSET
    cases: Annotated[int, Meta(ge=1)]
    patients: Annotated[int, Meta(ge=1)]
    patient_names: list[str]
    exploratory: bool
    headline: Figures
    targets: list[Aim]
    tables: Tables
