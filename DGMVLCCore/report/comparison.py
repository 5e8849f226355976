"""A comparison folder: a normal result folder for each hypothesis, one figure, and
`comparison.json` that ties them together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from DGMVLCCore.editing.result import NOTICE, CounterfactualResult
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.report.edit import slug, write_result
from DGMVLCCore.report.figure import save_comparison_figure
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import plain, read_record, write_record

RECORD = "comparison.json"
SCHEMA_VERSION = "1.1"
SCHEMA = "comparison.schema.json"


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
    record: dict[str, Any],
    out: Path,
    *,
    anatomy: Anatomy,
    facts: dict[str, Any],
    overwrite: bool = False,
) -> Path:
    """Write a comparison folder.

    Args:
        results: one a hypothesis, in the record's order. record: `hypotheses`, `ranking`,
            `between_hu`, `location`, `settings` of the schema.
        facts: report, findings, inputs and weights, as `write_result` takes them.

    Returns:
        path of its `comparison.json`.

    Raises:
        OutputError: it exists, or cannot be written; nothing half-written stays.
    """
    with whole_folder(out, overwrite, RECORD) as folder:
        names = [f"{i}-{slug(row['name'])}" for i, row in enumerate(record["hypotheses"], 1)]
        for name, result in zip(names, results):
            write_result(result, folder / name, anatomy=anatomy, scene=False, **facts)
            if name != names[0]:
                original = folder / names[0] / "original.nrrd"
                _share_original(original, folder / name / "original.nrrd")
        save_comparison_figure(results, record, folder / "figure.png")
        write_record(_manifest(folder, names, record, facts), folder / RECORD, SCHEMA)
    return out / RECORD


def _manifest(
    folder: Path, names: list[str], record: dict[str, Any], facts: dict[str, Any]
) -> dict[str, Any]:
    """`comparison.json`, over the folders and the figure that stand already."""
    from DGMVLCCore import __version__

    figure, rows = folder / "figure.png", []
    for rank, (row, name) in enumerate(zip(record["hypotheses"], names), 1):
        digest = sha256_of(folder / name / "result.json")
        rows.append({**row, "rank": rank, "folder": name, "result_sha256": digest})
    return plain(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": "comparison",
            "software": {"name": "dgmvlc", "version": __version__},
            "notice": NOTICE,
            "synthetic": True,
            "files": [{"name": figure.name, "role": "figure", "sha256": sha256_of(figure)}],
            "results": names,
            **record,
            "hypotheses": rows,
            "report": facts["report"],
            "findings": [f.to_dict() for f in facts["findings"]],
            "inputs": facts["inputs"],
            "weights": facts["weights"],
        }
    )


def read_comparison(path: Path) -> dict[str, Any]:
    """A checked `comparison.json`.

    Raises:
        UnreadableError: it is missing, no JSON, or does not follow the schema.
    """
    return read_record(path, SCHEMA)
