"""A result folder as a scene: three linked columns, difference with colour legend, attention as
graded segments."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from SlicerDGMVLCPresenters.outcome import File, Manifest

from .arrange import NOTICE, showRun
from .cases import middle
from .colors import DIVERGING, SEQUENTIAL, addColorTable
from .nodes import WINDOWS, loadSegments, loadVolume, showWindow
from .records import readRecord
from .runs import ResultNodes, groupRun, removeRun

__all__ = [
    "NOTICE",
    "LAYERS",
    "SCHEMA_VERSIONS",
    "ResultNodes",
    "loadLayer",
    "loadResult",
    "readResult",
    "removeRun",
    "saveMrb",
]

Known = Callable[[ResultNodes], Any]
SCHEMA_VERSIONS = ("1.0", "1.1")
LAYERS = {  # what lies over the scans: its title, and from which value on it hides them
    "uncertainty": ("Uncertainty (SD, HU)", 1.0),
    "change": ("Change asked for (0 to 1)", 0.05),
    "attention": ("Attention heat map: {finding}", 0.1),
}
SEGMENTS = {
    "attention-segments": "Attention",
    "edit-mask": "Edit mask",
    "invented": "Invented, not seen through",
}


def readResult(path: str | Path) -> Manifest:
    """The manifest of a result; raises ValueError with a sentence when it is of another version."""
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    if said.get("schema_version") not in SCHEMA_VERSIONS:
        raise ValueError(
            f"{path} follows result schema {said.get('schema_version')}, this module reads "
            f"{', '.join(SCHEMA_VERSIONS)}; "
            "update the extension."
        )
    try:
        return readRecord(Manifest, said)
    except ValueError as error:
        raise ValueError(f"{path} is no record of a result ({error})") from error


def _legend(node: Any, title: str) -> None:
    """A colour legend; its title is text inside the view, in the desktop and in the browser
    alike."""
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
    legend.SetTitleText(title)
    legend.SetLabelFormat("%.0f")
    legend.SetOrientation(
        slicer.vtkMRMLColorLegendDisplayNode.Horizontal
    )  # along the lower edge, off the lungs
    legend.SetPosition(0.5, 0.01)
    legend.SetSize(0.16, 0.7)
    legend.SetVisibility(True)


def _largestChange(node: Any) -> float:
    """Largest absolute value, rounded up to whole hundreds of HU."""
    low, high = node.GetImageData().GetScalarRange()
    return 100.0 * max(1, math.ceil(max(abs(low), abs(high)) / 100))


def _markSynthetic(scene: Any, nodes: ResultNodes) -> Any:
    """The mark as text in the views with synthetic voxels (legend titles), and as a text node for
    viewers with corner text."""
    _legend(nodes.byRole["counterfactual"], f"HU · {NOTICE}")
    _legend(nodes.byRole["difference"], f"HU, counterfactual − original\n{NOTICE}")
    text = slicer.vtkMRMLTextNode()
    text.SetName(f"{nodes.runId} notice")
    text.SetText(NOTICE)
    return scene.AddNode(text)


def loadLayer(scene: Any, folder: Path, file: File, nodes: ResultNodes) -> Any:
    """A file of `LAYERS` in its colours, as one of the run's nodes.

    Raises:
        ValueError: it cannot be read.
    """
    title, visible = LAYERS[file.role]
    node = loadVolume(scene, folder / file.name, title.format(finding=file.finding))
    if file.role == "attention":
        nodes.attention[file.finding] = node
    else:
        nodes.byRole[file.role] = node
    highest = _largestChange(node) if file.role == "uncertainty" else 1.0
    colors = addColorTable(scene, "DGM-VLC attention", SEQUENTIAL, lambda share: f"{share:.2f}")
    display = showWindow(node, 0, highest, colors)
    display.SetApplyThreshold(1)
    display.SetLowerThreshold(visible)
    display.SetUpperThreshold(max(highest, node.GetImageData().GetScalarRange()[1]))
    return node


def _loadFiles(
    scene: Any, folder: Path, manifest: Manifest, nodes: ResultNodes, layers: bool, known: Known
) -> None:
    titles = {
        "counterfactual": f"Counterfactual: {manifest.plan.target} ({NOTICE})",
        "difference": f"Difference (counterfactual − original, HU; {NOTICE})",
    }
    for file in manifest.files:
        role, path = file.role, folder / file.name
        if role in titles:
            nodes.byRole[role] = loadVolume(scene, path, titles[role])
        elif role in LAYERS and layers:
            loadLayer(scene, folder, file, nodes)
        elif role in SEGMENTS:
            nodes.byRole[role] = loadSegments(scene, path, SEGMENTS[role])
    (original,) = manifest.of("original")
    nodes.byRole["original"] = known(nodes) or loadVolume(scene, folder / original.name, "Original")


def _colour(scene: Any, nodes: ResultNodes) -> None:
    """Lung window for the scans, a scale symmetric about 0 for the difference."""
    for role in ("original", "counterfactual"):
        showWindow(nodes.byRole[role], *WINDOWS["lung"], "vtkMRMLColorTableNodeGrey")
    limit = _largestChange(nodes.byRole["difference"])
    diverging = addColorTable(
        scene, "DGM-VLC difference", DIVERGING, lambda share: f"{(2 * share - 1):+.2f} of the range"
    )
    showWindow(nodes.byRole["difference"], -limit, limit, diverging)


def _runId(manifest: Manifest) -> str:
    """Name of a run that does not depend on where its folder lies."""
    (made,) = manifest.of("counterfactual")
    return f"DGM-VLC {manifest.plan.term} {made.sha256[:8]}"


def loadResult(
    scene: Any,
    path: str | Path,
    portable: bool = False,
    layers: bool = True,
    known: Known = lambda nodes: None,
) -> ResultNodes:
    """Show a result: original | counterfactual | difference, attention and edit mask over them.

    Args:
        scene: vtkMRMLScene. path: the result's `result.json`.
        portable: use a layout that every Slicer knows, for a scene that is saved and opened
            elsewhere.
        layers: load what lies over the scans, too; else `loadLayer` does when it is wanted.
        known: gets the other volumes; returns the original's node where the scene holds its voxels
            already, and its file need not be read.

    Raises:
        ValueError: unknown schema version, or a file that cannot be read.
    """
    path = Path(path)
    manifest = readResult(path)
    nodes = ResultNodes(_runId(manifest))
    try:
        _loadFiles(scene, path.parent, manifest, nodes, layers, known)
    except ValueError:
        removeRun(scene, nodes)
        raise
    _colour(scene, nodes)
    nodes.centre = manifest.centre or middle(nodes.byRole["original"])
    nodes.byRole["notice"] = _markSynthetic(scene, nodes)
    groupRun(scene, nodes, f"{nodes.runId}: {manifest.plan.source} → {manifest.plan.target}")
    showRun(scene, nodes, portable=portable)
    return nodes


def saveMrb(scene: Any, path: str | Path) -> None:
    """Write the scene as one .mrb file (absolute path); raises OSError when that fails."""
    path = Path(path).absolute()
    if not scene.WriteToMRB(str(path), None) or not path.exists():
        raise OSError(f"{path} could not be written; check permission and free space.")
