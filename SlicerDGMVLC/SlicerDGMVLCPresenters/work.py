"""What the worker was asked for and for whom: an answer is taken only while its case is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from SlicerDGMVLCLib.records import Fields

from .progress import Costs, Progress

REPORT, REGION, RUN, TASK, AHEAD = "report", "region", "run", "task", "ahead"
SAVE = "save"  # a decision on its way to the disk: nobody waits for it, none replaces another
# a scan that was opened, a region nobody asked for yet, lungs read before a run
PREPARE, SUGGEST, LOOK = "prepare", "suggest", "look"
SEEN = (REGION, RUN, TASK)  # kinds with a bar; a report is quick, the others are unseen
UNSEEN = (AHEAD, PREPARE, SUGGEST, LOOK)
STOPPED = (AHEAD, SUGGEST, LOOK)  # by whatever the user starts


@dataclass
class Order:
    """A request that is under way. case: number of the case it is for; None for work that belongs
    to no patient's case (a worklist, a quiz). answered: gets a task's answer. title: what it is
    about. preview: of a run, whether one slice is wanted early."""

    kind: str
    case: int | None
    name: str = ""
    request: Fields = field(default_factory=dict)
    answered: Callable[[Fields], None] = lambda answer: None
    title: str = ""
    preview: bool = True


class Work:
    """The orders that are under way, and the bar of the one that is seen."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self.costs = Costs()
        self.progress: Progress | None = None
        self.cancelling = False
        self._busy = ""  # kind of seen work that was begun; its id may not be known yet

    @property
    def busy(self) -> str:
        """Kind of the work that is seen, "" when there is none."""
        return self._busy

    def begin(self, kind: str, name: str = "") -> None:
        """Seen work begins; the page shows it before the worker has even been started."""
        self._busy, self.cancelling = kind, False
        self.progress = Progress(name or kind, self.costs)

    def ask(self, id: str, order: Order) -> list[str]:
        """An order was sent under `id`; returns the ids that it makes pointless."""
        pointless = []
        if order.kind in (REPORT, *UNSEEN):
            pointless = [i for i, other in self._orders.items() if other.kind == order.kind]
        for other in pointless:
            del self._orders[other]
        self._orders[id] = order
        return pointless

    def order(self, id: str | None) -> Order | None:
        """The order of an answer; None for one that nobody waits for any more."""
        return self._orders.get(id or "")

    def done(self, id: str | None) -> Order | None:
        """The order is answered for good."""
        order = self._orders.pop(id or "", None)
        if order is not None and order.kind in SEEN:
            if self.progress is not None:
                self.progress.finished()
            if coming := self.order(self.seen()):
                self.progress = Progress(coming.name or coming.kind, self.costs)
            else:
                self.idle()
        return order

    def idle(self) -> None:
        """Nothing is seen to run any more."""
        self._busy, self.cancelling, self.progress = "", False, None

    def kinds(self) -> list[str]:
        """Kinds of the orders under way."""
        return [order.kind for order in self._orders.values()]

    def seen(self) -> str:
        """Id of the work that is seen, "" before it has one."""
        return next((id for id, order in self._orders.items() if order.kind in SEEN), "")

    @property
    def title(self) -> str:
        """What the work that is seen is about."""
        order = self.order(self.seen())
        return order.title if order else ""

    def take_over(self, name: str, request: Fields) -> str:
        """Id of work ahead that is just what is asked for now, "" for none; it is seen from now
        on."""
        for id, order in self._orders.items():
            if order.kind == AHEAD and (order.name, order.request) == (name, request):
                order.kind = TASK
                return id
        return ""

    def retarget(self, id: str, order: Order) -> None:
        """Another one waits for the answer of an order."""
        self._orders[id].answered, self._orders[id].title = order.answered, order.title

    def under_way(self) -> list[str]:
        """Ids of the seen work, the last one first."""
        return [id for id, order in reversed(self._orders.items()) if order.kind in SEEN]

    def drop(self, *kinds: str) -> list[str]:
        """Forget the orders of these kinds; returns their ids, to be cancelled, the last first."""
        ids = [id for id, order in reversed(self._orders.items()) if order.kind in kinds]
        for id in ids:
            del self._orders[id]
        if any(kind in SEEN for kind in kinds) and not self.seen():
            self.idle()
        return ids

    def leave(self, case: int) -> list[str]:
        """The case is closed: forget what was asked for it; returns the ids, to be cancelled."""
        ids = [id for id, order in self._orders.items() if order.case == case]
        for id in ids:
            del self._orders[id]
        if self._busy and not self.seen():
            self.idle()
        return ids

    def ended(self) -> bool:
        """The worker is gone; True when seen work is lost with it."""
        lost = bool(self._busy)
        self._orders.clear()
        self.idle()
        return lost
