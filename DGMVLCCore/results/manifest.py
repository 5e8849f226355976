"""`result.json`: the one versioned record of a result that every reader starts from."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from DGMVLCCore.editing.memory import Inputs
from DGMVLCCore.editing.result import NOTICE, Agreement, CounterfactualResult, EditPlan, Settings
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import difference_words
from DGMVLCCore.results.records import (
    MOST_FILES,
    SOFTWARE,
    FileEntry,
    Grid,
    Head,
    Sha256,
    as_record,
    plain,
    read_typed,
)

SCHEMA_VERSION = "1.1"  # 1.1 adds "statements"; results of 1.0 are still read
Side = Literal["left", "right", "bilateral"] | None
Synthetic = Annotated[bool, Meta(extra_json_schema={"const": True})]


class ResultFile(
    FileEntry, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A file of a result."""

    role: Literal[
        "original",
        "counterfactual",
        "difference",
        "uncertainty",
        "attention",
        "attention-segments",
        "edit-mask",
        "change",
        "invented",
        "figure",
        "explanation",
        "scene",
    ]


class FindingFact(Struct, frozen=True, kw_only=True):
    """A finding of the report, as `language.findings.Finding.to_dict` says it."""

    term: str
    presence: Literal["present", "absent", "uncertain"]
    side: Side
    zone: str | None
    size_mm: float | None
    descriptors: list[str] = []
    span: tuple[int, int]
    text: str = ""
    sentence: str = ""
    lobe: Literal["upper", "middle", "lower", "lingula"] | None = None
    count: int | None = None
    change: Literal["new", "increased", "decreased", "unchanged", "resolved"] | None = None
    contradicted: bool = False
    earlier_size_mm: float | None = None
    component_mm: float | None = None
    organ: str | None = None
    corrected: str | None = None
    again: list[tuple[int, int]] = []
    taught_as: str = ""
    codes: dict[str, str] = {}


class PlanFact(Struct, frozen=True, kw_only=True):
    """What was edited, in taught sentences; differs: the words that take each other's place."""

    term: str
    source: str
    target: str
    mode: Literal["replace", "shift"]
    removes: bool
    finding: FindingFact | None = None
    differs: list[tuple[str, str]] = []


class RegionRead(Struct, frozen=True, forbid_unknown_fields=True):
    """The voxels a number is of: a segment of a file of the result."""

    file: str
    segment: str
    voxels: Annotated[int, Meta(ge=1)]


class Number(Struct, frozen=True, rename={"source": "from"}, forbid_unknown_fields=True):
    """A number of a statement: as measured, as the sentence writes it, and whence it comes."""

    value: float
    said: Annotated[str, Meta(description="as the sentence writes it")]
    unit: str
    source: Annotated[
        str,
        Meta(
            description="a JSON pointer into this file, or what is computed over the region's "
            "voxels of which volume"
        ),
    ]
    region: RegionRead | None


