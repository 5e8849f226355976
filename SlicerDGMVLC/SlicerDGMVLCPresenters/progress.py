"""Progress of one piece of work: it never goes backwards, and the time left is measured on the
work that remains."""

from __future__ import annotations

import time
from collections.abc import Callable

STAGES = {
    "loading": "Loading the scan",
    "reading": "Reading the scan",
    "editing": "Editing",
    "writing": "Writing the result",
    "making": "Making the cases",
}
# share of the whole at which a stage begins and ends, before this machine was measured
USUAL = {
    "region": ("loading", "reading"),
    "run": ("loading", "reading", "editing", "writing"),
}
FIRST_COST_S = {"loading": 4.0, "reading": 6.0, "editing": 12.0, "writing": 2.0, "making": 10.0}
LEARNED = 0.6  # weight of the newest measurement
SOON = 0.05  # a share from which on a stage's own pace is trusted


def time_left(seconds: float | None) -> str:
    """Remaining time in a reader's words; "" when unknown."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "nearly done"
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left"


class Costs:
    """Seconds that each stage of each kind of work took on this machine, learned from what was
    done."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], float] = {}

    def of(self, kind: str, stage: str) -> float:
        """Seconds a stage is expected to take."""
        return self._seconds.get((kind, stage), FIRST_COST_S.get(stage, 8.0))

    def whole(self, kind: str) -> float | None:
        """Seconds that the last work of this kind took; None before it was measured."""
        stages = [seconds for (one, _), seconds in self._seconds.items() if one == kind]
        return sum(stages) if stages else None

    def to_list(self) -> list[tuple[str, str, float]]:
        """(kind, stage, seconds) of everything measured, to be kept."""
        return [(kind, stage, round(s, 2)) for (kind, stage), s in self._seconds.items()]

    def take(self, measured: list[tuple[str, str, float]]) -> None:
        """What an earlier session measured here."""
        for kind, stage, seconds in measured:
            self._seconds.setdefault((kind, stage), seconds)

    def known(self, kind: str, stage: str) -> bool:
        """Whether this stage was measured here before; writing is short and counts as known."""
        return (kind, stage) in self._seconds or stage == "writing"

    def learn(self, kind: str, stage: str, seconds: float) -> None:
        """A stage was done in so many seconds."""
        before = self._seconds.get((kind, stage))
        self._seconds[kind, stage] = (
            seconds if before is None else LEARNED * seconds + (1 - LEARNED) * before
        )


class Progress:
    """One piece of work from its start to its end.

    Args:
        kind: `region`, `run` or the name of a task. costs: what this machine needed before. clock:
            seconds, monotonic.
    """

    def __init__(
        self, kind: str, costs: Costs, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.kind, self._costs, self._clock = kind, costs, clock
        self._stage, self._since = "", clock()
        self._done: list[str] = []
        self.share, self.words = 0.0, "Starting"
        self._left: float | None = None

    @property
    def left(self) -> str:
        """Time left, in words."""
        return time_left(self._left)

    def told(self, stage: str, share: float, seconds_left: float | None = None) -> None:
        """The worker is so far in a stage; `seconds_left` is its own measurement of the whole, and
        counts when it has one."""
        now = self._clock()
        if stage != self._stage:
            self._leave(now)
            self._stage, self._since = stage, now
        self.words = STAGES.get(stage, stage.capitalize())
        spent = now - self._since
        expected = self._costs.of(self.kind, stage)
        own = spent / share if share > SOON else max(expected, spent)
        remaining = own * (1 - min(share, 1.0)) + sum(
            self._costs.of(self.kind, other) for other in self._to_come()
        )
        # a guess is no measurement: nothing is said before every long stage was seen once
        known = share > SOON or self._costs.known(self.kind, stage)
        known = known and all(self._costs.known(self.kind, other) for other in self._to_come())
        self._left = max(remaining, seconds_left or 0.0) if known else seconds_left
        before = sum(self._costs.of(self.kind, other) for other in self._done)
        whole = before + spent + remaining
        self.share = max(self.share, min((before + spent) / whole if whole else 0.0, 0.99))

    def finished(self) -> None:
        """The work is done."""
        self._leave(self._clock())
        self.share, self._left = 1.0, 0.0

    def _leave(self, now: float) -> None:
        if self._stage and self._stage not in self._done:
            self._costs.learn(self.kind, self._stage, now - self._since)
            self._done.append(self._stage)

    def _to_come(self) -> list[str]:
        stages = USUAL.get(self.kind, ())
        if self._stage not in stages:
            return []
        return [s for s in stages[stages.index(self._stage) + 1 :] if s not in self._done]
