"""`python -m DGMVLCCore.imaging.unpack FOLDER rescaled|stored`: unpacks the DICOM files listed on
standard input (a JSON list of paths) into FOLDER/0.npy, 1.npy, …: single images with SimpleITK's
GDCM, which rescales, frames with pydicom. It may die of a damaged file, and nothing else with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from DGMVLCCore.imaging.dicom_tags import DAMAGE

MOST_MEMORY = 6 * 2**30


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, hard))


def _rescaled(path: str) -> np.ndarray:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    return sitk.GetArrayFromImage(sitk.ReadImage(path, imageIO="GDCMImageIO"))


def _stored(path: str) -> np.ndarray:
    import pydicom

    return np.asarray(pydicom.dcmread(path, force=True).pixel_array)


def main(folder: Path, how: str) -> int:
    """Unpack the files; 1 at the first that cannot be read."""
    _limit_memory()
    for number, path in enumerate(json.load(sys.stdin)):
        try:
            values = _stored(path) if how == "stored" else _rescaled(path)
        except DAMAGE:
            return 1
        partial = folder / f"{number}.partial.npy"
        np.save(partial, values.astype(np.float32))
        partial.replace(folder / f"{number}.npy")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
