"""The panel: joins its sections to parameters and worker, and decides what can be done now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.page import page
from SlicerDGMVLCPresenters.page_fields import Page
from SlicerDGMVLCPresenters.requests import Compared
from SlicerDGMVLCPresenters.work import Order

from .ahead import Ahead
from .arrange import showScan
from .compare_box import CompareBox
from .environment import Environment
from .events import Heartbeat, Ready
from .orders import Orders
from .parameters import Parameters, Question, parametersOf
from .preview import PreviewLayer
from .records import Fields, asFields, readRecord
from .region_box import RegionBox
from .report_box import ReportBox
from .results_box import ResultsBox
from .review_box import ReviewBox
from .run_box import RunBox
from .runner import Runner
from .sample import loadSample
from .services import Services
from .session import Session
from .setup_box import SetupBox
from .teach_box import TeachBox
from .volumes import scanOf, whyNotVolume


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
        self._refreshing = self._again = False
        self._scanId = ""  # of the volume that the desk's case is of
        self.desk = desk = Desk(suggests=False)
        self.orders = Orders(
            desk, scene, services.settings, services.temporaryPath, self._onRegionNote
        )
        self._waiting: list[Any] = []  # runs that finished while another module was open
        self._preview = PreviewLayer(scene)
        self.entered = False
        self.environment = Environment(services.settings, self.log, services.processFactory)
        self.session = Session(
            desk,
            lambda listener: Runner(
                self.environment.command, listener, self.log, services.processFactory
            ),
            finished=self._onResult,
            changed=self.refresh,
            say=self.onProblem,
            ready=self._onReady,
            beat=self._onBeat,
        )
        self._makeBoxes(services)
        self._connect()

    def _makeBoxes(self, services: Services) -> None:
        """The sections of the panel, from above."""
        ui, scene, desk = self.ui, self.scene, self.desk
        self.setup = SetupBox(ui, self.environment, services.confirm, self._onEnvironment)
        say = self.onProblem
        self.report = ReportBox(ui, desk, self._askReport, self.refresh, say)
        self.region = RegionBox(ui, desk, services.editSegment, self.refresh, say)
        self.run = RunBox(ui, desk, self._onRun, self._onPropose, self._onDevice)
        self.results = ResultsBox(ui, desk, scene, services, self._showScan, self.refresh, say)
        self.compare = CompareBox(ui, desk, scene, self.results, self._onCompare, self.refresh, say)
        self.review = ReviewBox(
            ui, scene, desk, self.session, self.orders.path, say, services.openFolder
        )
        self.teach = TeachBox(ui, scene, desk, self._task, self.orders.newFolder, self.refresh, say)
        self.ahead = Ahead(
            desk, self.session, self._preparation, self._reading, self._free, self.refresh
        )

    def _connect(self) -> None:
        ui = self.ui
        ui.sampleButton.connect("clicked(bool)", self._onSample)
        ui.outputPath.setCurrentPath(str(self.orders.folder))
        ui.outputPath.connect("currentPathChanged(QString)", self._onOutput)
        ui.parameterSelector.addAttribute("vtkMRMLScriptedModuleNode", "ModuleName", "SlicerDGMVLC")
        ui.parameterSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onParameterNode)
        self.addObserver(self.scene, self.scene.StartCloseEvent, self._onStartClose)
        self.addObserver(self.scene, self.scene.EndCloseEvent, self._onEndClose)
        self.addObserver(self.scene, self.scene.EndImportEvent, self._onEndImport)
        self.addObserver(self.scene, self.scene.NodeRemovedEvent, self._onNodeRemoved)

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
        waiting, self._waiting = self._waiting, []
        for run in waiting:
            self.results.show(run)
        self.refresh()

    def exit(self) -> None:
        """Another module is shown; runs go on."""
        self.entered = self.region.active = False

    def close(self) -> None:
        """Let go of everything: worker, observers, files."""
        self.ahead.close()
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
        self.refresh()

    def _onParameterNode(self, node: Any) -> None:
        if node is not None and self.parameters and node is not self.parameters.parameterNode:
            self.setParameters(parametersOf(node))

    # the scene

    def _onStartClose(self, caller: Any = None, event: Any = None) -> None:
        self.session.abandon()
        self.setParameters(None)
        self.results.clear()
        self.compare.clear()
        self.review.clear()
        self.teach.presenter.end()  # it is saved and can be gone on with
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
        if node is not None and node.GetID() == self._scanId:
            qt.QTimer.singleShot(0, self.refresh)  # after the parameters have heard of it

    # what the user does

    def _onOutput(self, path: str) -> None:
        self.orders.folder = path

    def _onDevice(self, device: str) -> None:
        if self.parameters:
            self.parameters.device = device

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

    def _askReport(self) -> None:
        if self.setup.usable:
            self.session.askReport()

    def _onRun(self) -> None:
        if self.session.running:
            self.session.cancel()
        elif self.parameters:
            self._order(lambda: self.session.start(*self.orders.runs(self.parameters)))

    def _onPropose(self) -> None:
        if self.parameters:
            self._order(lambda: self.session.start(self.orders.proposal(self.parameters)))

    def _onCompare(self) -> None:
        if self.parameters:
            self._order(
                lambda: self._task(
                    "compare",
                    asFields(self.orders.comparison(self.parameters)),
                    "comparison",
                    lambda answer: self.compare.accept(readRecord(Compared, answer).record),
                )
            )

    def _preparation(self, answered: Callable[[Fields], None]) -> Order:
        return self.orders.preparation(self.parameters, answered)

    def _reading(self, answered: Callable[[Fields], None]) -> Order:
        return self.orders.reading(self.parameters, answered)

    def _free(self) -> bool:
        """Whether the worker can be asked for what nobody waits for."""
        return bool(self.entered and self.parameters and self.setup.usable)

    def _order(self, give: Callable[[], None]) -> None:
        """Give an order; a choice that cannot be is said."""
        try:
            give()
        except (ValueError, OSError) as error:
            self.onProblem(str(error))

    def _task(
        self,
        name: str,
        request: Fields,
        title: str,
        answered: Callable[[Fields], None],
    ) -> None:
        """A task that is seen; who is elsewhere hears of its end."""

        def ready(answer: Fields) -> None:
            answered(answer)
            self._notify(title)

        self.session.task(name, request, title, ready)

    def _notify(self, title: str) -> None:
        if not self.entered:
            self.services.statusMessage(f"DGM-VLC: {title} is ready.")

    def _onRegionNote(self, note: str) -> None:
        self.log(note)
        self.ui.regionLabel.setText(note)

    # what the worker says

    def _onReady(self, ready: Ready) -> None:
        """The worker is there: offer its devices."""
        self.run.offer(ready.devices, self.parameters.device if self.parameters else "")
        self.compare.offer(self.desk.known)
        self.log(
            f"Worker {ready.version}, weights {ready.weights.get('name', '?')}, devices "
            f"{', '.join(ready.devices)}"
        )

    def _onBeat(self, beat: Heartbeat) -> None:
        self.desk.machine = replace(self.desk.machine, held_mb=beat.rssMb)

    def _onResult(self, manifest: Path) -> None:
        """A run is done: show it, now or when the module is open again."""
        self.desk.case.preview = None
        self._preview.remove()
        run = self.results.finished(manifest)
        if run is None:
            return
        if self.entered:
            self.results.show(run)
        else:
            self._waiting.append(run)
        self._notify(run.title)

    def onProblem(self, message: str, advice: str = "") -> None:
        """Show what went wrong until the next try; "" takes it away."""
        self._problem = " ".join(filter(None, (message, advice)))
        if self._problem:
            self.log(self._problem)
        self.refresh()

    def log(self, line: str) -> None:
        """Add a line to the log."""
        self.ui.logText.appendPlainText(line)

    # what can be done now

    def _onEnvironment(self) -> None:
        self.session.restart()
        self.ahead.forget()
        if self.setup.usable:
            self.report.askAgain()
        self.refresh()

    def _tellDesk(self) -> None:
        """What was chosen in the scene, as the desk's case."""
        parameters, desk = self.parameters, self.desk
        volume = parameters.inputVolume if parameters else None
        id = volume.GetID() if volume is not None else ""
        if id != self._scanId:
            lost = self.session.running and not id
            self._scanId = id
            self.session.stop(self._open(volume))
            if lost:
                self._problem = (
                    "The scan was removed from the scene, so its run was stopped. Choose a scan."
                )
        case = desk.case
        if case.scan is not None and volume is not None:
            case.scan = replace(case.scan, why_not=whyNotVolume(volume))
        if parameters:
            case.what = "instead" if parameters.question is Question.INSTEAD else "without"
            case.target = parameters.target
            case.slices = self.orders.slices(parameters)
            device = parameters.device or next(iter(self.run.devices), "")
            desk.machine = replace(desk.machine, device=device)
        desk.hypotheses = self.compare.chosen()

    def _open(self, volume: Any) -> list[str]:
        """Another volume is the scan, or none; returns the requests to cancel."""
        if volume is None:
            return self.desk.closed(self.desk.review.study)
        return self.desk.opened(scanOf(volume), self.desk.review.study)

    def refresh(self) -> None:
        """Tell the desk what was chosen, and show what it says; what changes meanwhile is shown
        after it."""
        self._again = True
        if self._refreshing:
            return
        self._refreshing = True
        try:
            while self._again:
                self._again = False
                self._tellDesk()
                self.report.refresh()
                self.region.refresh()
                self._show(page(self.desk))
        finally:
            self._refreshing = False
        self.ahead.goOn()

    def _show(self, says: Page) -> None:
        """Enable what can be done now, and say why the rest cannot."""
        running = says.running
        closing = "" if self.parameters else "The scene is being closed."
        unusable = closing or self.setup.problem
        busy = "A run is under way." if running else ""
        self.run.refresh(says, self.parameters, unusable, self._problem)
        self._showPreview()
        finding = "Finding the lungs …" if says.prepared == "asked" else ""
        self.ui.scanLabel.setText(finding or says.scan_note)
        self.ui.scanLabel.setVisible(bool(finding or says.scan_note))
        self.setup.lock(running)
        self.results.offer(says.run_undo, says.run_redo, busy or closing)
        self.compare.refresh(says, busy or unusable or says.compare_why)
        self.review.refresh(self.setup.problem, running)
        self.teach.refresh(self.setup.problem, running)

    def _showScan(self) -> None:
        """The scan alone, in its planes."""
        volume = self.parameters.inputVolume if self.parameters else None
        if volume is not None and self.entered:
            showScan(self.scene, volume)

    def _showPreview(self) -> None:
        """One slice of the result to come, while there is one and the user is here to see it."""
        preview = self.desk.case.preview
        if preview is None:
            self._preview.remove()
        elif self.entered:
            self._preview.show(preview[0], self._scanId)
