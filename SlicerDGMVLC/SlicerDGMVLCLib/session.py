"""The work between panel and worker: what was asked, what came back, what is still to do; no
widgets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from SlicerDGMVLCPresenters.progress import time_left

from .events import (
    Accepted,
    Answer,
    Cancelled,
    Ended,
    Event,
    Failed,
    Findings,
    Preview,
    Progress,
    Ready,
    Region,
    Result,
)
from .logic import Job

STAGES = {
    "loading": "loading the scan",
    "reading": "reading the scan",
    "editing": "editing",
    "writing": "writing the result",
    "making": "making the cases",
}


class Listener(Protocol):
    """What the session tells the panel."""

    def onReady(self, ready: Ready) -> None: ...
    def onFindings(self, findings: list[dict[str, Any]]) -> None: ...
    def onRegion(self, region: Region, title: str) -> None: ...
    def onProgress(self, share: float, words: str) -> None: ...
    def onPreview(self, preview: Preview, job: Job) -> None: ...
    def onResult(self, manifest: str, job: Job) -> None: ...
    def onAnswer(self, answer: dict[str, Any], job: Job) -> None: ...
    def onProblem(self, message: str, advice: str) -> None: ...
    def onStateChanged(self) -> None: ...


class Session:
    """Questions to the worker and their answers.

    Args:
        makeRunner: gives the runner for a listener of events; see `runner.Runner`.
        listener: the panel.
    """

    def __init__(
        self, makeRunner: Callable[[Callable[[Event], None]], Any], listener: Listener
    ) -> None:
        self._listener = listener
        self._runner = makeRunner(self.handle)
        self._reportId = ""
        self._regionId, self._regionTitle = "", ""
        self._jobs: dict[str, Job] = {}
        self._ahead: tuple[str, str, Job] | None = None  # id, task, job that nobody waits for yet
        self._total = 0
        self._known: tuple[str, ...] = ()
        self.cancelling = False

    @property
    def known(self) -> tuple[str, ...]:
        """Terms the weights know; empty before a worker has said so."""
        return self._known

    @property
    def running(self) -> bool:
        """True while a run or a proposal is under way."""
        return bool(self._jobs or self._regionId)

    @property
    def volumes(self) -> set[str]:
        """MRML ids of the scans that runs are made from."""
        return {job.volumeId for job in self._jobs.values()}

    def askReport(self, text: str) -> None:
        """Have a report parsed; an answer to an earlier one is then ignored."""
        self._reportId = self._ask(lambda: self._runner.report(text))

    def askRegion(self, request: dict[str, Any], title: str) -> None:
        """Have a region proposed."""
        self._regionTitle = title
        self._stopAhead()
        self._regionId = self._ask(lambda: self._runner.region(request))
        self._listener.onProgress(0.0, f"proposing a region for {title}")
        self._listener.onStateChanged()

    def run(self, jobs: list[Job], preview: bool) -> None:
        """Start runs, one after the other."""
        self._total, self.cancelling = len(jobs), False
        self._stopAhead()
        for job in jobs:
            id = self._ask(partial(self._runner.job, job.request, preview))
            if not id:
                break
            self._jobs[id] = job
        if self._jobs:
            self._listener.onProgress(0.0, "starting")
        self._listener.onStateChanged()

    def task(self, name: str, job: Job) -> None:
        """Start a task of the core; its answer comes as `onAnswer`."""
        self._total, self.cancelling = len(self._jobs) + 1, False
        id = self._takeOver(name, job)
        if not id:
            self._stopAhead()
            id = self._ask(lambda: self._runner.task(name, job.request))
        if id:
            self._jobs[id] = job
            self._listener.onProgress(0.0, "starting")
        self._listener.onStateChanged()

    def ahead(self, name: str, job: Job) -> None:
        """Start a task that will be wanted soon, unseen; what the user starts stops it, or takes it
        over when it is the same."""
        if self.running or self._ahead is not None:
            return
        if id := self._ask(lambda: self._runner.task(name, job.request)):
            self._ahead = (id, name, job)

    def _takeOver(self, name: str, job: Job) -> str:
        """Id of the work ahead when it is just this task; "" when it is not."""
        if self._ahead is None or (name, job.request) != (self._ahead[1], self._ahead[2].request):
            return ""
        id, self._ahead = self._ahead[0], None
        return id

    def _stopAhead(self) -> None:
        if self._ahead is not None:
            id, self._ahead = self._ahead[0], None
            self._runner.cancel(id)

    def cancel(self) -> None:
        """Stop what is under way; the panel hears when it has stopped."""
        self.cancelling = self.running
        for id in [
            *reversed(self._jobs),
            self._regionId,
        ]:  # the waiting ones first, so that none of them starts
            if id:
                self._runner.cancel(id)
        self._listener.onStateChanged()

    def abandon(self) -> None:
        """Stop what is under way and forget it: its answers are for a scene that is gone."""
        self._stopAhead()
        ids = [*reversed(self._jobs), self._regionId]
        self._jobs, self._regionId, self._reportId, self.cancelling = {}, "", "", False
        for id in filter(None, ids):
            self._runner.cancel(id)
        self._listener.onStateChanged()

    def restart(self) -> None:
        """End the worker; the next question starts the one that is chosen then."""
        self.abandon()
        self._runner.stop()

    def close(self) -> None:
        """End the worker for good."""
        self._jobs, self._regionId, self._reportId, self._ahead = {}, "", "", None
        self._runner.stop()

    def _ask(self, question: Callable[[], str]) -> str:
        """The request's id; "" when there is no worker (why was said as `Ended`)."""
        try:
            return question()
        except RuntimeError:
            return ""

    def handle(self, event: Event) -> None:
        """Take an event of the worker."""
        if self._ahead is not None and getattr(event, "id", None) == self._ahead[0]:
            self._aheadEvent(event, self._ahead[2])
        elif isinstance(event, Ready):
            self._known = tuple(event.findings)
            self._listener.onReady(event)
        elif isinstance(event, Findings):
            if event.id == self._reportId:
                self._listener.onFindings(event.findings)
        elif isinstance(event, Ended):
            self._ended(event)
        elif isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Region):
            if event.id == self._regionId:
                title = self._regionTitle
                self._finish(event.id)
                self._listener.onRegion(event, title)
        elif isinstance(event, Accepted | Progress | Preview | Result | Answer | Cancelled):
            self._jobEvent(event)

    def _aheadEvent(self, event: Event, job: Job) -> None:
        """Only an answer counts; what failed says so when it is asked for."""
        if isinstance(event, Answer | Cancelled | Failed):
            self._ahead = None
        if isinstance(event, Answer):
            job.answered(event.answer)

    def _jobEvent(self, event: Progress | Preview | Result | Answer | Cancelled | Accepted) -> None:
        job = self._jobs.get(event.id)
        if isinstance(event, Cancelled):
            self._finish(event.id)
        elif isinstance(event, Progress):
            if job is not None or event.id == self._regionId:
                self._listener.onProgress(event.share, self._words(event, job))
        elif job is not None and isinstance(event, Preview):
            self._listener.onPreview(event, job)
        elif job is not None and isinstance(event, Result):
            self._finish(event.id)
            self._listener.onResult(event.manifest, job)
        elif job is not None and isinstance(event, Answer):
            self._finish(event.id)
            self._listener.onAnswer(event.answer, job)

    def _words(self, event: Progress, job: Job | None) -> str:
        number = self._total - len(self._jobs) + 1
        which = f"run {number} of {self._total}: " if job and self._total > 1 else ""
        title = job.title if job else self._regionTitle
        return " · ".join(
            filter(
                None,
                (
                    f"{which}{title}",
                    STAGES.get(event.stage, event.stage),
                    time_left(event.secondsLeft),
                ),
            )
        )

    def _finish(self, id: str) -> None:
        self._jobs.pop(id, None)
        if id == self._regionId:
            self._regionId = ""
        if not self.running:
            self.cancelling = False
        self._listener.onStateChanged()

    def _failed(self, event: Failed) -> None:
        if (
            event.id is None
            or event.id in self._jobs
            or event.id in (self._regionId, self._reportId)
        ):
            stopped = event.kind == "Cancelled"
            if event.id is not None:
                if event.id == self._reportId:
                    self._listener.onFindings([])
                self._finish(event.id)
            if not stopped:
                self._listener.onProblem(event.message, event.advice)

    def _ended(self, event: Ended) -> None:
        cancelled = self.cancelling
        lost = self.running
        self._jobs, self._regionId, self._reportId, self.cancelling = {}, "", "", False
        self._ahead = None
        if not event.planned and not cancelled:
            what = (
                f"{event.message} The run is lost; nothing was written." if lost else event.message
            )
            self._listener.onProblem(what, event.advice)
        self._listener.onStateChanged()
