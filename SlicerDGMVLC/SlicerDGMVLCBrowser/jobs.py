"""Requests to the worker and their answers: the presenters say what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.events import Ended, Event, Heartbeat, Ready
from SlicerDGMVLCLib.records import Fields, asFields
from SlicerDGMVLCPresenters.case import Scan
from SlicerDGMVLCPresenters.clinical import clinical_words
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.dialogue import Dialogue
from SlicerDGMVLCPresenters.presets import QUALITY
from SlicerDGMVLCPresenters.requests import EditRequest
from SlicerDGMVLCPresenters.work import AHEAD, REGION, REPORT, RUN, TASK

from .worker import WorkerSession
from .workspace import Workspace

Answered = Callable[[Fields], None]


class Jobs(Dialogue):
    """Talks to one worker for the desk.

    Args:
        state: trame state; for the others see `Dialogue`.
    """

    def __init__(
        self,
        desk: Desk,
        state: Any,
        workspace: Workspace,
        worker: Callable[[Callable[[Event], None]], WorkerSession],
        *,
        finished: Callable[[Path], None],
        changed: Callable[[], None],
        say: Callable[[str, str], None],
        beat: Callable[[Heartbeat], None] = lambda beat: None,
    ) -> None:
        super().__init__(
            desk,
            self._cancel,
            finished=finished,
            changed=changed,
            say=say,
            ready=self._offer,
            beat=beat,
        )
        self.state, self.workspace = state, workspace
        self.worker = worker(self._on_event)

    def _offer(self, event: Ready) -> None:
        with self.state as state:
            state.worker, state.devices = "ready", list(event.devices)
            state.known = list(event.findings)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Ended):
            self.state.worker = "ended"
        self.on_event(event)

    async def warm(self) -> None:
        """Start the worker, so that the first run need not wait for it."""
        await self.worker.ensure()

    # requests -------------------------------------------------------------------

    async def read_report(self) -> None:
        """Ask for the findings of the open case's report."""
        client = await self.worker.ensure()
        if self.desk.must_read():
            self.send(client, self.desk.order(REPORT))

    async def propose(self, scan: Scan) -> None:
        """Ask for a region of the chosen finding."""
        request = self.request(scan, "region.seg.nrrd")
        await self._seen(REGION, "", asFields(request), lambda answer: None)

    async def run(self, scan: Scan) -> None:
        """Start a run; a second press while one runs does nothing."""
        request = self.request(scan, time.strftime("run-%H%M%S"))
        await self._seen(RUN, "", asFields(request), lambda answer: None)

    async def task(self, name: str, request: Fields, answered: Answered) -> None:
        """Start a task of the core; its progress is shown like a run's, and `answered` gets its
        answer. Nothing while something runs."""
        await self._seen(TASK, name, request, answered)

    async def _seen(self, kind: str, name: str, request: Fields, answered: Answered) -> None:
        work = self.desk.work
        if work.busy:
            return
        work.begin(kind, name)
        order = self.desk.order(kind, name, request, answered=answered)
        self._changed()
        client = await self.worker.ensure()
        if order.case not in (None, self.desk.case.number):
            work.idle()
            return
        self.send(client, order)

    async def ahead(self, name: str, request: Fields, answered: Answered) -> None:
        """Start a task that will be wanted soon, unseen; what the user starts stops it, or takes it
        over when it is the same."""
        client = await self.worker.ensure()
        if not self.desk.work.busy and AHEAD not in self.desk.work.kinds():
            self.send(client, self.desk.order(AHEAD, name, request, answered=answered))

    async def unseen(self, kind: str, name: str, request: Fields, answered: Answered) -> None:
        """Have something computed for the open case that nobody waits for yet."""
        order = self.desk.order(kind, name, request, answered=answered)
        client = await self.worker.ensure()
        if order.case == self.desk.case.number and not self.desk.opening:
            self.send(client, order)

    def forget_region(self) -> None:
        """A region that is being looked for is not wanted any more."""
        self._cancel(self.desk.work.drop(REGION))

    def leave(self, ids: list[str]) -> None:
        """The case of these requests is closed."""
        self._cancel(ids)

    def _cancel(self, ids: list[str]) -> None:
        if self.worker.client is not None:
            for id in ids:
                self.worker.client.cancel(id)

    def request(self, scan: Scan, out: str) -> EditRequest:
        """The core's request as the desk describes it. out: name of what it writes."""
        case, state = self.desk.case, self.state
        noises, steps = QUALITY.get(state.quality, QUALITY["standard"])
        region = case.region
        return EditRequest(
            image=scan.path,
            report_text=case.report,
            out=str(self.workspace.new("results", out)),
            finding=case.finding or None,
            noises=noises,
            steps=steps,
            mask=region.path or None,
            segment=region.path and region.segment.strip() or None,
            target=case.target.strip() if case.what == "instead" else None,
            slices=case.slices,
            device=state.device or None,
            clinical=clinical_words(case.clinical),
            **vars(scan.reading),
        )
