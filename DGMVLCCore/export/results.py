"""A result folder: written under a temporary name, renamed last, so that it is whole or not there."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.anatomy.segment import Anatomy
from DGMVLCCore.anatomy.zones import locate
from DGMVLCCore.counterfactual.result import CounterfactualResult
from DGMVLCCore.errors import OutputError
from DGMVLCCore.export.explanation import explain
from DGMVLCCore.export.figure import save_figure
from DGMVLCCore.export.manifest import NOTICE, build_manifest, sha256_of, validate_manifest
from DGMVLCCore.export.scene import make_scene
from DGMVLCCore.export.segmentation import Segment, attention_segments, save_segmentation
from DGMVLCCore.export.statements import make_statements
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.language.findings import Finding

SIGN = "counterfactual - original"
EDIT_COLOUR = (0.45, 0.90, 0.45)  # none of the attention's, none of the difference's
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory"}  # file managers leave it anywhere


def _foreign(out: Path, record: str = "result.json") -> str | None:
    """Name of something in `out` that no run of this program wrote; None when there is nothing of the kind.

    Args:
        record: the manifest that lists the folder's files, and perhaps folders of results under "results".
    """
    if not out.is_dir() or out.is_symlink():
        return out.name
    names = sorted(p.name for p in out.iterdir() if p.name not in LITTER)
    try:
        manifest = json.loads((out / record).read_text(encoding="utf-8"))
        known = {Path(entry["name"]).parts[0] for entry in manifest["files"]} | {record} if manifest["software"]["name"] == "dgmvlc" else set()
        folders = set(manifest.get("results", [])) if known else set()
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        known, folders = set(), set()
    within = (f"{name}/{found}" for name in names if name in folders and (found := _foreign(out / name)))
    return next((name for name in names if name not in known | folders), None) or next(within, None)


def check_output(out: Path, overwrite: bool, record: str = "result.json") -> None:
    """Refuse early what could not be written at the end; `record` is the manifest of the kind of folder that is to be written.

    Args:
        record: the file that names what an earlier run wrote.

    Raises:
        OutputError: something is there already that may not be replaced, or the parent folder is missing or read-only.
    """
    if out.exists() or out.is_symlink():
        if not overwrite:
            raise OutputError(f"{out} exists already; choose another folder or add --overwrite.")
        if foreign := _foreign(out, record):
            raise OutputError(f"{out} holds {foreign}, which is no result of this program, so it is not overwritten; "
                              "move it away or choose another folder.")
    parent = out.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"The folder {parent} does not exist; create it first.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {parent} may not be written to; choose another one or change its permissions.")


def put_in_place(folder: Path, out: Path) -> None:
    """Rename the finished folder; an earlier result steps aside first and comes back when that fails."""
    aside = folder.with_suffix(".earlier")
    try:
        if out.exists():
            out.rename(aside)
        folder.rename(out)
    finally:
        if aside.exists() and not out.exists():
            aside.rename(out)
        shutil.rmtree(aside, ignore_errors=True)


def slug(term: str) -> str:
    """A finding as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def _write_volumes(result: CounterfactualResult, folder: Path) -> list[dict[str, str]]:
    """Volumes and segmentations on the scan's grid; returns their manifest entries without hashes."""
    scan = result.original
    made = {"DGMVLC_Synthetic": "inside the edit mask", "DGMVLC_Notice": NOTICE}
    hu = {**made, "DGMVLC_Unit": "HU"}
    entries = [{"name": "original.nrrd", "role": "original", "unit": "HU"},
               {"name": "counterfactual.nrrd", "role": "counterfactual", "unit": "HU"},
               {"name": "difference.nrrd", "role": "difference", "unit": "HU", "sign": SIGN},
               {"name": "uncertainty.nrrd", "role": "uncertainty", "unit": "HU (standard deviation over noises)"}]
    save_volume(scan, folder / "original.nrrd", {"DGMVLC_Unit": "HU"})
    save_volume(result.counterfactual, folder / "counterfactual.nrrd", hu)
    largest = float(np.abs(result.difference).max(initial=0))
    kind = "float32" if not scan.integer else "int16" if largest < 2**15 else "int32"
    save_volume(scan.with_array(result.difference, stored_dtype=kind), folder / "difference.nrrd", {**hu, "DGMVLC_Sign": SIGN})
    save_volume(scan.with_array(result.uncertainty, stored_dtype="float32"), folder / "uncertainty.nrrd", hu)
    for attention in result.attention.values():
        name = f"attention-{slug(attention.term)}.nrrd"
        save_volume(scan.with_array(attention.values, stored_dtype="float32"), folder / name,
                    {"DGMVLC_Unit": "attention 0..1", "DGMVLC_Finding": attention.term})
        entries.append({"name": name, "role": "attention", "unit": "attention 0..1", "finding": attention.term})
    if segments := attention_segments(result.attention):
        save_segmentation(segments, scan, folder / "attention.seg.nrrd")
        entries.append({"name": "attention.seg.nrrd", "role": "attention-segments"})
    if result.mask.any():
        save_segmentation([Segment(result.mask, "edit mask", EDIT_COLOUR)], scan, folder / "edit-mask.seg.nrrd")
        entries.append({"name": "edit-mask.seg.nrrd", "role": "edit-mask"})
    return entries


