"""What is remembered from one session to the next: scans that were opened, cases that were kept,
how long runs take here. In files of this user's own; nothing of it leaves the machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from SlicerDGMVLCLib.records import asFields, readRecord
from SlicerDGMVLCPresenters.case import FILE, Scan
from SlicerDGMVLCPresenters.requests import Reading
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from DGMVLCCore.ground.whole import whole_file

from .controls import button, row_buttons

if TYPE_CHECKING:
    from .app import Viewer

MOST = 8
KEPT = "case.json"


@dataclass(frozen=True)
class Recent:
    """A scan that was opened. kept: the folder of its case, "" when it was not kept."""

    path: str
    title: str
    when: str
    reading: Reading
    kept: str = ""


@dataclass(frozen=True)
class Remembered:
    """`viewer.json`. costs: (kind, stage, seconds), as `Costs` has them."""

    recent: tuple[Recent, ...] = ()
    costs: list[tuple[str, str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class KeptResult:
    """A result of a kept case. name: of its folder."""

    name: str
    title: str
    when: str


@dataclass(frozen=True)
class KeptCase:
    """`case.json`. scan: `fingerprint` of its files. region: name of its file, "" for none."""

    scan: str
    report: str
    finding: int
    region: str
    segment: str
    results: list[KeptResult]


def state_folder() -> Path:
    """The user's folder for what programs remember."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "dgmvlc"


def fingerprint(path: Path) -> str:
    """Of a scan's files: their names, sizes and times; another one for another patient's files in
    the same place."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = []
    for file in files:
        told = file.stat()
        facts.append([str(file.relative_to(path)), told.st_size, told.st_mtime_ns])
    return hashlib.sha256(json.dumps(facts).encode("utf-8")).hexdigest()


class Cases:
    """Recent scans, kept cases, measured times.

    Args:
        viewer: whose desk, scan and page it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.desk = viewer, viewer.state, viewer.desk
        self.folder = state_folder()
        said = self._read()
        self.desk.work.costs.take(said.costs)
        self._costs = self.desk.work.costs.to_list()
        self._list(said.recent)

    # the file -------------------------------------------------------------------------

    @property
    def file(self) -> Path:
        """What is remembered."""
        return self.folder / "viewer.json"

    def _read(self) -> Remembered:
        try:
            said = json.loads(self.file.read_text(encoding="utf-8"))
            return readRecord(Remembered, said if isinstance(said, dict) else {})
        except (OSError, ValueError):
            return Remembered()

    def _write(self, remembered: Remembered) -> None:
        """Write the file; a disc that takes nothing costs the memory, not the work."""
        text = json.dumps(asFields(remembered), indent=1)
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with whole_file(self.file) as partial:
                partial.write_text(text, encoding="utf-8")
                partial.chmod(0o600)

    def keep_costs(self) -> None:
        """What stages of the work took, when something new was measured."""
        costs = self.desk.work.costs.to_list()
        if costs != self._costs:
            self._costs = costs
            self._write(replace(self._read(), costs=costs))

    # recent ---------------------------------------------------------------------------

    def _list(self, rows: tuple[Recent, ...]) -> None:
        self._recent = [row for row in rows if Path(row.path).exists()][:MOST]
        with self.state as state:
            state.recent = [asdict(row) for row in self._recent]

    def remember(self, scan: Scan, kept: str = "") -> None:
        """A scan was opened, or its case was kept in a folder; uploads are gone with the viewer."""
        if Path(scan.path).is_relative_to(self.viewer.workspace.root) and not kept:
            return
        said = self._read()
        before = next((row.kept for row in said.recent if row.path == scan.path), "")
        when = time.strftime("%Y-%m-%d %H:%M")
        row = Recent(scan.path, scan.title, when, scan.reading, kept or before)
        others = (other for other in said.recent if other.path != scan.path)
        rows = (row, *others)[:MOST]
        self._write(replace(said, recent=rows))
        self._list(rows)

    async def open(self, path: str) -> None:
        """A recent scan again, with all that was kept of its case."""
        row = next((row for row in self._recent if row.path == str(path)), None)
        if row is None:
            return
        opened = await self.viewer.opening.path(row.path, row.reading, title=row.title)
        if opened and row.kept:
            self._take(Path(row.kept))

    def forget(self) -> None:
        """Nothing is remembered any more: the list and the kept cases go."""
        shutil.rmtree(self.folder / "cases", ignore_errors=True)
        self._write(replace(self._read(), recent=()))
        self._list(())

    # kept -----------------------------------------------------------------------------

    def keep(self) -> None:
        """Report, region and results of the open case, to go on with another day."""
        case = self.desk.case
        if case.scan is None:
            return
        self.viewer.drawing.store()
        folder = self.folder / "cases" / f"{time.strftime('%Y%m%d-%H%M%S')}-{case.number}"
        try:
            folder.mkdir(parents=True, mode=0o700)
            self._copy(folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            self.viewer.say(f"The case could not be kept ({error.strerror or error}).")
            return
        self.remember(case.scan, str(folder))
        self.viewer.say("The case is kept; it stands among the recent scans.", kind="info")

    def _copy(self, folder: Path) -> None:
        case = self.desk.case
        region = ""
        if case.region.path:
            region = f"region-{Path(case.region.path).name}"
            shutil.copy(case.region.path, folder / region)
        results = []
        for result in case.results:
            name = f"result-{result.number}"
            shutil.copytree(Path(result.manifest).parent, folder / name)
            results.append(KeptResult(name, result.title, result.when))
        scan = fingerprint(Path(case.scan.path)) if case.scan else ""
        said = KeptCase(scan, case.report, case.finding, region, case.region.segment, results)
        (folder / KEPT).write_text(json.dumps(asFields(said), indent=1), encoding="utf-8")

    def _take(self, folder: Path) -> None:
        """What was kept of the case that was just opened."""
        try:
            said = readRecord(KeptCase, json.loads((folder / KEPT).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            self.viewer.say(f"What was kept of this case is not in {folder} any more.", kind="info")
            return
        scan = self.desk.case.scan
        if scan is None or fingerprint(Path(scan.path)) != said.scan:
            self.viewer.say(
                "The scan's files are others than when the case was kept; nothing of that case is "
                "shown with them.",
                kind="info",
            )
            return
        self.desk.write_report(said.report)
        self.desk.case.finding = said.finding
        if said.region:
            self.desk.choose_region(FILE, str(folder / said.region), said.segment)
        for row in said.results:
            self.viewer.take_result(folder / row.name / "result.json", row.when)
        self.viewer.refresh()


def build_recent() -> None:
    """Recent scans, newest first, while none is open."""
    with html.Div(v_show="recent.length && !scan_name && !scan_busy", classes="recent mt-2"):
        with html.Div(classes="d-flex align-center"):
            html.Span("Recent", classes="faint flex-grow-1")
            button(
                "Forget",
                "trigger('forget')",
                size="x-small",
                variant="text",
                classes="forget",
                title="Take the list and the cases that were kept off this machine",
            )
        open_it = "trigger('recent', [row.path])"
        with row_buttons("recent", "path", "file recent-row", open_it, title=("row.path",)):
            v3.VIcon("{{ row.kept ? 'mdi-folder-star-outline' : 'mdi-history' }}", size="small")
            html.Span("{{ row.title }}", classes="flex-grow-1 text-left")
            html.Span("{{ row.when }}", classes="faint")
