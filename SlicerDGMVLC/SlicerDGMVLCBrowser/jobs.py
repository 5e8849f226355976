"""Requests to the worker and what becomes of them on the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.events import (
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
from SlicerDGMVLCLib.reading import findingPlace, findingSize

from .state import QUALITY
from .worker import WorkerSession
from .workspace import Workspace

STAGES = {
    "loading": "Loading",
    "reading": "Reading the scan",
    "editing": "Editing",
    "writing": "Writing the result",
    "making": "Making the cases",
}
NOTHING_READ = (
    "No finding was read; the report is expected in English and to name one, such as “a 12 mm "
    "nodule "
    "in the left upper lobe”."
)
CERTAINTY = {"present": "present", "absent": "said to be absent", "uncertain": "uncertain"}


def left_in_words(seconds: float | None) -> str:
    """Remaining time, short."""
    if seconds is None:
        return ""
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"


def finding_row(number: int, finding: dict[str, Any], known: list[str]) -> dict[str, Any]:
    """A finding as the list shows it; `known` are the terms of the weights, none while they are not
    known yet."""
    taught = not known or finding.get("taught_as", finding["term"]) in known
    return {
        "number": number,
        "term": finding["term"],
        "phrase": " ".join((*finding["descriptors"], finding["text"])),
        "sentence": finding["sentence"],
        "place": findingPlace(finding),
        "size": findingSize(finding),
        "certainty": CERTAINTY.get(finding["presence"], finding["presence"]),
        "presence": finding["presence"],
        "taught": taught,
    }


class Jobs:
    """Talks to one worker for the page.

    Args:
        state: trame state. finished: gets the manifest of a result. preview: gets (path, slice,
            note). region: gets the path of a proposed region.
        say: gets (sentence, advice).
    """

    def __init__(
        self,
        state: Any,
        workspace: Workspace,
        worker: Callable[[Callable[[Event], None]], WorkerSession],
        *,
        finished: Callable[[Path], None],
        preview: Callable[[Path, int, str], None],
        region: Callable[[Path], None],
        say: Callable[[str, str], None],
    ) -> None:
        self.state, self.workspace = state, workspace
        self.worker = worker(self._on_event)
        self._finished, self._preview, self._region, self._say = finished, preview, region, say
        self._report = self._place = self._job = ""
        self._raw: list[dict[str, Any]] = []
        self._answered: Callable[[dict[str, Any]], None] = lambda answer: None
        self._ahead: str = ""
        self._ahead_asks: tuple[str, dict[str, Any]] = (
            "",
            {},
        )  # a task behind the page: its number, name and request
        self._ahead_answered: Callable[[dict[str, Any]], None] = lambda answer: None
        self._handlers: dict[type, Callable[[Any], None]] = {
            Ready: self._on_ready,
            Findings: self._on_findings,
            Region: self._on_region,
            Progress: self._on_progress,
            Preview: self._on_preview,
            Result: self._on_result,
            Answer: self._on_answer,
            Cancelled: self._on_cancelled,
            Failed: self._on_failed,
            Ended: self._on_ended,
        }

    async def warm(self) -> None:
        """Start the worker, so that the first run need not wait for it."""
        await self.worker.ensure()

    async def read_report(self, text: str) -> None:
        """Ask for the findings of a report; an empty one has none."""
        self._report, self._raw = "", []
        with self.state as state:
            state.findings, state.finding = [], 0
            state.report_note = "Reading …" if text.strip() else ""
        if text.strip():
            self._report = (await self.worker.ensure()).report(text)

    async def propose(self, request: dict[str, Any]) -> None:
        """Ask for a region of the chosen finding."""
        out = self.workspace.new("results", "region.seg.nrrd")
        client = await self.worker.ensure()
        self._stop_ahead()
        with self.state as state:
            state.region_busy, state.region_note = True, "Looking for the region …"
        self._place = client.region({**request, "out": str(out)})

    def forget_region(self) -> None:
        """A proposed region, or one still being looked for, is not wanted any more."""
        self._place = ""
        with self.state as state:
            state.region_busy, state.region_note = False, ""
            if state.region_from == "proposed":
                state.region_path = ""

    async def run(self, request: dict[str, Any]) -> None:
        """Start a run; a second press while one runs does nothing."""
        if self.state.running:
            return
        with self.state as state:
            state.running, state.cancelling, state.stage, state.share, state.time_left = (
                True,
                False,
                "Starting",
                0.0,
                "",
            )
        self._stop_ahead()
        out = self.workspace.new("results", time.strftime("run-%H%M%S"))
        self._job = (await self.worker.ensure()).job({**request, "out": str(out)})

    async def task(
        self, name: str, request: dict[str, Any], answered: Callable[[dict[str, Any]], None]
    ) -> None:
        """Start a task of the core; its progress is shown like a run's, and `answered` gets its
        answer. Nothing while something runs."""
        if self.state.running:
            return
        with self.state as state:
            state.running, state.cancelling, state.stage, state.share, state.time_left = (
                True,
                False,
                "Starting",
                0.0,
                "",
            )
        self._answered = answered
        client = await self.worker.ensure()
        if self._ahead and self._ahead_asks == (name, request):
            self._job, self._ahead = self._ahead, ""
            return
        self._stop_ahead()
        self._job = client.task(name, request)

    async def ahead(
        self, name: str, request: dict[str, Any], answered: Callable[[dict[str, Any]], None]
    ) -> None:
        """Start a task that will be wanted soon, unseen; what the user starts stops it, or takes it
        over when it is the same."""
        if self.state.running or self._ahead:
            return
        client = await self.worker.ensure()
        if not self.state.running:
            self._ahead_asks, self._ahead_answered = (name, request), answered
            self._ahead = client.task(name, request)

    def _stop_ahead(self) -> None:
        number, self._ahead = self._ahead, ""
        if number and self.worker.client is not None:
            self.worker.client.cancel(number)

    def cancel(self) -> None:
        """Stop the run."""
        if self._job and self.worker.client is not None:
            with self.state as state:
                state.cancelling, state.stage = True, "Stopping"
            self.worker.client.cancel(self._job)

    def request(self, image: Path) -> dict[str, Any]:
        """The core's request as the page describes it."""
        state = self.state
        noises, steps = QUALITY.get(state.quality, QUALITY["standard"])
        request: dict[str, Any] = {
            "image": str(image),
            "report_text": state.report,
            "finding": int(state.finding) or None,
            "noises": noises,
            "steps": steps,
            "device": state.device or None,
            **state.scan_reading,
        }
        if state.region_path:
            request["mask"] = state.region_path
            if state.region_from == "file" and state.region_segment.strip():
                request["segment"] = state.region_segment.strip()
        if state.what == "instead":
            request["target"] = state.target.strip()
        return request

    def _on_event(self, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            with self.state:
                handler(event)
        elif isinstance(event, Accepted) and event.id == self._job:
            with self.state as state:
                state.stage = "Waiting for the worker"

    def _on_ready(self, event: Ready) -> None:
        self.state.worker, self.state.devices, self.state.known = (
            "ready",
            list(event.devices),
            list(event.findings),
        )
        self._list()

    def _on_findings(self, event: Findings) -> None:
        if event.id == self._report:
            self._raw = event.findings
            self._list()

    def _list(self) -> None:
        if not self._raw and not self._report:
            return
        rows = [
            finding_row(number, finding, self.state.known)
            for number, finding in enumerate(self._raw, 1)
        ]
        usable = [row for row in rows if row["taught"] and row["presence"] != "absent"]
        self.state.findings = rows
        if not any(row["number"] == self.state.finding for row in rows):
            self.state.finding = usable[0]["number"] if usable else 0
        if not self._raw:
            self.state.report_note = NOTHING_READ
        else:
            self.state.report_note = (
                ""
                if usable
                else f"None of these can be edited: the weights know {', '.join(self.state.known)}."
            )

    def _on_region(self, event: Region) -> None:
        if event.id == self._place:
            self.state.region_busy, self._place = False, ""
            self.state.region_path, self.state.region_note = (
                event.path,
                f"{event.sentence} ({event.volumeMl:.1f} ml)",
            )
            self._region(Path(event.path))

    def _on_progress(self, event: Progress) -> None:
        if event.id == self._job and not self.state.cancelling:
            self.state.stage, self.state.share, self.state.time_left = (
                STAGES.get(event.stage, event.stage),
                event.share,
                left_in_words(event.secondsLeft),
            )

    def _on_preview(self, event: Preview) -> None:
        if event.id == self._job and not self.state.cancelling:
            self._preview(Path(event.path), event.slice, event.note)

    def _on_result(self, event: Result) -> None:
        if event.id == self._job:
            self._idle()
            self._finished(Path(event.manifest))

    def _on_answer(self, event: Answer) -> None:
        if event.id == self._job:
            self._idle()
            self._answered(event.answer)
        elif event.id == self._ahead:
            self._ahead = ""
            self._ahead_answered(event.answer)

    def _on_cancelled(self, event: Cancelled) -> None:
        if event.id == self._job:
            self._idle()
            self._say("Cancelled; nothing was written.", "")

    def _on_failed(self, event: Failed) -> None:
        if event.id == self._report:
            self._report, self.state.report_note = "", f"{event.message} {event.advice}".strip()
            return
        if event.id == self._place:
            self._place, self.state.region_busy, self.state.region_note = "", False, ""
        elif event.id == self._job:
            self._idle()
        elif event.id is not None:
            self._ahead = (
                "" if event.id == self._ahead else self._ahead
            )  # the study says so when it is opened
            return
        self._say(event.message, event.advice)

    def _on_ended(self, event: Ended) -> None:
        self.state.worker, self.state.region_busy = "ended", False
        if self._report in event.pending:
            self.state.report_note = ""
        self._report = self._place = self._ahead = ""
        self._idle()
        if not event.planned:
            self._say(event.message, event.advice.replace("Apply", "Run"))

    def _idle(self) -> None:
        self._job = ""
        (
            self.state.running,
            self.state.cancelling,
            self.state.stage,
            self.state.share,
            self.state.time_left,
        ) = False, False, "", 0.0, ""
