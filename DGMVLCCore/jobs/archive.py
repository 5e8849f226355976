"""Studies of an archive brought into folders that `review` takes, and results sent back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from DGMVLCCore.archive.address import Address
from DGMVLCCore.archive.archive import Archive, dicom_files, open_archive
from DGMVLCCore.archive.objects import facts_of_file
from DGMVLCCore.archive.records import SentRecord, SeriesRecord, StudyQuery, StudyRecord

Progress = Callable[[str, float], None]


class Listed(msgspec.Struct, frozen=True):
    """A study with its series and the patient's other studies."""

    study: StudyRecord
    series: tuple[SeriesRecord, ...]
    priors: tuple[StudyRecord, ...] = ()


class Planned(msgspec.Struct, frozen=True):
    """What would be sent: objects by storage class, and how many studies they belong to."""

    archive: str
    objects: int
    studies: int
    kinds: dict[str, int]


def find(name: str, query: StudyQuery, *, priors: bool = False) -> list[Listed]:
    """Studies of a query with their series. Errors as `open_archive` and `Archive.find`."""
    archive = open_archive(name)
    return [
        Listed(
            study,
            tuple(archive.series(study.uid)),
            tuple(archive.priors(study)) if priors else (),
        )
        for study in archive.find(query)
    ]


def get(address: Address, out: Path, progress: Progress | None = None) -> tuple[Path, Archive]:
    """A series and its report in a new folder, refused where it is no whole scan. Errors as
    `open_archive` and `Archive.get`."""
    archive = open_archive(address.archive)
    return (
        archive.get(address.study, address.series, out, check=check_whole_scan, progress=progress),
        archive,
    )


def check_whole_scan(folder: Path) -> None:
    """Refuse a folder whose series is no scan without gaps. Errors as `load_volume`."""
    from DGMVLCCore.imaging.io import load_volume

    load_volume(folder)


def plan(name: str, paths: list[Path]) -> Planned:
    """What `send` would send; the archive is not asked. Errors as `Archive.send`."""
    open_archive(name)
    facts = [facts_of_file(path) for path in dicom_files(paths)]
    kinds: dict[str, int] = {}
    for one in facts:
        kinds[_kind(one.sop_class)] = kinds.get(_kind(one.sop_class), 0) + 1
    return Planned(name, len(facts), len({one.study for one in facts}), kinds)


def send(name: str, paths: list[Path], progress: Progress | None = None) -> SentRecord:
    """Send DICOM files and folders. Errors as `open_archive` and `Archive.send`."""
    return open_archive(name).send(paths, progress=progress)


def _kind(sop_class: str) -> str:
    from pydicom.uid import UID

    return UID(sop_class).name
