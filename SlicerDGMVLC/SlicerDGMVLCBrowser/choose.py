"""A small browser for the server's own files: folders first, then what a scan or a segmentation can
be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SCANS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".dcm", ".ima")
MASKS = (".seg.nrrd", ".nrrd", ".nii", ".nii.gz", ".mha")
MOST = 500


class PathError(ValueError):
    """A path that leads nowhere; the text is one sentence for the user."""


def clean_path(text: str) -> Path:
    """A typed path as an existing absolute one; quotes and `~` are understood.

    Raises:
        PathError: empty, not absolute, or nothing is there.
    """
    text = text.strip().strip("\"'").strip()
    if not text or "\0" in text:
        raise PathError("Type the path of a scan file or of a DICOM folder.")
    try:
        path = Path(text).expanduser()
        if not path.is_absolute():
            raise PathError(
                f"{text} is not a whole path; start it with / (or with ~ for your home folder)."
            )
        exists = path.exists()
    except (OSError, RuntimeError) as error:
        raise PathError(f"{text[:200]} is no path this machine knows; check it.") from error
    if not exists:
        raise PathError(f"{text} does not exist on this machine; check the path.")
    return path


@dataclass(frozen=True)
class Entry:
    """A row of the dialog. size: in words, "" for a folder."""

    name: str
    path: str
    folder: bool
    size: str = ""


def _entry(item: os.DirEntry[str], endings: tuple[str, ...]) -> Entry | None:
    if item.name.startswith("."):
        return None
    try:
        if item.is_dir():
            return Entry(item.name, item.path, folder=True)
        name = item.name.lower()
        if not (name.endswith(endings) or ("." not in name and ".dcm" in endings)):
            return None
        return Entry(item.name, item.path, False, f"{item.stat().st_size / 1e6:.1f} MB")
    except OSError:
        return None


def list_folder(folder: Path, endings: tuple[str, ...]) -> tuple[list[Entry], str]:
    """Folders and matching files of `folder`, and a note when not all are listed.

    Raises:
        PathError: it is no folder, or may not be read.
    """
    try:
        with os.scandir(folder) as items:
            found = [entry for entry in (_entry(item, endings) for item in items) if entry]
    except OSError as error:
        raise PathError(
            f"The folder {folder} cannot be listed ({error.strerror or error}); choose another one."
        ) from error
    found.sort(key=lambda entry: (not entry.folder, entry.name.lower()))
    note = (
        f"{len(found) - MOST} more are not listed; type the path instead."
        if len(found) > MOST
        else ""
    )
    return found[:MOST], note
