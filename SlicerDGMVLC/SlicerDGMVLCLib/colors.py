"""Colour tables: a diverging one for HU differences, a sequential one for attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

# Anchor colours at even steps. Diverging: pale blue – blue – black – red – pale orange, black at 0
# so that unchanged tissue
# does not glare beside a CT; sequential: black – purple – orange – pale yellow.
DIVERGING = (
    (0.62, 0.92, 1.00),
    (0.12, 0.44, 0.86),
    (0.04, 0.05, 0.06),
    (0.82, 0.20, 0.16),
    (1.00, 0.84, 0.52),
)
SEQUENTIAL = (
    (0.0, 0.0, 0.02),
    (0.34, 0.06, 0.43),
    (0.73, 0.21, 0.33),
    (0.98, 0.55, 0.04),
    (0.99, 1.0, 0.64),
)


def _blend(anchors: tuple[tuple[float, float, float], ...], share: float) -> list[float]:
    place = share * (len(anchors) - 1)
    low = min(int(place), len(anchors) - 2)
    part = place - low
    return [a * (1 - part) + b * part for a, b in zip(anchors[low], anchors[low + 1])]


def addColorTable(
    scene: Any,
    name: str,
    anchors: tuple[tuple[float, float, float], ...],
    label: Callable[[float], str],
) -> Any:
    """A 256-step user colour table; the same name gives back the node that is already there."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLColorTableNode")
        if node.GetName() == name:
            return node
    node = slicer.vtkMRMLColorTableNode()
    node.SetTypeToUser()
    node.SetNumberOfColors(256)
    node.SetName(name)
    node.SetAttribute("Category", "DGM-VLC")
    for index in range(256):
        node.SetColor(index, label(index / 255), *_blend(anchors, index / 255), 1.0)
        node.SetColorDefined(index, True)
    return scene.AddNode(node)
