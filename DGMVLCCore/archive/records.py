"""What an archive is asked and answers."""

from __future__ import annotations

import msgspec


class StudyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which studies are meant; empty fields match all.

    Args:
        dates: DICOM's range, YYYYMMDD, YYYYMMDD-, -YYYYMMDD or YYYYMMDD-YYYYMMDD. modality: one
            that the study must hold.
        most: studies to list at most, the latest.
    """

    patient_id: str = ""
    accession: str = ""
    study: str = ""
    dates: str = ""
    modality: str = "CT"
    most: int = 200


class SeriesRecord(msgspec.Struct, frozen=True):
    """A series as an archive lists it; instances: None where the archive does not count them."""

    uid: str
    modality: str = ""
    number: int | None = None
    description: str = ""
    maker: str = ""
    instances: int | None = None


class StudyRecord(msgspec.Struct, frozen=True):
    """A study as an archive lists it; date YYYYMMDD, time HHMMSS."""

    uid: str
    patient_id: str = ""
    date: str = ""
    time: str = ""
    accession: str = ""
    description: str = ""
    modalities: tuple[str, ...] = ()
    instances: int | None = None


class InstanceRecord(msgspec.Struct, frozen=True, order=True):
    """An object as an archive lists it."""

    uid: str
    sop_class: str = ""


class SentObject(msgspec.Struct, frozen=True):
    """One object that an archive confirmed; `already` when it held the object before."""

    study: str
    series: str
    uid: str
    sop_class: str
    sha256: str
    already: bool = False


class SentRecord(msgspec.Struct, frozen=True):
    """What one call sent; when: ISO 8601, UTC."""

    archive: str
    when: str
    objects: tuple[SentObject, ...]
