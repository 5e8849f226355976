"""A named archive: studies found, a series brought here whole, results sent.

archive = open_archive("main")
for study in archive.find(StudyQuery(dates="20260101-")):
    folder = archive.get(study.uid, None, out / study.uid)
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from DGMVLCCore.archive.address import UID
from DGMVLCCore.archive.backend import Backend, Interrupted, again
from DGMVLCCore.archive.config import WebArchive, archive_named
from DGMVLCCore.archive.fetching import Fetched, bring, choose_series
from DGMVLCCore.archive.ledger import note_sent, noted
from DGMVLCCore.archive.objects import Facts, facts_of_file
from DGMVLCCore.archive.records import (
    SentObject,
    SentRecord,
    SeriesRecord,
    StudyQuery,
    StudyRecord,
)
from DGMVLCCore.errors import ArchiveError, UnreadableError, UsageError, quoted

log = logging.getLogger(__name__)
Progress = Callable[[str, float], None]
DATES = re.compile(r"\d{8}|\d{8}-(\d{8})?|-\d{8}")  # a day or a range (PS3.4 C.2.2.2.5)


class Archive:
    """An archive; every call tries again with growing pauses while the archive is away."""

    def __init__(self, name: str, backend: Backend) -> None:
        self.name, self._backend = name, backend

    def echo(self) -> None:
        """Whether the archive answers and lets us in.

        Raises:
            ArchiveError: it does not.
        """
        again(self.name, self._backend.tries, self._backend.echo)

    def find(self, query: StudyQuery) -> list[StudyRecord]:
        """Studies of a query, latest first; a list that was cut to `query.most` is told in the log.

        Raises:
            UsageError: dates or a number that are none. ArchiveError: the archive does not answer,
                or refuses.
        """
        if query.dates and not DATES.fullmatch(query.dates):
            raise UsageError(
                f"{quoted(query.dates)} are no dates; give YYYYMMDD, YYYYMMDD-, -YYYYMMDD or "
                "YYYYMMDD-YYYYMMDD."
            )
        if query.most < 1:
            raise UsageError(f"most must be 1 or more, not {query.most}.")
        studies = self.all_studies(query)
        if len(studies) > query.most:
            log.warning(
                "%d studies of the archive %s match; the latest %d are taken (most).",
                *(len(studies), self.name, query.most),
            )
        return studies[: query.most]

    def all_studies(self, query: StudyQuery) -> list[StudyRecord]:
        """Every study of a query, however many, latest first. Errors as `find`."""
        rows = again(self.name, self._backend.tries, lambda: self._backend.studies(query))
        known = {row.uid: row for row in rows if UID.fullmatch(row.uid)}  # they name folders
        return sorted(
            known.values(), key=lambda study: (study.date, study.time, study.uid), reverse=True
        )

    def answers(self) -> bool:
        """Whether it is there and lets us in, asked once."""
        try:
            self._backend.echo()
        except (Interrupted, ArchiveError):
            return False
        return True

    def count(self, study: str) -> int:
        """Objects of a study, counted where the archive does not say it. Errors as `find`."""
        total = 0
        for one in self.series(study):
            listed = partial(self._backend.instances, study, one.uid)
            total += one.instances or len(set(again(self.name, self._backend.tries, listed)))
        return total

    def series(self, study: str) -> list[SeriesRecord]:
        """Series of a study, by number. Errors as `find`."""
        rows = again(self.name, self._backend.tries, lambda: self._backend.series(study))
        known = [row for row in rows if UID.fullmatch(row.uid)]
        return sorted(known, key=lambda one: (one.number is None, one.number or 0, one.uid))

    def priors(self, study: StudyRecord) -> list[StudyRecord]:
        """The patient's other studies with CT up to this one's date, latest first; none where the
        study names no patient. Errors as `find`."""
        if not study.patient_id:
            return []
        query = StudyQuery(
            patient_id=study.patient_id, dates=f"-{study.date}" * bool(DATES.fullmatch(study.date))
        )
        return [
            prior
            for prior in self.find(query)
            if prior.uid != study.uid and prior.patient_id == study.patient_id
        ]

    def get(
        self,
        study: str,
        series: str | None,
        folder: Path,
        *,
        check: Callable[[Path], None] | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Bring a series and the report of its study here; returns `folder`, which is there whole
        or not at all. A run that was cut goes on where it stopped.

        Args:
            series: the study's only CT series when None. folder: new; gets 0001.dcm ... and
                report.dcm, report.pdf or report.txt.
            check: what is done with the whole series before it is put in place; may refuse it.

        Raises:
            ArchiveError: the archive does not answer or does not hold it. UnsuitableInputError:
                several series, a half one, or a report of another patient.
            OutputError: the folder is there already, or cannot be written.
        """
        chosen = choose_series(self.name, study, self.series(study), series)
        wanted = Fetched(self.name, study, chosen, Path(folder), check, progress)
        return bring(self._backend, wanted, self.series(study))

    def send(self, paths: Iterable[Path], *, progress: Progress | None = None) -> SentRecord:
        """Store DICOM files and the DICOM files of folders; what the archive holds already is not
        sent again. Each object that was confirmed is noted in the ledger at once; one that a
        killed run had sent but not noted, as soon as the archive is seen to hold it.

        Raises:
            UnreadableError: no such file, no DICOM, or two objects under one UID; then nothing is
                sent. ArchiveError: the archive does not answer or does not take an object.
        """
        files = _each_once(dicom_files(paths))
        held = self._held({(facts.study, facts.series) for _, facts in files})
        known = noted(self.name) if held else set()
        sent = []
        try:
            for number, (path, facts) in enumerate(files, 1):
                sent.append(_sent(path, facts, facts.uid in held))
                if not sent[-1].already:
                    store = partial(self._backend.store, path)
                    again(self.name, self._backend.tries, store)
                if facts.uid not in known:
                    note_sent(self.name, _now(), sent[-1])
                if progress:
                    progress("send", number / len(files))
        finally:
            self._backend.close()
        return SentRecord(self.name, _now(), tuple(sent))

    def _held(self, series: set[tuple[str, str]]) -> set[str]:
        """UIDs of the objects that the archive holds of these (study, series)."""
        held: set[str] = set()
        for study in sorted({study for study, _ in series}):
            there = {one.uid for one in self.series(study)}
            for uid in sorted(uid for known, uid in series if known == study and uid in there):
                instances = partial(self._backend.instances, study, uid)
                rows = again(self.name, self._backend.tries, instances)
                held |= {row.uid for row in rows}
        return held


