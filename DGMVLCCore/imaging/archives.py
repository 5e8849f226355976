"""Zip files of a scan or of DICOM folders, unpacked within limits into a folder that goes away."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.ground.scratch import scratch_folder
from DGMVLCCore.imaging.checks import check_file

IMAGES = (".nrrd", ".nii", ".nii.gz", ".mha")
WORDS = (".txt", ".md", ".json", ".pdf", ".html")  # what may lie beside a scan
MOST_FILES, MOST_BYTES, DENSEST = 20_000, 8 * 2**30, 200


def _checked(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The files of an archive that may be unpacked.

    Raises:
        UnsuitableInputError: too many or too large. UnreadableError: a name outside the archive.
    """
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    total = sum(entry.file_size for entry in files)
    packed = max(path.stat().st_size, 1)
    if (
        len(files) > MOST_FILES
        or total > MOST_BYTES
        or (total > 2**28 and total > DENSEST * packed)
    ):
        raise UnsuitableInputError(
            f"{path.name} would unpack to {len(files)} files of {total / 1e9:.1f} GB, which no "
            "scan is; unpack it yourself and give the folder of one series."
        )
    for entry in files:
        parts = PurePosixPath(entry.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in entry.filename[:2]:
            raise UnreadableError(
                f"{path.name} holds a file name that leads out of its folder; it is not unpacked."
            )
    return files


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder (or the only file) of a zip archive, for as long as it is needed.

    Raises:
        UnreadableError: missing, damaged or locked. UnsuitableInputError: it would unpack to too
            much.
    """
    check_file(path)
    with scratch_folder("zip") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                for number, entry in enumerate(_checked(archive, path)):
                    name = PurePosixPath(entry.filename.replace("\\", "/")).name
                    if name.startswith(".") or "__MACOSX" in entry.filename:
                        continue
                    # A number before the name keeps files of one name in different folders apart.
                    target = folder / path.stem / f"{number:05d}-{name[-100:]}"
                    target.parent.mkdir(exist_ok=True)
                    with archive.open(entry) as source, target.open("wb") as out:
                        shutil.copyfileobj(source, out, 1 << 20)
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
            IndexError,  # a name without letters, before Python 3.12
            OSError,
        ) as error:
            raise UnreadableError(
                f"{path} could not be unpacked ({str(error)[:80] or 'damaged'}); copy it again, or "
                "unpack it yourself."
            ) from error
        inner = folder / path.stem
        files = list(inner.iterdir()) if inner.is_dir() else []
        if not files:
            raise UnreadableError(f"{path} holds no files; give a .zip of a scan.")
        files = _only_scan(files, path.name)
        yield files[0] if len(files) == 1 else inner


def _only_scan(files: list[Path], name: str) -> list[Path]:
    """The one scan of an archive of files that are no DICOM; all files of another archive.

    Raises:
        UnsuitableInputError: several scans, or another archive.
    """
    if files[0].suffix.lower() == ".zip":
        raise UnsuitableInputError(f"{name} holds another .zip; unpack it and give the inner one.")
    if not all(file.name.lower().endswith((*IMAGES, *WORDS)) for file in files):
        return files
    scans = sorted(file for file in files if file.name.lower().endswith(IMAGES))
    if len(scans) > 1:
        names = ", ".join(file.name.split("-", 1)[1] for file in scans[:4])
        raise UnsuitableInputError(
            f"{name} holds {len(scans)} scans ({names}); give one of them alone."
        )
    return scans or files
