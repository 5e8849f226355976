"""What a discovery is written as: `discovery.json`, a page to read, a map for each contrast."""

from __future__ import annotations

import math
from pathlib import Path

from msgspec import structs

from DGMVLCCore.cohort.frame import PatientScan
from DGMVLCCore.cohort.maps import reference_scan, save_map
from DGMVLCCore.cohort.patterns import Answer, Discovery
from DGMVLCCore.cohort.records import (
    NOTICE,
    AnswerFact,
    CohortCount,
    CohortFiles,
    ContrastFact,
    DiscoveryRecord,
    GroupFact,
    MethodFact,
    PageOrMap,
    Pattern,
    Role,
    SweptFact,
)
from DGMVLCCore.report.edit import slug
from DGMVLCCore.report.pages import render
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import SOFTWARE, FileFact, write_typed

RECORD = "discovery.json"
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


def _short(value: float) -> float | None:
    """A number to four digits; None where it is not finite."""
    return round(value, 4) if math.isfinite(value) else None


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


def build_record(
    found: Discovery,
    *,
    cohort: CohortCount,
    method: MethodFact,
    inputs: CohortFiles,
    weights: FileFact | None,
    problems: list[str],
    notes: list[str],
) -> DiscoveryRecord:
    """The record of what was found, before its folder has files."""
    contrasts = list(dict.fromkeys(a.contrast for a in found.answers))
    return DiscoveryRecord(
        schema_version="1.0",
        software=SOFTWARE,
        notice=NOTICE,
        synthetic=any(a.swept is not None for a in found.answers),
        kind="discovery",
        files=[],
        contrasts=[
            ContrastFact(
                name=c.name,
                attribute=c.attribute,
                low=c.low,
                high=c.high,
                number=c.number,
                patients=len(c.patients),
                adjusted_for=found.adjusted[c.name],
            )
            for c in contrasts
        ],
        patterns=[Pattern(a.contrast.name, a.region, sentence(a)) for a in found.patterns],
        answers=[_answer(a) for a in found.answers],
        cohort=cohort,
        method=method,
        inputs=inputs,
        weights=weights,
        problems=problems,
        notes=notes,
    )


def _answer(a: Answer) -> AnswerFact:
    groups = {
        name: GroupFact(
            effect=_short(d.effect),
            low=_short(d.low),
            high=_short(d.high),
            p=_short(d.p),
            n=d.n,
            q=_short(a.q[name]),
        )
        for name, d in a.groups.items()
    }
    swept = None
    if s := a.swept:
        swept = SweptFact(_short(s.effect), _short(s.low), _short(s.high), s.n)
    return AnswerFact(a.contrast.name, a.region, groups, swept, a.pattern)


def page(record: DiscoveryRecord, maps: dict[str, str]) -> str:
    """The report as one HTML page; all words of tables are escaped. `maps`: contrast -> name of its
    picture."""
    sweep = record.method.sweep
    how = BEFORE if sweep and sweep.taught_before else HALVES
    verdict = f"{len(record.patterns)} pattern(s)" if sweep else SKIPPED
    reading = READ.format(fdr=record.method.fdr, how=how)
    return render("discovery", record=record, maps=maps, verdict=verdict, reading=reading)


def write_discovery(
    found: Discovery,
    scans: list[PatientScan],
    out: Path,
    record: DiscoveryRecord,
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
        names: dict[str, Role] = {**dict.fromkeys(maps.values(), "map"), "report.html": "report"}
        (folder / "report.html").write_text(page(record, maps), encoding="utf-8")
        files = [
            PageOrMap(name=name, role=role, sha256=sha256_of(folder / name))
            for name, role in names.items()
        ]
        write_typed(structs.replace(record, files=files), folder / RECORD)
    return out / RECORD
