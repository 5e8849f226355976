"""The files of a review session: where they lie, and that they are what they claim, whoever wrote
them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import TypeVar

from msgspec import Struct, to_builtins

from DGMVLCCore.errors import UnreadableError, UsageError, quoted
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.results.records import as_record, plain, write_text
from DGMVLCCore.review.beside import may_be_report
from DGMVLCCore.review.records import SCHEMA_VERSION
from DGMVLCCore.review.worklist import Study, choose_series, hashed

R = TypeVar("R", bound=Struct)
NOTICE = (
    "Research use only; not a medical device. Regions are where an editor would change the lungs "
    "if findings were denied; they are no diagnosis, and pictures without them are synthetic."
)
WORKLIST, DECISIONS, ANALYSIS = "worklist.json", "decisions.json", "review.json"
LUNGS = "lungs.seg.nrrd"  # as they were found when the study was looked at
GIVEN = "given"  # the folder of a report that was given by hand, within the session
LOOK_AGAIN = "put back a copy, or remove it and look at the study again; decisions stay"
PUT_BACK = "put back a copy, or start a session in another folder and copy the folder decided to it"
DELETE_IT = "delete it: every decision is kept in the folder decided beside it"


def write_json(path: Path, value: object) -> None:
    """Write under a temporary name, then rename: the file is there whole, as it was before, or not
    at all.

    Raises:
        OutputError: no space, no permission, or the folder is gone.
    """
    value = to_builtins(value, enc_hook=plain)
    write_text(json.dumps(value, indent=1, ensure_ascii=False), path)


def read_session_file(path: Path, kind: type[R], repair: str) -> R:
    """A file of a session, which may be another's.

    Args:
        repair: what to do when it is damaged; it is never deleted or replaced here.

    Raises:
        UnreadableError: missing, damaged, of another version, or not of this kind.
    """
    try:
        value = read_json(path, repair)
    except UnreadableError as error:
        raise UnreadableError(f"A file of the session is missing or damaged: {error}") from error
    version = str(value.get("schema_version", ""))
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise UnreadableError(
            f"{path} is no file of a review session of version {SCHEMA_VERSION}; open it with "
            "the program that wrote it."
        )
    try:
        return as_record(value, kind)
    except UnreadableError as error:
        raise UnreadableError(f"{path} is damaged: {str(error).rstrip('.')}; {repair}.") from error


def check_paths(folder: Path, root: Path, studies: list[Study]) -> None:
    """Refuse a worklist that leads out of its folder of studies.

    Raises:
        UnreadableError: a scan, a file or a report elsewhere.
    """
    root = Path(root).resolve()
    for study in studies:
        names = [study.name, study.path, *study.files, *(one.folder for one in study.series)]
        report = study.report
        given = folder.resolve() / GIVEN
        if report is not None and not (root / report).resolve().is_relative_to(given):
            if not may_be_report(report):
                raise UnreadableError(
                    f"{folder / WORKLIST} gives {quoted(report)} as a report, which is no "
                    f"text; {PUT_BACK}."
                )
            names.append(report)
        outside = [n for n in names if not (root / n).resolve().is_relative_to(root)]
        if outside:
            raise UnreadableError(
                f"{folder / WORKLIST} names {quoted(outside[0])}, which lies outside the "
                f"folder of studies {root}, so the session is not opened; {PUT_BACK}."
            )


def with_given_report(folder: Path, studies: list[Study]) -> list[Study]:
    """The studies of a session that was opened: a report given by hand is the session's copy of it,
    wherever the session lies now. A path elsewhere is not followed: whoever wrote the session chose
    it, not its reader."""
    known = []
    for study in studies:
        if study.report is not None and _is_absolute(study.report):
            name = study.report.replace("\\", "/").rsplit("/", 1)[-1]
            copy = folder / GIVEN / name
            note = (
                f"The session names the report {quoted(name)} outside its own folder, so it is "
                "not read; put it beside the scan, or give it with --report in a new session."
            )
            study = (
                replace(study, report=str(copy))
                if copy.is_file()
                else replace(study, report=None, notes=(*study.notes, note))
            )
        known.append(study)
    return known


def _is_absolute(name: str) -> bool:
    """True for an absolute path of any system."""
    return Path(name).is_absolute() or PureWindowsPath(name).is_absolute()


def keep_report(
    report: Path | None, studies: list[Study], session: Path, place: Path
) -> list[Study]:
    """Copy a report given by hand into the session, which then is whole without the original.

    Args:
        session: where it is written. place: where it will lie.

    Raises:
        OSError: it could not be copied.
    """
    if report is None:
        return studies
    (session / GIVEN).mkdir()
    shutil.copyfile(report, session / GIVEN / report.name)
    return [replace(study, report=str(place / GIVEN / report.name)) for study in studies]


def with_report(studies: list[Study], report: Path | None, root: Path) -> list[Study]:
    """The only study with a report given by hand.

    Raises:
        UsageError: there are several studies, so it is not known whose report it is.
            UnreadableError: no such file.
    """
    if report is None:
        return studies
    if len(studies) != 1:
        raise UsageError(
            f"The folder holds {len(studies)} studies, so --report does not say whose report it "
            "is; "
            "put each report beside its scan as a .txt file."
        )
    if not Path(report).is_file():
        raise UnreadableError(f"The report {report} does not exist; check the path.")
    kept = tuple(note for note in studies[0].notes if "eport" not in note)
    return [hashed(replace(studies[0], report=str(Path(report).absolute()), notes=kept), root)]


def with_series_chosen(studies: list[Study], series: dict[str, int], root: Path) -> list[Study]:
    """The studies, reading the series chosen by id.

    Raises:
        UsageError: no such study or series.
    """
    known = {study.id for study in studies}
    if unknown := sorted(set(series) - known):
        raise UsageError(
            f"There is no study {unknown[0]!r} to choose a series of; there are "
            f"{', '.join(sorted(known))}."
        )
    return [
        choose_series(study, series[study.id], root) if study.id in series else study
        for study in studies
    ]
