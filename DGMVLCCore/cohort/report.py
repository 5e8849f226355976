"""What a discovery is written as: `discovery.json`, a page to read, a map for each contrast."""

from __future__ import annotations

import html
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from DGMVLCCore.cohort.frame import PatientScan
from DGMVLCCore.cohort.maps import reference_scan, save_map
from DGMVLCCore.cohort.patterns import Answer, Discovery
from DGMVLCCore.report.edit import slug
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import write_record

SCHEMA_VERSION, RECORD = "1.0", "discovery.json"
NOTICE = "Research use only; not a medical device. Sweeps are computed from synthetic voxels."
SCHEMA = "discovery.schema.json"
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 "
    "1em;color:#1a1c1e}table{border-collapse:collapse;font-size:13px}"
    "td,th{padding:.2em .7em;border-bottom:1px solid "
    "#ddd;text-align:right}td:first-child,th:first-child{text-align:left}"
    "tr.pattern{background:#fff3d6;font-weight:600}.mark{color:#8a5a00}img{max-width:100%}"
)
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


def build_record(
    found: Discovery, facts: dict[str, Any], files: list[dict[str, str]]
) -> dict[str, Any]:
    """The record as JSON holds it.

    Args:
        facts: cohort, method, inputs, weights, problems, notes.
    """
    from DGMVLCCore import __version__

    contrasts = list(dict.fromkeys(a.contrast for a in found.answers))
    answers = [
        {
            "contrast": a.contrast.name,
            "region": a.region,
            "groups": {name: _round({**asdict(d), "q": a.q[name]}) for name, d in a.groups.items()},
            "sweep_hu": _round(asdict(a.swept)) if a.swept else None,
            "pattern": a.pattern,
        }
        for a in found.answers
    ]
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
        "answers": answers,
        **facts,
    }


def _row(answer: dict[str, Any]) -> str:
    def interval(part: dict[str, Any] | None) -> str:
        if part is None or part["effect"] is None or part["low"] is None:
            return "–"
        return f"{part['effect']:+.1f} ({part['low']:+.1f} to {part['high']:+.1f})"

    group, swept = answer["groups"]["mean_hu"], answer["sweep_hu"]
    chances = ["–" if group[name] is None else f"{group[name]:.4f}" for name in ("p", "q")]
    cells = [
        answer["region"],
        group["n"],
        interval(group),
        *chances,
        interval(swept),
        "yes" if answer["pattern"] else "",
    ]
    return (
        f"<tr{' class=pattern' if answer['pattern'] else ''}>"
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
        + "</tr>"
    )


def _listed(title: str, lines: list[str]) -> str:
    return (
        f"<h2>{title}</h2><ul>"
        + "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        + "</ul>"
        if lines
        else ""
    )


def page(record: dict[str, Any], maps: dict[str, str]) -> str:
    """The report as one HTML page; all words of tables are escaped. `maps`: contrast -> name of its
    picture."""
    cohort, sweep = record["cohort"], record["method"]["sweep"]
    how = BEFORE if (sweep or {}).get("taught_before") else HALVES
    said = [pattern["sentence"] for pattern in record["patterns"]]
    verdict = (
        f"{len(said)} pattern(s)"
        if sweep
        else (
            "The sweep was skipped, so no pattern is reported; "
            "the tables show the real groups alone"
        )
    )
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Pattern "
        f"discovery</title><style>{STYLE}</style><h1>Pattern discovery</h1>",
        f"<p class=mark>{html.escape(record['notice'])}</p><p>{cohort['patients']} patients, "
        f"{len(record['contrasts'])} question(s), "
        f"{record['method']['permutations']} permutations. {verdict}.</p>",
        _listed("Patterns", said),
        f"<p>{html.escape(READ.format(fdr=record['method']['fdr'], how=how))}</p>",
    ]
    for contrast in record["contrasts"]:
        rows = "".join(_row(a) for a in record["answers"] if a["contrast"] == contrast["name"])
        parts.append(
            f"<h2>{html.escape(contrast['name'])}</h2><p>{contrast['patients']} patients; "
            "adjusted for "
            f"{html.escape(', '.join(contrast['adjusted_for']) or 'nothing')}.</p><img "
            f"src='{html.escape(maps[contrast['name']])}' alt='effect map'>"
            "<table><tr><th>Region<th>n<th>Groups, HU<th>p<th>q<th>Sweep, "
            f"HU<th>Pattern</tr>{rows}</table>"
        )
    return "\n".join(
        [
            *parts,
            _listed("Left out", record["problems"]),
            _listed("Notes", record["notes"]),
            "</html>",
        ]
    )


def write_discovery(
    found: Discovery,
    scans: list[PatientScan],
    out: Path,
    facts: dict[str, Any],
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
