"""The viewer: what the page's controls do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trame_rca.module
from SlicerDGMVLCLib.protocol import WorkerCommand
from trame.app import TrameApp

from . import choose, offers
from .access import Access
from .jobs import Jobs
from .page import build_page
from .review import Review
from .saving import save_scene
from .scans import ScanError, open_scan
from .stage import Stage
from .state import START, why_not
from .teach import Teach
from .transfers import Transfers
from .worker import WorkerSession
from .workspace import Workspace

STATIC = Path(__file__).parent / "static"
TYPING_S = 0.5
OVERLAYS = tuple(
    f"{kind}_{what}"
    for kind in ("show", "opacity")
    for what in ("attention", "heat", "uncertainty", "mask")
)
CHOICES = (
    "finding",
    "findings",
    "what",
    "target",
    "region_from",
    "region_path",
    "scan_name",
    "running",
)


def _ignore_closed_tabs(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What was on its way to a tab that was closed is no error."""
    if not isinstance(context.get("exception"), ConnectionError):
        loop.default_exception_handler(context)


class Viewer(TrameApp):
    """One session, shared by every tab that shows it.

    Args:
        access: token and port. workspace: private folder. command: how to start the worker; the
            core beside this package when None.
    """

    def __init__(
        self, access: Access, workspace: Workspace, command: WorkerCommand | None = None
    ) -> None:
        super().__init__(server="dgmvlc", client_type="vue3")
        self.access, self.workspace = access, workspace
        self.state.update(START)
        self.transfers = Transfers(workspace)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._typing: asyncio.Task[Any] | None = None
        self.server.enable_module(
            trame_rca.module
        )  # views are made after the start, its routes before
        self.server.enable_module(
            {
                "serve": {"dgmvlc": str(STATIC)},
                "scripts": ["dgmvlc/viewer.js"],
                "styles": ["dgmvlc/viewer.css"],
            }
        )
        self.stage = Stage(self.server)
        self.jobs = Jobs(
            self.state,
            workspace,
            lambda tell: WorkerSession(tell, command),
            finished=self._on_result,
            preview=self._on_preview,
            region=self._on_region,
            say=self.say,
        )
        self.teach = Teach(self)
        self.review = Review(self)
        self._connect()
        self.ui = build_page(self)

    def _connect(self) -> None:
        triggers: dict[str, Callable[..., Any]] = {
            "scroll": self.stage.scroll,
            "save": self.save,
            "browse": self.browse,
            "pick": self.pick,
            "uploaded": self.open_upload,
            "upload_failed": self._on_upload_failed,
            "review_key": self.review.key,
        }
        for name, action in triggers.items():
            self.ctrl.trigger(name)(action)
        changes: dict[tuple[str, ...], Callable[..., Any]] = {
            ("report",): self._on_report,
            ("preset",): lambda **_: self.stage.window(),
            ("slice",): self.stage.on_slider,
            (*OVERLAYS, "map"): lambda **_: self.stage.runs.overlays(self.state),
            CHOICES: self._on_choice,
            ("region_from", "finding"): self._on_other_region,
        }
        for names, action in changes.items():
            self.state.change(*names)(action)
        self.ctrl.on_server_ready.add(lambda **_: self._later(self._prepare()))

    async def _prepare(self) -> None:
        """What would make the first scan and the first run wait, done while the user reads the
        page."""
        asyncio.get_running_loop().set_exception_handler(_ignore_closed_tabs)
        await self.jobs.warm()
        for layout in ("scan", "columns"):
            await asyncio.sleep(0.5)
            self.stage.views.make(layout)

    def _later(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine beside the server; kept until it is done, so that it is not collected
        half-way."""
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
        from DGMVLCCore.ground.resources import resource

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

    async def open_path(self, text: str, series: int | None = None, **how: Any) -> bool:
        """Open a scan file or a DICOM folder (of several series, one); says why when it cannot, and
        offers what would make it readable.

        Args:
            how: "untilt", "orientation": how else it is read.
        """
        if self.state.scan_busy or self.state.running or self.state.region_busy:
            self.say(
                "A scan is being opened or the worker is busy with this one; wait for it or "
                "cancel the run.",
                kind="info",
            )
            return False
        with self.state as state:
            state.scan_busy, state.message, state.advice, state.files_open = True, "", "", False
            offers.withdraw(state)
        try:
            scan = await open_scan(
                self.stage.scene,
                choose.clean_path(str(text)),
                self.workspace.new("scans", "scan.nrrd"),
                series,
                **how,
            )
        except (ScanError, choose.PathError) as error:
            offers.offer(self.state, str(text), getattr(error, "option", ""))
            self.say(str(error))
            return False
        finally:
            with self.state as state:
                state.scan_busy = False
        self.stage.take_scan(scan)
        with self.state as state:
            state.scan_reading = offers.as_fields(series, how)
            state.scan_name, state.scan_facts, state.scan_path = (
                scan.path.name,
                scan.facts,
                str(scan.path),
            )
            state.region_from, state.region_path, state.region_segment, state.region_note = (
                "proposed",
                "",
                "",
                "",
            )
        if scan.modality != "CT":
            self.say(
                f"{scan.path.name} is no CT ({scan.modality}); it can be looked at, but the "
                "weights are for chest CT.",
                kind="info",
            )
        return True

    async def open_offered(self) -> None:
        """Open the scan that was refused, read as the reader of the page chose."""
        chosen = offers.chosen(self.state)
        if chosen is None:
            self.say(offers.WHICH[self.state.scan_offer], kind="info")
        else:
            await self.open_path(self.state.scan_offered, **chosen)

    # report, region, run -----------------------------------------------------

    def _on_report(self, report: str, **_: Any) -> None:
        if self._typing is not None:
            self._typing.cancel()

        async def when_quiet() -> None:
            await asyncio.sleep(TYPING_S)
            await self.jobs.read_report(str(report or "")[:100_000])

        self._typing = self._later(when_quiet())

    def _on_choice(self, **_: Any) -> None:
        self.state.cannot_run = why_not(self.state)

    def _on_other_region(self, **_: Any) -> None:
        """A proposed region belongs to its finding."""
        if self.stage.has_region or self.state.region_busy:
            self.stage.forget_region()
            self.jobs.forget_region()

    async def propose_region(self) -> None:
        """Let the worker look for the finding's region and show it over the scan."""
        if (
            self.stage.scan is None
            or self.state.running
            or self.state.region_busy
            or not self.state.finding
        ):
            return
        self.stage.forget_region()
        self.state.region_path = ""
        await self.jobs.propose(self.jobs.request(self.stage.scan.path))

    async def run_or_cancel(self) -> None:
        """The one button: start the run, or stop it."""
        if self.state.running:
            self.jobs.cancel()
            return
        self._on_choice()
        if self.stage.scan is None or self.state.cannot_run:
            return
        if self.state.region_from == "file":
            try:
                choose.clean_path(self.state.region_path)
            except choose.PathError as error:
                self.say(str(error))
                return
        with self.state as state:
            state.message, state.advice = "", ""
        await self.jobs.run(self.jobs.request(self.stage.scan.path))

    def _on_region(self, path: Path) -> None:
        try:
            self.stage.show_region(path)
        except ScanError as error:
            self.say(str(error))

    def _on_preview(self, path: Path, index: int, _note: str) -> None:
        try:
            self.stage.show_preview(path, index)
        except ScanError as error:
            self.say(str(error))

    def _on_result(self, path: Path) -> None:
        try:
            self.stage.add_run(path)
        except (OSError, ValueError) as error:
            self.say(str(error))

    async def save(self) -> str:
        """Write the scene in a process of its own; returns the address to download it from, or an
        empty text."""
        if self.state.saving:
            return ""
        if not self.stage.runs.all:
            self.say("There is no result to save yet; run an edit first.", kind="info")
            return ""
        with self.state as state:
            state.saving = True
        try:
            path = await save_scene(
                self.stage.runs, self.state, self.workspace.new("scenes", "scene.mrb")
            )
            return self.transfers.offer(
                path, f"{self.state.scan_name.split('.')[0] or 'scan'} DGM-VLC.mrb"
            )
        except ScanError as error:
            self.say(str(error))
            return ""
        finally:
            with self.state as state:
                state.saving = False

    # files ----------------------------------------------------------------------

    def browse(self, folder: str = "", what: str = "") -> None:
        """List a folder of this machine in the file dialog; `what` is `scan` or `mask`."""
        if what:
            self.state.files_for = what
        endings = choose.MASKS if self.state.files_for == "mask" else choose.SCANS
        try:
            path = choose.clean_path(str(folder) or self.state.files_folder or str(Path.home()))
            path = path if path.is_dir() else path.parent
            files, note = choose.list_folder(path, endings)
        except choose.PathError as error:
            with self.state as state:
                state.files_note = str(error)
            return
        with self.state as state:
            state.files_open, state.files_folder, state.files, state.files_note = (
                True,
                str(path),
                files,
                note,
            )

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
