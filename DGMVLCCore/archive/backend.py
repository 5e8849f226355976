"""What DICOMweb and DIMSE both do, and how their failures are told apart."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from DGMVLCCore.archive.records import InstanceRecord, SeriesRecord, StudyQuery, StudyRecord
from DGMVLCCore.errors import ArchiveAwayError

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0
T = TypeVar("T")
# What these write holds addresses with patient identifiers, so it reaches no log.
for chatty in ("dicomweb_client", "pynetdicom", "urllib3", "requests", "retrying"):
    logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)


class Interrupted(Exception):
    """An answer that may come at another try: no connection, a cut, an overload; its text says
    which, without any identifier."""


class Backend(Protocol):
    """One way to speak to an archive. All raise ArchiveError (final) or Interrupted (try again)."""

    tries: int

    def echo(self) -> None:
        """Whether it answers."""

    def studies(self, query: StudyQuery) -> list[StudyRecord]:
        """Studies of a query."""

    def series(self, study: str) -> list[SeriesRecord]:
        """Series of a study."""

    def instances(self, study: str, series: str) -> list[InstanceRecord]:
        """Objects of a series."""

    def fetch(
        self,
        study: str,
        series: str,
        wanted: Iterable[InstanceRecord],
        keep: Callable[[bytes], None],
    ) -> None:
        """Retrieve objects; each is handed to `keep` as a DICOM file when it is whole."""

    def store(self, path: Path) -> None:
        """Store one DICOM file."""

    def close(self) -> None:
        """End what `store` keeps open."""


def study_record(text: Callable[[str], str], modalities: Iterable[str]) -> StudyRecord:
    """A study from the text of its elements by keyword."""
    return StudyRecord(
        uid=text("StudyInstanceUID"),
        patient_id=text("PatientID"),
        date=text("StudyDate"),
        time=text("StudyTime"),
        accession=text("AccessionNumber"),
        description=text("StudyDescription"),
        modalities=tuple(modalities),
        instances=_number(text("NumberOfStudyRelatedInstances")),
    )


def series_record(text: Callable[[str], str]) -> SeriesRecord:
    """A series from the text of its elements by keyword."""
    return SeriesRecord(
        uid=text("SeriesInstanceUID"),
        modality=text("Modality"),
        number=_number(text("SeriesNumber")),
        description=text("SeriesDescription"),
        maker=text("Manufacturer"),
        instances=_number(text("NumberOfSeriesRelatedInstances")),
    )


def instance_record(text: Callable[[str], str]) -> InstanceRecord:
    """An object from the text of its elements by keyword."""
    return InstanceRecord(text("SOPInstanceUID"), text("SOPClassUID"))


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def again(name: str, tries: int, action: Callable[[], T], done: Callable[[], int] = lambda: 0) -> T:
    """An action repeated with growing, jittered pauses while it is interrupted.

    Args:
        done: how much is done; tries are counted anew when it grew.

    Raises:
        ArchiveAwayError: interrupted at every try.
    """
    number, before = 0, done()
    while True:
        try:
            return action()
        except Interrupted as error:
            number, before = (1 if done() > before else number + 1), done()
            if number == tries:
                raise ArchiveAwayError(
                    f"The archive {name} {error}, {tries} times; run the command again later, it "
                    "goes on where it stopped."
                ) from None
            wait_s = min(FIRST_WAIT_S * 2 ** (number - 1), LONGEST_WAIT_S)
            time.sleep(wait_s * random.uniform(0.8, 1.2))
