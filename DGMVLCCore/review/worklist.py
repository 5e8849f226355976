"""A folder of studies -> a worklist: scans with the report text beside them, the best series of
each, and why a study cannot be read."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.language.report_files import SUFFIXES
from DGMVLCCore.review.beside import report_beside
from DGMVLCCore.review.series import Inside, SeriesFacts, best_series

if TYPE_CHECKING:
    from DGMVLCCore.imaging.volume import Volume

IMAGES = (".nrrd", ".nii", ".nii.gz", ".mha")
OURS = ("result.json", "worklist.json")  # folders of results and sessions hold no studies
MOST, DEEPEST = 500, 8
Identifier = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


@dataclass(frozen=True)
class Study:
    """One line of the worklist.

    Args:
        id: short name, unique in the worklist. name: file or folder, relative to the worklist's
            folder. kind: "file" or "dicom".
        path: the scan, relative: a file, or the folder of the chosen series. series: CT and other
            series of a DICOM study; chosen: index in it.
        report: text file, relative; None without one. problem: why nothing can be shown, None when
            the scan may be read.
        notes: what the reader should know. files: relative names of all files it was made from.
            sha256: hash of what they hold.
    """

    id: Identifier
    name: Inside
    kind: Literal["file", "dicom"]
    path: Inside
    series: tuple[SeriesFacts, ...] = ()
    chosen: int | None = None
    report: str | None = None
    problem: str | None = None
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    sha256: str = ""


def hash_files(root: Path, names: tuple[str, ...]) -> str:
    """SHA-256 over the files' hashes, in order of their names.

    Raises:
        UnreadableError: one is not there or may not be read.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        try:
            digest.update(hashlib.sha256((root / name).read_bytes()).digest())
        except OSError as error:
            raise UnreadableError(
                f"{name} could not be read ({error.strerror or error}); put it back, or open the "
                "folder anew."
            ) from error
    return digest.hexdigest()


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders below `root` with their visible files, in order; links are not followed; our own
    results are passed over."""
    for folder, inner, files in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        inner[:] = (
            sorted(name for name in inner if not name.startswith(".")) if depth < DEEPEST else []
        )
        if any(name in files for name in OURS):
            inner[:] = []
            continue
        yield (
            here,
            sorted(name for name in files if not name.startswith(".") and (here / name).is_file()),
        )  # no pipes, no dead links


def _scan_problem(path: Path) -> str | None:
    """Why an image file is no scan of a patient, None when it may be one; only the header is
    read."""
    from DGMVLCCore.imaging.io import free_fields, stored_type

    if path.name.lower().endswith(".seg.nrrd"):
        return "a segmentation"
    try:
        if "DGMVLC_Synthetic" in free_fields(path):
            return "synthetic"
        kind = stored_type(path)
    except DGMVLCError:
        return None  # reading it says in a sentence what is wrong
    return "8-bit, so a segmentation or a picture" if kind.itemsize == 1 else None


def _file_studies(root: Path, folder: Path, names: list[str]) -> list[Study]:
    """Image files that may be scans."""
    scans = [
        name
        for name in names
        if name.lower().endswith(IMAGES) and _scan_problem(folder / name) is None
    ]
    found = []
    for name in scans:
        relative = (folder / name).relative_to(root).as_posix()
        found.append(Study("", relative, "file", relative, files=(relative,)))
    return found


def chosen_words(study: Study) -> str:
    """Which series is read and why, for a study with several."""
    if study.chosen is None or len(study.series) < 2:
        return ""
    one, ct = study.series[study.chosen], sum(s.modality in ("CT", "") for s in study.series)
    return (
        f"Series {study.chosen + 1} is read ({one.words}), of {len(study.series)} series, {ct} "
        "of them CT: the longest reach, then the thinnest step; "
        f"choose another with --series {study.id}={'N'}."
    )


def _with_series(
    study: Study, root: Path, chosen: int | None, files: dict[tuple[str, int], tuple[str, ...]]
) -> Study:
    """The study, reading one of its series; without a CT it says so."""
    if chosen is None:
        listed = "; ".join(one.words for one in study.series)
        return replace(
            study,
            problem=(
                f"The study {study.name} holds no CT series ({listed}); put a chest CT into it."
            ),
            files=tuple(name for names in files.values() for name in names),
        )
    one = study.series[chosen]
    return replace(study, chosen=chosen, path=one.folder, files=files[one.folder, one.number])


def _dicom_studies(root: Path, folders: list[Path]) -> list[Study]:
    """DICOM series of all folders, grouped by their study."""
    from DGMVLCCore.imaging.dicom import series_of

    broken: list[Study] = []
    grouped: dict[str, list[SeriesFacts]] = {}
    files: dict[tuple[str, int], tuple[str, ...]] = {}
    for folder in folders:
        name = folder.relative_to(root).as_posix()
        try:
            found = series_of(folder)
        except DGMVLCError as error:
            broken.append(Study("", name, "dicom", name, problem=str(error)))
            continue
        for one in found:
            facts = SeriesFacts(
                name,
                one.number,
                one.description,
                one.modality,
                len(one.files),
                round(one.reach_mm, 2),
                round(one.step_mm, 3),
                one.axial,
            )
            grouped.setdefault(one.study or name, []).append(facts)
            files[name, one.number] = tuple(path.relative_to(root).as_posix() for path in one.files)
    studies = []
    for series in grouped.values():
        common = (
            os.path.commonpath([one.folder for one in series])
            if len({one.folder for one in series}) > 1
            else series[0].folder
        )
        study = Study("", common or ".", "dicom", series[0].folder, tuple(series))
        own = {(one.folder, one.number): files[one.folder, one.number] for one in series}
        studies.append(_with_series(study, root, best_series(study.series), own))
    return broken + studies


def _is_dicom_folder(folder: Path, names: list[str]) -> bool:
    from DGMVLCCore.imaging.dicom import is_dicom

    for name in names:
        if name.lower().endswith((*IMAGES, *SUFFIXES, ".csv", ".xml", ".png", ".jpg", ".md")):
            continue
        if name.lower().endswith((".dcm", ".ima")):
            return True
        try:
            if is_dicom(folder / name):
                return True
        except OSError:
            continue
    return False


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:40] or "study"


def _finished(studies: list[Study], root: Path) -> list[Study]:
    """Ids, reports and hashes."""
    owners: dict[Path, int] = {}
    for study in studies:
        here = root / study.name if study.kind == "dicom" else (root / study.name).parent
        for folder in (here, *here.parents):
            owners[folder] = owners.get(folder, 0) + 1
            if folder == root:
                break
    done: list[Study] = []
    used: set[str] = set()
    for study in studies:
        base = _slug(
            re.sub(r"(\.nii)?\.[^.]+$", "", study.name)
            if study.kind == "file"
            else root.name
            if study.name == "."
            else study.name
        )
        identifier = next(
            name
            for name in (base, *(f"{base}-{n}" for n in range(2, len(studies) + 2)))
            if name not in used
        )
        used.add(identifier)
        report, note = report_beside(root / study.path, root, owners)
        one = replace(
            study, id=identifier, report=report, notes=(*study.notes, *filter(None, (note,)))
        )
        words = chosen_words(one)
        done.append(replace(one, notes=(*filter(None, (words,)), *one.notes)))
    return [hashed(study, root) for study in done]


def hashed(study: Study, root: Path) -> Study:
    """The study with the hash of its scan files and its report; a file that cannot be read becomes
    its problem."""
    if study.problem and not study.files:
        return study
    try:
        return replace(
            study, sha256=hash_files(root, (*study.files, *filter(None, (study.report,))))
        )
    except UnreadableError as error:
        return replace(study, problem=study.problem or str(error))


def find_studies(folder: Path) -> list[Study]:
    """All studies in a folder: image files and DICOM series, each with its report.

    Raises:
        UnreadableError: no such folder, or nothing in it that could be a scan.
        UsageError: more studies than a worklist takes.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UnreadableError(f"{root} is no folder; give the folder that holds the studies.")
    files: list[Study] = []
    dicom = []
    for here, names in _folders(root):
        files += _file_studies(root, here, names)
        if _is_dicom_folder(here, names):
            dicom.append(here)
    studies = sorted(files + _dicom_studies(root, dicom), key=lambda study: study.name)
    if not studies:
        raise UnreadableError(
            f"{root} holds no scan; put studies into it: {', '.join(IMAGES)}, or DICOM folders, "
            "each with its report beside it (text, RTF, HTML, PDF, Word)."
        )
    if len(studies) > MOST:
        raise UsageError(
            f"{root} holds {len(studies)} studies, and a worklist takes {MOST}; give one of its "
            "sub-folders."
        )
    return _finished(studies, root)


