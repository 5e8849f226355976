"""The panel: joins its sections to parameters and worker, and decides what can be done now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

from .compare_box import CompareBox
from .environment import Environment
from .events import Preview, Ready, Region
from .logic import Job
from .orders import Orders
from .parameters import Parameters, Quality, Question, parametersOf
from .preview import PreviewLayer
from .readiness import whyNoComparison, whyNot
from .region_box import RegionBox
from .report_box import ReportBox
from .results_box import ResultsBox
from .review_box import ReviewBox
from .runner import Runner
from .sample import loadSample
from .services import Services
from .session import Session
from .setup_box import SetupBox
from .teach_box import TeachBox

AUTOMATIC = "automatic"
BUSY_LOCKED = (
    "inputSelector",
    "sampleButton",
    "reportSelector",
    "reportEdit",
    "regionSelector",
    "parameterSelector",
    "findingsTable",
)


class Panel(VTKObservationMixin):
    """Everything between the widgets of the .ui file and the session.

    Args:
        ui: the widgets by name. scene: vtkMRMLScene. services: the application's part.
        makeParameters: gives the scene's default set of choices.
    """

    def __init__(
        self, ui: Any, scene: Any, services: Services, makeParameters: Callable[[], Parameters]
    ) -> None:
        VTKObservationMixin.__init__(self)
        self.ui, self.scene, self.services = ui, scene, services
        self._makeParameters = makeParameters
        self.parameters: Any = None  # Parameters, with what the wrapper adds
        self._guiTag: Any = None
        self._problem = ""
        self.orders = Orders(scene, services.settings, services.temporaryPath, self._onRegionNote)
        self._waiting: list[Any] = []  # runs that finished while another module was open
        self._preview = PreviewLayer(scene)
        self.entered = False
        self.environment = Environment(services.settings, self.log, services.processFactory)
        self.session = Session(
            lambda listener: Runner(
                self.environment.command, listener, self.log, services.processFactory
            ),
            self,
        )
        self.setup = SetupBox(ui, self.environment, services.confirm, self._onEnvironment)
        self.report = ReportBox(
            ui,
            self.session.askReport,
            lambda: self.setup.usable,
            self.refresh,
            lambda text: self.onProblem(text, ""),
        )
        self.region = RegionBox(ui, services.editSegment, self.refresh, self._regionName)
        self.results = ResultsBox(ui, scene, services, self.onProblem)
        self.compare = CompareBox(ui, scene, self.results, self._onCompare, self.onProblem)
        ahead = partial(self._ask, ahead=True)
        self.review = ReviewBox(
            ui, scene, self._ask, ahead, self.orders.path, self.onProblem, services.openFolder
        )
        self.teach = TeachBox(ui, scene, self._ask, self.orders.newFolder, self.onProblem)
        self._connect()

    def _connect(self) -> None:
        ui = self.ui
        ui.applyButton.connect("clicked(bool)", self._onApply)
        ui.proposeButton.connect("clicked(bool)", self._onPropose)
        ui.sampleButton.connect("clicked(bool)", self._onSample)
        ui.deviceCombo.connect("currentIndexChanged(int)", self._onDevice)
        ui.outputPath.setCurrentPath(str(self.orders.folder))
        ui.outputPath.connect("currentPathChanged(QString)", self._onOutput)
        ui.parameterSelector.addAttribute("vtkMRMLScriptedModuleNode", "ModuleName", "SlicerDGMVLC")
        ui.parameterSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onParameterNode)
        self.addObserver(self.scene, self.scene.StartCloseEvent, self._onStartClose)
        self.addObserver(self.scene, self.scene.EndCloseEvent, self._onEndClose)
        self.addObserver(self.scene, self.scene.EndImportEvent, self._onEndImport)
        self.addObserver(self.scene, self.scene.NodeRemovedEvent, self._onNodeRemoved)
        ui.progressBar.hide()
        ui.progressLabel.hide()

    # parameters

    def setParameters(self, parameters: Any) -> None:
        """Show and observe a set of choices; None to let go."""
        if self.parameters:
            self.parameters.disconnectGui(self._guiTag)
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._onParameters)
        self.parameters = parameters
        if parameters:
            self._guiTag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._onParameters)
            blocked = self.ui.parameterSelector.blockSignals(True)
            self.ui.parameterSelector.setCurrentNode(parameters.parameterNode)
            self.ui.parameterSelector.blockSignals(blocked)
            if not parameters.inputVolume:
                parameters.inputVolume = self.scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        self.report.setParameters(parameters)
        self.region.setParameters(parameters)
        self.refresh()

    def enter(self) -> None:
        """The module is shown: look at the set-up once, and show what finished meanwhile."""
        self.entered = True
        if self.parameters is None:
            self.setParameters(self._makeParameters())
        if self.setup.found is None and not self.environment.busy:
            self.setup.check()
        self.region.active = True
        self.region.refresh()
        waiting, self._waiting = self._waiting, []
        for run in waiting:
            self.results.show(run)
        self.refresh()

    def exit(self) -> None:
        """Another module is shown; runs go on."""
        self.entered = self.region.active = False

    def close(self) -> None:
        """Let go of everything: worker, observers, files."""
        self.session.close()
        self._preview.remove()
        self.setup.close()
        self.report.close()
        self.region.close()
        if self.parameters:
            self.parameters.disconnectGui(self._guiTag)
            self.parameters = None
        self.removeObservers()
        self.orders.close()

    def _onParameters(self, caller: Any = None, event: Any = None) -> None:
        self._problem = ""
        self.report.refresh()
        self.region.refresh()
        self.refresh()

    def _onParameterNode(self, node: Any) -> None:
        if node is not None and self.parameters and node is not self.parameters.parameterNode:
            self.setParameters(parametersOf(node))

    # the scene

    def _onStartClose(self, caller: Any = None, event: Any = None) -> None:
        self.session.abandon()
        self.setParameters(None)
        self.results.clear()
        for box in (self.compare, self.review, self.teach):
            box.clear()
        self._waiting = []
        self._preview.forget()
        self.orders.close()

    def _onEndClose(self, caller: Any = None, event: Any = None) -> None:
        self._problem = ""
        if self.entered:
            self.setParameters(self._makeParameters())
        self.refresh()

    def _onEndImport(self, caller: Any = None, event: Any = None) -> None:
        """A scene was opened, and may have brought other choices."""
        if self.parameters:
            self.setParameters(self._makeParameters())
        qt.QTimer.singleShot(
            0, self.results.adopt
        )  # after the subject hierarchy has put its items in order

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeRemoved(self, caller: Any, event: Any, node: Any) -> None:
        if node is not None and node.GetID() in self.session.volumes:
            self.session.abandon()
            qt.QTimer.singleShot(0, self._onScanLost)  # after the parameters have heard of it

    def _onScanLost(self) -> None:
        if self.parameters:
            self.onProblem(
                "The scan was removed from the scene, so its run was stopped.",
                "Choose a scan and press Apply.",
            )

    # what the user does

    def _onOutput(self, path: str) -> None:
        self.orders.folder = path

    def _onDevice(self, index: int) -> None:
        if self.parameters and index >= 0:
            self.parameters.device = "" if index == 0 else self.ui.deviceCombo.itemText(index)

    def _onSample(self, checked: bool = False) -> None:
        try:
            volume, region, report = loadSample(self.scene)
        except OSError as error:
            self.onProblem(str(error), "")
            return
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        if self.parameters:
            self.parameters.inputVolume = volume
            self.parameters.reportNode = report
            self.parameters.regionNode = region
        region.GetDisplayNode().SetVisibility2DFill(False)

    def _regionName(self) -> str:
        chosen = self.report.chosen()
        return str(chosen[0][1]["term"]) if chosen else "region"

    def _onApply(self, checked: bool = False) -> None:
        if self.session.running:
            self.session.cancel()
        elif self.parameters:
            self._problem = ""
            try:
                jobs = self.orders.runs(self.parameters, self.report.chosen())
            except (ValueError, OSError) as error:
                self.onProblem(str(error), "")
                return
            self.session.run(jobs, self.parameters.preview)

    def _onCompare(self, hypotheses: list[str]) -> None:
        if not self.parameters or self.session.running:
            return
        self._problem = ""
        try:
            job = self.orders.comparison(self.parameters, hypotheses, self.report.chosen())
        except (ValueError, OSError) as error:
            self.onProblem(str(error), "")
            return
        self.session.task(
            "compare",
            replace(
                job, answered=lambda answer: self.compare.accept(str(answer.get("record", "")))
            ),
        )

    def _ask(
        self,
        task: str,
        request: dict[str, Any],
        title: str,
        answered: Callable[[dict[str, Any]], None],
        ahead: bool = False,
    ) -> None:
        """A task of the reading room; several may wait for the worker. ahead: nobody waits yet."""
        self._problem = self._problem if ahead else ""
        job = Job(0, title, request, "", answered)
        (self.session.ahead if ahead else self.session.task)(task, job)

    def _onRegionNote(self, note: str) -> None:
        self.log(note)
        self.ui.regionLabel.setText(note)

    def _onPropose(self, checked: bool = False) -> None:
        if not self.parameters or self.session.running:
            return
        self._problem = ""
        try:
            number, finding = self.report.chosen()[0]
            request = self.orders.proposal(self.parameters, number)
        except (ValueError, OSError) as error:
            self.onProblem(str(error), "")
            return
        self.session.askRegion(request, finding["term"])

    # what the session says

    def onReady(self, ready: Ready) -> None:
        """The worker is there: offer its devices."""
        combo = self.ui.deviceCombo
        blocked = combo.blockSignals(True)
        combo.clear()
        combo.addItem(AUTOMATIC)
        for device in ready.devices:
            combo.addItem(device)
        wanted = self.parameters.device if self.parameters else ""
        combo.setCurrentIndex(ready.devices.index(wanted) + 1 if wanted in ready.devices else 0)
        combo.blockSignals(blocked)
        self.report.onKnown(self.session.known)
        self.compare.offer(self.session.known)
        self.log(
            f"Worker {ready.version}, weights {ready.weights.get('name', '?')}, devices "
            f"{', '.join(ready.devices)}"
        )
        self.refresh()

    def onFindings(self, findings: list[dict[str, Any]]) -> None:
        """The report has been read."""
        self.report.onFindings(findings, self.session.known)

    def onRegion(self, region: Region, title: str) -> None:
        """A region has been proposed."""
        volume = self.parameters.inputVolume if self.parameters else None
        if volume is None:
            return
        try:
            self.region.accept(region.path, volume, title, region.sentence)
        except ValueError as error:
            self.onProblem(str(error), "")

    def onProgress(self, share: float, words: str) -> None:
        """A run is so far."""
        self.ui.progressBar.setValue(round(100 * share))
        self.ui.progressLabel.setText(words)

    def onPreview(self, preview: Preview, job: Job) -> None:
        """One slice is there early: shown while the user is here to see it."""
        if self.entered:
            self._preview.show(preview.path, job.volumeId)
        self.log(f"Preview of slice {preview.slice}: {preview.note}")

    def onResult(self, manifest: str, job: Job) -> None:
        """A run is done: show it, now or when the module is open again."""
        self._preview.remove()
        run = self.results.add(manifest, job.title)
        if run is None:
            return
        if self.entered:
            self.results.show(run)
        else:
            self._waiting.append(run)
            self.services.statusMessage(f"DGM-VLC: {job.title} is ready.")

    def onAnswer(self, answer: dict[str, Any], job: Job) -> None:
        """A task is done."""
        job.answered(answer)
        if not self.entered:
            self.services.statusMessage(f"DGM-VLC: {job.title} is ready.")

    def onProblem(self, message: str, advice: str) -> None:
        """Show what went wrong until the next try."""
        self._problem = " ".join(filter(None, (message, advice)))
        self.log(self._problem)
        self.refresh()

    def onStateChanged(self) -> None:
        """Something began or ended."""
        if not self.session.running:
            self._preview.remove()
        self.refresh()

    def log(self, line: str) -> None:
        """Add a line to the log."""
        self.ui.logText.appendPlainText(line)

    # what can be done now

    def _onEnvironment(self) -> None:
        self.session.restart()
        if self.setup.usable:
            self.report.askAgain()
        self.refresh()

    def reason(self) -> str:
        """Why Apply is disabled; "" when it is not."""
        if not self.parameters:
            return "The scene is being closed."
        if self.setup.problem:
            return self.setup.problem
        return whyNot(self.parameters, self.report.findings, self.session.known)

    def comparisonReason(self) -> str:
        """Why no hypotheses can be compared now; "" when they can."""
        if not self.parameters:
            return "The scene is being closed."
        return self.setup.problem or whyNoComparison(
            self.parameters, self.report.findings, self.session.known
        )

    def refresh(self) -> None:
        """Enable what can be done now, and say why the rest cannot."""
        ui, running = self.ui, self.session.running
        reason = "" if running else self.reason()
        stop = "Cancelling …" if self.session.cancelling else "Cancel"
        ui.applyButton.setText(stop if running else "Apply")
        ui.applyButton.setEnabled(not self.session.cancelling and not reason)
        hint = reason or "Compute the counterfactual."
        ui.applyButton.setToolTip("Stop the run; nothing is written." if running else hint)
        ui.reasonLabel.setText("" if running else self._problem or reason)
        ui.progressBar.setVisible(running)
        ui.progressLabel.setVisible(running)
        for name in BUSY_LOCKED:
            getattr(ui, name).setEnabled(not running)
        self.setup.lock(running)
        self.compare.refresh("A run is under way." if running else self.comparisonReason())
        self.review.refresh(self.setup.problem, running)
        self.teach.refresh(self.setup.problem, running)
        parameters = self.parameters
        ui.targetEdit.setEnabled(bool(parameters and parameters.question is Question.INSTEAD))
        own = bool(parameters and parameters.quality is Quality.CUSTOM)
        ui.noisesSpin.setEnabled(own)
        ui.stepsSpin.setEnabled(own)
        where = bool(parameters and parameters.inputVolume and self.report.chosen())
        ui.proposeButton.setEnabled(where and not running and self.setup.usable)
