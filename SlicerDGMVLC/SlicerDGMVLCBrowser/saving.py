"""The runs as one `.mrb`, written by a process of its own so that the page stays alive."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .recipe import OVERLAYS, Overlay, Recipe
from .scans import ScanError, run_child

if TYPE_CHECKING:
    from .app import Viewer

SETTINGS = (
    "preset",
    "map",
    *(f"{kind}_{what}" for kind in ("show", "opacity") for what in OVERLAYS),
)


async def save_scene(results: list[Path], shown: Path, state: Any, path: Path) -> Path:
    """Write one case's results (`result.json` each), with the page's display settings, into the
    scene file `path`; returns it.

    Args:
        shown: the one that is seen when the scene is opened.

    Raises:
        ScanError: it could not be written.
    """
    order = [*(one for one in results if one != shown), shown]  # the last one loaded is seen
    overlays = {
        name: Overlay(bool(state[f"show_{name}"]), float(state[f"opacity_{name}"]))
        for name in OVERLAYS
    }
    recipe = Recipe([str(result) for result in order], state.preset, state.map or "", overlays)
    notes = path.with_suffix(".json")
    notes.write_text(json.dumps(asdict(recipe)), encoding="utf-8")
    try:
        code, _, log = await run_child("SlicerDGMVLCBrowser.scene_writer", str(notes), str(path))
    except TimeoutError as error:
        raise ScanError(
            "The scene took too long to write; remove some runs and save again."
        ) from error
    if code or not path.is_file():
        last = (log.strip().splitlines() or ["no reason given"])[-1]
        raise ScanError(
            f"The scene could not be saved ({last[:200].rstrip('.')}); check free space and save "
            "again."
        )
    return path


async def offer_scene(viewer: Viewer) -> str:
    """Write the scene in a process of its own; returns the address to download it from, or an
    empty text."""
    results = [Path(result.manifest) for result in viewer.desk.case.results]
    if viewer.state.saving:
        return ""
    if not results:
        viewer.say("There is no result to save yet; run an edit first.", kind="info")
        return ""
    case, name = viewer.desk.case, Path(viewer.state.scan_path).name
    shown = case.result(case.shown[0]) if case.shown else None
    with viewer.state as state:
        state.saving = True
    try:
        path = await save_scene(
            results,
            Path(shown.manifest) if shown else results[-1],
            viewer.state,
            viewer.workspace.new("scenes", "scene.mrb"),
        )
        return viewer.transfers.offer(path, f"{name.split('.')[0] or 'scan'} DGM-VLC.mrb")
    except ScanError as error:
        viewer.say(str(error))
        return ""
    finally:
        with viewer.state as state:
            state.saving = False
