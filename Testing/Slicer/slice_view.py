"""A slice view drawn without a display by Slicer's own displayable managers: what a reader would
see, as pixels."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
)


class SliceView:
    """One view of a slice node that is in the scene already."""

    def __init__(self, application, node, size=400):
        self.node, self.size = node, size
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(size, size)
        self.renderer = vtk.vtkRenderer()
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application.logic)
        application.logic.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(application.scene)
        self.logic.SetSliceNode(node)
        for index in range(application.scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
            composite = application.scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
            if composite.GetLayoutName() == node.GetLayoutName():
                self.logic.SetSliceCompositeNode(composite)
        node.SetMappedInLayout(1)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application.logic)
        for name in MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.group = factory.InstantiateDisplayableManagers(self.renderer)
        self.group.SetMRMLDisplayableNode(node)
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        mapper.SetInputConnection(self.logic.GetImageDataConnection())
        actor = vtk.vtkActor2D()
        actor.SetMapper(mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(actor)

    def pixels(self):
        """What is drawn now: uint8 (size,size,3), first row on top."""
        self.logic.ResizeSliceNode(self.size, self.size)
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        return (
            vtk_to_numpy(image.GetPointData().GetScalars())
            .reshape(self.size, self.size, -1)[::-1]
            .copy()
        )

    def at(self, ras):
        """Pixel (row, column) of a position (RAS mm)."""
        matrix = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), matrix)
        x, y = matrix.MultiplyPoint((*ras, 1.0))[:2]
        return self.size - 1 - round(y), round(x)


def coloured(pixels):
    """Where a pixel is no grey: bool (H,W)."""
    wide = pixels.astype(np.int16)
    return wide.max(-1) - wide.min(-1) > 30
