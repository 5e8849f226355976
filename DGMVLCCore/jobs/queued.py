"""A viewer's job in the worker: what was asked, and how long it still takes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A line of a viewer; what a type does not need is left out. Its values are checked where they
    are used, so that the refusal carries the request's id."""

    type: str
    id: Any = None
    protocol: Any = None
    text: Any = None
    request: Any = None
    preview: Any = False
    name: Any = ""


@dataclass
class Job:
    """A queued or running request. name: of a task. settled: its last message was sent. stage: what
    it is doing."""

    id: str
    kind: str
    request: Any = None
    preview: bool = False
    name: str = ""
    stage: str = "queued"
    settled: bool = False
    stop: threading.Event = field(default_factory=threading.Event)


class Pace:
    """Seconds a step of one slice takes on this machine, learned from every edit, and from it the
    time a job still needs."""

    def __init__(self) -> None:
        self.step_s: float | None = None
        self.writing_s = 2.0
        self._stage, self._since, self._steps = "", 0.0, 0

    def start(self) -> None:
        """Another job begins; how long it is, is not known yet."""
        self._stage, self._steps = "", 0

    def plan(self, steps: int) -> None:
        """The job will take so many steps (slices × samples × steps)."""
        self._steps = steps

    def left(self, stage: str, share: float, now: float) -> float | None:
        """Seconds until the job is done, None while nothing is known; `now` in seconds,
        monotonic."""
        if stage != self._stage:
            self._stage, self._since = stage, now
        spent = now - self._since
        this = spent * (1 - share) / share if share > 0.02 else None
        if stage == "writing":
            self.writing_s = spent if share >= 1 else self.writing_s
            return max(self.writing_s - spent, 0.0) if share < 1 else 0.0
        if stage == "editing":
            if self._steps and this is not None:
                self.step_s = spent / share / self._steps
            return None if this is None else this + self.writing_s
        if this is None or self.step_s is None or not self._steps:
            return None
        return this + self._steps * self.step_s + self.writing_s