def open_archive(name: str) -> Archive:
    """The archive that the configuration file names; nothing is asked of it yet.

    Raises:
        UsageError: no such archive, no TLS, or a library is not installed. UnreadableError: the
            configuration is damaged.
    """
    settings = archive_named(name)
    if isinstance(settings, WebArchive):
        from DGMVLCCore.archive.web import WebBackend

        return Archive(name, WebBackend(name, settings))
    from DGMVLCCore.archive.dimse import DimseBackend

    return Archive(name, DimseBackend(name, settings))


def dicom_files(paths: Iterable[Path]) -> Sequence[Path]:
    """These files, and every *.dcm below these folders, each once.

    Raises:
        UnreadableError: no such file or folder, or nothing in it.
    """
    files: dict[Path, None] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise UnreadableError(f"{path} does not exist; check the path.")
        inner = sorted(path.rglob("*.dcm")) if path.is_dir() else [path]
        if not inner:
            raise UnreadableError(f"{path} holds no .dcm files, so there is nothing to send.")
        files |= dict.fromkeys(inner)
    return list(files)


def _each_once(paths: Iterable[Path]) -> list[tuple[Path, Facts]]:
    """Files with their identity, an object once.

    Raises:
        UnreadableError: one is no DICOM, or two hold other content under one UID.
    """
    files: dict[str, tuple[Path, Facts]] = {}
    for path in paths:
        facts = facts_of_file(path)
        first, _ = files.setdefault(facts.uid, (path, facts))
        if first != path and first.read_bytes() != path.read_bytes():
            raise UnreadableError(
                f"{first} and {path} hold different objects under one SOP Instance UID; send one."
            )
    return list(files.values())


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _sent(path: Path, facts: Facts, already: bool) -> SentObject:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return SentObject(facts.study, facts.series, facts.uid, facts.sop_class, digest, already)
