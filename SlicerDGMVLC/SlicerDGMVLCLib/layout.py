"""Side-by-side layouts of linked slice views: any number of columns, or one that every Slicer
knows."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

LAYOUT_ID = 20251  # custom layouts of modules use numbers far from Slicer's own
COLORS = ("#f2b134", "#4f9dd0", "#d0604f", "#74b06a", "#a77fd0", "#d0a84f")
# A scene file keeps the number of its layout but not the description of a custom one, so saved
# scenes use Slicer's own three over three.
PORTABLE_LAYOUT_ID = slicer.vtkMRMLLayoutNode.SlicerLayoutThreeOverThreeView
PLANES_LAYOUT_ID = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
PLANES = (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal"))
NORMALS = {"Axial": 2, "Coronal": 1, "Sagittal": 0}
PORTABLE_ROWS = (("Axial", ("Red", "Green", "Yellow")), ("Coronal", ("Red+", "Green+", "Yellow+")))


def columnLayoutXml(names: list[str]) -> str:
    """Layout description with one axial slice view a column, named `names`."""
    items = "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{name}"><property '
        'name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{name[:1].upper()}</property>'
        '<property name="viewcolor" '
        f'action="default">{COLORS[index % len(COLORS)]}</property></view></item>'
        for index, name in enumerate(names)
    )
    return f'<layout type="horizontal">{items}</layout>'


def _sliceNode(scene: Any, name: str, orientation: str) -> Any:
    """The slice view of this name; made here when no layout logic is running."""
    node = scene.GetSingletonNode(name, "vtkMRMLSliceNode")
    if node is None:
        node = slicer.vtkMRMLSliceNode()
        node.SetName(name)
        node.SetLayoutName(name)
        node.SetSingletonTag(name)
        node = scene.AddNode(node)
    node.SetOrientation(orientation)
    return node


def showColumns(scene: Any, names: list[str]) -> list[Any]:
    """Switch to a row of axial views; returns their slice nodes in order."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    xml = columnLayoutXml(names)
    if layout.IsLayoutDescription(LAYOUT_ID):
        layout.SetLayoutDescription(LAYOUT_ID, xml)
    else:
        layout.AddLayoutDescription(LAYOUT_ID, xml)
    layout.SetViewArrangement(LAYOUT_ID)
    return [_sliceNode(scene, name, "Axial") for name in names]


def showPortableRows(scene: Any) -> list[list[Any]]:
    """Switch to Slicer's own three-over-three layout; returns its axial and its coronal row of
    slice nodes."""
    scene.GetFirstNodeByClass("vtkMRMLLayoutNode").SetViewArrangement(PORTABLE_LAYOUT_ID)
    rows = []
    for group, (orientation, names) in enumerate(PORTABLE_ROWS):
        views = [_sliceNode(scene, name, orientation) for name in names]
        for view in views:
            view.SetViewGroup(group)  # views follow each other within a group only
        rows.append(views)
    return rows


def showPlanes(scene: Any, volume: Any, ras: tuple[float, float, float]) -> list[Any]:
    """Switch to Slicer's own four-up layout with a volume in three planes through `ras` (mm);
    returns the slice nodes."""
    scene.GetFirstNodeByClass("vtkMRMLLayoutNode").SetViewArrangement(PLANES_LAYOUT_ID)
    views = [_sliceNode(scene, name, orientation) for name, orientation in PLANES]
    for view in views:
        showVolume(scene, view, volume)
        fitView(view, volume, ras)
    return views


def middle(node: Any) -> tuple[float, float, float]:
    """RAS position (mm) of a node's centre."""
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    return (bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, (bounds[4] + bounds[5]) / 2


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


def showVolume(scene: Any, view: Any, volume: Any) -> Any:
    """Put a volume into a view, linked to its neighbours; returns the composite node."""
    composite = compositeNode(scene, view.GetLayoutName())
    composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetForegroundVolumeID(None)
    composite.SetLinkedControl(1)
    composite.SetHotLinkedControl(1)
    composite.SetDoPropagateVolumeSelection(
        0
    )  # loading another scan must not replace what the columns compare
    return composite


def _nearestVoxel(volume: Any, ras: tuple[float, float, float]) -> list[float]:
    """RAS position (mm) of the voxel centre nearest to `ras`, so that a view shows a slice and not
    a blend of two."""
    toIndex, toRas = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(toIndex)
    volume.GetIJKToRASMatrix(toRas)
    size = volume.GetImageData().GetDimensions()
    index = toIndex.MultiplyPoint((*ras, 1.0))[:3]
    nearest = [min(max(round(i), 0), n - 1) for i, n in zip(index, size)]
    return list(toRas.MultiplyPoint((*nearest, 1.0))[:3])


def fitView(view: Any, volume: Any, ras: tuple[float, float, float]) -> None:
    """Fit the view to the volume and move it to the slice through `ras` (mm)."""
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    place = [(bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)]
    normal = NORMALS.get(view.GetOrientation(), 2)
    place[normal] = _nearestVoxel(volume, ras)[normal]
    side = 1.03 * max(
        bounds[2 * axis + 1] - bounds[2 * axis] for axis in range(3) if axis != normal
    )
    view.SetDimensions(400, 400, 1)
    view.SetFieldOfView(side, side, view.GetFieldOfView()[2])
    for row in range(3):
        view.GetSliceToRAS().SetElement(row, 3, place[row])
    view.UpdateMatrices()
