"""Opening a scan: the sample, a path, an upload, one of several series; stopped, or refused with
what would make it readable."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCPresenters.case import FILE
from SlicerDGMVLCPresenters.case import Scan as CaseScan
from SlicerDGMVLCPresenters.requests import Reading

from . import offers
from .scans import Scan, ScanError, open_scan

PLAIN = Reading()  # a scan that needs no word on how it is read

if TYPE_CHECKING:
    from .app import Viewer


class Opening:
    """Brings scans into the one case.

    Args:
        viewer: whose desk, views and page it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.desk, self.state = viewer, viewer.desk, viewer.state
        self._reading: asyncio.Task[Any] | None = None

    async def sample(self) -> None:
        """Open the scan that comes with the program, with its report and its nodule."""
        from DGMVLCCore.ground.resources import resource

        sample = resource("sample")
        report = (sample / "report.txt").read_text(encoding="utf-8").strip()
        if await self.path(str(sample / "ct.nrrd"), report=report, title="Sample"):
            self.desk.choose_region(FILE, str(sample / "nodule.nrrd"))
            self.viewer.refresh()

    async def upload(self, batch: str) -> None:
        """Open what was uploaded."""
        with self.state as state:
            state.upload_share = 0.0
        path = self.viewer.transfers.uploaded(str(batch))
        if path is not None:
            await self.path(str(path), title=path.name if path.is_file() else "")

    def upload_failed(self, sentence: str) -> None:
        """An upload broke off."""
        with self.state as state:
            state.upload_share = 0.0
        self.viewer.say(str(sentence)[:300])

    async def path(
        self,
        text: str,
        reading: Reading = PLAIN,
        *,
        study: str = "",
        report: str = "",
        title: str = "",
    ) -> bool:
        """Open a scan file or a DICOM folder (of several series, one) as the only case; says why
        when it cannot, and offers what would make it readable.

        Args:
            study: its id in the review's worklist. report: its report. title: for the header.
        """
        if reason := self.desk.why_not_open():
            self.viewer.say(reason, kind="info")
            return False
        self.viewer.unsay()
        if (path := self.viewer.checked_path(text)) is None:
            return False
        self.desk.begin_opening(title or study or path.name)
        with self.state as state:
            state.files_open = False
        offers.withdraw(self.state)
        self.viewer.refresh()
        out = self.viewer.workspace.new("scans", "scan.nrrd")
        try:
            self._reading = self.viewer.later(
                open_scan(self.viewer.stage.scene, path, out, reading)
            )
            scan = await self._reading
        except ScanError as error:
            self.desk.open_failed()
            offers.offer(self.state, str(path), error.refusal)
            self.viewer.refresh()
            self.viewer.say(str(error))
            return False
        except asyncio.CancelledError:
            self.desk.open_failed()
            self.viewer.refresh()
            self.viewer.say("Opening was stopped.", kind="info")
            return False
        except Exception as error:
            self.desk.open_failed()  # whatever it was: the page must not wait for ever
            self.viewer.refresh()
            self.viewer.say(f"{path.name} could not be opened ({error}).")
            raise
        kept = scan.kept(title)
        self._take(scan, kept, study, report)
        self.viewer.cases.remember(kept)
        return True

    def stop(self) -> None:
        """The scan that is being read is not wanted; the open case stays."""
        if self._reading is not None:
            self._reading.cancel()

    def _take(self, scan: Scan, kept: CaseScan, study: str, report: str) -> None:
        """A scan is there: the case before is closed."""
        self.viewer.drawing.drop()
        self.viewer.pointer.forget()
        self.viewer.stage.take_scan(scan)
        self.viewer.jobs.leave(self.desk.opened(kept, study, report, scan.facts.report))
        with self.state as state:
            state.compare_chosen, state.compare_words, state.scan_typed = [], "", ""
            state.region_typed = ""
        self.viewer.form.clear()
        self.viewer.refresh()
        if kept.modality != "CT":
            self.viewer.say(
                f"{scan.path.name} is no CT ({kept.modality}); it can be looked at, but the "
                "weights are for chest CT.",
                kind="info",
            )

    def close(self, study: str = "") -> None:
        """Nothing is open any more; `study` is one of the worklist that cannot be read."""
        self.viewer.drawing.drop()
        self.viewer.stage.close()
        self.viewer.jobs.leave(self.desk.closed(study))
        self.viewer.refresh()

    async def offered(self) -> None:
        """Open the scan that was refused, read as the reader of the page chose."""
        chosen = offers.chosen(self.state)
        if chosen is None:
            self.viewer.say(offers.WHICH[self.state.scan_offer], kind="info")
        else:
            await self.path(self.state.scan_offered, chosen)

    async def series(self, number: int) -> None:
        """One of the series that a folder holds."""
        self.state.scan_choice = str(number)
        await self.offered()
