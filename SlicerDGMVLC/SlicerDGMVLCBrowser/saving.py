"""The runs as one `.mrb`, written by a process of its own so that the page stays alive."""

from __future__ import annotations

import asyncio
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


class Saving:
    """The open case's results as a scene to download; the page is heard meanwhile, and it can be
    stopped."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self._writing: asyncio.Task[Path] | None = None

    def stop(self) -> None:
        """The scene that is being written is not wanted."""
        if self._writing is not None:
            self._writing.cancel()

    async def save(self) -> None:
        """Write the scene; its address is told to the page when it is there."""
        viewer, case = self.viewer, self.viewer.desk.case
        results = [Path(result.manifest) for result in case.results]
        if viewer.state.saving:
            return
        if not results:
            viewer.say("There is no result to save yet; run an edit first.", kind="info")
            return
        result = case.result(case.shown[0]) if case.shown else None
        shown = Path(result.manifest) if result else results[-1]
        name, path = Path(viewer.state.scan_path).name, viewer.workspace.new("scenes", "scene.mrb")
        self._tell(True)
        try:
            self._writing = viewer.later(save_scene(results, shown, viewer.state, path))
            await self._writing
        except ScanError as error:
            self._tell(False)
            viewer.say(str(error))
        except asyncio.CancelledError:
            path.unlink(missing_ok=True)
            self._tell(False)
            viewer.say("Saving was stopped; no scene was written.", kind="info")
        else:
            title = f"{name.split('.')[0] or 'scan'} DGM-VLC.mrb"
            self._tell(False, viewer.transfers.offer(path, title))

    def _tell(self, saving: bool, address: str = "") -> None:
        with self.viewer.state as state:
            state.saving, state.scene_address = saving, address
