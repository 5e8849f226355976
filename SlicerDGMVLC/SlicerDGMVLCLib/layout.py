"""Side-by-side layouts of any number of linked slice views."""

from __future__ import annotations

from typing import Any

import slicer

LAYOUT_ID = 20251  # custom layouts of modules use numbers far from Slicer's own
COLORS = ("#f2b134", "#4f9dd0", "#d0604f", "#74b06a", "#a77fd0", "#d0a84f")


def columnLayoutXml(names: list[str]) -> str:
    """Layout description with one axial slice view a column, named `names`."""
    items = "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{name}"><property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{name[:1].upper()}</property>'
        f'<property name="viewcolor" action="default">{COLORS[index % len(COLORS)]}</property></view></item>'
        for index, name in enumerate(names))
    return f'<layout type="horizontal">{items}</layout>'


def showColumns(scene: Any, names: list[str]) -> list[Any]:
    """Switch to a row of linked axial views; returns their slice nodes in order."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    xml = columnLayoutXml(names)
    if layout.IsLayoutDescription(LAYOUT_ID):
        layout.SetLayoutDescription(LAYOUT_ID, xml)
    else:
        layout.AddLayoutDescription(LAYOUT_ID, xml)
    layout.SetViewArrangement(LAYOUT_ID)
    nodes = []
    for name in names:
        node = scene.GetSingletonNode(name, "vtkMRMLSliceNode")
        if node is None:  # no layout logic is running, so the view is made here
            node = slicer.vtkMRMLSliceNode()
            node.SetName(name)
            node.SetLayoutName(name)
            node.SetSingletonTag(name)
            node = scene.AddNode(node)
        node.SetOrientation("Axial")
        nodes.append(node)
    return nodes


def compositeNode(scene: Any, name: str) -> Any:
    """The slice composite node of a view, made when no slice logic has made it yet."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        if node.GetLayoutName() == name:
            return node
    node = slicer.vtkMRMLSliceCompositeNode()
    node.SetLayoutName(name)
    node.SetSingletonTag(name)
    return scene.AddNode(node)
