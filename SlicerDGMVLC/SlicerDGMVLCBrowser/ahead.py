"""What is computed before anybody waits for it: a scan's lungs and features, a finding's region;
and what the machine has for a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psutil
from SlicerDGMVLCLib.events import Heartbeat
from SlicerDGMVLCLib.records import Fields, asFields, readRecord
from SlicerDGMVLCPresenters.preflight import Machine
from SlicerDGMVLCPresenters.requests import Prepare, Prepared
from SlicerDGMVLCPresenters.work import LOOK, PREPARE, REPORT, SUGGEST, UNSEEN

if TYPE_CHECKING:
    from .app import Viewer

MB = 2**20


class Ahead:
    """Asks the worker for what will be wanted soon.

    Args:
        viewer: whose desk and worker it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.desk, self.state = viewer, viewer.desk, viewer.state
        self._busy = False
        self._threads = 0  # that the worker was started with

    def go_on(self) -> None:
        """Start what is wanted now; called after every change of the desk."""
        desk = self.desk
        if not self._busy and (desk.must_prepare() or desk.must_suggest() or desk.must_look()):
            self._busy = True
            self.viewer.later(self._start())

    async def _start(self) -> None:
        try:
            if self.desk.must_prepare():
                await self._prepare()
            elif self.desk.must_suggest():
                await self._suggest()
            elif self.desk.must_look():
                await self._look()
        finally:
            self._busy = False

    async def _prepare(self) -> None:
        scan = self.desk.case.scan
        if scan is None:
            return
        self.desk.case.prepared = "asked"
        out = self.viewer.workspace.new("scans", "anatomy.nrrd")
        device = self.state.device or None
        request = Prepare(image=scan.path, out=str(out), device=device, **vars(scan.reading))
        await self.viewer.jobs.unseen(PREPARE, "prepare", asFields(request), self._prepared)

    def _prepared(self, answer: Fields) -> None:
        prepared = readRecord(Prepared, answer)
        self.desk.take_prepared(prepared.labels, prepared.notes)
        self.viewer.stage.labels(self.desk.case.labels)
        self.viewer.stage.outline_margin()
        self.viewer.drawing.known()

    async def _suggest(self) -> None:
        scan = self.desk.case.scan
        if scan is None:
            return
        self.desk.begin_suggestion()
        request = self.viewer.jobs.request(scan, "region.seg.nrrd")
        await self.viewer.jobs.unseen(SUGGEST, "", asFields(request), lambda answer: None)

    async def _look(self) -> None:
        """A long part of a run: where the network sees the finding, and whether in the region."""
        case = self.desk.case
        if case.scan is None:
            return
        request = self.viewer.jobs.request(case.scan, "ahead")
        await self.viewer.jobs.unseen(LOOK, "read-ahead", asFields(request), case.begin_look())

    # the machine ----------------------------------------------------------------------

    def machine(self, beat: Heartbeat | None = None) -> None:
        """What a run would be computed on, and the memory there is."""
        devices = list(self.state.devices)
        device = str(self.state.device or (devices[0] if devices else ""))
        free = psutil.virtual_memory().available / MB if device == "cpu" else None
        held = beat.rssMb if beat else self.desk.machine.held_mb
        self.desk.machine = Machine(device, free, held, self._threads)
        if not self.desk.opening:
            with self.state as state:
                state.preflight = self.desk.preflight().words
                state.cannot_run = self.desk.why_not_run()

    def on_threads(self, threads: Any, **_: Any) -> None:
        """Another number of threads was chosen."""
        self.viewer.later(self.use_threads(threads))

    async def use_threads(self, threads: Any) -> None:
        """Start the worker anew with so many threads; 0 lets it choose."""
        number = int(threads) if str(threads).isdecimal() else 0
        if self.desk.work.busy or number == self._threads:
            return
        self._threads = number
        self.desk.work.drop(REPORT, *UNSEEN)  # no answer comes of what the old one was asked
        await self.viewer.jobs.worker.use_threads(min(number, os.cpu_count() or 1))
        self.desk.forget_prepared()
        self.machine()
        await self.viewer.jobs.warm()
        self.viewer.refresh()