class StatementFact(Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence on the result and its numbers."""

    text: str
    numbers: list[Number]


class GateFact(Struct, frozen=True):
    """A check of the result; value: None where it is no finite number."""

    name: str
    passed: bool
    value: float | None
    limit: str
    unit: str
    sentence: str


class InputFact(Struct, frozen=True, kw_only=True):
    """A file that the run read; of a report also its kind and encoding."""

    name: str
    sha256: Sha256
    kind: str | UnsetType = UNSET
    encoding: str | None | UnsetType = UNSET


class WeightsFact(Struct, frozen=True):
    """The weights that made the result."""

    name: str
    sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]


class ResultRecord(Head, frozen=True, kw_only=True):
    """`result.json`."""

    ALSO: ClassVar[dict[str, object]] = {
        "if": {"properties": {"schema_version": {"const": "1.1"}}},
        "then": {"required": ["statements"]},
    }
    schema_version: Literal["1.0", "1.1"]
    notice: Literal[
        "Research use only; not a medical device. Voxels inside the edit mask are synthetic."
    ]
    synthetic: Synthetic
    files: Annotated[list[ResultFile], Meta(min_length=5, max_length=MOST_FILES)]
    grid: Grid
    report: str
    findings: list[FindingFact]
    plan: PlanFact
    location: Location
    measures: dict[str, float | None]
    statements: list[StatementFact] = []
    agreement: Agreement | None = None
    gates: list[GateFact]
    settings: Settings
    inputs: dict[str, InputFact]
    weights: WeightsFact
    notes: list[str]

    def __post_init__(self) -> None:
        if not self.synthetic:
            raise ValueError("the voxels inside the mask are synthetic")
        if self.schema_version != "1.0" and not self.statements:
            raise ValueError("a result of this version has statements")
        if not isinstance(self.settings.get("seed"), int):
            raise ValueError("the settings lack the seed, a whole number")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def measures(result: CounterfactualResult) -> dict[str, float]:
    """Numbers of a result, each over the voxels of the edit mask; HU unless the name says
    otherwise."""
    inside = result.mask
    if not inside.any():
        return {"voxels": 0.0, "max_change_outside_hu": result.largest_outside}
    before, after = result.original.array[inside], result.counterfactual.array[inside]
    change = after - before
    return {
        "voxels": float(inside.sum()),
        "volume_ml": float(inside.sum() * np.prod(result.original.spacing) / 1000),
        "mean_hu_before": float(before.mean()),
        "mean_hu_after": float(after.mean()),
        "mean_change_hu": float(change.mean()),
        "median_change_hu": float(np.median(change)),
        "changed_share": float((np.abs(change) > 20).mean()),
        "mean_uncertainty_hu": float(result.uncertainty[inside].mean()),
        "max_change_outside_hu": result.largest_outside,
    }


def grid_of(scan: Volume) -> Grid:
    """The grid of a scan as records hold it."""
    x, y, z = (int(n) for n in scan.shape[::-1])
    dx, dy, dz = (float(s) for s in scan.spacing[::-1])
    rows = [tuple(map(float, row)) for row in scan.affine]
    return as_record(
        {"size_xyz": (x, y, z), "spacing_mm": (dx, dy, dz), "index_to_lps": rows}, Grid
    )


def build_manifest(
    result: CounterfactualResult,
    files: list[ResultFile],
    *,
    report: str,
    findings: list[Finding],
    location: Location,
    inputs: Inputs,
    weights: dict[str, str],
    notes: list[str],
    statements: list[StatementFact],
) -> ResultRecord:
    """The record of a result.

    Raises:
        UnreadableError: something in it is not of its kind.
    """
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "software": to_builtins(SOFTWARE),
        "notice": NOTICE,
        "synthetic": True,
        "files": to_builtins(files),
        "grid": to_builtins(grid_of(result.original)),
        "report": report,
        "findings": [finding.to_dict() for finding in findings],
        "plan": _plan_fact(result.plan),
        "location": asdict(location),
        "measures": {k: round(v, 3) for k, v in measures(result).items()},
        "statements": to_builtins(statements),
        "agreement": asdict(result.agreement) if result.agreement else None,
        "gates": [asdict(gate) for gate in result.gates],
        "settings": result.settings,
        "inputs": inputs,
        "weights": weights,
        "notes": notes,
    }
    return as_record(plain(manifest), ResultRecord)


def _plan_fact(plan: EditPlan) -> dict[str, object]:
    """What was asked, in words."""
    return {
        "term": plan.term,
        "source": plan.source,
        "target": plan.target,
        "mode": plan.mode,
        "removes": plan.removes,
        "finding": plan.finding.to_dict() if plan.finding else None,
        "differs": difference_words(plan.source, plan.target),
    }


def read_manifest(path: Path) -> ResultRecord:
    """Read and check a `result.json`.

    Raises:
        UnreadableError: missing, not JSON, or no record of a result.
    """
    return read_typed(path, ResultRecord)


def checked_files(path: Path) -> tuple[Path, ResultRecord]:
    """A result's folder and its manifest; every file is what the manifest says.

    Raises:
        UnreadableError: no result, or a file that is missing or was changed.
    """
    folder = path.parent if path.name == "result.json" else path
    manifest = read_manifest(folder / "result.json")
    names = [entry.name for entry in manifest.files]
    if len(set(names)) < len(names):
        raise UnreadableError(
            f"{folder / 'result.json'} lists a file twice, which no result of this program does; "
            "make the result again."
        )
    for entry in manifest.files:
        file = folder / entry.name
        if not file.is_file() or sha256_of(file) != entry.sha256:
            raise UnreadableError(
                f"{file} is missing or was changed after the result was written; make the result "
                "again."
            )
    return folder, manifest
