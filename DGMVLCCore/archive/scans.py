"""Which scans an address or a query to an archive means: archive:NAME/STUDY[/SERIES], archive:NAME
or archive:NAME?dates=20260101-20260131."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec

from DGMVLCCore.archive.address import SCHEME, Address, parse_address
from DGMVLCCore.archive.config import NAME
from DGMVLCCore.archive.objects import MAKER
from DGMVLCCore.archive.records import StudyQuery, StudyRecord
from DGMVLCCore.errors import UnreadableError, UsageError, quoted


def asked_archive(text: str) -> tuple[str, StudyQuery]:
    """Archive and query of "archive:NAME?dates=20260101-&modality=CT".

    Raises:
        UsageError: a field that no query has.
    """
    name, _, query = text.removeprefix(SCHEME).partition("?")
    cells = dict(parse_qsl(query, keep_blank_values=True))
    try:
        return name, msgspec.convert(cells, StudyQuery, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"The query {quoted(query)} does not fit ({error}); its fields are "
            f"{', '.join(StudyQuery.__struct_fields__)}, for example "
            "archive:main?dates=20260101-20260131."
        ) from None


def asked_studies(text: str) -> tuple[str, list[StudyRecord]]:
    """Archive and studies of a query.

    Raises:
        UnreadableError: no study matches. Others as `asked_archive` and `Archive.find`.
    """
    from DGMVLCCore.archive.archive import open_archive

    name, query = asked_archive(text)
    studies = open_archive(name).find(query)
    if not studies:
        raise UnreadableError(f"No study of the archive {name} matches; ask for others.")
    return name, studies


def asked_scans(text: str) -> list[Address]:
    """The scan of an address, or those of a query. Errors as `parse_address`, `asked_studies`."""
    if "?" not in text and not NAME.fullmatch(text.removeprefix(SCHEME)):
        return [parse_address(text)]
    name, studies = asked_studies(text)
    return [Address(name, study.uid, None) for study in studies]


def held_now(text: str) -> list[tuple[str, int | None]]:
    """Series of the study at an address and how many objects each has, but for what this program
    made: a UID names one content for ever, but a study may get another report or scan. Errors as
    `parse_address` and `Archive.series`."""
    from DGMVLCCore.archive.archive import open_archive

    address = parse_address(text)
    rows = open_archive(address.archive).series(address.study)
    return sorted((row.uid, row.instances) for row in rows if row.maker != MAKER)
