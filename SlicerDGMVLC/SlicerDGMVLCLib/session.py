"""The panel's worker: the desk's orders go out as soon as they are given; no widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.dialogue import Dialogue
from SlicerDGMVLCPresenters.work import AHEAD, REPORT, SAVE, SEEN, TASK, UNSEEN, Order

from .events import Event
from .records import Fields

Answered = Callable[[Fields], None]


class Session(Dialogue):
    """Orders of the panel.

    Args:
        makeRunner: gives the runner for a listener of events; see `runner.Runner`. listeners: those
            of `Dialogue`.
    """

    def __init__(
        self,
        desk: Desk,
        makeRunner: Callable[[Callable[[Event], None]], Any],
        **listeners: Callable[..., None],
    ) -> None:
        super().__init__(desk, self.stop, **listeners)
        self._runner = makeRunner(self.on_event)
        self._unseen: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether work is seen to be under way."""
        return bool(self.desk.work.busy)

    def askReport(self) -> None:
        """Have the open case's report read, unless it was."""
        if self.desk.must_read():
            self._ask(self.desk.order(REPORT))

    def start(self, *orders: Order) -> None:
        """Seen work, one after the other; nothing while something runs."""
        if self.running:
            return
        self._say("", "")
        self.desk.work.begin(orders[0].kind, orders[0].name)
        for order in orders:
            self._ask(order)
        self._changed()

    def task(self, name: str, request: Fields, title: str, answered: Answered) -> None:
        """Start a task of the core, seen; `answered` gets its answer."""
        self.start(self.desk.order(TASK, name, dict(request), title=title, answered=answered))

    def ahead(self, name: str, request: Fields, answered: Answered) -> None:
        """Start a task that will be wanted soon, unseen."""
        if not self.running and AHEAD not in self.desk.work.kinds():
            self._ask(self.desk.order(AHEAD, name, dict(request), answered=answered))

    def unseen(self, order: Order) -> None:
        """Have something computed for the open case that nobody waits for yet."""
        self._ask(order)

    def save(self, name: str, request: Fields, answered: Answered) -> None:
        """Have a decision saved; nobody waits for it."""
        self._ask(self.desk.order(SAVE, name, dict(request), answered=answered))

    def stop(self, ids: list[str]) -> None:
        """Cancel requests; a worker is not ended for one that nobody waits for."""
        for id in ids:
            self._runner.cancel(id, insist=id not in self._unseen)

    def abandon(self) -> None:
        """Stop everything and forget it: its answers are for a scene that is gone."""
        self.stop(self.desk.work.drop(*SEEN, *self.desk.work.kinds()))
        self._changed()

    def restart(self) -> None:
        """End the worker; the next question starts the one that is chosen then."""
        self.abandon()
        self._unseen.clear()
        self._runner.stop()

    def close(self) -> None:
        """End the worker for good."""
        self.desk.work.ended()
        self._runner.stop()

    def _ask(self, order: Order) -> None:
        """Send an order; without a worker nothing is sent, and `Ended` has said why."""
        try:
            id = self.send(self._runner, order)
        except RuntimeError:
            return
        if order.kind in UNSEEN:
            self._unseen.add(id)
        else:
            self._unseen.discard(id)  # it may have been taken over
