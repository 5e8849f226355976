"""Studies of an archive brought into folders that `review` takes, and results sent back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from DGMVLCCore.archive.address import Address, is_address
from DGMVLCCore.archive.archive import Archive, dicom_files, open_archive
from DGMVLCCore.archive.objects import facts_of_file
from DGMVLCCore.archive.records import SentRecord, SeriesRecord, StudyQuery, StudyRecord
from DGMVLCCore.archive.scans import asked_scans
from DGMVLCCore.errors import (
    ArchiveAwayError,
    ArchiveClosedError,
    Cancelled,
    OutputError,
    UsageError,
)
from DGMVLCCore.jobs.many import problem_of

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


def local_studies(
    studies: Path, session: Path, progress: Progress | None = None
) -> tuple[Path, list[str]]:
    """The folder of studies of a review: the given one, or SESSION-studies with those of an address
    or a query, each whole or not at all; and what could not be brought, a sentence each. Those that
    are there already are not brought again.

    Raises:
        ArchiveError, OutputError: none further can be brought; what is there stays. DGMVLCError:
            the only one could not be brought.
    """
    if not is_address(studies):
        return studies, []
    folder, problems = session.absolute().with_name(f"{session.name}-studies"), []
    scans = asked_scans(str(studies))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} could not be made ({error.strerror or error})."
        ) from error
    try:
        for number, one in enumerate(scans, 1):
            try:
                if not (folder / (one.series or one.study)).exists():
                    get(one, folder / (one.series or one.study))
            except Exception as error:
                if len(scans) == 1 or of_all(error, open_archive(one.archive)):
                    raise
                problems.append(f"{one.study}: {problem_of(error)}")
            if progress:
                progress("get", number / len(scans))
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing came
    return folder, problems


def of_all(error: Exception, archive: Archive) -> bool:
    """Whether a failure at one study is none of that study: the archive is away or lets nobody in,
    or what is wrong here would stop every other, too."""
    if isinstance(error, ArchiveAwayError):  # it may give up at one bad object alone
        return not archive.answers()
    return isinstance(error, (ArchiveClosedError, UsageError, OutputError, Cancelled))


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
