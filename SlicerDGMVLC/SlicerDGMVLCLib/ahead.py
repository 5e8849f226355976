"""What is computed before anybody waits for it: lungs and features of the chosen scan."""

from __future__ import annotations

from collections.abc import Callable

import qt
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.requests import Prepared
from SlicerDGMVLCPresenters.work import Order

from .records import Fields, readRecord
from .session import Session

PAUSE_MS = 300  # the scan is seen before it is written for the worker


class Ahead:
    """Asks the worker for what the next run of the chosen scan will need.

    Args:
        preparation: makes the order; raises ValueError or OSError for a scan that cannot be
            written. free: whether the worker can be asked and the user is here. changed: something
            for the panel to re-judge.
    """

    def __init__(
        self,
        desk: Desk,
        session: Session,
        preparation: Callable[[Callable[[Fields], None]], Order],
        free: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._desk, self._session, self._preparation = desk, session, preparation
        self._free, self._changed = free, changed
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._start)

    def goOn(self) -> None:
        """Start what is wanted soon; called after every change of the desk."""
        if self._wanted() and not self._timer.active:
            self._timer.start(PAUSE_MS)

    def forget(self) -> None:
        """The worker is another one and knows nothing of the scan."""
        self._desk.case.prepared = ""

    def close(self) -> None:
        """Nothing is wanted any more."""
        self._timer.stop()

    def _wanted(self) -> bool:
        desk = self._desk
        scan = desk.case.scan
        fits = scan is not None and not scan.why_not
        return fits and desk.must_prepare() and not desk.work.busy and self._free()

    def _start(self) -> None:
        if not self._wanted():
            return
        case = self._desk.case
        case.prepared = "asked"
        try:
            self._session.unseen(self._preparation(self._prepared))
        except (ValueError, OSError) as error:
            case.prepared, case.scan_note = "failed", str(error)
        self._changed()

    def _prepared(self, answer: Fields) -> None:
        prepared = readRecord(Prepared, answer)
        self._desk.take_prepared(prepared.labels, prepared.notes)
