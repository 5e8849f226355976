"""What a discovery is written as: `discovery.json`, a page to read, a map for each contrast."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

from DGMVLCCore.cohort.frame import PatientScan
from DGMVLCCore.cohort.maps import reference_scan, save_map
from DGMVLCCore.cohort.patterns import Answer, Discovery
from DGMVLCCore.language.clinical import Value
from DGMVLCCore.report.edit import slug
from DGMVLCCore.report.pages import render
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import write_record

SCHEMA_VERSION, RECORD = "1.0", "discovery.json"
NOTICE = "Research use only; not a medical device. Sweeps are computed from synthetic voxels."
SCHEMA = "discovery.schema.json"
READ = (
    "Groups: difference between real patients from the first to the second value, adjusted for "
    "the named attributes (linear regression), with 95 "
    "% interval, permutation p and q (false-discovery rate over all regions and questions). "
    "Sweep: mean change when the network moves each "
    "patient's own lungs from one sentence to the other; {how}, and the interval covers both "
    "halves. A pattern is reported only where q "
    "is at most {fdr:g} and the sweep's interval lies on the same side of zero. Differences "
    "between groups are associations, not causes."
)
SKIPPED = "The sweep was skipped, so no pattern is reported; the tables show the real groups alone"
HALVES = "each half of the cohort is swept by a network that was taught on the other half only"
BEFORE = (
    "both halves of the cohort are swept by one network that knew the attributes before (see the "
    "notes)"
)


def _round(value: Any, digits: int = 4) -> Any:
    """Numbers short, not finite ones as null; the rest as it is."""
    if isinstance(value, float):
        return round(value, digits) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _round(part, digits) for key, part in value.items()}
    return value


def sentence(answer: Answer) -> str:
    """A pattern in one sentence of measured numbers."""
    group, swept = answer.groups["mean_hu"], answer.swept
    side = (
        f"; the model's sweep gives {swept.effect:+.1f} HU ({swept.low:+.1f} to "
        f"{swept.high:+.1f}, n = {swept.n})"
        if swept
        else ""
    )
    verb, way = (
        "are" if answer.region == "both lungs" else "is",
        "denser" if group.effect > 0 else "less dense",
    )
    return (
        f"{answer.contrast.name}: the {answer.region} {verb} {abs(group.effect):.1f} HU {way} in "
        f"real patients (95 % interval {group.low:+.1f} to "
        f"{group.high:+.1f} HU, q = {answer.q['mean_hu']:.3g}, n = {group.n}){side}."
    )


class CohortCount(TypedDict):
    """How many patients there are, and of how many scans and rows."""

    patients: int
    scans_found: int
    rows_matched: int


class _Sweep(TypedDict):
    minutes: float
    steps: int
    batch: int
    patients_a_contrast: int


class Sweep(_Sweep, total=False):
    """How was swept; taught before, where the weights had learned from patients of the cohort."""

    taught_before: bool
    patients_seen: int


class Method(TypedDict, total=False):
    """How groups were compared; sweep: None where it was skipped."""

    permutations: int
    seed: int
    fdr: float
    device: str
    sweep: Sweep | None


class Inputs(TypedDict, total=False):
    """Names and hashes of the table and the scans."""

    table: dict[str, str]
    scans: list[dict[str, str]]


class Facts(TypedDict):
    """What a discovery's record says besides its answers."""

    cohort: CohortCount
    method: Method
    inputs: Inputs
    weights: dict[str, str] | None
    problems: list[str]
    notes: list[str]


class ContrastFact(TypedDict):
    """A question to the cohort."""

    name: str
    attribute: str
    low: Value
    high: Value
    number: bool
    patients: int
    adjusted_for: list[str]


class AnswerFact(TypedDict):
    """A question in one region: statistic -> difference of the groups, and the sweep, HU."""

    contrast: str
    region: str
    groups: dict[str, dict[str, float | None]]
    sweep_hu: dict[str, float | None] | None
    pattern: bool


class Pattern(TypedDict):
    """What groups and sweep agree on."""

    contrast: str
    region: str
    sentence: str


class Record(Facts):
    """`discovery.json`."""

    schema_version: str
    software: dict[str, str]
    notice: str
    synthetic: bool
    kind: str
    files: list[dict[str, str]]
    contrasts: list[ContrastFact]
    patterns: list[Pattern]
    answers: list[AnswerFact]


def build_record(found: Discovery, facts: Facts, files: list[dict[str, str]]) -> Record:
    """The record as JSON holds it."""
    from DGMVLCCore import __version__

    contrasts = list(dict.fromkeys(a.contrast for a in found.answers))
    return {
        "schema_version": SCHEMA_VERSION,
        "software": {"name": "dgmvlc", "version": __version__},
        "notice": NOTICE,
        "synthetic": any(a.swept is not None for a in found.answers),
        "kind": "discovery",
        "files": files,
        "contrasts": [
            {
                "name": c.name,
                "attribute": c.attribute,
                "low": c.low,
                "high": c.high,
                "number": c.number,
                "patients": len(c.patients),
                "adjusted_for": found.adjusted[c.name],
            }
            for c in contrasts
        ],
        "patterns": [
            {"contrast": a.contrast.name, "region": a.region, "sentence": sentence(a)}
            for a in found.patterns
        ],
        "answers": [_answer(a) for a in found.answers],
        **facts,
    }


def _answer(a: Answer) -> AnswerFact:
    return {
        "contrast": a.contrast.name,
        "region": a.region,
        "groups": {name: _round({**asdict(d), "q": a.q[name]}) for name, d in a.groups.items()},
        "sweep_hu": _round(asdict(a.swept)) if a.swept else None,
        "pattern": a.pattern,
    }


def page(record: Record, maps: dict[str, str]) -> str:
    """The report as one HTML page; all words of tables are escaped. `maps`: contrast -> name of its
    picture."""
    sweep, fdr = record["method"]["sweep"], record["method"]["fdr"]
    how = BEFORE if sweep and sweep.get("taught_before") else HALVES
    verdict = f"{len(record['patterns'])} pattern(s)" if sweep else SKIPPED
    reading = READ.format(fdr=fdr, how=how)
    return render("discovery", record=record, maps=maps, verdict=verdict, reading=reading)


def write_discovery(
    found: Discovery,
    scans: list[PatientScan],
    out: Path,
    facts: Facts,
    overwrite: bool = False,
) -> Path:
    """Write the folder of a discovery, whole or not at all; returns the path of `discovery.json`.

    Raises:
        OutputError: it exists, or cannot be written.
    """
    contrasts = list(dict.fromkeys(a.contrast for a in found.answers))
    maps = {c.name: f"map-{i}-{slug(c.name)[:40]}.png" for i, c in enumerate(contrasts, 1)}
    with whole_folder(out, overwrite, RECORD) as folder:
        for contrast in contrasts:
            save_map(
                [a for a in found.answers if a.contrast == contrast],
                reference_scan(scans),
                folder / maps[contrast.name],
            )
        names = {**dict.fromkeys(maps.values(), "map"), "report.html": "report"}
        (folder / "report.html").write_text(
            page(build_record(found, facts, []), maps), encoding="utf-8"
        )
        write_record(
            build_record(
                found,
                facts,
                [
                    {"name": name, "role": role, "sha256": sha256_of(folder / name)}
                    for name, role in names.items()
                ],
            ),
            folder / RECORD,
            SCHEMA,
        )
    return out / RECORD
