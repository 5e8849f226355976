"""What a worker tells its host, and how its JSON lines become events; standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


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
    """What a report says: one dict a finding (term, presence, side, zone, size_mm, descriptors,
    span, text, sentence)."""

    id: str
    findings: list[dict[str, Any]]


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
    answer: dict[str, Any]


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
LAST = (
    Findings,
    Region,
    Result,
    Answer,
    Cancelled,
    Failed,
)  # no event of the same request follows these


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _maybe(kind: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else kind(value)


_EVENTS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "hello": lambda m: Ready(
        _text(m["version"]),
        int(m["pid"]),
        tuple(m["findings"]),
        tuple(m["attributes"]),
        tuple(m["devices"]),
        dict(m["weights"]),
    ),
    "accepted": lambda m: Accepted(_text(m["id"])),
    "findings": lambda m: Findings(_text(m["id"]), [dict(finding) for finding in m["findings"]]),
    "region": lambda m: Region(
        _text(m["id"]),
        _text(m["path"]),
        _number(m["volume_ml"]),
        _number(m["score"]),
        _text(m["sentence"]),
    ),
    "progress": lambda m: Progress(
        _text(m["id"]),
        _text(m["stage"]),
        min(max(_number(m["share"]), 0.0), 1.0),
        _maybe(_number, m.get("seconds_left")),
    ),
    "preview": lambda m: Preview(
        _text(m["id"]), _text(m["path"]), int(m["slice"]), _text(m["note"])
    ),
    "result": lambda m: Result(_text(m["id"]), _text(m["manifest"])),
    "answer": lambda m: Answer(_text(m["id"]), _text(m["name"]), dict(m["answer"])),
    "cancelled": lambda m: Cancelled(_text(m["id"])),
    "error": lambda m: Failed(
        _maybe(_text, m.get("id")),
        _text(m["kind"]),
        int(m["exit_code"]),
        _text(m["message"]),
        _text(m["advice"]),
    ),
    "heartbeat": lambda m: Heartbeat(
        _number(m["uptime_s"]), _maybe(_text, m.get("busy")), _number(m["rss_mb"])
    ),
}


def decodeEvent(message: Mapping[str, Any]) -> Event | None:
    """A worker's message as an event; None for a kind this version does not know or one with wrong
    fields."""
    build = _EVENTS.get(str(message.get("type")))
    try:
        return build(dict(message)) if build else None
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
