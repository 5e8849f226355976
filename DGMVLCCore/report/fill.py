"""The folder of an edited MR or X-ray picture: volumes in stored units, one figure, `fill.json`;
not to be mistaken for a CT's result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from DGMVLCCore.editing.memory import Inputs
from DGMVLCCore.editing.result import CounterfactualResult, Settings
from DGMVLCCore.imaging.profiles import PROFILES
from DGMVLCCore.report.edit import write_volumes
from DGMVLCCore.report.figure import save_fill_figure
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import (
    SOFTWARE,
    FileEntry,
    FileFact,
    Record,
    as_record,
    write_typed,
)

RECORD = "fill.json"
Notice = Literal[
    "Demonstration. Research use only; not a medical device. Voxels inside the edit mask are "
    "synthetic."
]
NOTICE: Notice = get_args(Notice)[0]
LEFT_OUT = (
    "Left out, because they are defined for chest CT in HU: the check that the finding is there, "
    "the reading pass, the agreement of words and "
    "image, and the checks of rim, lung density and direction."
)


class FillPlan(Struct, frozen=True):
    """What was asked, in sentences."""

    source: str
    target: str
    mode: Literal["replace", "shift"]


class Measures(Struct, frozen=True):
    """Numbers over the edit mask, in the picture's stored units."""

    voxels: float
    mean_before: float
    mean_change: float
    mean_after: float
    mean_uncertainty: float
    max_change_outside: float


class FillRecord(Record, frozen=True, kw_only=True):
    """`fill.json`."""

    kind: Literal["fill"]
    notice: Notice
    modality: Literal["MR", "XR"]
    unit: str
    plan: FillPlan
    measures: Measures
    settings: Settings
    inputs: dict[str, FileFact]
    weights: FileFact
    notes: list[str]
    files: Annotated[list[FileEntry], Meta(min_length=1)]


def _measures(result: CounterfactualResult) -> Measures:
    inside = result.mask
    before, after = result.original.array[inside], result.counterfactual.array[inside]
    return Measures(
        voxels=float(inside.sum()),
        mean_before=float(before.mean()),
        mean_change=float((after - before).mean()),
        mean_after=float(after.mean()),
        mean_uncertainty=float(result.uncertainty[inside].mean()),
        max_change_outside=result.largest_outside,
    )


def write_fill(
    result: CounterfactualResult,
    out: Path,
    *,
    inputs: Inputs,
    weights: dict[str, str],
    overwrite: bool = False,
) -> Path:
    """Write the folder, whole or not at all; returns the path of `fill.json`.

    Args:
        inputs: role -> {"name", "sha256"} of what the run read. weights: {"name", "sha256"}.

    Raises:
        OutputError: it exists, or cannot be written.
    """
    with whole_folder(out, overwrite, RECORD) as folder:
        entries = write_volumes(result, folder)
        save_fill_figure(result, folder / "figure.png")
        entries.append({"name": "figure.png", "role": "figure"})
        files = [FileEntry(**e, sha256=sha256_of(folder / e["name"])) for e in entries]
        read = {role: as_record(fact, FileFact) for role, fact in inputs.items()}
        write_typed(_record(result, read, FileFact(**weights), files), folder / RECORD)
    return out / RECORD


def _record(
    result: CounterfactualResult,
    inputs: dict[str, FileFact],
    weights: FileFact,
    files: list[FileEntry],
) -> FillRecord:
    scan, plan, settings = result.original, result.plan, result.settings
    return FillRecord(
        schema_version="1.0",
        software=SOFTWARE,
        kind="fill",
        notice=NOTICE,
        synthetic=True,
        modality=scan.modality,  # type: ignore[arg-type]
        unit=PROFILES[scan.modality].unit,
        plan=FillPlan(plan.source, plan.target, plan.mode),  # type: ignore[arg-type]
        measures=_measures(result),
        # here they are stored units
        settings={name.removesuffix("_hu"): value for name, value in settings.items()},
        inputs=inputs,
        weights=weights,
        notes=[LEFT_OUT, *([settings["note"]] if "note" in settings else [])],
        files=files,
    )
