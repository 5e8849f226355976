"""What is computed before anybody waits for it: lungs and features of the chosen scan, and where
the network sees the chosen finding in them."""

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
        preparation, reading: make the orders; they raise ValueError or OSError for a scan that
            cannot be written. free: whether the worker can be asked and the user is here.
        changed: something for the panel to re-judge.
    """

    def __init__(
        self,
        desk: Desk,
        session: Session,
        preparation: Callable[[Callable[[Fields], None]], Order],
        reading: Callable[[Callable[[Fields], None]], Order],
        free: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._desk, self._session = desk, session
        self._preparation, self._reading = preparation, reading
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
        self._desk.forget_prepared()

    def close(self) -> None:
        """Nothing is wanted any more."""
        self._timer.stop()

    def _wanted(self) -> bool:
        desk = self._desk
        scan = desk.case.scan
        fits = scan is not None and not scan.why_not and not desk.work.busy and self._free()
        return fits and (desk.must_prepare() or desk.must_look())

    def _start(self) -> None:
        if not self._wanted():
            return
        if self._desk.must_prepare():
            self._prepare()
        else:
            self._look()
        self._changed()

    def _prepare(self) -> None:
        case = self._desk.case
        case.prepared = "asked"
        try:
            self._session.unseen(self._preparation(self._prepared))
        except (ValueError, OSError) as error:
            case.prepared, case.scan_note = "failed", str(error)

    def _look(self) -> None:
        """The longest part of a run, which needs no region."""
        read = self._desk.case.begin_look()
        try:
            self._session.unseen(self._reading(read))
        except (ValueError, OSError):  # the run will say why
            read()

    def _prepared(self, answer: Fields) -> None:
        prepared = readRecord(Prepared, answer)
        self._desk.take_prepared(prepared.labels, prepared.notes)
