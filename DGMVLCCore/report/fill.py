"""The folder of an edited MR or X-ray picture: volumes in stored units, one figure, `fill.json`;
not to be mistaken for a CT's result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.editing.result import CounterfactualResult
from DGMVLCCore.imaging.profiles import PROFILES
from DGMVLCCore.report.edit import write_volumes
from DGMVLCCore.report.figure import save_fill_figure
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import plain, write_record

RECORD, SCHEMA, SCHEMA_VERSION = "fill.json", "fill.schema.json", "1.0"
NOTICE = (
    "Demonstration. Research use only; not a medical device. Voxels inside the edit mask are "
    "synthetic."
)
LEFT_OUT = (
    "Left out, because they are defined for chest CT in HU: the check that the finding is there, "
    "the reading pass, the agreement of words and "
    "image, and the checks of rim, lung density and direction."
)


def _measures(result: CounterfactualResult) -> dict[str, float]:
    """Numbers over the edit mask, in the picture's stored units."""
    inside, change = result.mask, result.difference
    return {
        "voxels": float(inside.sum()),
        "mean_before": float(result.original.array[inside].mean()),
        "mean_change": float(change[inside].mean()),
        "mean_after": float(result.counterfactual.array[inside].mean()),
        "mean_uncertainty": float(result.uncertainty[inside].mean()),
        "max_change_outside": float(np.abs(change[~inside]).max(initial=0)),
    }


def write_fill(
    result: CounterfactualResult,
    out: Path,
    *,
    inputs: dict[str, Any],
    weights: dict[str, str],
    overwrite: bool = False,
) -> Path:
    """Write the folder, whole or not at all; returns the path of `fill.json`.

    Args:
        inputs: role -> {"name", "sha256"} of what the run read. weights: {"name", "sha256"}.

    Raises:
        OutputError: it exists, or cannot be written.
    """
    from DGMVLCCore import __version__

    scan, plan = result.original, result.plan
    with whole_folder(out, overwrite, RECORD) as folder:
        entries = write_volumes(result, folder)
        save_fill_figure(result, folder / "figure.png")
        entries.append({"name": "figure.png", "role": "figure"})
        notes = [LEFT_OUT] + ([result.settings["note"]] if "note" in result.settings else [])
        settings = {
            name.removesuffix("_hu"): value for name, value in result.settings.items()
        }  # here they are stored units
        record = {
            "schema_version": SCHEMA_VERSION,
            "software": {"name": "dgmvlc", "version": __version__},
            "kind": "fill",
            "notice": NOTICE,
            "synthetic": True,
            "modality": scan.modality,
            "unit": PROFILES[scan.modality].unit,
            "plan": {"source": plan.source, "target": plan.target, "mode": plan.mode},
            "measures": _measures(result),
            "settings": settings,
            "inputs": inputs,
            "weights": weights,
            "notes": notes,
            "files": [{**entry, "sha256": sha256_of(folder / entry["name"])} for entry in entries],
        }
        write_record(plain(record), folder / RECORD, SCHEMA)
    return out / RECORD
