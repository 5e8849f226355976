"""A result folder: written under a temporary name, renamed last, so that it is whole or not
there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.editing.result import NOTICE, CounterfactualResult
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.profiles import PROFILES
from DGMVLCCore.imaging.zones import locate
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.report.explanation import explain
from DGMVLCCore.report.figure import save_figure
from DGMVLCCore.report.statements import make_statements
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import build_manifest, sha256_of, validate_manifest
from DGMVLCCore.results.scene import make_scene
from DGMVLCCore.results.segmentation import Segment, attention_segments, save_segmentation

SIGN = "counterfactual - original"
SHARE = "share of change asked for, 0..1"
INVENTED_COLOUR = (0.85, 0.75, 0.35)
EDIT_COLOUR = (0.45, 0.90, 0.45)  # none of the attention's, none of the difference's


def slug(term: str) -> str:
    """A finding as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def write_volumes(result: CounterfactualResult, folder: Path) -> list[dict[str, str]]:
    """Volumes and segmentations on the scan's grid; returns their manifest entries without
    hashes."""
    scan = result.original
    unit = PROFILES[scan.modality].unit
    made = {"DGMVLC_Synthetic": "inside the edit mask", "DGMVLC_Notice": NOTICE}
    hu = {**made, "DGMVLC_Unit": unit}
    entries = [
        {"name": "original.nrrd", "role": "original", "unit": unit},
        {"name": "counterfactual.nrrd", "role": "counterfactual", "unit": unit},
        {"name": "difference.nrrd", "role": "difference", "unit": unit, "sign": SIGN},
        {
            "name": "uncertainty.nrrd",
            "role": "uncertainty",
            "unit": f"{unit} (standard deviation over noises)",
        },
    ]
    save_volume(scan, folder / "original.nrrd", {"DGMVLC_Unit": unit})
    save_volume(result.counterfactual, folder / "counterfactual.nrrd", hu)
    largest = float(np.abs(result.difference).max(initial=0))
    kind = "float32" if not scan.integer else "int16" if largest < 2**15 else "int32"
    save_volume(
        scan.with_array(result.difference, stored_dtype=kind),
        folder / "difference.nrrd",
        {**hu, "DGMVLC_Sign": SIGN},
    )
    save_volume(
        scan.with_array(result.uncertainty, stored_dtype="float32"), folder / "uncertainty.nrrd", hu
    )
    for attention in result.attention.values():
        name = f"attention-{slug(attention.term)}.nrrd"
        save_volume(
            scan.with_array(attention.values, stored_dtype="float32"),
            folder / name,
            {"DGMVLC_Unit": "attention 0..1", "DGMVLC_Finding": attention.term},
        )
        entries.append(
            {"name": name, "role": "attention", "unit": "attention 0..1", "finding": attention.term}
        )
    if segments := attention_segments(result.attention):
        save_segmentation(segments, scan, folder / "attention.seg.nrrd")
        entries.append({"name": "attention.seg.nrrd", "role": "attention-segments"})
    if result.mask.any():
        save_segmentation(
            [Segment(result.mask, "edit mask", EDIT_COLOUR)], scan, folder / "edit-mask.seg.nrrd"
        )
        entries.append({"name": "edit-mask.seg.nrrd", "role": "edit-mask"})
    if result.change is not None:
        save_volume(
            scan.with_array(result.change, stored_dtype="float32"),
            folder / "change.nrrd",
            {"DGMVLC_Unit": SHARE, "DGMVLC_Target": result.plan.target},
        )
        entries.append({"name": "change.nrrd", "role": "change", "unit": SHARE})
    if result.invented is not None and result.invented.any():
        save_segmentation(
            [Segment(result.invented, "invented, not seen through", INVENTED_COLOUR)],
            scan,
            folder / "invented.seg.nrrd",
        )
        entries.append({"name": "invented.seg.nrrd", "role": "invented"})
    return entries


def _write_all(
    result: CounterfactualResult, anatomy: Anatomy, folder: Path, facts: dict[str, Any], scene: bool
) -> None:
    location = locate(result.mask, anatomy, result.original)
    statements = [statement.to_dict() for statement in make_statements(result, location)]
    entries = write_volumes(result, folder)
    save_figure(result, folder / "figure.png")
    (folder / "explanation.txt").write_text(explain(result, location), encoding="utf-8")
    entries += [
        {"name": "figure.png", "role": "figure"},
        {"name": "explanation.txt", "role": "explanation"},
    ]

    def save(notes: list[str]) -> None:
        files = [{**entry, "sha256": sha256_of(folder / entry["name"])} for entry in entries]
        manifest = build_manifest(
            result, files, location=vars(location), notes=notes, statements=statements, **facts
        )
        validate_manifest(manifest)
        (folder / "result.json").write_text(
            json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8"
        )

    save([])
    if not scene:
        return
    reason = make_scene(folder / "result.json", folder / "scene.mrb")
    if reason is None:
        entries.append({"name": "scene.mrb", "role": "scene"})
    save([reason] if reason else [])


def write_result(
    result: CounterfactualResult,
    out: Path,
    *,
    anatomy: Anatomy,
    report: str,
    findings: list[Finding],
    inputs: dict[str, Any],
    weights: dict[str, str],
    overwrite: bool = False,
    scene: bool = True,
) -> Path:
    """Write a result folder.

    Args:
        inputs: role -> {"name", "sha256"} of what the run read. weights: {"name", "sha256"}. scene:
            also pack scene.mrb.

    Returns:
        path of its `result.json`.

    Raises:
        OutputError: it exists, or cannot be written; nothing half-written stays.
    """
    with whole_folder(out, overwrite) as folder:
        facts = {
            "report": report,
            "findings": [f.to_dict() for f in findings],
            "inputs": inputs,
            "weights": weights,
        }
        _write_all(result, anatomy, folder, facts, scene)
    return out / "result.json"
