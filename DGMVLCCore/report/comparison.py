"""A comparison folder: a normal result folder for each hypothesis, one figure, and
`comparison.json` that ties them together."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import structs, to_builtins

from DGMVLCCore.editing.result import NOTICE, CounterfactualResult
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.report.edit import Facts, slug, write_result
from DGMVLCCore.report.figure import save_comparison_figure
from DGMVLCCore.results.comparison import Comparison, ComparisonRecord, HypothesisFact
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import (
    SOFTWARE,
    as_record,
    builtins_of,
    plain,
    read_typed,
    write_typed,
)

RECORD = "comparison.json"
SCHEMA_VERSION = "1.1"


def _share_original(first: Path, other: Path) -> None:
    """One original on the disc for all hypotheses, where the file system can; otherwise each keeps
    its copy."""
    linked = other.with_suffix(".link")
    try:
        os.link(first, linked)
    except OSError:
        return
    linked.replace(other)


def write_comparison(
    results: list[CounterfactualResult],
    ranked: Comparison,
    out: Path,
    *,
    anatomy: Anatomy,
    facts: Facts,
    overwrite: bool = False,
) -> Path:
    """Write a comparison folder.

    Args:
        results: one a hypothesis, in the order of `ranked`.

    Returns:
        path of its `comparison.json`.

    Raises:
        OutputError: it exists, or cannot be written; nothing half-written stays.
    """
    with whole_folder(out, overwrite, RECORD) as folder:
        names = [f"{i}-{slug(row.name)}" for i, row in enumerate(ranked.hypotheses, 1)]
        for name, result in zip(names, results):
            write_result(result, folder / name, anatomy=anatomy, scene=False, **vars(facts))
            if name != names[0]:
                original = folder / names[0] / "original.nrrd"
                _share_original(original, folder / name / "original.nrrd")
        save_comparison_figure(results, ranked, folder / "figure.png")
        write_typed(_record(folder, names, ranked, facts), folder / RECORD)
    return out / RECORD


def _record(folder: Path, names: list[str], ranked: Comparison, facts: Facts) -> ComparisonRecord:
    """`comparison.json`, over the folders and the figure that stand already."""
    figure, rows = folder / "figure.png", []
    for rank, (row, name) in enumerate(zip(ranked.hypotheses, names), 1):
        digest = sha256_of(folder / name / "result.json")
        known = structs.asdict(row)
        rows.append(HypothesisFact(**known, rank=rank, folder=name, result_sha256=digest))
    record = {
        "schema_version": SCHEMA_VERSION,
        "kind": "comparison",
        "software": to_builtins(SOFTWARE),
        "notice": NOTICE,
        "synthetic": True,
        "files": [{"name": figure.name, "role": "figure", "sha256": sha256_of(figure)}],
        "results": names,
        **builtins_of(ranked),
        "hypotheses": [builtins_of(row) for row in rows],
        "report": facts.report,
        "findings": [finding.to_dict() for finding in facts.findings],
        "inputs": facts.inputs,
        "weights": facts.weights,
    }
    return as_record(plain(record), ComparisonRecord)


def read_comparison(path: Path) -> ComparisonRecord:
    """A checked `comparison.json`.

    Raises:
        UnreadableError: it is missing, no JSON, or no record of a comparison.
    """
    return read_typed(path, ComparisonRecord)
