"""`result.json`: the one versioned record of a result that every reader starts from."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.editing.result import NOTICE, CounterfactualResult
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.language.prompts import difference_words
from DGMVLCCore.results.records import check_schema, plain, read_record

SCHEMA_VERSION = "1.1"  # 1.1 adds "statements"; results of 1.0 are still read
SCHEMA = "result.schema.json"


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


def build_manifest(
    result: CounterfactualResult,
    files: list[dict[str, str]],
    *,
    report: str,
    findings: list[dict[str, Any]],
    location: dict[str, Any],
    inputs: dict[str, Any],
    weights: dict[str, str],
    notes: list[str],
    statements: list[dict[str, Any]],
) -> dict[str, Any]:
    """The manifest as JSON holds it."""
    from DGMVLCCore import __version__

    scan, plan = result.original, result.plan
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "software": {"name": "dgmvlc", "version": __version__},
        "notice": NOTICE,
        "synthetic": True,
        "files": files,
        "grid": {
            "size_xyz": [int(n) for n in scan.shape[::-1]],
            "spacing_mm": [float(s) for s in scan.spacing[::-1]],
            "index_to_lps": scan.affine.tolist(),
        },
        "report": report,
        "findings": findings,
        "plan": {
            "term": plan.term,
            "source": plan.source,
            "target": plan.target,
            "mode": plan.mode,
            "removes": plan.removes,
            "finding": plan.finding,
            "differs": difference_words(plan.source, plan.target),
        },
        "location": location,
        "measures": {k: round(v, 3) for k, v in measures(result).items()},
        "statements": statements,
        "agreement": asdict(result.agreement) if result.agreement else None,
        "gates": [asdict(gate) for gate in result.gates],
        "settings": result.settings,
        "inputs": inputs,
        "weights": weights,
        "notes": notes,
    }
    return plain(manifest)


def validate_manifest(manifest: dict[str, Any]) -> None:
    """Check a manifest against `schema/result.schema.json` (JSON Schema 2020-12).

    Raises:
        UnreadableError: it does not follow the schema; the sentence says where.
    """
    check_schema(manifest, SCHEMA)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check a `result.json` against its schema.

    Raises:
        UnreadableError: missing, not JSON, or not of this schema.
    """
    return read_record(path, SCHEMA)


def checked_files(path: Path) -> tuple[Path, dict[str, Any]]:
    """A result's folder and its manifest; every file is what the manifest says.

    Raises:
        UnreadableError: no result, or a file that is missing or was changed.
    """
    folder = path.parent if path.name == "result.json" else path
    manifest = read_manifest(folder / "result.json")
    names = [entry["name"] for entry in manifest["files"]]
    if len(set(names)) < len(names):
        raise UnreadableError(
            f"{folder / 'result.json'} lists a file twice, which no result of this program does; "
            "make the result again."
        )
    for entry in manifest["files"]:
        file = folder / entry["name"]
        if not file.is_file() or sha256_of(file) != entry["sha256"]:
            raise UnreadableError(
                f"{file} is missing or was changed after the result was written; make the result "
                "again."
            )
    return folder, manifest
