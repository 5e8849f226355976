"""The DICOM network protocol: C-ECHO, C-FIND, C-GET or C-MOVE, and C-STORE, on pynetdicom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from DGMVLCCore.archive import association
from DGMVLCCore.archive.backend import (
    Interrupted,
    instance_record,
    series_record,
    study_record,
)
from DGMVLCCore.archive.config import DimseArchive
from DGMVLCCore.archive.records import InstanceRecord, SeriesRecord, StudyQuery, StudyRecord
from DGMVLCCore.errors import ArchiveError, DGMVLCError, UsageError

# Status codes (PS3.4 C.4, PS3.7 annex C).
SUCCESS, PENDING, BUSY, NOT_KEPT = 0x0000, (0xFF00, 0xFF01), range(0xA700, 0xA800), 0xA900
WARNINGS = range(0xB000, 0xC000)
VERIFY, FIND, MOVE, GET = (
    "1.2.840.10008.1.1",
    *(f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3)),  # of the study root
)
AT_ONCE = 100  # objects a retrieval names, so that the request stays small


def _text(row: Any, keyword: str) -> str:
    value = row.get(keyword, None)
    return "" if value is None else str(value).strip()


def _words(row: Any, keyword: str) -> tuple[str, ...]:
    value = row.get(keyword, None)
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))


class DimseBackend:
    """A DICOM application entity; TLS is verified, and left out only where the user says so."""

    def __init__(self, name: str, settings: DimseArchive) -> None:
        import importlib.util

        if importlib.util.find_spec("pynetdicom") is None:
            raise UsageError(
                "DICOM archives need pynetdicom; install it with: pip install 'dgmvlc[archive]'."
            )
        self.name, self.tries, self._settings = name, settings.tries, settings
        self._sending: Any = None

    def _open(self, contexts: list[Any], **more: Any) -> Any:
        return association.opened(self.name, self._settings, contexts, **more)

    def _outcome(self, status: Any, what: str) -> int:
        """A status code that is no failure.

        Raises:
            Interrupted: no answer, or the archive is busy. ArchiveError: it refuses.
        """
        if not status:
            raise Interrupted("broke off")
        code = int(status.Status)
        if code in BUSY:
            raise Interrupted("is out of resources")
        if code in (SUCCESS, *PENDING) or code in WARNINGS:
            return code
        raise ArchiveError(f"The archive {self.name} refuses to {what} (status {code:#06x}).")

    def echo(self) -> None:
        """C-ECHO."""
        with released(self._open(association.contexts([VERIFY]))) as open_one:
            self._outcome(open_one.send_c_echo(), "answer")

    def _find(self, level: str, fields: dict[str, str]) -> list[Any]:
        """C-FIND in the study root."""
        from pydicom.dataset import Dataset

        query = Dataset()
        query.QueryRetrieveLevel, query.SpecificCharacterSet = level, "ISO_IR 192"
        for keyword, value in fields.items():
            setattr(query, keyword, value)
        rows, status = [], None
        with released(self._open(association.contexts([FIND]))) as open_one:
            for status, row in open_one.send_c_find(query, FIND):
                if self._outcome(status, "search") in PENDING and row is not None:
                    rows.append(row)
        if status is None or int(status.Status) in PENDING:
            raise Interrupted("broke off")
        return rows

    def studies(self, query: StudyQuery) -> list[StudyRecord]:
        """C-FIND at the study level."""
        rows = self._find(
            "STUDY",
            {
                "PatientID": query.patient_id,
                "AccessionNumber": query.accession,
                "StudyInstanceUID": query.study,
                "StudyDate": query.dates,
                "StudyTime": "",
                "StudyDescription": "",
                "ModalitiesInStudy": query.modality,
                "NumberOfStudyRelatedInstances": "",
            },
        )
        return [study_record(partial(_text, row), _words(row, "ModalitiesInStudy")) for row in rows]

    def series(self, study: str) -> list[SeriesRecord]:
        """C-FIND at the series level."""
        rows = self._find(
            "SERIES",
            {
                "StudyInstanceUID": study,
                "SeriesInstanceUID": "",
                "Modality": "",
                "SeriesNumber": "",
                "SeriesDescription": "",
                "Manufacturer": "",
                "NumberOfSeriesRelatedInstances": "",
            },
        )
        return [series_record(partial(_text, row)) for row in rows]

    def instances(self, study: str, series: str) -> list[InstanceRecord]:
        """C-FIND at the image level."""
        rows = self._find(
            "IMAGE",
            {
                "StudyInstanceUID": study,
                "SeriesInstanceUID": series,
                "SOPInstanceUID": "",
                "SOPClassUID": "",
            },
        )
        return [instance_record(partial(_text, row)) for row in rows]

    def fetch(
        self,
        study: str,
        series: str,
        wanted: Iterable[InstanceRecord],
        keep: Callable[[bytes], None],
    ) -> None:
        """C-GET, or C-MOVE to this machine, of named objects."""
        from pydicom.dataset import Dataset

        rest = list(wanted)
        for start in range(0, len(rest), AT_ONCE):
            part = rest[start : start + AT_ONCE]
            query = Dataset()
            query.QueryRetrieveLevel = "IMAGE"
            query.StudyInstanceUID, query.SeriesInstanceUID = study, series
            query.SOPInstanceUID = [one.uid for one in part]
            classes = sorted({one.sop_class for one in part if one.sop_class})
            if self._settings.retrieve == "get":
                self._get(query, classes, _Arrivals(keep))
            else:
                self._move(query, classes, _Arrivals(keep))

    def _get(self, query: Any, classes: list[str], arrivals: _Arrivals) -> None:
        """C-GET: the objects come over the same connection."""
        from pynetdicom import evt

        stored = association.storage_contexts(classes)
        open_one = self._open(
            [*association.contexts([GET]), *stored],
            storing=classes or association.STORED,
            handlers=[(evt.EVT_C_STORE, arrivals)],
        )
        with released(open_one):
            self._retrieved(open_one.send_c_get(query, GET), arrivals)

    def _move(self, query: Any, classes: list[str], arrivals: _Arrivals) -> None:
        """C-MOVE: the archive opens a connection to us."""

        with (
            association.listening(self._settings, classes, arrivals),
            released(self._open(association.contexts([MOVE]))) as open_one,
        ):
            self._retrieved(open_one.send_c_move(query, self._settings.calling, MOVE), arrivals)

    def _retrieved(self, answers: Iterator[tuple[Any, Any]], arrivals: _Arrivals) -> None:
        """Wait for the end of a retrieval.

        Raises:
            DGMVLCError: an object was refused here. Interrupted, ArchiveError: as `_outcome`.
        """
        code = None
        for status, _ in answers:
            if arrivals.refusal is not None:
                raise arrivals.refusal
            code = self._outcome(status, "give images")
        if arrivals.refusal is not None:
            raise arrivals.refusal
        if code is None or code in PENDING:
            raise Interrupted("broke off")

    def store(self, path: Path) -> None:
        """C-STORE of one file, over one connection for all that it takes."""
        import pydicom

        data = pydicom.dcmread(path)
        kind, syntax = str(data.SOPClassUID), str(data.file_meta.TransferSyntaxUID)
        if not self._takes(kind, syntax):
            self.close()
            self._sending = self._open(association.sending_contexts(kind, syntax))
            if not self._takes(kind, syntax):
                self.close()
                raise ArchiveError(
                    f"The archive {self.name} takes no objects of the kind of {path.name}; nothing "
                    "further was sent."
                )
        try:
            status = self._sending.send_c_store(data)
        except (RuntimeError, OSError):  # the connection ended since
            status = None
        try:
            self._outcome(status, f"store {path.name}")
        except Interrupted:
            self.close()
            raise

    def _takes(self, kind: str, syntax: str) -> bool:
        """True when the open connection agreed on this class and encoding."""
        return (
            self._sending is not None
            and self._sending.is_established
            and any(
                context.abstract_syntax == kind and syntax in context.transfer_syntax
                for context in self._sending.accepted_contexts
            )
        )

    def close(self) -> None:
        """End the connection that `store` keeps."""
        if self._sending is not None and self._sending.is_established:
            self._sending.release()
        self._sending = None


class _Arrivals:
    """Takes the objects of a retrieval; what `keep` refuses is raised when it is over, since it
    runs in the connection's thread."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self.keep = keep
        self.refusal: DGMVLCError | OSError | None = None

    def __call__(self, event: Any) -> int:
        try:
            self.keep(event.encoded_dataset())
        except (DGMVLCError, OSError) as error:
            self.refusal = self.refusal or error
            return NOT_KEPT
        return SUCCESS


@contextmanager
def released(open_one: Any) -> Iterator[Any]:
    """An association for the length of a block; cut when something goes wrong."""
    try:
        yield open_one
    except BaseException:
        open_one.abort()
        raise
    if open_one.is_established:
        open_one.release()
