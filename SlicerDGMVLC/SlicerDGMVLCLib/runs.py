"""The runs in a scene: which nodes belong together, found again after a scene was reopened, and
removed in one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import slicer
import vtk

RUN, ROLE, FINDING, CENTRE = "DGMVLC.Run", "DGMVLC.Role", "DGMVLC.Finding", "DGMVLC.Centre"


@dataclass
class ResultNodes:
    """Nodes of one run in the scene.

    Args:
        byRole: one node a role. attention: one heat map a finding. folderItem: its folder in the
            subject hierarchy, 0 before there is one.
        centre: RAS position (mm) of the region.
    """

    runId: str
    byRole: dict[str, Any] = field(default_factory=dict)
    attention: dict[str, Any] = field(default_factory=dict)
    folderItem: int = 0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def all(self) -> list[Any]:
        """Every node of the run."""
        return [*self.byRole.values(), *self.attention.values()]


def groupRun(scene: Any, nodes: ResultNodes, title: str) -> None:
    """Put a run's nodes into a folder of their own and mark each with run, role and finding, so
    that `findRuns` finds them."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    nodes.folderItem = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), title)
    hierarchy.SetItemAttribute(nodes.folderItem, RUN, nodes.runId)
    for role, node in (
        *nodes.byRole.items(),
        *(("attention", heat) for heat in nodes.attention.values()),
    ):
        node.SetAttribute(RUN, nodes.runId)
        node.SetAttribute(ROLE, role)
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(nodes.folderItem, node)
        hierarchy.SetItemParent(item, nodes.folderItem)
    for finding, heat in nodes.attention.items():
        heat.SetAttribute(FINDING, finding)
    nodes.byRole["original"].SetAttribute(
        CENTRE, " ".join(f"{value:.6g}" for value in nodes.centre)
    )


def findRuns(scene: Any) -> list[ResultNodes]:
    """The runs a scene holds, in the order of their folders; also those of a scene file that was
    opened."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folders, items, runs = vtk.vtkIdList(), vtk.vtkIdList(), []
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), folders)
    for folder in (folders.GetId(index) for index in range(folders.GetNumberOfIds())):
        run = ResultNodes(hierarchy.GetItemAttribute(folder, RUN), folderItem=folder)
        hierarchy.GetItemChildren(folder, items)
        for node in (
            hierarchy.GetItemDataNode(items.GetId(index)) for index in range(items.GetNumberOfIds())
        ):
            role = node.GetAttribute(ROLE) if node is not None else None
            if role == "attention":
                run.attention[node.GetAttribute(FINDING) or node.GetName()] = node
            elif role:
                run.byRole[role] = node
        if run.runId and run.byRole:
            place = (
                (run.byRole["original"].GetAttribute(CENTRE) or "").split()
                if "original" in run.byRole
                else []
            )
            run.centre = (
                (float(place[0]), float(place[1]), float(place[2]))
                if len(place) == 3
                else run.centre
            )
            runs.append(run)
    return runs


def runTitle(scene: Any, nodes: ResultNodes) -> str:
    """Name of a run's folder."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    return str(hierarchy.GetItemName(nodes.folderItem)) if nodes.folderItem else nodes.runId


def removeNode(scene: Any, node: Any) -> None:
    """A node with its display and storage nodes; one that is no longer in the scene is left
    alone."""
    if not scene.IsNodePresent(node):
        return
    own = [node.GetStorageNode()] if node.IsA("vtkMRMLStorableNode") else []
    if node.IsA("vtkMRMLDisplayableNode"):
        own += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    for helper in filter(None, own):
        scene.RemoveNode(helper)
    scene.RemoveNode(node)


def removeRun(scene: Any, nodes: ResultNodes) -> None:
    """Take a run out of the scene, with its display and storage nodes and its folder; views and
    colour tables stay.

    What the user has deleted already, or closed with the scene, is passed over.
    """
    for node in nodes.all:
        removeNode(scene, node)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    # Numbers of items are used again in the next scene, so the folder must say that it is this
    # run's.
    if (
        nodes.folderItem
        and hierarchy is not None
        and hierarchy.GetItemAttribute(nodes.folderItem, RUN) == nodes.runId
    ):
        hierarchy.RemoveItem(nodes.folderItem)
