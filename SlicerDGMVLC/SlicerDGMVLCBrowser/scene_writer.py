"""`python -m SlicerDGMVLCBrowser.scene_writer RECIPE.json SCENE.mrb`: results with the page's
display settings as a scene for Slicer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.headless import startApplication
from SlicerDGMVLCLib.layout import compositeNode
from SlicerDGMVLCLib.nodes import WINDOWS
from SlicerDGMVLCLib.records import readRecord
from SlicerDGMVLCLib.scene import ResultNodes, loadResult, saveMrb

from .recipe import Recipe


def apply_settings(scene: Any, nodes: ResultNodes, recipe: Recipe) -> None:
    """Window, overlays and opacities as they were on the page."""
    for role in ("original", "counterfactual"):
        nodes.byRole[role].GetDisplayNode().SetWindowLevelMinMax(
            *WINDOWS.get(recipe.preset, WINDOWS["lung"])
        )
    for role, name in (("attention-segments", "attention"), ("edit-mask", "mask")):
        if role in nodes.byRole:
            display, overlay = nodes.byRole[role].GetDisplayNode(), recipe.overlays[name]
            display.SetVisibility(overlay.shown)
            display.SetOpacity2DFill(overlay.opacity)
            display.SetOpacity2DOutline(overlay.opacity)
    heat, how = nodes.attention.get(recipe.map), recipe.overlays["heat"]
    for view in ("Red", "Red+"):
        composite = compositeNode(scene, view)
        composite.SetForegroundVolumeID(heat.GetID() if heat else None)
        composite.SetForegroundOpacity(how.opacity if heat and how.shown else 0.0)


def main(arguments: list[str]) -> int:
    """Write the scene; 0 when it is there, 1 with the reason on standard error."""
    recipe = readRecord(Recipe, json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    application = startApplication()
    try:
        for path in recipe.results:
            nodes = loadResult(application.scene, path, portable=True)
            apply_settings(application.scene, nodes, recipe)
        saveMrb(application.scene, arguments[1])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
