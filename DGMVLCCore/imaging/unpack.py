"""`python -m DGMVLCCore.imaging.unpack FOLDER`: unpacks the DICOM files listed on standard input (a
JSON list of paths) with SimpleITK's GDCM into FOLDER/0.npy, 1.npy, …; it may die of a damaged file,
and nothing else with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

MOST_MEMORY = 6 * 2**30


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, hard))


def main(folder: Path) -> int:
    """Unpack the files; 1 at the first that cannot be read."""
    import SimpleITK as sitk

    _limit_memory()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    for number, path in enumerate(json.load(sys.stdin)):
        try:
            values = sitk.GetArrayFromImage(sitk.ReadImage(path, imageIO="GDCMImageIO"))
        except (RuntimeError, MemoryError):
            return 1
        partial = folder / f"{number}.partial.npy"
        np.save(partial, values.astype(np.float32))
        partial.replace(folder / f"{number}.npy")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
