"""`result.json`: the one versioned record of a result that every reader starts from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.counterfactual.result import CounterfactualResult
from DGMVLCCore.errors import UnreadableError

SCHEMA_VERSION = "1.0"
NOTICE = "Research use only; not a medical device. Voxels inside the edit mask are synthetic."
SCHEMA = Path(__file__).parent / "schema" / "result.schema.json"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(file.read()).hexdigest()


def measures(result: CounterfactualResult) -> dict[str, float]:
    """Numbers of a result, each over the voxels of the edit mask; HU unless the name says otherwise."""
    inside, change = result.mask, result.difference[result.mask]
    if not inside.any():
        return {"voxels": 0.0}
    before, after = result.original.array[inside], result.counterfactual.array[inside]
    outside = result.difference[~inside]
    return {
        "voxels": float(inside.sum()), "volume_ml": float(inside.sum() * np.prod(result.original.spacing) / 1000),
        "mean_hu_before": float(before.mean()), "mean_hu_after": float(after.mean()), "mean_change_hu": float(change.mean()),
        "median_change_hu": float(np.median(change)), "changed_share": float((np.abs(change) > 20).mean()),
        "mean_uncertainty_hu": float(result.uncertainty[inside].mean()),
        "max_change_outside_hu": float(np.abs(outside).max(initial=0)),
    }


def build_manifest(result: CounterfactualResult, files: list[dict[str, str]], *, report: str, findings: list[dict[str, Any]],
                   location: dict[str, Any], inputs: dict[str, Any], weights: dict[str, str], notes: list[str]) -> dict[str, Any]:
    """The manifest as JSON holds it."""
    from DGMVLCCore import __version__

    scan, plan = result.original, result.plan
    return {
        "schema_version": SCHEMA_VERSION, "software": {"name": "dgmvlc", "version": __version__}, "notice": NOTICE,
        "synthetic": True, "files": files,
        "grid": {"size_xyz": [int(n) for n in scan.shape[::-1]], "spacing_mm": [float(s) for s in scan.spacing[::-1]],
                 "index_to_lps": scan.affine.tolist()},
        "report": report, "findings": findings,
        "plan": {"term": plan.term, "source": plan.source, "target": plan.target, "mode": plan.mode, "removes": plan.removes,
                 "finding": plan.finding},
        "location": location, "measures": {k: round(v, 3) for k, v in measures(result).items()},
        "gates": [{**asdict(gate), "passed": bool(gate.passed), "value": float(gate.value)} for gate in result.gates],
        "settings": json.loads(json.dumps(result.settings, default=_plain)), "inputs": inputs, "weights": weights, "notes": notes,
    }


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value.item() if isinstance(value, np.generic) else str(value)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check a `result.json` against its schema.

    Raises:
        UnreadableError: missing, not JSON, or not of this schema.
    """
    import jsonschema

    try:
        manifest = json.loads(Path(path).read_text(encoding="utf-8"))
        jsonschema.validate(manifest, json.loads(SCHEMA.read_text()))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} is not a readable result.json.") from error
    except jsonschema.ValidationError as error:
        raise UnreadableError(f"{path} does not follow the result schema {SCHEMA_VERSION} ({error.message[:160]}).") from error
    return manifest
