"""Addresses of scans in an archive: archive:NAME/STUDY or archive:NAME/STUDY/SERIES."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from DGMVLCCore.archive.reports import report_in
from DGMVLCCore.errors import UnreadableError, UsageError, quoted

SCHEME = "archive:"
UID = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)*")  # also a safe name of a folder
SHAPE = "archive:NAME/STUDY or archive:NAME/STUDY/SERIES, with the UIDs of study and series"


class Address(NamedTuple):
    """A series of an archive; series: None for the only CT series of the study."""

    archive: str
    study: str
    series: str | None

    def __str__(self) -> str:
        return "/".join(filter(None, (f"{SCHEME}{self.archive}", self.study, self.series)))


def is_address(path: str | Path) -> bool:
    """True for the address of a scan in an archive."""
    return str(path).startswith(SCHEME)


def from_row(folder: Path, text: str) -> Path:
    """A scan that a table names: a path from the table's own folder, or an address."""
    return Path(text) if is_address(text) else folder / text


def parse_address(text: str | Path) -> Address:
    """An address; without NAME where the configuration names one archive only.

    Raises:
        UsageError: it is none. Others as `read_config`.
    """
    parts = str(text).removeprefix(SCHEME).replace("\\", "/").split("/")
    if parts and UID.fullmatch(parts[0]):
        parts = [_only(), *parts]
    if len(parts) not in (2, 3) or not all(UID.fullmatch(part) for part in parts[1:]):
        raise UsageError(f"{quoted(text)} is no address in an archive; give {SHAPE}.")
    return Address(parts[0], parts[1], parts[2] if len(parts) == 3 else None)


def _only() -> str:
    """The name of the only archive.

    Raises:
        UsageError: there are several.
    """
    from DGMVLCCore.archive.config import read_config

    names = sorted(read_config())
    if len(names) != 1:
        raise UsageError(f"There are several archives ({', '.join(names)}); give {SHAPE}.")
    return names[0]


def local(path: str | Path) -> Path:
    """The path itself; or, of an address, the folder of the series, brought into a private
    temporary folder once a process, which the next run removes.

    Raises:
        As `parse_address`, `open_archive` and `Archive.get`.
    """
    return _brought(parse_address(path)) if is_address(path) else Path(path)


def local_report(image: Path, report: Path | None) -> Path | None:
    """The file of a scan's report: the one that is given, which may be an address, too; else the
    one that came along with a scan from an archive; None without any.

    Raises:
        As `report_at`.
    """
    if report is None and is_address(image):
        return report_in(local(image))
    return report if report is None else report_at(report)


def report_at(path: str | Path) -> Path:
    """The path itself; or, of an address, the file of the study's latest report.

    Raises:
        UnreadableError: the archive has none. Others as `local`.
    """
    if not is_address(path):
        return Path(path)
    report = report_in(local(path))
    if report is None:
        raise UnreadableError("The archive holds no report of that study; give it as a file.")
    return report


@cache
def _brought(address: Address) -> Path:
    from DGMVLCCore.archive.archive import open_archive
    from DGMVLCCore.ground.scratch import make_scratch

    archive = open_archive(address.archive)
    folder = make_scratch("archive") / (address.series or address.study)
    return archive.get(address.study, address.series, folder)
