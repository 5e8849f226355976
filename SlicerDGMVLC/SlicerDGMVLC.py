"""DGM-VLC in 3D Slicer: counterfactual chest CT from a scan, its report and a region. The work is
done by a process beside Slicer."""

import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

FOLDER = Path(__file__).resolve().parent
# before site-packages: an installed core carries this library too, perhaps an older one
sys.path.insert(0, str(FOLDER))

from SlicerDGMVLCLib.parameters import parametersOf  # noqa: E402
from SlicerDGMVLCLib.sample import CATEGORY, NAME, loadSample, sampleFolder  # noqa: E402
from SlicerDGMVLCLib.services import applicationServices  # noqa: E402
from SlicerDGMVLCLib.widget import Panel  # noqa: E402

NOTICE = "Research use only; not a medical device."


class SlicerDGMVLC(ScriptedLoadableModule):
    """What Slicer lists."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("DGM-VLC counterfactual CT")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = []
        parent.contributors = ["DGM-VLC contributors"]
        parent.helpText = (
            _(
                "Shows what a patient's chest CT would look like without a finding, or with "
                "another one: choose the scan, paste the report, "
                "check a finding, press Run. Voxels outside the region stay the patient's own. "
            )
            + NOTICE
        )
        parent.acknowledgementText = _(
            "After arXiv 2410.13823. Sample scan: LIDC-IDRI (CC BY 3.0), "
            "doi:10.7937/K9/TCIA.2015.LO9QL9SX."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer the carried sample in the Sample Data module; its files are read where they lie,
    nothing is downloaded."""
    import SampleData

    try:
        scan = sampleFolder() / "ct.nrrd"
    except FileNotFoundError:
        return
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=scan.as_uri(),
        fileNames=scan.name,
        nodeNames=NAME,
        thumbnailFileName=str(FOLDER / "Resources" / "Icons" / "SlicerDGMVLC.png"),
        customDownloader=lambda source: list(loadSample(slicer.mrmlScene)),
    )


class SlicerDGMVLCWidget(ScriptedLoadableModuleWidget):
    """Slicer's side of the panel: loads the .ui file and passes on what Slicer says."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.logic = None
        self.panel = None

    def setup(self):
        """The module is opened for the first time, or was reloaded."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = SlicerDGMVLCLogic()
        widget = slicer.util.loadUI(self.resourcePath("UI/SlicerDGMVLC.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.panel = Panel(
            slicer.util.childWidgetVariables(widget),
            slicer.mrmlScene,
            applicationServices(),
            self.logic.getParameterNode,
        )
        self.panel.setParameters(self.logic.getParameterNode())

    def enter(self):
        """The module is shown."""
        self.panel.enter()

    def exit(self):
        """Another module is shown."""
        self.panel.exit()

    def cleanup(self):
        """The module is reloaded or Slicer ends."""
        if self.panel:
            self.panel.close()
            self.panel = None


class SlicerDGMVLCLogic(ScriptedLoadableModuleLogic):
    """Gives the choices that are kept in the scene."""

    def getParameterNode(self):
        """The scene's default set of choices."""
        return parametersOf(ScriptedLoadableModuleLogic.getParameterNode(self))


class SlicerDGMVLCTest(ScriptedLoadableModuleTest):
    """Runs inside Slicer: the panel and the scene, without a worker."""

    def setUp(self):
        """Start from an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Everything."""
        for test in (self.test_sample, self.test_panel, self.test_scene_close):
            self.setUp()
            test()
        self.delayDisplay("Test passed")

    def test_sample(self):
        """The carried sample loads: scan, nodule, report."""
        volume, region, report = loadSample(slicer.mrmlScene)
        self.assertEqual(volume.GetImageData().GetDimensions(), (512, 512, 14))
        self.assertEqual(region.GetSegmentation().GetNumberOfSegments(), 1)
        self.assertIn("33 mm", report.GetText())

    def test_panel(self):
        """Choices reach the parameter node and Run says what is missing."""
        slicer.util.selectModule("SlicerDGMVLC")
        panel = slicer.modules.SlicerDGMVLCWidget.panel
        self.assertFalse(panel.ui.applyButton.enabled)
        self.assertNotEqual(panel.ui.reasonLabel.text, "")
        panel.ui.sampleButton.click()
        self.assertEqual(panel.parameters.inputVolume.GetName(), NAME)
        panel.ui.targetEdit.setText("ground-glass opacity")
        self.assertEqual(panel.parameters.target, "ground-glass opacity")

    def test_scene_close(self):
        """After closing the scene the panel works on."""
        slicer.util.selectModule("SlicerDGMVLC")
        panel = slicer.modules.SlicerDGMVLCWidget.panel
        panel.ui.sampleButton.click()
        slicer.mrmlScene.Clear()
        self.assertIsNotNone(panel.parameters)
        self.assertIsNone(panel.parameters.inputVolume)
