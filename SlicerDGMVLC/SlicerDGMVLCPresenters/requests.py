"""What the worker is asked of a scan, and what its tasks answer; fields as the core's
`jobs.requests`, `jobs.prepare` and `jobs.compare` have them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a scan is read. series: of a DICOM folder that holds several, from 1. untilt: resampled
    to a straight grid. orientation: where x, y and z run to, when the file does not say."""

    series: int | None = None
    untilt: bool = False
    orientation: str | None = None


@dataclass(frozen=True, kw_only=True)
class EditRequest(Reading):
    """An edit, or the region for one. out: a result's folder, or the region's file. finding: its
    number in the report, from 1. segment: one of the file `mask`. target: what to show instead.
    slices: [first, last). device: None for the first one of the worker."""

    image: str
    report_text: str
    out: str
    finding: int | None
    noises: int
    steps: int
    mask: str | None = None
    segment: str | None = None
    target: str | None = None
    mode: str = "replace"
    slices: tuple[int, int] | None = None
    seed: int = 0
    device: str | None = None
    clinical: str = ""

    def comparing(self, hypotheses: list[str]) -> CompareRequest:
        """The same with several targets."""
        asked = {**vars(self), "target": None, "mode": "replace"}
        return CompareRequest(**asked, hypotheses=tuple(hypotheses))


@dataclass(frozen=True, kw_only=True)
class CompareRequest(EditRequest):
    """An edit whose target is a list; those of the finding's own list when it is empty."""

    hypotheses: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """Where `comparison.json` lies."""

    record: str


@dataclass(frozen=True, kw_only=True)
class Prepare(Reading):
    """A scan that edits will be asked of. out: the file of its anatomy."""

    image: str
    out: str
    device: str | None = None


@dataclass(frozen=True)
class Prepared:
    """The file of the anatomy's labels, and what is uncertain of the lungs."""

    labels: str
    notes: list[str]
