"""Which run stands in which view: two, three or N linked columns, overlays only where they belong,
layers, and a preview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer
import vtk

from .layout import (
    PLANES,
    fitView,
    middle,
    showColumns,
    showPlanes,
    showPortableRows,
    showVolume,
)
from .runs import ResultNodes, findRuns

TITLES = {"original": "Original", "counterfactual": "Counterfactual", "difference": "Difference"}
ROLES = tuple(TITLES)
BAND_OPACITY = {"low": 0.25, "medium": 0.4, "high": 0.55}
SEGMENTS = ("attention-segments", "edit-mask", "invented")
NOTICE = "synthetic – research use only"


def _over(node: Any, views: Sequence[Any]) -> Any:
    """Restrict a segmentation to some views; returns its display node."""
    display = node.GetDisplayNode()
    display.SetViewNodeIDs([view.GetID() for view in views])
    display.SetVisibility(bool(views))
    return display


def _showBands(node: Any, views: Sequence[Any]) -> None:
    """Graded opacity; the overlay belongs to the original, not to the synthetic scan."""
    display, segmentation = _over(node, views), node.GetSegmentation()
    for index in range(segmentation.GetNumberOfSegments()):
        identifier = segmentation.GetNthSegmentID(index)
        level = vtk.reference("")
        segmentation.GetSegment(identifier).GetTag("DGMVLC.Level", level)
        display.SetSegmentOpacity2DFill(identifier, BAND_OPACITY.get(str(level), 0.4))
        display.SetSegmentOpacity2DOutline(identifier, 0.9)
    display.SetOpacity2DFill(
        1.0
    )  # the graded opacities are meant as they are, not times Slicer's default of a half


def _showOutline(node: Any, views: Sequence[Any]) -> None:
    display = _over(node, views)
    display.SetVisibility2DFill(False)
    display.SetSliceIntersectionThickness(1)


def _overlays(
    nodes: ResultNodes,
    bands: Sequence[Any],
    outline: Sequence[Any],
    invented: Sequence[Any] = (),
) -> None:
    if "attention-segments" in nodes.byRole:
        _showBands(nodes.byRole["attention-segments"], bands)
    if "edit-mask" in nodes.byRole:
        _showOutline(nodes.byRole["edit-mask"], outline)
    if "invented" in nodes.byRole:
        _showOutline(nodes.byRole["invented"], invented)


def hideRuns(scene: Any, shown: Sequence[ResultNodes] = ()) -> None:
    """Runs share their views, so the overlays of a run that is not shown must go."""
    for run in findRuns(scene):
        if run.folderItem not in [other.folderItem for other in shown]:
            for role in SEGMENTS:
                if role in run.byRole:
                    run.byRole[role].GetDisplayNode().SetVisibility(False)


def showRun(
    scene: Any, nodes: ResultNodes, roles: Sequence[str] = ROLES, portable: bool = False
) -> list[list[Any]]:
    """A run in linked columns, one a role (two or three); returns rows of slice nodes.

    The heat map of the first finding waits as foreground layer of the original, its slider at 0.

    Args:
        portable: use a layout that every Slicer knows, for a scene that is saved and opened
            elsewhere.
    """
    rows = (
        showPortableRows(scene)
        if portable
        else [showColumns(scene, [TITLES[role] for role in roles])]
    )
    for views in rows:
        for view, role in zip(views, roles):
            showVolume(scene, view, nodes.byRole[role])
            fitView(view, nodes.byRole["original"], nodes.centre)
    whole = [view for views in rows for view in views]
    made = roles.index("counterfactual") if "counterfactual" in roles else None
    _overlays(
        nodes,
        [views[0] for views in rows],
        whole,
        [views[made] for views in rows] if made is not None else [],
    )
    hideRuns(scene, [nodes])
    if nodes.attention:
        setLayer(scene, nodes, "heat", 0.0)
    markCorners([view.GetLayoutName() for views in rows for view in views[1:]], NOTICE)
    return rows


def showScan(scene: Any, volume: Any) -> None:
    """A scan alone in three planes through its middle; no run lies over it."""
    hideRuns(scene)
    showPlanes(scene, volume, middle(volume))
    markCorners([name for name, _ in PLANES], "")


def compareRuns(scene: Any, runs: Sequence[ResultNodes], role: str = "counterfactual") -> list[Any]:
    """The first run's original and every run's counterfactual (or another role), a linked column
    each; returns the slice nodes.

    The attention is the first run's; each column carries its own run's edit mask.
    """
    views = showColumns(
        scene,
        [TITLES["original"], *(f"{TITLES[role]}{number}" for number in range(1, len(runs) + 1))],
    )
    volumes = [runs[0].byRole["original"], *(run.byRole[role] for run in runs)]
    for view, volume in zip(views, volumes):
        showVolume(scene, view, volume)
        fitView(view, volumes[0], runs[0].centre)
    for index, run in enumerate(runs):
        _overlays(
            run,
            views[:1] if index == 0 else [],
            [views[index + 1], *(views[:1] if index == 0 else [])],
        )
    hideRuns(scene, runs)
    markCorners([view.GetLayoutName() for view in views[1:]], NOTICE)
    return views


def setLayer(
    scene: Any, nodes: ResultNodes, layer: str, opacity: float, finding: str | None = None
) -> None:
    """Lay a run's heat map over its original, or its uncertainty over its counterfactual, wherever
    these are shown.

    Args:
        layer: "heat" or "uncertainty". opacity: 0..1. finding: whose heat map; the first one when
            None.
    """
    base = nodes.byRole["original" if layer == "heat" else "counterfactual"]
    chosen = finding if finding is not None else next(iter(nodes.attention), "")
    over = nodes.attention.get(chosen) if layer == "heat" else nodes.byRole.get("uncertainty")
    if over is None:
        return
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        if composite.GetBackgroundVolumeID() == base.GetID():
            composite.SetForegroundVolumeID(over.GetID())
            composite.SetForegroundOpacity(opacity)


def markCorners(names: Sequence[str], text: str) -> None:
    """Text in the lower right corner of views with synthetic voxels, where there is a desktop
    application with views."""
    application: Any = getattr(slicer, "app", None)
    manager: Any = application.layoutManager() if hasattr(application, "layoutManager") else None
    if manager is None:
        return
    for name in names:
        widget = manager.sliceWidget(name)
        if widget is not None:
            widget.sliceView().cornerAnnotation().SetText(vtk.vtkCornerAnnotation.LowerRight, text)