def _write_all(result: CounterfactualResult, anatomy: Anatomy, folder: Path, facts: dict[str, Any], scene: bool) -> None:
    location = locate(result.mask, anatomy, result.original)
    statements = [statement.to_dict() for statement in make_statements(result, location)]
    entries = _write_volumes(result, folder)
    save_figure(result, folder / "figure.png")
    (folder / "explanation.txt").write_text(explain(result, location), encoding="utf-8")
    entries += [{"name": "figure.png", "role": "figure"}, {"name": "explanation.txt", "role": "explanation"}]

    def save(notes: list[str]) -> None:
        files = [{**entry, "sha256": sha256_of(folder / entry["name"])} for entry in entries]
        manifest = build_manifest(result, files, location=vars(location), notes=notes, statements=statements, **facts)
        validate_manifest(manifest)
        (folder / "result.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")

    save([])
    if not scene:
        return
    reason = make_scene(folder / "result.json", folder / "scene.mrb")
    if reason is None:
        entries.append({"name": "scene.mrb", "role": "scene"})
    save([reason] if reason else [])


@contextmanager
def whole_folder(out: Path, overwrite: bool, record: str = "result.json") -> Iterator[Path]:
    """A folder under a temporary name that becomes `out` when nothing went wrong, and goes away otherwise.

    Raises:
        OutputError: `out` exists, or it cannot be written; nothing half-written stays.
    """
    check_output(out, overwrite, record)
    folder = out.absolute().with_name(f".{out.name}-{uuid.uuid4().hex[:8]}.partial")
    try:
        folder.mkdir()
        yield folder
        put_in_place(folder, out)
    except OSError as error:
        raise OutputError(f"The result could not be written to {out} ({error.strerror or error}); check permission and free space.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_result(result: CounterfactualResult, out: Path, *, anatomy: Anatomy, report: str, findings: list[Finding],
                 inputs: dict[str, Any], weights: dict[str, str], overwrite: bool = False, scene: bool = True) -> Path:
    """Write a result folder.

    Args:
        inputs: role -> {"name", "sha256"} of what the run read. weights: {"name", "sha256"}. scene: also pack scene.mrb.

    Returns:
        path of its `result.json`.

    Raises:
        OutputError: it exists, or cannot be written; nothing half-written stays.
    """
    with whole_folder(out, overwrite) as folder:
        facts = {"report": report, "findings": [f.to_dict() for f in findings], "inputs": inputs, "weights": weights}
        _write_all(result, anatomy, folder, facts, scene)
    return out / "result.json"
