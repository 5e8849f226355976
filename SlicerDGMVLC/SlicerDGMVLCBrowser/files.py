"""The file dialog: folders of this machine, a scan or a segmentation chosen from them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from SlicerDGMVLCPresenters.case import FILE

from . import choose

if TYPE_CHECKING:
    from .app import Viewer


class Files:
    """What the dialog's rows do.

    Args:
        viewer: whose scan and page it uses.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.desk = viewer, viewer.state, viewer.desk

    def browse(self, folder: str = "", what: str = "") -> None:
        """List a folder of this machine in the file dialog; `what` is `scan` or `mask`."""
        if what:
            self.state.files_for = what
        endings = choose.MASKS if self.state.files_for == "mask" else choose.SCANS
        try:
            path = choose.clean_path(str(folder) or self.state.files_folder or str(Path.home()))
            path = path if path.is_dir() else path.parent
            files, note = choose.list_folder(path, endings)
        except choose.PathError as error:
            with self.state as state:
                state.files_note = str(error)
            return
        with self.state as state:
            state.files_open, state.files_folder, state.files, state.files_note = (
                True,
                str(path),
                [asdict(entry) for entry in files],
                note,
            )

    async def pick(self, path: str) -> None:
        """Use a file of the file dialog, or a folder as a DICOM series."""
        if self.state.files_for == "mask":
            self.desk.choose_region(FILE, str(path))
            with self.state as state:
                state.files_open = False
            self.viewer.refresh()
        else:
            await self.viewer.opening.path(path)
