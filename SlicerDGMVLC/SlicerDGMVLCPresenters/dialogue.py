"""The talk with the worker, the same for both skins: orders go out, answers come to the desk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

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
from SlicerDGMVLCLib.records import Fields

from .case import READING
from .desk import Desk
from .work import (
    LOOK,
    PREPARE,
    REGION,
    REPORT,
    RUN,
    SAVE,
    SEEN,
    STOPPED,
    SUGGEST,
    TASK,
    UNSEEN,
    Order,
)

TOO_LATE = "The run was finished before it could be stopped; its result is shown."


class Client(Protocol):
    """Who passes requests on; each method returns the request's id."""

    def report(self, text: str) -> str: ...
    def region(self, request: Fields) -> str: ...
    def job(self, request: Fields, preview: bool = ...) -> str: ...
    def task(self, name: str, request: Fields) -> str: ...


class Dialogue:
    """What is asked of a worker for the desk, and what becomes of its answers.

    Args:
        stop: cancels the requests of these ids. finished: gets the manifest of a result of the open
            case. changed: called after every change of the desk. say: gets (sentence, advice).
            ready, beat: get the worker's handshake and its signs of life.
    """

    def __init__(
        self,
        desk: Desk,
        stop: Callable[[list[str]], None],
        *,
        finished: Callable[[Path], None],
        changed: Callable[[], None],
        say: Callable[[str, str], None],
        ready: Callable[[Ready], None],
        beat: Callable[[Heartbeat], None],
    ) -> None:
        self.desk, self._stop = desk, stop
        self._finished, self._changed, self._say = finished, changed, say
        self._ready = ready
        self._handlers: dict[type, Callable[[Any], object]] = {
            Ready: self._on_ready,
            Findings: lambda event: self.desk.take_findings(event.id, event.findings),
            Region: self._on_region,
            Progress: self._on_progress,
            Preview: lambda event: self.desk.take_preview(event.id, event.path, event.slice),
            Result: self._on_result,
            Answer: self._on_answer,
            Cancelled: self._on_cancelled,
            Failed: self._on_failed,
            Ended: self._on_ended,
            Heartbeat: beat,
        }

    # orders ---------------------------------------------------------------------

    def send(self, client: Client, order: Order) -> str:
        """Give the worker an order; returns its id. It stops the work ahead, or takes it over when
        it is just this."""
        work = self.desk.work
        if order.kind in (*SEEN, SAVE):
            if order.kind == TASK and (taken := work.take_over(order.name, order.request)):
                work.retarget(taken, order)
                return taken
            self._stop(work.drop(*STOPPED))
        if order.kind == REPORT:
            id = client.report(self.desk.case.report)
        elif order.kind in (REGION, SUGGEST):
            id = client.region(order.request)
        elif order.kind == RUN:
            id = client.job(order.request, order.preview)
        else:
            id = client.task(order.name, order.request)
        self._stop(work.ask(id, order))
        return id

    def cancel(self) -> None:
        """Stop what is seen to run; of several, those that wait first, so that none of them
        starts."""
        if ids := self.desk.work.under_way():
            self.desk.work.cancelling = True
            self._stop(ids)
            self._changed()

    # answers --------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """What the worker says."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
            if not isinstance(event, Heartbeat):  # it changes no case; a text may be half typed
                self._changed()

    def _on_ready(self, event: Ready) -> None:
        self.desk.known = tuple(event.findings)
        self.desk.judge_findings()
        self._ready(event)

    def _on_region(self, event: Region) -> None:
        order = self.desk.work.order(event.id)
        unasked = order is not None and order.kind == SUGGEST
        take = self.desk.take_suggestion if unasked else self.desk.take_region
        take(event.id, event.path, event.sentence)

    def _on_progress(self, event: Progress) -> None:
        progress, order = self.desk.work.progress, self.desk.work.order(event.id)
        waited_for = order is not None and order.kind not in STOPPED
        if waited_for and progress is not None:  # a run waits for what is prepared, too
            progress.told(event.stage, event.share, event.secondsLeft)

    def _on_result(self, event: Result) -> None:
        wanted, late = self.desk.wants(event.id), self.desk.work.cancelling
        self.desk.work.done(event.id)
        if wanted:
            self._finished(Path(event.manifest))
            if late:
                self._say(TOO_LATE, "Undo takes it back.")

    def _on_answer(self, event: Answer) -> None:
        wanted = self.desk.wants(event.id)
        order = self.desk.work.done(event.id)
        if order is None or not wanted:
            return
        try:
            order.answered(event.answer)
        except ValueError as error:  # of another version of the core
            self._say(f"The worker's answer cannot be read ({error}).", "Use the core's version.")

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
            self._say(event.message, event.advice)

    def _on_unseen_failed(self, order: Order, sentence: str) -> None:
        """Nobody waits for it; it is said where it will be looked for."""
        case = self.desk.case
        if order.case != case.number:  # a study ahead says so when it is opened
            return
        if order.kind == PREPARE:
            case.prepared, case.scan_note = "failed", sentence
        elif order.kind == SUGGEST and not case.region.path:
            case.region.note = sentence
        elif order.kind == LOOK:  # the run will say why
            case.looked = case.looking

    def _on_ended(self, event: Ended) -> None:
        wished = event.planned or self.desk.work.cancelling
        lost = self.desk.work.ended()
        case = self.desk.case
        case.preview = None
        if not event.planned and case.prepared:
            case.prepared = "failed"  # or a worker that crashes would be started for ever
        if case.report_note == READING:
            case.report_note = ""
        if not wished:
            more = " The run is lost; nothing was written." if lost else ""
            self._say(f"{event.message}{more}", event.advice)
