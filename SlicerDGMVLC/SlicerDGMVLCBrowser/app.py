"""The viewer: what the page's controls do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trame_rca.module
from SlicerDGMVLCLib.events import Heartbeat
from SlicerDGMVLCLib.protocol import WorkerCommand
from SlicerDGMVLCLib.records import asFields
from SlicerDGMVLCPresenters.case import DRAWN, FILE, PROPOSED
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.page import page
from trame.app import TrameApp

from . import choose
from .access import Access
from .ahead import Ahead
from .cases import Cases
from .drawing import Drawing
from .files import Files
from .form import Form
from .jobs import Jobs
from .opening import Opening
from .page import build_page
from .pointer import Pointer
from .review import Review
from .saving import SETTINGS, Saving
from .stage import Stage
from .state import START
from .teach import TeachTab
from .transfers import Transfers
from .worker import WorkerSession
from .workspace import Workspace

STATIC = Path(__file__).parent / "static"
TYPING_S = 0.5


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
        self._comment: tuple[str, int, str] = ("", 0, "")
        self.desk = Desk()
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
        self.stage = Stage(self.server, self.say)
        self.jobs = Jobs(
            self.desk,
            self.state,
            workspace,
            lambda tell: WorkerSession(tell, command),
            finished=self._on_result,
            changed=self.refresh,
            say=self.say,
            beat=self._on_beat,
        )
        self.ahead, self.files, self.cases = Ahead(self), Files(self), Cases(self)
        self.form, self.opening, self.saving = Form(self), Opening(self), Saving(self)
        self.drawing = Drawing(self)
        self.pointer = Pointer(self)
        self.teach = TeachTab(self)
        self.review = Review(self)
        self._connect()
        self.ui = build_page(self)

    def _connect(self) -> None:
        triggers: dict[str, Callable[..., Any]] = {
            "scroll": self.stage.scroll,
            "save": self.beside(self.saving.save),
            "stop_saving": self.saving.stop,
            "browse": self.files.browse,
            "pick": self.beside(self.files.pick),
            "recent": self.beside(self.cases.open),
            "stop_opening": self.opening.stop,
            "keep": self.cases.keep,
            "unmark": self.unmark,
            "forget": self.cases.forget,
            "run_undo": self.undo_run,
            "run_redo": self.redo_run,
            "to_change": self.stage.to_change,
            "swap": self.stage.swap,
            "uploaded": self.beside(self.opening.upload),
            "upload_failed": self.opening.upload_failed,
            "review_key": self.beside(self.review.key),
            "draw": self.drawing.choose,
            "fit": self.stage.fit,
            "preset": self.pointer.preset,
        }
        for name, action in triggers.items():
            self.ctrl.trigger(name)(action)
        changes: dict[tuple[str, ...], Callable[..., Any]] = {
            ("report",): self._on_report,
            ("preset",): self.pointer.preset,
            ("slab",): lambda **_: self.stage.views.slab(float(self.state.slab or 0)),
            ("lock_vessels", "lock_outside"): self.drawing.lock,
            ("device",): lambda **_: self.ahead.machine(),
            ("threads",): self.ahead.on_threads,
            self.form.NAMES: self.form.changed,
            ("slice",): self.stage.on_slider,
            SETTINGS[1:]: lambda **_: self.stage.overlays(),
            ("finding", "what", "target", "tab"): self._on_choice,
            ("region_from", "region_path", "region_segment"): self._on_region_choice,
        }
        for names, action in changes.items():
            self.state.change(*names)(action)
        self.ctrl.on_server_ready.add(lambda **_: self.later(self._prepare()))

    async def _prepare(self) -> None:
        """What would make the first scan and the first run wait, done while the user reads the
        page."""
        asyncio.get_running_loop().set_exception_handler(_ignore_closed_tabs)
        await self.jobs.warm()
        for layout in ("scan", "columns"):
            await asyncio.sleep(0.5)
            self.stage.views.make(layout)

    def later(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine beside the server; kept until it is done, so that it is not collected
        half-way."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def beside(self, action: Callable[..., Any]) -> Callable[..., None]:
        """An action begun and not waited for: until it is answered the page is not heard, so
        nothing could be stopped."""

        def begin(*given: Any) -> None:
            self.later(action(*given))

        return begin

    def refresh(self) -> None:
        """Tell page and views what the desk says now."""
        says = asFields(page(self.desk))
        with self.state as state:
            if (shown := self.review.comment_shown()) == self._comment:
                del says["review_comment"]  # what is being typed into it stays
            self._comment = shown
            changed = {name: value for name, value in says.items() if state[name] != value}
            if changed:
                state.update(changed)
        self.ahead.go_on()
        picture = self.desk.picture()
        if picture.layout != "quiz":
            self.teach.views.hide()
        self.stage.render(picture, self.teach.views.again)
        self.pointer.rendered()
        region = self.desk.case.region
        self.drawing.show(
            picture.layout == "scan" and self.desk.tab != "review" and region.origin == DRAWN
        )
        if self.desk.must_read() and self._typing is None:
            self.later(self.jobs.read_report())

    def unsay(self) -> None:
        """Take the sentence on the page away."""
        self.say("")

    def say(self, sentence: str, advice: str = "", kind: str = "error") -> None:
        """Show one sentence on the page, and what to do."""
        with self.state as state:
            state.message, state.advice, state.message_kind = sentence, advice, kind

    def checked_path(self, text: str) -> Path | None:
        """What was typed as a path; None when it is none, which is said."""
        try:
            return choose.clean_path(str(text))
        except choose.PathError as error:
            self.say(str(error))
            return None

    # report, region, run -----------------------------------------------------

    def _on_report(self, report: str, **_: Any) -> None:
        if not self.desk.write_report(str(report or "")[:100_000]):
            self.refresh()
            return
        if self._typing is not None:
            self._typing.cancel()

        async def when_quiet() -> None:
            await asyncio.sleep(TYPING_S)
            self._typing = None
            await self.jobs.read_report()

        self._typing = self.later(when_quiet())
        self.refresh()

    def _on_choice(self, **_: Any) -> None:
        state, desk = self.state, self.desk
        desk.tab = str(state.tab)
        if not desk.opening:
            desk.choose_finding(int(state.finding or 0))
            desk.case.what, desk.case.target = str(state.what), str(state.target or "")
        self.refresh()

    def _on_region_choice(self, **_: Any) -> None:
        state = self.state
        if not self.desk.opening and str(state.region_from) != self.desk.case.region.origin:
            self.jobs.forget_region()
        if str(state.region_from) == DRAWN and not self.desk.opening:
            if self.desk.case.region.origin != DRAWN:
                self.drawing.start()
        elif not self.desk.opening:
            self.desk.choose_region(
                str(state.region_from),
                str(state.region_path or ""),
                str(state.region_segment or ""),
            )
        self.refresh()

    async def propose_region(self) -> None:
        """Let the worker look for the finding's region and show it over the scan."""
        scan = self.desk.case.scan
        if scan is None or self.desk.work.busy or self.desk.why_not_propose():
            return
        self.unsay()
        self.drawing.drop()
        self.desk.choose_region(PROPOSED)
        self.desk.forget_proposal()
        await self.jobs.propose(scan)

    async def run_or_cancel(self) -> None:
        """The one button: start the run, or stop it."""
        if self.desk.work.busy:
            self.jobs.cancel()
            return
        scan, region = self.desk.case.scan, self.desk.case.region
        if scan is None or self.desk.why_not_run():
            return
        if region.origin == FILE and self.checked_path(region.path) is None:
            return
        if region.origin == DRAWN and not self.drawing.save():
            return
        self.unsay()
        await self.jobs.run(scan)

    def _on_result(self, path: Path) -> None:
        self.take_result(path, time.strftime("%H:%M"))

    def take_result(self, path: Path, when: str) -> None:
        """A finished result of the open case, shown at once."""
        try:
            run = self.stage.load_run(self.desk.coming, path)
        except (OSError, ValueError) as error:
            self.say(str(error))
            return
        self.desk.add_result(run.title, str(path), when, run.manifest.passed)

    def _on_beat(self, beat: Heartbeat) -> None:
        self.ahead.machine(beat)
        self.cases.keep_costs()

    def unmark(self) -> None:
        """What was measured and pointed at is not marked any more."""
        self.pointer.forget()
        self.stage.views.crosshair(None)

    def undo_run(self) -> None:
        """Take the last run back."""
        if not self.desk.work.busy and self.desk.undo_run():
            self.refresh()

    def redo_run(self) -> None:
        """The run that was taken back last."""
        if not self.desk.work.busy and self.desk.redo_run():
            self.refresh()

    def show_scan(self) -> None:
        """The scan alone."""
        self.desk.show_scan()
        self.refresh()

    def show_run(self, number: int, layout: str = "") -> None:
        """A result of the open case in the columns."""
        self.desk.show_result(int(number or 0), str(layout))
        self.refresh()

    def remove_run(self, number: int) -> None:
        """Take a result off the list and out of the scene."""
        self.desk.remove_result(int(number))
        self.refresh()
        self.stage.remove_run(int(number))

    async def close(self) -> None:
        """End the worker."""
        await self.jobs.worker.stop()
