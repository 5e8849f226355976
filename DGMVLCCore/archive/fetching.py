"""A series brought here: an object a file into a hidden folder that waits until all are there, so
that a cut run goes on and half a series is never used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from DGMVLCCore.archive.address import UID
from DGMVLCCore.archive.backend import Backend, again
from DGMVLCCore.archive.objects import MAKER, Facts, facts_of, facts_of_file
from DGMVLCCore.archive.records import InstanceRecord, SeriesRecord
from DGMVLCCore.archive.reports import REPORT_MODALITIES, is_report, report_texts, write_reports
from DGMVLCCore.errors import (
    ArchiveError,
    OutputError,
    UnreadableError,
    UnsuitableInputError,
    quoted,
)
from DGMVLCCore.ground.whole import put_in_place, whole_file

MOST_LOOKS = 5  # at a series that grows while it is brought
SCOUT = 3  # images; a series of no more is no scan where a larger one is there


@dataclass(frozen=True)
class Fetched:
    """What is brought where; `check` and `progress` as `Archive.get` takes them."""

    archive: str
    study: str
    series: SeriesRecord
    folder: Path
    check: Callable[[Path], None] | None
    progress: Callable[[str, float], None] | None

    @property
    def waiting(self) -> Path:
        """The hidden folder of what came so far; its name says of which series."""
        tail = self.series.uid.replace(".", "")[-16:]
        return self.folder.absolute().with_name(f".{self.folder.name}.{tail}.fetching")


def choose_series(
    archive: str, study: str, rows: list[SeriesRecord], uid: str | None
) -> SeriesRecord:
    """The series of that UID, or the only CT series that this program did not make.

    Raises:
        ArchiveError: the archive does not hold it. UnsuitableInputError: several, or none.
    """
    if not rows:
        raise ArchiveError(f"The archive {archive} does not hold the study {study}.")
    if uid is not None:
        for row in rows:
            if row.uid == uid:
                return row
        raise ArchiveError(f"The study {study} of the archive {archive} has no series {uid}.")
    scans = [row for row in rows if row.modality == "CT" and row.maker != MAKER]
    large = [row for row in scans if row.instances is None or row.instances > SCOUT]
    scans = large or scans
    if len(scans) == 1:
        return scans[0]
    if not scans:
        raise UnsuitableInputError(
            f"The study {study} of the archive {archive} holds no CT series; name another study."
        )
    listed = "; ".join(
        f"{row.uid} ({quoted(row.description or 'no description')}, {row.instances or '?'} images)"
        for row in scans[:8]
    )
    raise UnsuitableInputError(
        f"The study holds {len(scans)} CT series: {listed}; name the one that is meant as "
        f"archive:{archive}/{study}/SERIES."
    )


def bring(backend: Backend, wanted: Fetched, rows: list[SeriesRecord]) -> Path:
    """The series and the study's reports in `wanted.folder`. Errors as `Archive.get`.

    Args:
        rows: all series of the study.
    """
    if wanted.folder.exists() or wanted.folder.is_symlink():
        raise OutputError(f"{wanted.folder} exists already; choose another folder.")
    if not wanted.folder.absolute().parent.is_dir():
        raise OutputError(f"The folder {wanted.folder.absolute().parent} does not exist.")
    listed = _listed(backend, wanted, wanted.series)
    objects = wanted.waiting / "objects"
    try:
        objects.mkdir(parents=True, exist_ok=True)
        listed = _settled(backend, wanted, listed, objects)
        patient = _checked(wanted, listed, objects)
        reports = _reports(backend, wanted, rows, patient)
        _arranged(wanted, objects, reports)
    except (UnsuitableInputError, UnreadableError) as error:
        # What an archive could not give in time is kept for the next run; what is wrong is not.
        if not isinstance(error, ArchiveError):
            shutil.rmtree(wanted.waiting, ignore_errors=True)
        raise
    except OSError as error:
        raise OutputError(
            f"{wanted.folder} could not be written ({error.strerror or error}); check permission "
            "and free space."
        ) from error
    return wanted.folder


def _listed(backend: Backend, wanted: Fetched, series: SeriesRecord) -> list[InstanceRecord]:
    """The objects of a series, as many as the archive says it has.

    Raises:
        UnsuitableInputError: it lists fewer than it counts, or under names that are no UIDs.
    """
    listed = again(
        wanted.archive, backend.tries, lambda: backend.instances(wanted.study, series.uid)
    )
    listed = list(set(listed))
    if not listed or (series.instances or 0) > len(listed):
        raise UnsuitableInputError(
            f"The archive {wanted.archive} lists {len(listed)} of {series.instances or 0} images "
            f"of the series {series.uid}, so it is not whole; wait until it has arrived there."
        )
    if not all(UID.fullmatch(one.uid) for one in listed):
        raise UnsuitableInputError(
            f"The archive {wanted.archive} lists an image under an identifier that is none, so the "
            "series is not used; tell who keeps the archive."
        )
    return sorted(listed)


def _settled(
    backend: Backend, wanted: Fetched, listed: list[InstanceRecord], objects: Path
) -> list[InstanceRecord]:
    """All objects retrieved, and the archive's list of them, which did not change meanwhile.

    Raises:
        UnsuitableInputError: it changes at every look.
    """
    for _ in range(MOST_LOOKS):
        _missing(backend, wanted, listed, objects)
        before, listed = listed, _listed(backend, wanted, wanted.series)
        if listed == before:
            return listed
    raise UnsuitableInputError(
        f"The series {wanted.series.uid} is still arriving at the archive {wanted.archive}; ask "
        "again when it is whole."
    )


def _missing(
    backend: Backend, wanted: Fetched, listed: list[InstanceRecord], objects: Path
) -> None:
    """Retrieve what is not there yet, with as many tries as bring something new."""
    known = {one.uid for one in listed}

    def keep(data: bytes) -> None:
        facts = _theirs(facts_of(data, "An object from the archive"), wanted, wanted.series.uid)
        if facts.uid in known:
            with whole_file(objects / f"{facts.uid}.dcm") as path:
                path.write_bytes(data)
            if wanted.progress:
                wanted.progress("get", len(list(objects.glob("*.dcm"))) / len(listed))

    def rest() -> list[InstanceRecord]:
        return [one for one in listed if not (objects / f"{one.uid}.dcm").exists()]

    while left := rest():
        before = len(left)
        again(
            wanted.archive,
            backend.tries,
            lambda: backend.fetch(wanted.study, wanted.series.uid, rest(), keep),
            lambda: len(listed) - len(rest()),
        )
        if len(rest()) == before:
            raise ArchiveError(
                f"The archive {wanted.archive} lists {len(listed)} images of the series "
                f"{wanted.series.uid} but does not give {before} of them; it is not whole there."
            )


def _theirs(facts: Facts, wanted: Fetched, series: str) -> Facts:
    """The facts of an object of the study and series that were asked for.

    Raises:
        UnsuitableInputError: it is of another one.
    """
    if facts.study != wanted.study or facts.series != series:
        raise UnsuitableInputError(
            f"The archive {wanted.archive} gave an object of another study or series than was "
            "asked for, so nothing is used; tell who keeps the archive."
        )
    return facts


def _checked(wanted: Fetched, listed: list[InstanceRecord], objects: Path) -> str:
    """The one patient of the series.

    Raises:
        UnsuitableInputError: two patients. UnreadableError: a file is damaged.
    """
    names = {f"{one.uid}.dcm" for one in listed}
    for path in objects.iterdir():
        if path.name not in names:
            path.unlink()  # of an earlier, other state of the archive
    patients = {facts_of_file(objects / name).patient for name in names}
    if len(patients) > 1:
        raise UnsuitableInputError(
            f"The series {wanted.series.uid} holds images of {len(patients)} patients, so it is "
            "not used; tell who keeps the archive."
        )
    return patients.pop()


def _reports(
    backend: Backend, wanted: Fetched, rows: list[SeriesRecord], patient: str
) -> list[bytes]:
    """The study's reports (structured or encapsulated) that this program did not make, the latest
    first.

    Raises:
        UnsuitableInputError: one is of another patient or study.
    """
    reports: list[tuple[Facts, bytes]] = []

    for series in rows:
        if series.modality not in REPORT_MODALITIES or series.maker == MAKER:
            continue

        def keep(data: bytes, uid: str = series.uid) -> None:
            facts = _theirs(facts_of(data, "A report from the archive"), wanted, uid)
            if facts.patient != patient:
                raise UnsuitableInputError(
                    "A report of this study in the archive is of another patient than the scan, so "
                    "nothing is used; tell who keeps the archive."
                )
            if is_report(facts.sop_class) and facts.maker != MAKER:
                reports.append((facts, data))

        listed = [
            one
            for one in _listed(backend, wanted, series)
            if not one.sop_class or is_report(one.sop_class)
        ]
        again(
            wanted.archive,
            backend.tries,
            lambda: backend.fetch(wanted.study, series.uid, listed, keep),  # noqa: B023
        )
    unique = {facts.uid: (facts.when, facts.uid, data) for facts, data in reports}
    return [data for *_, data in sorted(unique.values(), reverse=True)]


def _arranged(wanted: Fetched, objects: Path, reports: list[bytes]) -> None:
    """Put everything in place: images numbered along their instance numbers, reports beside."""
    whole = wanted.waiting / "whole" / wanted.folder.name  # its name stands in refusals of `check`
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir(parents=True)
    paths = sorted(objects.glob("*.dcm"), key=lambda path: (_instance_number(path), path.name))
    for number, path in enumerate(paths, 1):
        try:
            (whole / f"{number:04d}.dcm").hardlink_to(path)
        except OSError:  # a file system without links
            shutil.copyfile(path, whole / f"{number:04d}.dcm")
    write_reports(whole, reports, report_texts(paths[0]))
    if wanted.check:
        wanted.check(whole)
    put_in_place(whole, wanted.folder, replace=False)
    shutil.rmtree(wanted.waiting, ignore_errors=True)


def _instance_number(path: Path) -> int:
    import pydicom

    header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["InstanceNumber"])
    try:
        return int(header.get("InstanceNumber", None) or 0)
    except (TypeError, ValueError):
        return 0
