"""What the reader's process says of a scan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScanFacts:
    """A scan that was read: voxels and mm (x,y,z), whose it is, the report beside it. slices: axial
    ones, whatever axis they lie on."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    modality: str
    title: str
    report: str
    slices: int


@dataclass(frozen=True)
class SeriesRow:
    """A series of a folder. number: from 1. picture: an address, "" for none."""

    number: int
    words: str
    picture: str


@dataclass(frozen=True)
class Refusal:
    """Why a scan cannot be read, in a sentence. option: "series", "untilt" or "orientation", where
    saying it makes the scan readable. series: those of a folder that holds several."""

    error: str
    option: str = ""
    series: tuple[SeriesRow, ...] = ()
