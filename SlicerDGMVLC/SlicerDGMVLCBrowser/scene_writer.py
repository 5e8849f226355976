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
from SlicerDGMVLCLib.scene import ResultNodes, loadResult, saveMrb


def apply_settings(scene: Any, nodes: ResultNodes, settings: dict[str, Any]) -> None:
    """Window, overlays and opacities as they were on the page."""
    for role in ("original", "counterfactual"):
        nodes.byRole[role].GetDisplayNode().SetWindowLevelMinMax(
            *WINDOWS.get(settings["preset"], WINDOWS["lung"])
        )
    for role, name in (("attention-segments", "attention"), ("edit-mask", "mask")):
        if role in nodes.byRole:
            display = nodes.byRole[role].GetDisplayNode()
            display.SetVisibility(bool(settings[f"show_{name}"]))
            display.SetOpacity2DFill(float(settings[f"opacity_{name}"]))
            display.SetOpacity2DOutline(float(settings[f"opacity_{name}"]))
    heat = nodes.attention.get(settings["map"])
    for view in ("Red", "Red+"):
        composite = compositeNode(scene, view)
        composite.SetForegroundVolumeID(heat.GetID() if heat else None)
        composite.SetForegroundOpacity(
            float(settings["opacity_heat"]) if heat and settings["show_heat"] else 0.0
        )


def main(arguments: list[str]) -> int:
    """Write the scene; 0 when it is there, 1 with the reason on standard error."""
    recipe = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    application = startApplication()
    try:
        for path in recipe["results"]:
            nodes = loadResult(application.scene, path, portable=True)
            apply_settings(application.scene, nodes, recipe["settings"])
        saveMrb(application.scene, arguments[1])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
