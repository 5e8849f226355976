"""Requests to the worker and their answers: the presenters say what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.events import (
    Answer,
    Cancelled,
    Ended,
    Event,
    Failed,
    Findings,
    Heartbeat,
    Preview,
    Progress,
    Ready,
    Region,
    Result,
)
from SlicerDGMVLCPresenters.clinical import clinical_words
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.work import (
    AHEAD,
    PREPARE,
    REGION,
    REPORT,
    RUN,
    SUGGEST,
    TASK,
    UNSEEN,
    Order,
)

from .state import QUALITY
from .worker import WorkerSession
from .workspace import Workspace

Answered = Callable[[dict[str, Any]], None]


class Jobs:
    """Talks to one worker for the desk.

    Args:
        state: trame state. finished: gets the manifest of a result of the open case. changed:
            called after every change of the desk. say: gets (sentence, advice). beat: gets the
            worker's signs of life.
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
        self.desk, self.state, self.workspace = desk, state, workspace
        self.worker = worker(self._on_event)
        self._finished, self._changed, self._say = finished, changed, say
        self._handlers: dict[type, Callable[[Any], None]] = {
            Ready: self._on_ready,
            Findings: lambda event: self.desk.take_findings(event.id, event.findings),
            Region: self._on_region,
            Progress: self._on_progress,
            Preview: self._on_preview,
            Result: self._on_result,
            Answer: self._on_answer,
            Cancelled: self._on_cancelled,
            Failed: self._on_failed,
            Ended: self._on_ended,
            Heartbeat: beat,
        }

    async def warm(self) -> None:
        """Start the worker, so that the first run need not wait for it."""
        await self.worker.ensure()

    # requests -------------------------------------------------------------------

    async def read_report(self) -> None:
        """Ask for the findings of the open case's report."""
        client = await self.worker.ensure()
        if self.desk.must_read():
            order = self.desk.order(REPORT)
            self.desk.work.ask(client.report(self.desk.case.report), order)

    async def propose(self, request: dict[str, Any]) -> None:
        """Ask for a region of the chosen finding."""
        out = self.workspace.new("results", "region.seg.nrrd")
        await self._seen(REGION, "", {**request, "out": str(out)}, lambda answer: None)

    async def run(self, request: dict[str, Any]) -> None:
        """Start a run; a second press while one runs does nothing."""
        out = self.workspace.new("results", time.strftime("run-%H%M%S"))
        await self._seen(RUN, "", {**request, "out": str(out)}, lambda answer: None)

    async def task(self, name: str, request: dict[str, Any], answered: Answered) -> None:
        """Start a task of the core; its progress is shown like a run's, and `answered` gets its
        answer. Nothing while something runs."""
        await self._seen(TASK, name, request, answered)

    async def _seen(
        self, kind: str, name: str, request: dict[str, Any], answered: Answered
    ) -> None:
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
        if taken := work.take_over(name, request):
            work.retarget(taken, answered)
            return
        self._cancel(work.drop(AHEAD, SUGGEST))
        sends = {
            REGION: lambda: client.region(request),
            RUN: lambda: client.job(request),
            TASK: lambda: client.task(name, request),
        }
        work.ask(sends[kind](), order)

    async def ahead(self, name: str, request: dict[str, Any], answered: Answered) -> None:
        """Start a task that will be wanted soon, unseen; what the user starts stops it, or takes it
        over when it is the same."""
        client = await self.worker.ensure()
        if not self.desk.work.busy and AHEAD not in self.desk.work.kinds():
            order = self.desk.order(AHEAD, name, request, answered=answered)
            self.desk.work.ask(client.task(name, request), order)

    async def unseen(
        self, kind: str, name: str, request: dict[str, Any], answered: Answered
    ) -> None:
        """Have something computed for the open case that nobody waits for yet."""
        order = self.desk.order(kind, name, request, answered=answered)
        client = await self.worker.ensure()
        if order.case != self.desk.case.number or self.desk.opening:
            return
        id = client.region(request) if kind == SUGGEST else client.task(name, request)
        self._cancel(self.desk.work.ask(id, order))

    def cancel(self) -> None:
        """Stop what is seen to run."""
        if id := self.desk.work.seen():
            self.desk.work.cancelling = True
            self._cancel([id])
            self._changed()

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

    def request(self, image: Path) -> dict[str, Any]:
        """The core's request as the desk describes it."""
        case, state = self.desk.case, self.state
        noises, steps = QUALITY.get(state.quality, QUALITY["standard"])
        request: dict[str, Any] = {
            "image": str(image),
            "report_text": case.report,
            "finding": case.finding or None,
            "noises": noises,
            "steps": steps,
            "device": state.device or None,
            **(case.scan.reading if case.scan else {}),
        }
        if case.region.path:
            request["mask"] = case.region.path
            if case.region.segment.strip():
                request["segment"] = case.region.segment.strip()
        if case.what == "instead":
            request["target"] = case.target.strip()
        if case.slices:
            request["slices"] = list(case.slices)
        if said := clinical_words(case.clinical):
            request["clinical"] = said
        return request

    # answers --------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
            if not isinstance(event, Heartbeat):  # it changes no case; a text may be half typed
                self._changed()

    def _on_ready(self, event: Ready) -> None:
        self.desk.known = tuple(event.findings)
        self.desk.judge_findings()
        with self.state as state:
            state.worker, state.devices, state.known = (
                "ready",
                list(event.devices),
                list(event.findings),
            )

    def _on_region(self, event: Region) -> None:
        order = self.desk.work.order(event.id)
        if order is not None and order.kind == SUGGEST:
            self.desk.take_suggestion(event.id, event.path, event.sentence)
            return
        self.desk.take_region(event.id, event.path, event.sentence)

    def _on_preview(self, event: Preview) -> None:
        self.desk.take_preview(event.id, event.path, event.slice)

    def _on_progress(self, event: Progress) -> None:
        progress, order = self.desk.work.progress, self.desk.work.order(event.id)
        waited_for = order is not None and order.kind not in (AHEAD, SUGGEST)
        if waited_for and progress is not None:  # a run waits for what is prepared, too
            progress.told(event.stage, event.share, event.secondsLeft)

    def _on_result(self, event: Result) -> None:
        wanted = self.desk.wants(event.id)
        self.desk.work.done(event.id)
        if wanted:
            self._finished(Path(event.manifest))

    def _on_answer(self, event: Answer) -> None:
        wanted = self.desk.wants(event.id)
        order = self.desk.work.done(event.id)
        if order is not None and wanted:
            order.answered(event.answer)

    def _on_cancelled(self, event: Cancelled) -> None:
        order = self.desk.work.done(event.id)
        if order is not None and order.kind not in UNSEEN:
            self.desk.case.preview = None
            self._say("Cancelled; nothing was written.", "")

    def _on_failed(self, event: Failed) -> None:
        order = self.desk.work.done(event.id)
        if order is not None and order.kind == REPORT:
            self.desk.case.report_note = f"{event.message} {event.advice}".strip()
            return
        if order is not None and order.kind in UNSEEN:
            self._on_unseen_failed(order, event.message)
            return
        if order is not None or event.id is None:
            self.desk.case.preview = None
            self._say(event.message, event.advice.replace("Apply", "Run"))

    def _on_unseen_failed(self, order: Order, sentence: str) -> None:
        """Nobody waits for it; it is said where it will be looked for."""
        case = self.desk.case
        if order.case != case.number:  # a study ahead says so when it is opened
            return
        if order.kind == PREPARE:
            case.prepared, case.scan_note = "failed", sentence
        elif order.kind == SUGGEST and not case.region.path:
            case.region.note = sentence

    def _on_ended(self, event: Ended) -> None:
        self.desk.work.ended()
        self.desk.case.preview = None
        if not event.planned and self.desk.case.prepared:
            self.desk.case.prepared = "failed"  # or a worker that crashes would be started for ever
        if self.desk.case.report_note == "Reading …":
            self.desk.case.report_note = ""
        self.state.worker = "ended"
        if not event.planned:
            self._say(event.message, event.advice.replace("Apply", "Run"))
