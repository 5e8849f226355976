"""The report that lies beside a scan."""

from __future__ import annotations

import re
from pathlib import Path

from DGMVLCCore.language.report_files import SUFFIXES

SR = "report.dcm"  # a structured report, as an archive gives it


def may_be_report(name: str) -> bool:
    """True for the name of a file that a report may be in."""
    return name.lower().endswith(SUFFIXES) or Path(name).name == SR


def _report_files(folder: Path) -> list[Path]:
    """Files that a report may be in, plain text first; JSON beside a scan is its header unless it
    is called a report."""
    files = [
        path
        for path in folder.iterdir()
        if may_be_report(path.name)
        and not path.name.startswith(".")
        and (path.suffix.lower() != ".json" or path.stem.lower().endswith("report"))
        and path.is_file()
    ]
    return sorted(
        files, key=lambda path: ((*SUFFIXES, ".dcm").index(path.suffix.lower()), path.name)
    )


def report_beside(scan: Path, root: Path, owners: dict[Path, int]) -> tuple[str | None, str | None]:
    """The report beside a scan, relative to `root`, and what to note about it.

    A report named like the scan comes first; else the only one of a folder that holds this study
    alone, looked for upwards from the scan; plain text before other kinds.

    Args:
        scan: file, or folder of a DICOM study. owners: folder -> number of studies in it or below.
    """
    here = scan if scan.is_dir() else scan.parent
    if here != scan:
        stem = re.sub(r"(\.nii)?\.[^.]+$", "", scan.name, flags=re.IGNORECASE).lower()
        names = [stem, f"{stem}-report", f"{stem}_report"]
        if alike := [path for path in _report_files(here) if path.stem.lower() in names]:
            first = min(alike, key=lambda path: names.index(path.stem.lower()))
            return first.relative_to(root).as_posix(), None
    while True:
        files = _report_files(here)
        files = [path for path in files if path.suffix.lower() == SUFFIXES[0]] or files
        if owners.get(here, 0) == 1 and files:
            named = [path for path in files if path.stem.lower() == "report"]
            if len(files) == 1 or len(named) == 1:
                return (named or files)[0].relative_to(root).as_posix(), None
            return (
                None,
                f"{len(files)} files beside the scan could be its report and none is named report, "
                "so none was taken.",
            )
        if here == root or owners.get(here.parent, 0) > 1:
            return None, "No report lies beside the scan, so nothing can be checked against one."
        here = here.parent