def choose_series(study: Study, number: int, root: Path) -> Study:
    """The study, reading series `number` (from 1) of its list.

    Raises:
        UsageError: it has no such series.
    """
    from DGMVLCCore.imaging.dicom import series_of

    if not 1 <= number <= len(study.series):
        listed = (
            "; ".join(f"{i}: {one.words}" for i, one in enumerate(study.series, 1))
            or "one scan file, no series"
        )
        raise UsageError(f"The study {study.id} has no series {number}; it has {listed}.")
    one = study.series[number - 1]
    files = next(
        (
            tuple(p.relative_to(root).as_posix() for p in s.files)
            for s in series_of(root / one.folder)
            if s.number == one.number
        ),
        (),
    )
    kept = tuple(note for note in study.notes if not note.startswith("Series "))
    note = f"Series {number} is read ({one.words}), as chosen, of {len(study.series)} series."
    return hashed(
        replace(
            study,
            chosen=number - 1,
            path=one.folder,
            files=files,
            notes=(note, *kept),
            problem=None,
        ),
        root,
    )


def load_study(study: Study, root: Path) -> Volume:
    """The study's scan, a CT.

    Raises:
        UnsuitableInputError: the study has a problem, or is no CT. UnreadableError: its files
            cannot be read.
    """
    from DGMVLCCore.imaging.io import load_volume
    from DGMVLCCore.imaging.profiles import require_ct

    if study.problem:
        raise UnsuitableInputError(study.problem)
    number = (
        study.series[study.chosen].number
        if study.kind == "dicom" and study.chosen is not None
        else None
    )
    return require_ct(load_volume(root / study.path, series=number), study.name)
