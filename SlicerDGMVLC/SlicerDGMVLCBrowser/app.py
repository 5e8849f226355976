"""The viewer: puts scene, views, worker and page together."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import trame_rca.module
from trame.app import TrameApp

from SlicerDGMVLCLib.protocol import WorkerCommand

from . import choose
from .access import Access
from .jobs import Jobs
from .page import build_page
from .readout import in_words, under_cursor
from .runs import Runs
from .saving import save_scene
from .scans import Scan, ScanError, load_volume_node, open_scan
from .state import EMPTY_READOUT, START
from .transfers import Transfers
from .views import COLUMNS, GROUPS, PRESETS, SCAN, Views, start_scene
from .worker import WorkerSession
from .workspace import Workspace

STATIC = Path(__file__).parent / "static"
TYPING_S = 0.5
CORNERS = {"Original": "Original", "Counterfactual": "Counterfactual · synthetic, research use only", "Difference": "Difference · counterfactual − original, HU"}


class Viewer(TrameApp):
    """One session, shared by every tab that shows it.

    Args:
        access: token and port. workspace: private folder. command: how to start the worker; the core beside this package when None.
    """

    def __init__(self, access: Access, workspace: Workspace, command: WorkerCommand | None = None) -> None:
        super().__init__(server="dgmvlc", client_type="vue3")
        self.access, self.workspace = access, workspace
        self.state.update(START)
        self.transfers = Transfers(workspace)
        self.scan: Scan | None = None
        self.preview: Any | None = None
        self.region: Any | None = None
        self._hovered = "ScanAxial"
        self._moved: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._typing: asyncio.Task[Any] | None = None
        self.server.enable_module(trame_rca.module)  # views are made after the start, its routes before
        self.server.enable_module({"serve": {"dgmvlc": str(STATIC)}, "scripts": ["dgmvlc/viewer.js"], "styles": ["dgmvlc/viewer.css"]})
        self.slicer = start_scene()
        self.views = Views(self.slicer, self.server, self._on_moved, self._on_cursor)
        self.runs = Runs(self.views)
        self.jobs = Jobs(self.state, workspace, lambda tell: WorkerSession(tell, command), finished=self._on_result, preview=self._on_preview,
                         region=self._on_region, say=self.say)
        self._connect()
        self.ui = build_page(self)

    def _connect(self) -> None:
        for name, action in (("scroll", self.scroll), ("save", self.save), ("browse", self.browse), ("pick", self.pick), ("uploaded", self.open_upload), ("upload_failed", self._on_upload_failed)):
            self.ctrl.trigger(name)(action)
        for names, action in ((("report",), self._on_report), (("preset",), self._on_preset), (("slice",), self._on_slider),
                              (("show_attention", "opacity_attention", "show_heat", "opacity_heat", "map", "show_uncertainty", "opacity_uncertainty",
                                "show_mask", "opacity_mask"), self._on_overlays),
                              (("finding", "region_from", "what", "target", "scan_path", "running", "findings", "region_path"), self._on_choice)):
            self.state.change(*names)(action)
        self.ctrl.on_server_ready.add(lambda **_: self._later(self._prepare()))

    async def _prepare(self) -> None:
        """What would make the first scan and the first run wait, done while the user reads the page."""
        await self.jobs.warm()
        for layout in ("scan", "columns"):
            await asyncio.sleep(0.5)
            self.views.make(layout)

    def _later(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine beside the server; kept until it is done, so that it is not collected half-way."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def say(self, sentence: str, advice: str = "", kind: str = "error") -> None:
        """Show one sentence on the page, and what to do."""
        with self.state as state:
            state.message, state.advice, state.message_kind = sentence, advice, kind

    # scan ------------------------------------------------------------------

    async def open_sample(self) -> None:
        """Open the scan that comes with the program, with its report and its nodule."""
        from DGMVLCCore._resources import resource

        sample = resource("sample")
        if await self.open_path(str(sample / "ct.nrrd")):
            with self.state as state:
                state.report = (sample / "report.txt").read_text(encoding="utf-8").strip()
                state.region_from, state.region_path = "file", str(sample / "nodule.nrrd")

    async def open_upload(self, batch: str) -> None:
        """Open what was uploaded."""
        with self.state as state:
            state.upload_share = 0.0
        path = self.transfers.uploaded(str(batch))
        if path is not None:
            await self.open_path(str(path))

    def _on_upload_failed(self, sentence: str) -> None:
        with self.state as state:
            state.upload_share = 0.0
        self.say(str(sentence)[:300])

    async def open_path(self, text: str) -> bool:
        """Open a scan file or a DICOM folder; says why when it cannot."""
        if self.state.scan_busy or self.state.running:
            self.say("A scan is being opened or a run is going on; wait for it or cancel it.", kind="info")
            return False
        with self.state as state:
            state.scan_busy, state.message, state.advice, state.files_open = True, "", "", False
        try:
            scan = await open_scan(self.slicer.scene, choose.clean_path(str(text)), self.workspace.new("scans", "scan.nrrd"))
        except (ScanError, choose.PathError) as error:
            self.say(str(error))
            return False
        finally:
            with self.state as state:
                state.scan_busy = False
        self._take(scan)
        return True

    def _take(self, scan: Scan) -> None:
        old, self.scan = self.scan, scan
        self._forget_region()
        self.views.window([scan.node], self.state.preset)
        self.runs.shown = None
        with self.state as state:
            state.scan_name, state.scan_facts, state.scan_path = scan.path.name, scan.facts, str(scan.path)
            state.region_path, state.region_segment, state.shown_run = "", "", ""
            state.readout = EMPTY_READOUT
        self._layout("scan")
        for name in SCAN:
            self.views.show(name, scan.node)
        self.views.fit(SCAN)
        if old is not None:
            self._drop(old.node)
        if scan.modality != "CT":
            self.say(f"{scan.path.name} is no CT ({scan.modality}); it can be looked at, but the weights are for chest CT.", kind="info")

    def _drop(self, node: Any) -> None:
        for own in (node.GetStorageNode(), node.GetDisplayNode(), node):
            if own is not None:
                self.slicer.scene.RemoveNode(own)

    # report, region, run -----------------------------------------------------

    def _on_report(self, report: str, **_: Any) -> None:
        if self._typing is not None:
            self._typing.cancel()

        async def when_quiet() -> None:
            await asyncio.sleep(TYPING_S)
            await self.jobs.read_report(str(report or "")[:100_000])

        self._typing = self._later(when_quiet())

    def _on_choice(self, **_: Any) -> None:
        state = self.state
        chosen = next((row for row in state.findings if row["number"] == state.finding), None)
        reason = ""
        if self.scan is None:
            reason = "Open a scan first."
        elif chosen is None:
            reason = "Paste a report and choose a finding."
        elif chosen["presence"] == "absent" and state.what == "without":
            reason = "The report says this finding is absent; choose “instead” or another finding."
        elif not chosen["taught"]:
            reason = f"The weights were not taught “{chosen['term']}”; choose another finding."
        elif state.what == "instead" and not (state.target or "").strip():
            reason = "Say what to show instead."
        elif state.region_from == "file" and not state.region_path:
            reason = "Choose the segmentation file of the region."
        state.cannot_run = reason

    async def propose_region(self) -> None:
        """Let the worker look for the finding's region and show it over the scan."""
        if self.scan is not None and not self.state.running and not self.state.region_busy and self.state.finding:
            self._forget_region()
            self.state.region_path = ""
            await self.jobs.propose(self.jobs.request(self.scan.path))

    async def run_or_cancel(self) -> None:
        """The one button: start the run, or stop it."""
        if self.state.running:
            self.jobs.cancel()
            return
        self._on_choice()
        if self.scan is None or self.state.cannot_run:
            return
        if self.state.region_from == "file":
            try:
                choose.clean_path(self.state.region_path)
            except choose.PathError as error:
                self.say(str(error))
                return
        with self.state as state:
            state.message, state.advice = "", ""
        await self.jobs.run(self.jobs.request(self.scan.path))

    def _on_region(self, path: Path) -> None:
        from SlicerDGMVLCLib.scene import _loadSegments

        self._forget_region()
        try:
            self.region = _loadSegments(self.slicer.scene, path, "Proposed region")
        except ValueError as error:
            self.say(str(error))
            return
        display = self.region.GetDisplayNode()
        display.SetVisibility2DFill(False)
        display.SetViewNodeIDs(self.views.ids(SCAN))
        bounds = [0.0] * 6
        self.region.GetRASBounds(bounds)
        if self.runs.shown is None:
            for name, axis in zip(SCAN, (2, 1, 0)):
                self.views.view(name).set_slice_value((bounds[2 * axis] + bounds[2 * axis + 1]) / 2)

    def _forget_region(self) -> None:
        if self.region is not None:
            self._drop(self.region)
            self.region = None
        self.state.region_note = ""

    def _on_preview(self, path: Path, index: int, note: str) -> None:
        if self.scan is None:
            return
        try:
            node = load_volume_node(self.slicer.scene, path, "Preview (synthetic – research use only)")
        except ScanError as error:
            self.say(str(error))
            return
        old, self.preview = self.preview, node
        self.views.window([node], self.state.preset)
        self._layout("pair")
        self.views.show("Original", self.scan.node)
        self.views.show("Counterfactual", node)
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        self.views.fit(list(COLUMNS[:1]))
        place = (bounds[4] + bounds[5]) / 2
        for name in COLUMNS[:2]:
            view = self.views.view(name)
            view.get_view_node().SetFieldOfView(*self.views.view("Original").get_view_node().GetFieldOfView())
            view.get_view_node().GetSliceToRAS().DeepCopy(self.views.view("Original").get_view_node().GetSliceToRAS())
            view.get_view_node().UpdateMatrices()
            view.set_slice_value(place)
        self._corner_titles({"Counterfactual": f"Preview of slice {index + 1} · synthetic, research use only"})
        if old is not None:
            self._drop(old)

    def _on_result(self, path: Path) -> None:
        try:
            run = self.runs.add(path)
        except (OSError, ValueError) as error:
            self.say(str(error))
            return
        if self.preview is not None:
            self._drop(self.preview)
            self.preview = None
        self.views.window(self.runs.ct_volumes(), self.state.preset)
        self.show_run(run.number)

    # runs ---------------------------------------------------------------------

    def show_run(self, number: int) -> None:
        """Show a run in the columns."""
        run = self.runs.get(int(number))
        if run is None:
            return
        nodes = run.nodes
        self.runs.show(run, self.views.layout if self.views.layout in ("columns", "rows") else "columns")
        with self.state as state:
            state.shown_run, state.plan, state.explanation, state.gates = run.number, run.title, run.explanation, run.gates
            state.maps = list(nodes.attention)
            state.map = next(iter(nodes.attention), "")
            state.has = {"attention": "attention-segments" in nodes.byRole, "heat": bool(nodes.attention), "uncertainty": "uncertainty" in nodes.byRole,
                         "mask": "edit-mask" in nodes.byRole}
            state.layout = self.views.layout
        self._list_runs()
        self._corner_titles()
        self.runs.overlays(self.state)

    def remove_run(self, number: int) -> None:
        """Take a run off the list and out of the scene."""
        run = self.runs.get(int(number))
        if run is None:
            return
        self.runs.remove(run)
        self._list_runs()
        if self.state.shown_run == run.number:
            if self.runs.all:
                self.show_run(self.runs.all[-1].number)
            else:
                self.show_scan()

    def _list_runs(self) -> None:
        with self.state as state:
            state.runs = [{"number": run.number, "title": run.title, "when": run.arrived, "scan": run.scan_name, "ok": all(gate["passed"] for gate in run.gates)}
                          for run in reversed(self.runs.all)]

    def show_scan(self) -> None:
        """The scan alone, in three planes."""
        self.runs.shown = None
        with self.state as state:
            state.shown_run = ""
        self._layout("scan" if self.scan else "empty")
        self.views.fit(SCAN)

    def choose_layout(self, layout: str) -> None:
        """Columns alone, or with a coronal row."""
        if self.runs.shown is not None and layout in ("columns", "rows"):
            self.views.show_layout(layout)
            self.show_run(self.runs.shown.number)

    def _layout(self, layout: str) -> None:
        self.views.show_layout(layout)
        with self.state as state:
            state.layout = layout
        self._corner_titles()
        for name in self.views.visible:
            self._on_moved(name)

    async def save(self) -> str:
        """Write the scene in a process of its own; returns the address to download it from, or an empty text."""
        if self.state.saving:
            return ""
        if not self.runs.all:
            self.say("There is no result to save yet; run an edit first.", kind="info")
            return ""
        with self.state as state:
            state.saving = True
        try:
            path = await save_scene(self.runs, self.state, self.workspace.new("scenes", "scene.mrb"))
            return self.transfers.offer(path, f"{self.state.scan_name.split('.')[0] or 'scan'} DGM-VLC.mrb")
        except ScanError as error:
            self.say(str(error))
            return ""
        finally:
            with self.state as state:
                state.saving = False

    # views --------------------------------------------------------------------

    def _corner_titles(self, changed: dict[str, str] | None = None) -> None:
        titles = {**CORNERS, **{f"{name}Coronal": title for name, title in CORNERS.items()},
                  **dict(zip(SCAN, ("Axial", "Coronal", "Sagittal"))), **(changed or {})}
        with self.state as state:
            state.titles = titles

    def _on_moved(self, name: str) -> None:
        """Collect moves and show them once a turn of the event loop: six linked views move together."""
        if not self._moved:
            with contextlib.suppress(RuntimeError):  # before the server runs there is nothing to show
                asyncio.get_running_loop().call_later(0.03, self._show_places)
        self._moved.add(name)

    def _show_places(self) -> None:
        self._moved.clear()
        visible = self.views.visible
        places = {}
        for name in visible:
            now, count = self.views.position(name)
            places[name] = f"{now} / {count}" if count else ""
        main = "ScanAxial" if "ScanAxial" in visible else "Original"
        with self.state as state:
            state.places = places
            state.slice, state.slices_of = self.views.position(main) if main in visible else (0, 0)
        if self._hovered in visible and self.state.readout["place"]:
            self._on_cursor(self._hovered, under_cursor(self.views.view(self._hovered)))

    def _on_slider(self, slice: Any, **_: Any) -> None:
        main = "ScanAxial" if self.views.layout == "scan" else "Original"
        if main in self.views.visible and slice and int(slice) != self.views.position(main)[0]:
            self.views.go(main, int(slice))

    def scroll(self, steps: int) -> None:
        """Move the view under the cursor, and those linked with it, by slices."""
        visible = self.views.visible
        name = self._hovered if self._hovered in visible else next(iter(visible), "")
        if name:
            now, _ = self.views.position(name)
            self.views.go(name, now + int(steps))

    def _on_cursor(self, name: str, ras: tuple[float, float, float]) -> None:
        self._hovered = name
        run = self.runs.shown
        if run is not None and GROUPS[name] < 2:
            texts = in_words(ras, *(run.nodes.byRole[role] for role in ("original", "counterfactual", "difference")))
        elif self.scan is not None:
            texts = in_words(ras, self.scan.node, None, None)
        else:
            return
        if texts != self.state.readout:
            with self.state as state:
                state.readout = texts

    def _on_preset(self, preset: str, **_: Any) -> None:
        if preset in PRESETS:
            volumes = self.runs.ct_volumes() + [node for node in (self.scan and self.scan.node, self.preview) if node is not None]
            self.views.window(volumes, preset)

    def _on_overlays(self, **_: Any) -> None:
        self.runs.overlays(self.state)

    # files ----------------------------------------------------------------------

    def browse(self, folder: str = "", what: str = "") -> None:
        """List a folder of this machine in the file dialog."""
        if what:
            self.state.files_for = what
        endings = choose.MASKS if self.state.files_for == "mask" else choose.SCANS
        try:
            path = choose.clean_path(folder or self.state.files_folder or str(Path.home()))
            path = path if path.is_dir() else path.parent
            files, note = choose.list_folder(path, endings)
        except choose.PathError as error:
            self.say(str(error))
            return
        with self.state as state:
            state.files_open, state.files_folder, state.files, state.files_note = True, str(path), files, note

    async def pick(self, path: str) -> None:
        """Use a file of the file dialog, or a folder as a DICOM series."""
        if self.state.files_for == "mask":
            with self.state as state:
                state.region_from, state.region_path, state.files_open = "file", str(path), False
        else:
            await self.open_path(path)

    async def close(self) -> None:
        """End the worker."""
        await self.jobs.worker.stop()
