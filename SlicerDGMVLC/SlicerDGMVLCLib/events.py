"""What a worker tells its host, and how its JSON lines become events; standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from SlicerDGMVLCPresenters.findings import Finding

from .records import Fields, readRecord


@dataclass(frozen=True)
class Ready:
    """The handshake worked. findings, attributes: what the weights know. weights: {"name",
    "sha256"}."""

    version: str
    pid: int
    findings: tuple[str, ...]
    attributes: tuple[str, ...]
    devices: tuple[str, ...]
    weights: dict[str, str]


@dataclass(frozen=True)
class Accepted:
    """The worker has queued or begun the request."""

    id: str


@dataclass(frozen=True)
class Findings:
    """What a report says."""

    id: str
    findings: list[Finding]


@dataclass(frozen=True)
class Region:
    """A proposed region. path: `.seg.nrrd`. score: how clearly the weights see the finding there,
    0..1."""

    id: str
    path: str
    volumeMl: float
    score: float
    sentence: str


@dataclass(frozen=True)
class Progress:
    """stage: loading, reading, editing or writing. share: 0..1 of that stage. secondsLeft: of the
    whole job, None when unknown."""

    id: str
    stage: str
    share: float
    secondsLeft: float | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", min(max(self.share, 0.0), 1.0))


@dataclass(frozen=True)
class Preview:
    """One slice of the counterfactual to come. path: NRRD on the scan's geometry. slice: from the
    feet. note: what to say beside it."""

    id: str
    path: str
    slice: int
    note: str


@dataclass(frozen=True)
class Result:
    """The job is done. manifest: path of its `result.json`."""

    id: str
    manifest: str


@dataclass(frozen=True)
class Answer:
    """A task is done. name: of the task. answer: its fields."""

    id: str
    name: str
    answer: dict[str, object]


@dataclass(frozen=True)
class Cancelled:
    """The job was stopped; nothing was written."""

    id: str


@dataclass(frozen=True)
class Failed:
    """A request failed, or (id None) a line was not understood. message: one sentence. advice: what
    to do."""

    id: str | None
    kind: str
    exitCode: int
    message: str
    advice: str


@dataclass(frozen=True)
class Heartbeat:
    """A sign of life, every 2 s. busy: id of the running request. rssMb: memory in use, MB."""

    uptimeS: float
    busy: str | None
    rssMb: float


@dataclass(frozen=True)
class Ended:
    """The worker is gone or must go. planned: it was asked to. pending: requests that will get no
    other answer."""

    message: str
    advice: str
    planned: bool = False
    pending: tuple[str, ...] = ()


Event = (
    Ready
    | Accepted
    | Findings
    | Region
    | Progress
    | Preview
    | Result
    | Answer
    | Cancelled
    | Failed
    | Heartbeat
    | Ended
)
# no event of the same request follows these
LAST = (Findings, Region, Result, Answer, Cancelled, Failed)


_EVENTS: dict[str, type[Event]] = {
    "hello": Ready,
    "accepted": Accepted,
    "findings": Findings,
    "region": Region,
    "progress": Progress,
    "preview": Preview,
    "result": Result,
    "answer": Answer,
    "cancelled": Cancelled,
    "error": Failed,
    "heartbeat": Heartbeat,
}


def decodeEvent(message: Fields) -> Event | None:
    """A worker's message as an event; None for a kind this version does not know or one with wrong
    fields."""
    kind = _EVENTS.get(str(message.get("type")))
    try:
        return readRecord(kind, message) if kind else None
    except (ValueError, RecursionError):
        return None
