"""A result folder: written under a temporary name, renamed last, so that it is whole or not
there."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from DGMVLCCore.editing.memory import Inputs
from DGMVLCCore.editing.result import NOTICE, CounterfactualResult
from DGMVLCCore.ground.devices import threads_of
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.profiles import PROFILES
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import locate
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.report.explanation import explain
from DGMVLCCore.report.figure import save_figure
from DGMVLCCore.report.statements import make_statements
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import ResultFile, build_manifest, sha256_of
from DGMVLCCore.results.records import as_record, write_typed
from DGMVLCCore.results.scene import make_scene
from DGMVLCCore.results.segmentation import Segment, attention_segments, save_segmentation

WRITERS = 2  # packing takes a processor each, and a copy of the scan
SIGN = "counterfactual - original"
SHARE = "share of change asked for, 0..1"
INVENTED_COLOUR = (0.85, 0.75, 0.35)
EDIT_COLOUR = (0.45, 0.90, 0.45)  # none of the attention's, none of the difference's


@dataclass(frozen=True)
class Facts:
    """What a result's record says besides the edit.

    Args:
        inputs: of what the run read. weights: {"name", "sha256"}.
    """

    report: str
    findings: list[Finding]
    inputs: Inputs
    weights: dict[str, str]


def slug(term: str) -> str:
    """A finding as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


@dataclass(frozen=True)
class _Layer:
    """A file of a result: its manifest entry without the hash, and what writes it."""

    entry: dict[str, str]
    save: Callable[[Path], None]


def write_volumes(
    result: CounterfactualResult, folder: Path, meanwhile: Callable[[], object] = lambda: None
) -> list[dict[str, str]]:
    """Volumes and segmentations on the scan's grid, several at once; returns their manifest entries
    without hashes.

    Args:
        meanwhile: called while they are written.
    """
    layers = [*_edit_layers(result), *_map_layers(result), *_segment_layers(result)]
    with ThreadPoolExecutor(threads_of(WRITERS)) as pool:
        written = pool.map(lambda layer: layer.save(folder / layer.entry["name"]), layers)
        meanwhile()
        list(written)  # raises what one of them raised
    return [layer.entry for layer in layers]


def _volume(entry: dict[str, str], words: dict[str, str], make: Callable[[], Volume]) -> _Layer:
    """A volume that is made when it is written: it may be as large as the scan."""
    return _Layer(entry, lambda path: save_volume(make(), path, words))


def _edit_layers(result: CounterfactualResult) -> list[_Layer]:
    """Original, counterfactual, their difference and the uncertainty, in stored units."""
    scan, unit = result.original, PROFILES[result.original.modality].unit
    words = {
        "DGMVLC_Synthetic": "inside the edit mask",
        "DGMVLC_Notice": NOTICE,
        "DGMVLC_Unit": unit,
    }
    signed = {"name": "difference.nrrd", "role": "difference", "unit": unit, "sign": SIGN}
    spread = f"{unit} (standard deviation over noises)"
    return [
        _volume(
            {"name": "original.nrrd", "role": "original", "unit": unit},
            {"DGMVLC_Unit": unit},
            lambda: scan,
        ),
        _volume(
            {"name": "counterfactual.nrrd", "role": "counterfactual", "unit": unit},
            words,
            lambda: result.counterfactual,
        ),
        _volume(signed, {**words, "DGMVLC_Sign": SIGN}, lambda: _difference(result)),
        _volume(
            {"name": "uncertainty.nrrd", "role": "uncertainty", "unit": spread},
            words,
            lambda: _map(result, result.uncertainty),
        ),
    ]


def _difference(result: CounterfactualResult) -> Volume:
    change = result.difference
    largest = max(float(change.max(initial=0)), -float(change.min(initial=0)))
    whole = "int16" if largest < 2**15 else "int32"
    kind = whole if result.original.integer else "float32"
    return result.original.with_array(change, stored_dtype=kind)


def _map(result: CounterfactualResult, values: np.ndarray) -> Volume:
    return result.original.with_array(values, stored_dtype="float32")


def _map_layers(result: CounterfactualResult) -> list[_Layer]:
    """Where the network attends to each finding, and the share of change where it is told."""
    layers = []
    for attention in result.attention.values():
        name, unit = f"attention-{slug(attention.term)}.nrrd", "attention 0..1"
        entry = {"name": name, "role": "attention", "unit": unit, "finding": attention.term}
        words = {"DGMVLC_Unit": unit, "DGMVLC_Finding": attention.term}
        layers.append(_volume(entry, words, partial(_map, result, attention.values)))
    if result.change is not None:
        entry = {"name": "change.nrrd", "role": "change", "unit": SHARE}
        words = {"DGMVLC_Unit": SHARE, "DGMVLC_Target": result.plan.target}
        layers.append(_volume(entry, words, partial(_map, result, result.change)))
    return layers


def _segment_layers(result: CounterfactualResult) -> list[_Layer]:
    """Graded attention, the edit mask and what was invented; only those that are there."""
    edit = [Segment(result.mask, "edit mask", EDIT_COLOUR)] if result.mask.any() else []
    hidden = result.invented
    invented = (
        [Segment(hidden, "invented, not seen through", INVENTED_COLOUR)]
        if hidden is not None and hidden.any()
        else []
    )
    named = (
        ("attention.seg.nrrd", "attention-segments", attention_segments(result.attention)),
        ("edit-mask.seg.nrrd", "edit-mask", edit),
        ("invented.seg.nrrd", "invented", invented),
    )
    return [
        _Layer({"name": name, "role": role}, partial(save_segmentation, segments, result.original))
        for name, role, segments in named
        if segments
    ]


def _write_all(
    result: CounterfactualResult, anatomy: Anatomy, folder: Path, facts: Facts, scene: bool
) -> None:
    location = locate(result.mask, anatomy, result.original)
    statements = make_statements(result, location)
    entries = write_volumes(result, folder, lambda: save_figure(result, folder / "figure.png"))
    (folder / "explanation.txt").write_text(
        explain(result, location.side, statements), encoding="utf-8"
    )
    entries += [
        {"name": "figure.png", "role": "figure"},
        {"name": "explanation.txt", "role": "explanation"},
    ]

    def save(notes: list[str]) -> None:
        files = [
            as_record({**entry, "sha256": sha256_of(folder / entry["name"])}, ResultFile)
            for entry in entries
        ]
        manifest = build_manifest(
            result,
            files,
            location=location,
            notes=notes,
            statements=[statement.fact() for statement in statements],
            report=facts.report,
            findings=facts.findings,
            inputs=facts.inputs,
            weights=facts.weights,
        )
        write_typed(manifest, folder / "result.json")

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
    inputs: Inputs,
    weights: dict[str, str],
    overwrite: bool = False,
    scene: bool = True,
) -> Path:
    """Write a result folder.

    Args:
        report, findings, inputs, weights: as `Facts`. scene: also pack scene.mrb.

    Returns:
        path of its `result.json`.

    Raises:
        OutputError: it exists, or cannot be written; nothing half-written stays.
    """
    with whole_folder(out, overwrite) as folder:
        facts = Facts(report, findings, inputs, weights)
        _write_all(result, anatomy, folder, facts, scene)
    return out / "result.json"
